"""Reads existing records of many profiles in order of time: the last ones, or all from a time on."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.systemd.journalctl import JournalctlStream, open_journal

from .deduplicate import StderrDeduplicator, TimestampLookup
from .filters import Filter
from .journald import JOURNAL, UnitRecords, records_of
from .reader import open_log, place_of, records_backward, records_forward
from .records import LogRecord
from .sources import LogSource, Unit
from .tail import Key, key_of, siblings

# So many records without a time are returned at most when a time is given.
_TIMELESS = 2_000
# A file's time has the resolution of the kernel's tick: the last record can be so many seconds later.
_TICK = 0.02
# The lines of a record in the journal are at most so many seconds apart.
_TOGETHER = 2.0


class TimedRecord(NamedTuple):
    """A record with its origin. `time`: its own or the best estimate; `key`: the sort key."""

    profile: str
    source: str
    record: LogRecord
    time: float | None
    key: float
    is_errors: bool = False


@dataclass(eq=False, repr=False)
class LogHistory:
    """Reads existing records.

    `read_to`: file → offset at which a follower continues, then other files are ignored; `began`: the start of that
    follower (epoch seconds); `problems`: file → why it cannot be read; `originals`: profile → its deduplicator.
    """

    sources: Sequence[LogSource]
    units: Sequence[Unit]
    wanted: Filter
    environment: Mapping[str, str] = field(default_factory=dict)
    read_to: Mapping[Key, int] | None = None
    began: float = float("inf")
    journal_until: float | None = None
    problems: dict[str, OSError] = field(default_factory=dict)
    journal_problem: str = ""
    originals: dict[str, StderrDeduplicator] = field(default_factory=dict)

    def last(self, count: int) -> list[TimedRecord]:
        """Return the last records that pass the filter, in order."""
        if count <= 0:
            return []
        streams = [self._ranked(self._file_backward(source), rank) for rank, source in enumerate(self.sources)]
        with _closing(self._journal(backward=True)) as journal:
            if journal is not None:
                streams.append(self._ranked(self._journal_backward(journal), len(self.sources)))
            merged = (entry for _, _, entry in heapq.merge(*streams, key=lambda ranked: ranked[:2]))
            found = list(islice((entry for entry in merged if self._takes(entry)), count))
        found.reverse()
        found.sort(key=lambda entry: entry.key)  # the journal is only nearly in order
        return found

    @staticmethod
    def _ranked(entries: Iterator[TimedRecord], rank: int) -> Iterator[tuple[float, int, TimedRecord]]:
        return ((-entry.key, -rank, entry) for entry in entries)

    def since(self) -> Iterator[TimedRecord]:
        """Yield all records that pass the filter, in order."""
        streams = [self._file_forward(source) for source in self.sources]
        with _closing(self._journal(backward=False)) as journal:
            if journal is not None:
                streams.append(self._journal_forward(journal))
            merged = heapq.merge(*streams, key=lambda entry: entry.key)
            yield from (entry for entry in merged if self._takes(entry))

    def _takes(self, entry: TimedRecord) -> bool:
        wanted, moment = self.wanted, entry.key if entry.time is None else entry.time
        if (wanted.since is not None and moment < wanted.since) or (wanted.until is not None and moment > wanted.until):
            return False
        return wanted.takes(entry.record, profile=entry.profile, is_errors=entry.is_errors) and not self.has_original(
            entry
        )

    def has_original(self, entry: TimedRecord) -> bool:
        """Return whether an entry is a copy of a record that is shown anyway."""
        if not entry.record.is_copy:
            return False
        known = self.originals.get(entry.profile)
        return known is not None and known.has_original(entry.record)

    # -- files

    def _files(self, source: LogSource) -> Iterator[tuple[int, int, float]]:
        """Yield (descriptor, end, time of the last change) of a log and its rotated siblings, the newest first."""
        seen: set[Key] = set()
        names: Iterator[str] = iter((str(source.path),))
        is_first = True
        while (name := next(names, None)) is not None:
            if is_first:
                names, is_first = (sibling.path for sibling in reversed(siblings(source.path))), False
            try:
                file, status = open_log(name)
            except OSError as error:
                if name == str(source.path) and not isinstance(error, FileNotFoundError | NotADirectoryError):
                    self.problems[name] = error
                continue
            try:
                key = key_of(status)
                end = status.st_size if self.read_to is None else self.read_to.get(key)
                # Renamed since: it was read under its old name. Unknown: it is newer, and the follower reads it.
                is_new = end is None and (name == str(source.path) or status.st_mtime >= self.began)
                if key in seen or is_new:
                    continue
                seen.add(key)
                yield file, status.st_size if end is None else end, status.st_mtime
            finally:
                os.close(file)

    def _file_backward(self, source: LogSource) -> Iterator[TimedRecord]:
        """Yield the records of a log, the last first, until they are too old."""
        wanted = self.wanted
        twins = TimestampLookup(source.path.parent) if source.is_errors else None
        key = float("inf")
        timeless = 0
        for file, size, changed in self._files(source):
            if wanted.since is not None and changed < wanted.since - 1:
                return
            key = min(key, changed + _TICK)
            end = size if wanted.until is None else place_of(file, size, wanted.until, after=True)
            for record in records_backward(file, end):
                moment = record.time
                if moment is None and twins is not None:
                    moment = twins.time_of(record)
                if moment is None:
                    timeless += 1
                    if timeless > _TIMELESS and (wanted.since is not None or wanted.until is not None):
                        return
                else:
                    timeless = 0
                    key = min(key, moment)
                    if wanted.since is not None and moment < wanted.since:
                        return
                yield TimedRecord(source.profile, source.name, record, moment, key, source.is_errors)

    def _file_forward(self, source: LogSource) -> Iterator[TimedRecord]:
        """Yield the records of a log from a moment on, in order."""
        if source.is_errors:  # their times are only found backward
            yield from reversed([*self._file_backward(source)])
            return
        since = self.wanted.since
        parts: list[tuple[int, int, int]] = []
        try:
            for file, size, changed in self._files(source):
                if since is not None and changed < since - 1:
                    break
                begin = 0 if since is None else place_of(file, size, since, after=False)
                parts.append((os.dup(file), begin, size))
                if begin > 0:
                    break
            key = 0.0
            while parts:
                file, begin, size = parts.pop()
                try:
                    for record in records_forward(file, begin, size):
                        key = max(key, record.time or key)
                        if self.wanted.until is not None and key > self.wanted.until:
                            return
                        yield TimedRecord(source.profile, source.name, record, record.time, key)
                finally:
                    os.close(file)
        finally:
            for file, _, _ in parts:
                os.close(file)

    # -- the journal

    def _journal(self, *, backward: bool) -> JournalctlStream | None:
        if not self.units:
            return None
        until = min((moment for moment in (self.wanted.until, self.journal_until) if moment is not None), default=None)
        try:
            return open_journal(
                [(unit.name, unit.scope) for unit in self.units],
                self.environment,
                since=self.wanted.since,
                until=until,
                backward=backward,
            )
        except ManagerError as error:
            self.journal_problem = error.problem.message
            return None

    def _journal_backward(self, journal: JournalctlStream) -> Iterator[TimedRecord]:
        for unit, record in records_of(journal.entries(), by_name(self.units)):
            yield TimedRecord(unit.profile, JOURNAL, record, record.time, record.time or 0.0)
        self.journal_problem = journal.complaint()

    def _journal_forward(self, journal: JournalctlStream) -> Iterator[TimedRecord]:
        """Yield the records of the journal in order.

        A record is complete when the next of its unit begins or some time later; other units can write in between.
        """
        known = by_name(self.units)
        assembled = {unit: UnitRecords() for unit in self.units}
        waiting: list[tuple[float, int, TimedRecord]] = []
        count = 0
        for entry in journal.entries():
            found = [(unit, record) for unit, records in assembled.items() for record in records.end(entry.time)]
            own = known.get((entry.unit, entry.scope))
            found += [(own, record) for record in assembled[own].feed(entry)] if own is not None else ()
            for unit, record in found:
                count += 1
                timed = TimedRecord(unit.profile, JOURNAL, record, record.time, record.time or entry.time)
                heapq.heappush(waiting, (timed.key, count, timed))
            while waiting and waiting[0][0] < entry.time - _TOGETHER:
                yield heapq.heappop(waiting)[2]
        self.journal_problem = journal.complaint()
        rest = [(unit, record) for unit, records in assembled.items() for record in records.end()]
        last = [TimedRecord(unit.profile, JOURNAL, record, record.time, record.time or 0.0) for unit, record in rest]
        yield from sorted([*(entry for _, _, entry in sorted(waiting)), *last], key=lambda entry: entry.key)


def by_name(units: Sequence[Unit]) -> dict[tuple[str, str], Unit]:
    """Return (unit, scope) → unit."""
    return {(unit.name, unit.scope): unit for unit in units}


class _closing:
    """Ends `journalctl`, if there is one, on every exit."""

    def __init__(self, journal: JournalctlStream | None) -> None:
        self._journal = journal

    def __enter__(self) -> JournalctlStream | None:
        return self._journal

    def __exit__(self, *_: object) -> None:
        if self._journal is not None:
            self._journal.close()
