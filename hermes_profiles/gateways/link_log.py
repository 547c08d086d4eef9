"""Reads from the log of a gateway which channels lost their link, and why.

Bounded: the last 128 KiB of errors.log and 64 KiB of gateway.log are parsed. Only the record after which nothing more
is logged is looked for further back, by its bytes.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

from hermes_profiles.hermes.channel_log import (
    ADAPTER_LOGGER,
    LAST_RECORD,
    LIBRARY_LOGGERS,
    LINK_RECORDS,
    NOT_FOUND,
    REASONS,
    UNKNOWN_TOKEN,
    LinkEvent,
    LinkRecord,
)
from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import open_regular

from .model import LostLink

# Bytes that are parsed, and bytes of the first file in which a last record is looked for.
_PARSED = {ERRORS_LOG: 128 * 1024, GATEWAY_LOG: 64 * 1024}
_SEARCHED = {ERRORS_LOG: 2 * 1024 * 1024, GATEWAY_LOG: 0}
_LONGEST_REASON = 160
# A channel is recorded as connected after its adapter has logged it, later still on a busy machine.
_LATE = 15.0
_SAYS_BACK = frozenset(rule.channel for rule in LINK_RECORDS if rule.event is LinkEvent.BACK)
_MOMENT = 10.0
_TRIED_AGAIN = "it has tried again: only a failure would be in its log"
_FIRST = 3.0  # seconds until the first try of an adapter whose pauses grow, with the time that it takes
_QUARTER = 900.0  # time zones differ by quarters of an hour
_NEAR_END = 64 * 1024  # of a log, where its last record begins
_STAMP = lazy_pattern(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) ", re.MULTILINE)
_LIBRARIES = "|".join(map(re.escape, LIBRARY_LOGGERS))
_RECORD = lazy_pattern(
    r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d),(\d{3}) [A-Z]+(?: \[[^\]\n]*\])? "
    rf"(?:{ADAPTER_LOGGER}|({_LIBRARIES}))(?:\.[\w.]+)?: (.*)$",
    re.MULTILINE,
)
# An exception's module: `httpx.ConnectError: …`.
_MODULE = lazy_pattern(r"^(?:[a-z_]\w*\.)+(?=[A-Z])")


class _Logged(NamedTuple):
    time: float
    rule: LinkRecord
    reason: str


class _Log(NamedTuple):
    """The events in a log; `begin`: epoch seconds of the first record that was read, 0.0 where none is before it."""

    begin: float = 0.0
    events: tuple[_Logged, ...] = ()


class _Outage(NamedTuple):
    """An outage that is over: when it began, and when the link was back."""

    first: float
    back: float


def lost_links(home: Path, connected: Mapping[str, float], now: float) -> dict[str, LostLink]:
    """Return channel → its lost link, for the channels of one gateway that its state file calls connected.

    `home`: of the profile, whose log a gateway for all profiles writes as well; `connected`: channel → epoch seconds of
    that word. A log in which no warning was written since is not read.
    """
    if not connected:
        return {}
    folder = home / LOGS_FOLDER
    if _changed_at(folder / ERRORS_LOG) < min(connected.values()) - _LATE:
        return {}
    channels = frozenset(connected)
    logs = {name: _read(folder / name, _state(folder / name), channels) for name in _PARSED}
    # Of two records of one moment the one that says more of the next try comes last.
    found = (event for log in logs.values() for event in log.events)
    seen = _Log(logs[ERRORS_LOG].begin, tuple(sorted(found, key=lambda each: (each.time, -each.rule.lasts, each))))
    return {name: lost for name, since in connected.items() if (lost := _lost(name, seen, since, now)) is not None}


def _lost(channel: str, log: _Log, since: float, now: float) -> LostLink | None:
    """Return the lost link of a channel after its events, which are in the order of time."""
    first, last, reason = None, None, ""
    pause: float | None = None
    before: _Outage | None = None
    earliest = since - _LATE if channel in _SAYS_BACK else since
    for event in log.events:
        # What is in the future was logged before the clock was set back.
        if event.rule.channel != channel or not earliest <= event.time <= now + _LATE:
            continue
        if event == last:  # both logs have it
            continue
        if event.rule.event is LinkEvent.BACK:
            before = _Outage(first, event.time) if first is not None else before
            first = last = None
            continue
        if last is not None and last.rule.event is LinkEvent.LOST and event.time - last.time > last.rule.lasts:
            first = last = None  # it was back in between, and lost again
        pause = _pause(event, last)
        if first is None:
            # A link that was back for a moment only: a second poller gets one answer between two refusals.
            goes_on = before is not None and event.time - before.back < _MOMENT
            first, reason = (before.first if goes_on and before is not None else event.time), ""
        last, reason = event, event.reason or reason
    if first is None or last is None:
        return None
    ended = last.rule.event is LinkEvent.ENDED
    if not ended and now - last.time > last.rule.lasts:
        return None
    doubt = _TRIED_AGAIN if pause is not None and now - last.time > pause else ""
    # An outage that fills the log began before the part that was read.
    begun = None if 0 <= first - log.begin < last.rule.lasts and not ended else first
    return LostLink(begun, REASONS.get(reason, reason), ended, doubt=doubt)


def _pause(event: _Logged, before: _Logged | None) -> float | None:
    """Return the seconds after a failure at which its adapter tries again, None where it logs a success as well."""
    rule = event.rule
    if rule.pause is None or rule.growth is None:
        return rule.pause
    is_next = before is not None and before.rule == rule
    last = event.time - before.time if before is not None and is_next else 0.0
    return min(rule.pause, rule.growth * last + _FIRST)


# A process that looks at a fleet again and again, such as the watcher, parses a log once until it changes.
@lru_cache(maxsize=256)
def _read(path: Path, _state: tuple[int, ...], channels: frozenset[str]) -> _Log:
    """Return the events of these channels in a log; `_state`: its identity, size and time of the last change."""
    tail = _tail(path)
    if tail is None:
        return _Log()
    changed, text, is_whole = tail
    zone = _zone(text, changed)
    begin = None if is_whole else _STAMP.search(text)
    return _Log(_time(begin) + zone if begin is not None else 0.0, tuple(_events(text, zone, channels)))


def _events(text: str, zone: float, channels: frozenset[str]) -> Iterator[_Logged]:
    """Yield the events of these channels in a log; `zone`: see `_zone`."""
    for match in _RECORD.finditer(text):
        channel = match[3] or LIBRARY_LOGGERS[match[4]]
        if channel not in channels:
            continue
        for rule in (each for each in LINK_RECORDS if each.channel == channel):
            found = re.search(rule.pattern, match[5])
            if found is not None:
                unknown = rule.event is LinkEvent.ENDED and _is_unknown(text, match.end())
                yield _Logged(_time(match) + zone, rule, NOT_FOUND if unknown else _reason(found))
                break


def _is_unknown(text: str, start: int) -> bool:
    """Return whether the traceback that follows a record says that the platform knows no such token."""
    end = _STAMP.search(text, start)
    return re.search(UNKNOWN_TOKEN, text[start : end.start() if end else None], re.MULTILINE) is not None


def _reason(found: re.Match[str]) -> str:
    text = (found[1] or "").strip() if found.re.groups else ""
    return _MODULE.sub("", text).partition(";")[0][:_LONGEST_REASON].rstrip(" .")


def _zone(text: str, changed: float) -> float:
    """Return the seconds by which the clock of a log is off: its process can have another time zone than this one."""
    stamps = list(_STAMP.finditer(text, max(0, len(text) - _NEAR_END)))
    return round((changed - _time(stamps[-1])) / _QUARTER) * _QUARTER if stamps else 0.0


def _time(match: re.Match[str]) -> float:
    try:
        return time.mktime(time.strptime(match[1], "%Y-%m-%d %H:%M:%S")) + int(match[2]) / 1000
    except (ValueError, OverflowError):  # a line that only looks like a record
        return 0.0


def _changed_at(path: Path) -> float:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _state(path: Path) -> tuple[int, ...]:
    try:
        status = os.stat(path)
    except OSError:
        return ()
    return status.st_ino, status.st_size, status.st_mtime_ns


def _tail(path: Path) -> tuple[float, str, bool] | None:
    """Return (when it was written last, its last whole lines, whether they are all), None where it cannot be read."""
    try:
        descriptor, status = open_regular(path)
    except OSError:
        return None
    size = max(_PARSED[path.name], _SEARCHED[path.name])
    start = max(0, status.st_size - size)
    try:
        raw = os.pread(descriptor, size, start)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    near = raw[-_PARSED[path.name] :]
    whole = near.partition(b"\n")[2] if start or len(near) < len(raw) else near
    at = raw.rfind(LAST_RECORD, 0, len(raw) - len(near)) if len(near) < len(raw) else -1
    last = raw[raw.rfind(b"\n", 0, at) + 1 : raw.find(b"\n", at) + 1] if at >= 0 else b""
    is_whole = len(near) == status.st_size and not os.path.lexists(f"{path}.1")
    return status.st_mtime, (last + whole).decode("utf-8", "replace"), is_whole
