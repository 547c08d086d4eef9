"""Assembles journal entries into records: the journal has lines, and a traceback has many of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.services.systemd.journalctl import JournalEntry

from .records import KEPT, Assembler, Level, LogRecord, begins_record, decode
from .sources import Unit

JOURNAL = "journal"
# Lines further apart than this belong to different records.
_GAP = 0.2
_MOST = 500
_LEVELS = {0: Level.CRITICAL, 1: Level.CRITICAL, 2: Level.CRITICAL, 3: Level.ERROR, 4: Level.WARNING, 7: Level.DEBUG}


class UnitRecords:
    """Assembles the entries of one unit into records, in order."""

    def __init__(self) -> None:
        self._assembler = Assembler()
        self._begun: JournalEntry | None = None
        self._last = 0.0

    def feed(self, entry: JournalEntry) -> Iterator[LogRecord]:
        """Yield the records that this entry completes."""
        if entry.is_manager:
            yield from self.end()
            level = _LEVELS.get(entry.priority, Level.INFO)
            yield LogRecord(entry.time, level, "systemd", decode(entry.message))
            return
        if entry.time - self._last > _GAP:
            yield from self.end()
        self._last = entry.time
        for line in entry.message.split(b"\n"):
            for record in self._assembler.feed([decode(line[:KEPT])]):
                yield self._with_entry(record)
                self._begun = None
            self._begun = self._begun or entry

    def end(self, now: float | None = None) -> Iterator[LogRecord]:
        """Yield the open record; with `now` (epoch seconds) only when no more lines can belong to it."""
        if now is not None and now - self._last <= _GAP:
            return
        for record in self._assembler.end():
            yield self._with_entry(record)
        self._begun = None

    def _with_entry(self, record: LogRecord) -> LogRecord:
        begun = self._begun
        if begun is None:
            return record
        level = record.level if record.level is not None else _LEVELS.get(begun.priority)
        return record._replace(time=record.time or begun.time, level=level)


def records_of(
    entries: Iterable[JournalEntry], units: Mapping[tuple[str, str], Unit]
) -> Iterator[tuple[Unit, LogRecord]]:
    """Yield (unit, record) of entries, both with the latest first."""
    held: dict[Unit, list[JournalEntry]] = {}
    for entry in entries:
        unit = units.get((entry.unit, entry.scope))
        if unit is None:
            continue
        group = held.setdefault(unit, [])
        if group and (entry.is_manager or group[-1].time - entry.time > _GAP or len(group) >= _MOST):
            yield from _together(unit, group)
        group.append(entry)
        if entry.is_manager or begins_record(decode(entry.message)):
            yield from _together(unit, group)
    for unit, group in held.items():
        yield from _together(unit, group)


def _together(unit: Unit, group: list[JournalEntry]) -> Iterator[tuple[Unit, LogRecord]]:
    assembled = UnitRecords()
    found = [record for entry in reversed(group) for record in assembled.feed(entry)]
    group.clear()
    yield from ((unit, record) for record in reversed([*found, *assembled.end()]))
