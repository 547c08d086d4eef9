"""Filters records by time, level and text. Pure: the clock is an argument."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .records import LEVELS, Level, LogRecord

_SPAN = lazy_pattern(r"(\d{1,6}(?:\.\d+)?)\s*(s|sec|m|min|h|d|w)", re.IGNORECASE)
_SECONDS = {"s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 604800}


class Filter(NamedTuple):
    """The conditions on a record, None for no condition. Times in epoch seconds, both included.

    `about`: profile → what the text of a record in its log must contain (`naming`).
    """

    since: float | None = None
    until: float | None = None
    level: Level | None = None
    pattern: re.Pattern[str] | None = None
    about: Mapping[str, re.Pattern[str]] = {}

    def takes(self, record: LogRecord, *, profile: str = "", is_errors: bool = False) -> bool:
        """Return whether level and text of a record in the log of a profile match; its time is not checked.

        A record without a level counts as INFO, and as WARNING in a log of errors.
        """
        named = self.about.get(profile)
        if named is not None and not named.search(record.text):
            return False
        if self.level is not None:
            level = record.level or (Level.WARNING if is_errors else Level.INFO)
            if level < self.level:
                return False
        if self.pattern is None or self.pattern.search(record.text):
            return True
        return record.logger is not None and self.pattern.search(record.logger) is not None


def naming(profiles: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern for records of a gateway that name one of the profiles that it serves.

    Hermes 0.21.4 and later writes `profile 'NAME'`, `(profile: NAME)` and `NAME:CHANNEL`; the records of a profile's
    own work are in the profile's log (gateway/run.py, `_enable_multiplex_log_routing`).
    """
    names = "|".join(map(re.escape, sorted(profiles)))
    return re.compile(rf"""['"](?:{names})['"]|\bprofiles?:? (?:{names})(?![\w-])|(?<![\w-])(?:{names}):[a-z]""")


def moment_of(text: str, now: float, option: str) -> float:
    """Return the time of `10m`, `2h`, `1d` (ago), `2026-11-21`, `2026-11-21T10:00` or `10:00` (today).

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
            f"{option} {text!r} is not a time",
            target=option,
            hint=f"use a time span (`{option} 10m`, `2h`, `1d`) or a time (`{option} 2026-11-21T10:00`, `10:00`)",
        ) from None


def seconds_of(text: str, option: str) -> float:
    """Return the seconds of a time span: `90s`, `10m`, `2h`, `1d`, or `0`. Raises UsageProblem for anything else."""
    span = _SPAN.fullmatch(text.strip())
    if span is None and text.strip() != "0":
        raise UsageProblem(
            f"{option} {text!r} is not a time span",
            target=option,
            hint=f"use a number and a unit: `{option} 10m`, `2h`",
        )
    return float(span[1]) * _SECONDS[span[2].lower()] if span is not None else 0.0


def level_of(text: str) -> Level:
    """Return the level of a name. Raises UsageProblem for an unknown one."""
    found = LEVELS.get(text.strip().upper())
    if found is None:
        names = ", ".join(level.name.lower() for level in Level)
        raise UsageProblem(f"--level {text!r} is not a level", target="--level", hint=f"use one of: {names}")
    return found


def pattern_of(text: str, *, ignore_case: bool = False) -> re.Pattern[str]:
    """Return a compiled regular expression. Raises UsageProblem for an invalid one."""
    try:
        return re.compile(text, (re.IGNORECASE if ignore_case else 0) | re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        place = f" at character {error.pos + 1}" if isinstance(error, re.error) and error.pos is not None else ""
        reason = error.msg if isinstance(error, re.error) else "it is too long"
        raise UsageProblem(
            f"--grep is not a regular expression: {reason}{place}",
            target="--grep",
            hint="write `\\` before each literal `( ) [ ] { } * + ? .`",
        ) from error
