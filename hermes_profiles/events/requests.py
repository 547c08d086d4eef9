"""Commands of ours in the log of events: who asked for a change is known before its effect is seen."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Sequence

from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.model.layout import Layout

from .log import append_events
from .model import EventCause, EventKind, FleetEvent
from .snapshot import Request


def note_request(layout: Layout, profiles: Sequence[str], verb: str, *, program: str = "hermes-gateways") -> None:
    """Record that a command of ours was asked to act on gateways; "" for a change of profiles that stops them.

    A log that cannot be written, as on a full disk, keeps no gateway from being stopped.
    """
    now, pid = time.time(), os.getpid()
    try:
        append_events(layout, [_request(name, f"{program} {verb}".rstrip(), now, pid) for name in profiles])
    except HermesProfilesError:
        return


def _request(profile: str, command: str, now: float, pid: int) -> FleetEvent:
    event = FleetEvent(now, EventKind.REQUESTED, profile, pid=pid, cause=EventCause.COMMAND, command=command)
    return event._replace(reason=f"`{command}` by process {pid}")


def requests_in(events: Iterable[FleetEvent]) -> tuple[Request, ...]:
    """Return the commands of ours among events, the newest one of each profile."""
    found = {
        event.profile: Request(event.profile, event.command.rpartition(" ")[2], event.at, event.pid)
        for event in events
        if event.kind is EventKind.REQUESTED and event.profile is not None
    }
    return tuple(found.values())
