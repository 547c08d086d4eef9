"""Follows the logs of many gateways, and merges their records by time.

The files are read one after the other, so a recent record is held back until every file has been read after it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.systemd.journalctl import JournalctlStream, open_journal

from .history import TimedRecord, by_name
from .journald import JOURNAL, UnitRecords
from .records import LogRecord
from .sources import LogSource, Unit
from .tail import Key, LogTail

# A record is returned so many seconds after its time; the journal is later than a file.
HOLD = 0.25
# A file is not read while so many of its records are held back.
_WAITING = 5_000
_FILES = 10_240  # what macOS allows


class LogTargets(NamedTuple):
    """The logs and units to follow; profiles can be added and removed."""

    sources: Sequence[LogSource]
    units: Sequence[Unit]


class _FollowedLog:
    """One log: its tail, and the number of its records that are held back."""

    def __init__(self, source: LogSource, tail: LogTail) -> None:
        self.source = source
        self.tail = tail
        self.waiting = 0
        self.key = 0.0
        self.has_more = False
        self.is_loss_reported = False


class LogFollower:
    """Follows logs and units; returns every record written after its creation."""

    def __init__(
        self, targets: LogTargets, environment: Mapping[str, str], clock: Callable[[], float] = time.time
    ) -> None:
        _make_room()
        self._environment = environment
        self._clock = clock
        self._held: list[TimedRecord] = []
        self._journal: JournalctlStream | None = None
        self._units: dict[Unit, UnitRecords] = {}
        self._units_followed: frozenset[Unit] = frozenset()
        self.journal_problem = ""
        self.began = clock()
        self._logs = {
            source: _FollowedLog(source, LogTail(source.path, self.began, from_end=True)) for source in targets.sources
        }
        self._active: list[_FollowedLog] = []  # those that were not quiet in the last round
        self._journal_read_to = self.began
        self._follow_units(targets.units)

    @property
    def read_to(self) -> dict[Key, int]:
        """Return the offset of each file."""
        return {key: offset for log in self._logs.values() for key, offset in log.tail.read_to.items()}

    @property
    def problems(self) -> dict[str, OSError]:
        """Return file → error of the files that cannot be read now."""
        return {
            str(source.path): log.tail.problem
            for source, log in self._logs.items()
            if log.tail.problem is not None and not isinstance(log.tail.problem, NotADirectoryError)
        }

    def losses(self) -> list[LogSource]:
        """Return the logs that were rotated away faster than they were read, each once."""
        found = [log for log in self._logs.values() if log.tail.lost and not log.is_loss_reported]
        for log in found:
            log.is_loss_reported = True
        return [log.source for log in found]

    def follow(self, targets: LogTargets) -> None:
        """Add new logs and units, and drop removed ones; a new log is read from its beginning."""
        now = self._clock()
        for source in targets.sources:
            if source not in self._logs:
                self._logs[source] = _FollowedLog(source, LogTail(source.path, now, from_end=False))
        for source in set(self._logs) - set(targets.sources):
            gone = self._logs.pop(source)
            self._take(gone, gone.tail.read_new(now)[0], now)
            gone.tail.close()
        if frozenset(targets.units) != self._units_followed and not self.journal_problem:
            self._close_journal(now)
            self._follow_units(targets.units)

    def read_new(self) -> tuple[list[TimedRecord], bool]:
        """Return the records that are due, in order, and whether there is more to read at once."""
        now = self._clock()
        self._active = [log for log in self._logs.values() if not log.tail.is_quiet()]
        for log in self._active:
            log.has_more = True
            if log.waiting < _WAITING:
                records, log.has_more = log.tail.read_new(now)
                self._take(log, records, self._clock())  # some were written while it was read
        has_more = self._read_journal(now)
        unread = any(log.has_more for log in self._active)
        # Later records of these logs have at least the time of their last one.
        behind = [log.key for log in self._active if log.has_more or log.tail.has_half_a_record]
        mark = min([now - HOLD, *behind])
        self._held.sort(key=attrgetter("key"))
        due = 0
        while due < len(self._held) and self._held[due].key <= mark:
            due += 1
        return self._release(due) if self._held else [], has_more or unread

    @property
    def is_holding(self) -> bool:
        """Return whether a record was read that is not returned so far."""
        return bool(self._held) or any(log.tail.has_half_a_record for log in self._active)

    @property
    def count(self) -> int:
        """Return the number of logs that are followed."""
        return len(self._logs)

    def close(self) -> None:
        """Close all files, and end `journalctl`."""
        for log in self._logs.values():
            log.tail.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _release(self, count: int) -> list[TimedRecord]:
        released, self._held = self._held[:count], self._held[count:]
        for log in self._logs.values():
            log.waiting = 0
        by_place = {(log.source.profile, log.source.name): log for log in self._logs.values()}
        for entry in self._held:
            if (followed := by_place.get((entry.profile, entry.source))) is not None:
                followed.waiting += 1
        return released

    def _take(self, log: _FollowedLog, records: Sequence[LogRecord], now: float) -> None:
        source = log.source
        for record in records:
            moment = now if record.time is None else record.time
            # In the order of its file, and never later than now: a time of another zone must not hold it back.
            log.key = max(log.key, min(moment, now)) if record.time is not None or not log.key else log.key
            self._held.append(TimedRecord(source.profile, source.name, record, moment, log.key, source.is_errors))

    def _follow_units(self, units: Sequence[Unit]) -> None:
        self._units_followed = frozenset(units)
        self._units = {unit: UnitRecords() for unit in units}
        if not units:
            return
        try:
            self._journal = open_journal(
                [(unit.name, unit.scope) for unit in units], self._environment, since=self._journal_read_to, follow=True
            )
        except ManagerError as error:
            self.journal_problem = error.problem.message

    def _close_journal(self, now: float) -> None:
        if self._journal is not None:
            self._read_journal(now)
            self._journal.close()
            self._journal = None

    def _read_journal(self, now: float) -> bool:
        if self._journal is None:
            return False
        entries, goes_on = self._journal.arrived()
        known = by_name(list(self._units))
        for entry in entries:
            self._journal_read_to = max(self._journal_read_to, entry.time + 1e-6)
            unit = known.get((entry.unit, entry.scope))
            if unit is not None:
                self._held += [_entry(unit, record, now) for record in self._units[unit].feed(entry)]
        for unit, records in self._units.items():
            self._held += [_entry(unit, record, now) for record in records.end(now)]
        if not goes_on:
            self._journal.close()
            self._journal = None
            self.journal_problem = "`journalctl` has ended: the output of services is no longer followed"
        return bool(entries)


def _entry(unit: Unit, record: LogRecord, now: float) -> TimedRecord:
    moment = now if record.time is None else record.time
    return TimedRecord(unit.profile, JOURNAL, record, moment, min(moment, now))


def _make_room() -> None:
    """Raise the limit of open files: a thousand profiles have some thousand logs."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # files that cannot be opened are reported one by one
            return
