"""Which records are wanted: by time, level and text. Pure but for the clock that `10m` is counted from."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from hermes_profiles.model.errors import UsageProblem

from .records import LEVELS, Level, LogRecord

_SPAN = re.compile(r"(\d{1,6}(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class Filter(NamedTuple):
    """What a record must have; None where anything will do. Times in epoch seconds, both included."""

    since: float | None = None
    until: float | None = None
    level: Level | None = None
    pattern: re.Pattern[str] | None = None

    def takes(self, record: LogRecord, *, is_errors: bool = False) -> bool:
        """Return whether a record is wanted, but for its time. What says no level counts as INFO, and as WARNING in
        a log of errors."""
        if self.level is not None:
            level = record.level or (Level.WARNING if is_errors else Level.INFO)
            if level < self.level:
                return False
        if self.pattern is None or self.pattern.search(record.text):
            return True
        return record.logger is not None and self.pattern.search(record.logger) is not None


def moment_of(text: str, now: float, option: str) -> float:
    """Return the time that `10m`, `2h`, `1d` (ago), `2026-11-21`, `2026-11-21T10:00` or `10:00` (today) mean.

    Raises UsageProblem for anything else.
    """
    given = text.strip()
    span = _SPAN.fullmatch(given.removesuffix(" ago").removesuffix("ago"))
    if span is not None:
        return now - float(span[1]) * _SECONDS[span[2].lower()]
    try:
        if re.fullmatch(r"\d\d?:\d\d(:\d\d)?", given):
            given = f"{datetime.fromtimestamp(now).date().isoformat()}T{given.zfill(5)}"
        return datetime.fromisoformat(given.replace(",", ".")).timestamp()
    except (ValueError, OverflowError, OSError):
        raise UsageProblem(
            f"{option} {text!r} is no time",
            target=option,
            hint=f"say how long ago (`{option} 10m`, `2h`, `1d`) or when (`{option} 2026-11-21T10:00`, `10:00`)",
        ) from None


def level_of(text: str) -> Level:
    """Return the level of a name. Raises UsageProblem when there is none."""
    found = LEVELS.get(text.strip().upper())
    if found is None:
        names = ", ".join(level.name.lower() for level in Level)
        raise UsageProblem(f"--level {text!r} is no level", target="--level", hint=f"there are: {names}")
    return found


def pattern_of(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a regular expression. Raises UsageProblem when it is none."""
    try:
        return re.compile(text, (re.IGNORECASE if ignore_case else 0) | re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        said = error.msg if isinstance(error, re.error) else "it is too long"
        raise UsageProblem(
            f"--grep: no regular expression: {said}{place}",
            target="--grep",
            hint="write `\\` before `( ) [ ] { } * + ? .` that are meant as they are",
        ) from error
