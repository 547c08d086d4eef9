"""The logs of many gateways while they grow, in order of time: one look at all of them after the other.

Nobody writes two files at the same instant, but looks meet them one after the other: what was written a moment ago is
held back until every file has been looked at since.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.systemd.journalctl import JournalctlStream, open_journal

from .history import TimedRecord, by_name
from .journald import JOURNAL, UnitRecords
from .records import LogRecord
from .sources import LogSource, Unit
from .tail import Key, LogTail

# So long after its time a record is told; the journal hands its entries on later than a file does.
HOLD = 0.25
# A file is not read on while so many of its records wait for those of others.
_WAITING = 5_000
_FILES = 10_240  # what macOS allows


class Meant(NamedTuple):
    """What is to be followed now; profiles come and go."""

    sources: Sequence[LogSource]
    units: Sequence[Unit]


class _Followed:
    """One log: its tail, and the records of it that wait."""

    def __init__(self, source: LogSource, tail: LogTail) -> None:
        self.source = source
        self.tail = tail
        self.waiting = 0
        self.key = 0.0
        self.has_more = False
        self.has_told_loss = False


class LogFollower:
    """Follows logs and units. Not started: nothing is known yet; then everything from that moment on is told."""

    def __init__(self, meant: Meant, environment: Mapping[str, str], clock: Callable[[], float] = time.time) -> None:
        _make_room()
        self._environment = environment
        self._clock = clock
        self._held: list[TimedRecord] = []
        self._journal: JournalctlStream | None = None
        self._units: dict[Unit, UnitRecords] = {}
        self._asked: frozenset[Unit] = frozenset()
        self.journal_problem = ""
        self.began = clock()
        self._logs = {
            source: _Followed(source, LogTail(source.path, self.began, from_end=True)) for source in meant.sources
        }
        self._heard = self.began
        self._follow_units(meant.units)

    @property
    def read_to(self) -> dict[Key, int]:
        """Return how far each file was read."""
        return {key: offset for each in self._logs.values() for key, offset in each.tail.read_to.items()}

    @property
    def problems(self) -> dict[str, OSError]:
        """Return file → why it cannot be read now."""
        return {
            str(source.path): each.tail.problem
            for source, each in self._logs.items()
            if each.tail.problem is not None and not isinstance(each.tail.problem, NotADirectoryError)
        }

    def losses(self) -> list[LogSource]:
        """Return the logs that have been rotated away faster than they could be read; each is told once."""
        found = [each for each in self._logs.values() if each.tail.lost and not each.has_told_loss]
        for each in found:
            each.has_told_loss = True
        return [each.source for each in found]

    def follow(self, meant: Meant) -> None:
        """Take in what has come, and let go what is no longer there. A new log is told from its beginning."""
        now = self._clock()
        for source in meant.sources:
            if source not in self._logs:
                self._logs[source] = _Followed(source, LogTail(source.path, now, from_end=False))
        for source in set(self._logs) - set(meant.sources):
            gone = self._logs.pop(source)
            self._take(gone, gone.tail.look(now)[0], now)
            gone.tail.close()
        if frozenset(meant.units) != self._asked and not self.journal_problem:
            self._close_journal(now)
            self._follow_units(meant.units)

    def look(self) -> tuple[list[TimedRecord], bool]:
        """Return what can be told now, in order, and whether there is more at once."""
        now = self._clock()
        for each in self._logs.values():
            each.has_more = True
            if each.waiting < _WAITING:
                records, each.has_more = each.tail.look(now)
                self._take(each, records, self._clock())  # some were written while it was read
        has_more = self._look_at_journal(now)
        unread = any(each.has_more for each in self._logs.values())
        # What is still to come of these has at least the time of what was last told of them.
        behind = [each.key for each in self._logs.values() if each.has_more or each.tail.has_half_a_record]
        mark = min([now - HOLD, *behind])
        self._held.sort(key=attrgetter("key"))
        told = 0
        while told < len(self._held) and self._held[told].key <= mark:
            told += 1
        return self._tell(told), has_more or unread

    def close(self) -> None:
        """Let everything go."""
        for each in self._logs.values():
            each.tail.close()
        if self._journal is not None:
            self._journal.close()
            self._journal = None

    def _tell(self, count: int) -> list[TimedRecord]:
        told, self._held = self._held[:count], self._held[count:]
        for each in self._logs.values():
            each.waiting = 0
        by_place = {(each.source.profile, each.source.name): each for each in self._logs.values()}
        for entry in self._held:
            if (followed := by_place.get((entry.profile, entry.source))) is not None:
                followed.waiting += 1
        return told

    def _take(self, each: _Followed, records: Sequence[LogRecord], now: float) -> None:
        source = each.source
        for record in records:
            moment = now if record.time is None else record.time
            # In the order of its file, and never later than now: a clock of another zone must not hold it back.
            each.key = max(each.key, min(moment, now)) if record.time is not None or not each.key else each.key
            self._held.append(TimedRecord(source.profile, source.name, record, moment, each.key, source.is_errors))

    def _follow_units(self, units: Sequence[Unit]) -> None:
        self._asked = frozenset(units)
        self._units = {unit: UnitRecords() for unit in units}
        if not units:
            return
        try:
            self._journal = open_journal(
                [(each.name, each.scope) for each in units], self._environment, since=self._heard, follow=True
            )
        except ManagerError as error:
            self.journal_problem = error.problem.message

    def _close_journal(self, now: float) -> None:
        if self._journal is not None:
            self._look_at_journal(now)
            self._journal.close()
            self._journal = None

    def _look_at_journal(self, now: float) -> bool:
        if self._journal is None:
            return False
        entries, goes_on = self._journal.arrived()
        known = by_name(list(self._units))
        for entry in entries:
            self._heard = max(self._heard, entry.time + 1e-6)
            unit = known.get((entry.unit, entry.scope))
            if unit is not None:
                self._held += [_entry(unit, record, now) for record in self._units[unit].feed(entry)]
        for unit, records in self._units.items():
            self._held += [_entry(unit, record, now) for record in records.end(now)]
        if not goes_on:
            self._journal.close()
            self._journal = None
            self.journal_problem = "`journalctl` has ended: what services print is no longer followed"
        return bool(entries)


def _entry(unit: Unit, record: LogRecord, now: float) -> TimedRecord:
    moment = now if record.time is None else record.time
    return TimedRecord(unit.profile, JOURNAL, record, moment, min(moment, now))


def _make_room() -> None:
    """Let this process open more files: a thousand profiles have some thousand logs."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (ValueError, OSError):  # what cannot be opened is told, file by file
            return
