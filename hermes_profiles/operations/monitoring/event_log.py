"""Read the log of events, follow it, and add what a look finds where nothing watches."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator

from hermes_profiles.events.compare import changes, unwritten
from hermes_profiles.events.history import GatewayHistory, history_of
from hermes_profiles.events.log import event_log, read_events
from hermes_profiles.events.model import EventKind, FleetEvent
from hermes_profiles.events.snapshot import NOTHING_SEEN
from hermes_profiles.events.watch_state import saved_snapshot, watcher_pid
from hermes_profiles.model.errors import HermesProfilesError, NotFound, Problem
from hermes_profiles.model.named_tuple import NamedTuple

from ..context import command_at
from ..fleet_context import FleetSession
from ..gateways.fleet_status import fleet_status
from .fleet_snapshot import snapshot_of

_POLL = 0.25


class KnownEvents(NamedTuple):
    """Events in the order of time, and a warning where nothing watches the gateways."""

    events: tuple[FleetEvent, ...]
    warning: Problem | None = None


def known_events(session: FleetSession) -> KnownEvents:
    """Return all events of the log; where nothing watches, with those that a look finds now."""
    written = list(read_events(session.layout))
    if watcher_pid(session.layout) is not None:
        return KnownEvents(tuple(sorted(written, key=lambda event: event.at)))
    found = [*written, *_found_now(session, written)]
    return KnownEvents(tuple(sorted(found, key=lambda event: event.at)), _unwatched(session, written))


def followed_events(session: FleetSession, last: int, is_closed: Callable[[], bool]) -> Iterator[FleetEvent]:
    """Yield the events after the one with the number `last` as they are written, until `is_closed` returns true."""
    path, state = event_log(session.layout).path, None
    while not is_closed():
        now = _state(os.fspath(path))
        if now != state:
            state = now
            for event in read_events(session.layout, after=last):
                last = event.number
                yield event
        time.sleep(_POLL)


def gateway_history(session: FleetSession, profile: str, since: float) -> tuple[GatewayHistory, Problem | None]:
    """Return what happened to a gateway since a time. Raises NotFound for a profile without files and events."""
    known = known_events(session)
    if profile not in session.existing and not any(event.profile == profile for event in known.events):
        raise NotFound(
            f"no profile {profile!r}, and no event of one",
            target=profile,
            hint="list the profiles with `hermes-profiles list`",
        )
    return history_of(profile, known.events, since, time.time()), known.warning


def _found_now(session: FleetSession, written: list[FleetEvent]) -> list[FleetEvent]:
    """Return the events between the last look of a watcher and a look now."""
    before = saved_snapshot(session.layout) or NOTHING_SEEN
    try:
        status = fleet_status(session, session.existing, ask_api=False, accounts=False)
    except HermesProfilesError:
        return []
    found = changes(before, snapshot_of(session.layout, status, time.time()), reconstructed=True)
    return unwritten(found, [event for event in written if event.number > before.number])


def _unwatched(session: FleetSession, written: list[FleetEvent]) -> Problem:
    stopped = [event.at for event in written if event.kind is EventKind.WATCH_STOPPED]
    since = f" since {time.strftime('%Y-%m-%d %H:%M', time.localtime(stopped[-1]))}" if stopped else ""
    return Problem(
        "not-watched",
        f"nothing watches the gateways{since}: this is what their files and processes show",
        None,
        f"log every change from now on with `{command_at('hermes-gateways watch on', session.home_option)}`",
    )


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
