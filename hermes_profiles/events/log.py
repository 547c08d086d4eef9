"""The log of events of a root: who writes to it gets a number for each event; a reader needs no lock."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence

from hermes_profiles.changes.append_log import LogPlace, append_lines, log_lines
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.reserve import free_reserve, make_reserve
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout

from .model import KEPT, FleetEvent, event_line, parse_event

LOG_FILE = "log.ndjson"
RESERVE_FILE = "reserve"
# Bytes of the file that is given up for events on a full disk: some hundred of them.
_RESERVE = 64 * 1024
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def event_log(layout: Layout) -> LogPlace:
    """Return the place of the log: four files of 1 MiB, about 12,000 events."""
    return LogPlace(layout.events / LOG_FILE)


def append_events(layout: Layout, events: Sequence[FleetEvent], *, files: Files | None = None) -> list[FleetEvent]:
    """Append events and return them with their numbers, in the order of the log.

    Faults and their ends are on the disk afterwards. All are written, or none. On a full disk the reserve is given up
    for them. Raises Failed.
    """
    written: list[FleetEvent] = []

    def lines(last: bytes) -> list[bytes]:
        before = parse_event(last)
        first = before.number + 1 if before is not None else 1
        written[:] = [event._replace(number=first + place) for place, event in enumerate(events)]
        return [event_line(event) for event in written]

    if not events:
        return written
    is_kept = any(event.kind in KEPT for event in events)
    try:
        append_lines(event_log(layout), lines, sync=is_kept, files=files)
    except Failed as failure:
        if getattr(failure.__cause__, "errno", None) not in _FULL or not free_reserve(
            layout.events / RESERVE_FILE, files
        ):
            raise
        append_lines(event_log(layout), lines, sync=is_kept, files=files)
    return written


def keep_reserve(layout: Layout) -> None:
    """Write the reserve, unless it is there. Raises Failed, on a full disk for example."""
    make_reserve(layout.events / RESERVE_FILE, _RESERVE)


def read_events(layout: Layout, *, after: int = 0, since: float | None = None) -> Iterator[FleetEvent]:
    """Yield the events of the log, the oldest first: those with a greater number than `after`, from `since` on."""
    for line in log_lines(event_log(layout)):
        event = parse_event(line)
        if event is not None and event.number > after and (since is None or event.at >= since):
            yield event


def last_changes(layout: Layout, profiles: frozenset[str]) -> dict[str, FleetEvent]:
    """Return profile → the last change of state of its gateway that the log has."""
    found: dict[str, FleetEvent] = {}
    for event in read_events(layout):
        if event.profile in profiles and event.channel is None and event.after:
            found[event.profile] = event
    return found
