"""Parses lines of a log into records: time, level, logger, text. Pure.

Formats (`hermes_logging.py` and `gateway/run.py` of Hermes 0.19.0, checked on real gateways): `2026-11-21 17:20:44,138
INFO [session] gateway.run: text` in the log, local time; `WARNING gateway.run: text` on standard error, a copy of a
record in a log; a banner in box characters on standard output.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import IntEnum, IntFlag
from functools import lru_cache

from hermes_profiles.hermes.files import GATEWAY_LOGGERS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern


class Level(IntEnum):
    """The level of a record, with the numbers of Python's logging."""

    DEBUG = 10
    INFO = 20
    WARNING = 30
    ERROR = 40
    CRITICAL = 50


class Cut(IntFlag):
    """Which part of a record's text is missing, because its line was half-written when it was read."""

    NOTHING = 0
    BEGIN = 1
    END = 2


class LogRecord(NamedTuple):
    """One record of a log.

    `time`: epoch seconds, None when it has none; `text`: without time, level and logger, with its further lines;
    `is_copy`: the gateway's log has it as well; `cut`: the missing part.
    """

    time: float | None
    level: Level | None
    logger: str | None
    text: str
    session: str | None = None
    is_copy: bool = False
    cut: Cut = Cut.NOTHING


LEVELS = {str(level.name): level for level in Level} | {"WARN": Level.WARNING, "FATAL": Level.CRITICAL}
_NAMES = "|".join(LEVELS)
_HEAD = lazy_pattern(
    r"(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?(Z|[+-]\d\d:?\d\d)?(?: -)?(?: |$)"
    rf"(?:(?:(?P<logger1>[\w.-]+) - )?\[?(?P<level>{_NAMES})\b\]?:?(?: \[(?P<session>[^\]\s]+)\])?"
    r"(?: -)?(?: (?P<logger>[\w.-]+):)?(?: |$))?"
)
_BARE = re.compile(rf"({_NAMES}) (?:\[([^\]\s]+)\] )?([\w.-]+): ?")
_TRACEBACK = lazy_pattern(r"Traceback \(most recent call last\):|[A-Za-z_][\w.]*(?:Error|Exception|Interrupt)(?::|$)")
# Escape sequences of terminals: colours, titles, cursor.
_ESCAPE = lazy_pattern(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])")
# A longer record is split: a log in which no line begins a record must not fill the memory.
LONGEST_LINES = 1_000
# So many bytes of one line are kept; a longer one ends with a noncharacter. Its last 4 KiB are not shown: the cut can
# leave half a secret there.
SPARE = 4 * 1024
KEPT = 64 * 1024 + SPARE
CUT_HERE = "\uffff"
# The banner is printed at the start of a gateway, and mostly written at its end; the log has it as well.
_BANNER = "Hermes Gateway Starting"
LONGEST_RECORD = 512 * 1024


def decode(raw: bytes) -> str:
    """Return a line of a log as text, without its end and without terminal control sequences.

    Bytes that are not UTF-8 become surrogates, which the printer replaces.
    """
    is_cut = len(raw) >= KEPT
    if raw[:1] == b"\0":  # the hole left by a writer that continues at its old offset in a truncated file
        raw = raw.lstrip(b"\0")
    line = raw.decode("utf-8", "surrogateescape")
    if "\x1b" in line:
        line = _ESCAPE.sub("", line)
    if "\r" in line:
        line = line.rstrip("\r")
        if not begins_record(line):  # a progress bar: only its last state is visible
            line = line.rpartition("\r")[2]
    return line + CUT_HERE if is_cut else line


def begins_record(line: str) -> re.Match[str] | bool | None:
    """Return whether a line begins a record: as a match if it has time, level or logger."""
    first = line[:1]
    if "0" <= first <= "9":
        return _HEAD.match(line)
    if "A" <= first <= "Z":
        return _BARE.match(line)
    return first == "┌"


def records_in(lines: Iterable[str]) -> Iterator[LogRecord]:
    """Yield the records in lines, which are in the order of their file."""
    assembler = Assembler()
    yield from assembler.feed(lines)
    yield from assembler.end()


class Assembler:
    """Assembles lines into records."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._head: re.Match[str] | bool | None = None
        self._size = 0

    @property
    def is_empty(self) -> bool:
        """Return whether no record is open."""
        return not self._lines

    def feed(self, lines: Iterable[str]) -> Iterator[LogRecord]:
        """Yield the records that these lines complete."""
        for line in lines:
            head = begins_record(line)
            if self._lines:
                if not head and self._goes_on(line):
                    self._lines.append(line)
                    self._size += len(line)
                    continue
                yield self._record()
            elif not head and not line.strip():
                continue  # a blank line outside a record
            self._lines, self._head, self._size = [line], head, len(line)

    def end(self) -> Iterator[LogRecord]:
        """Yield the open record: no more lines follow."""
        if self._lines:
            yield self._record()
            self._lines = []

    def _goes_on(self, line: str) -> bool:
        """Return whether a line that begins no record continues the open one.

        After a record with a head, every line does; else an indented or blank line, or the end of a traceback.
        """
        if len(self._lines) >= LONGEST_LINES or self._size >= LONGEST_RECORD:
            return False
        if self._head:
            return True
        begun = self._lines[0]
        return line[:1] in ("", " ", "\t") or (begun.startswith("Traceback") and _TRACEBACK.match(line) is not None)

    def _record(self) -> LogRecord:
        lines, head = self._lines, self._head
        while len(lines) > 1 and not lines[-1].strip():
            lines.pop()
        line = lines[0]
        if head is None or isinstance(head, bool):
            level = Level.ERROR if _TRACEBACK.match(line) else None
            text = "\n".join(lines)
            return LogRecord(None, level, None, text, is_copy=line[:1] == "┌" and _BANNER in text)
        text = line[head.end() :] if len(lines) == 1 else "\n".join((line[head.end() :], *lines[1:]))
        if head.re is _BARE:  # which a lazy pattern never is
            level = LEVELS[head[1]]
            is_copy = level >= Level.INFO and head[3].startswith(GATEWAY_LOGGERS)
            return LogRecord(None, level, head[3], text, head[2], is_copy)
        day, clock, fraction, zone, name, word, session, logger = head.groups()
        moment = _second(day, clock, zone)
        if moment is not None and fraction:
            moment += int(fraction) / 10 ** len(fraction)
        return LogRecord(moment, LEVELS[word] if word else None, logger or name, text, session)


@lru_cache(maxsize=64)
def _second(day: str, clock: str, zone: str | None) -> float | None:
    minute = _minute(day, clock[:5], zone)
    return None if minute is None else minute + int(clock[6:])


@lru_cache(maxsize=64)
def _minute(day: str, clock: str, zone: str | None) -> float | None:
    try:
        found = datetime.fromisoformat(f"{day}T{clock}:00{zone or ''}")
        return found.timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def shown_time(moment: float) -> str:
    """Return a time as Hermes writes it, without the fraction: local, `2026-11-21 17:20:44`."""
    return _shown_second(int(moment // 1))


@lru_cache(maxsize=64)
def _shown_second(second: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(second))


def iso_time(moment: float) -> str:
    """Return a time as ISO 8601 with milliseconds and the local offset."""
    second = int(moment // 1)
    before, after = _iso_second(second)
    return f"{before}.{min(999, int((moment - second) * 1000 + 0.5)):03d}{after}"


@lru_cache(maxsize=64)
def _iso_second(second: int) -> tuple[str, str]:
    try:
        text = datetime.fromtimestamp(second, UTC).astimezone().isoformat()
    except (ValueError, OverflowError, OSError):
        text = datetime.fromtimestamp(0, UTC).isoformat()
    return text[:19], text[19:]
