"""Adds to the events between two looks what happened in between, as the journal of systemd has it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from hermes_profiles.gateways.model import GatewayState, exit_meaning
from hermes_profiles.services.systemd.unit_history import UnitDeed, UnitMoment

from .causes import cause_of_exit
from .model import EventCause, EventKind, FleetEvent

# Ends of one gateway that get events of their own: the newest ones of a long crash loop.
_MOST = 20
# Seconds between a command of ours and the end that it brings about: the longest stop.
_SOON = 90.0
_ENDS = frozenset({EventKind.DOWN, EventKind.CONFIGURATION_BROKEN, EventKind.DISK_FULL})


def with_unit_history(
    events: Sequence[FleetEvent],
    moments: Mapping[str, Sequence[UnitMoment]],
    requests: Iterable[FleetEvent],
    since: float,
    until: float,
) -> list[FleetEvent]:
    """Return the events in the order of time, with each end and start of a gateway that the journal has.

    `moments`: profile → of its unit; `requests`: commands of ours in the log; `since`, `until`: the two looks. The
    first end in the journal is the one that the looks show, with its exact time and exit code.
    """
    found, asked = list(events), list(requests)
    for profile, known in moments.items():
        between = [each for each in known if since < each.at <= until]
        ends = [at for at, each in enumerate(between) if each.deed is UnitDeed.EXITED]
        if not ends:
            continue
        made = [_end(profile, between, at, asked) for at in ends]
        place = next((at for at, event in enumerate(found) if _is_end(event, profile)), None)
        if place is not None:
            first = found[place]._replace(at=made[0].at, exit_code=made[0].exit_code)
            # Later ends hide the reason and the cause of this one.
            is_known = len(made) == 1 or first.cause is EventCause.COMMAND
            found[place] = first if is_known else made[0]._replace(before=first.before, pid=first.pid)
        for at, event in list(zip(ends, made, strict=True))[0 if place is None else 1 :][-_MOST:]:
            found += [*_start(profile, between[:at]), event]
        if between[-1].deed is UnitDeed.STOPPED and len(made) > (place is not None):
            found.append(_event(profile, between[-1].at, EventCause.MANAGER))
    return sorted(found, key=lambda event: event.at)


def _is_end(event: FleetEvent, profile: str) -> bool:
    """Return whether an event is the end of a process that the earlier look has seen."""
    return event.profile == profile and event.channel is None and event.pid is not None and event.kind in _ENDS


def _event(profile: str, at: float, cause: EventCause) -> FleetEvent:
    starting, stopped = str(GatewayState.STARTING), str(GatewayState.STOPPED)
    return FleetEvent(at, EventKind.DOWN, profile, None, starting, stopped, cause=cause, reconstructed=True)


def _end(profile: str, between: Sequence[UnitMoment], place: int, asked: Iterable[FleetEvent]) -> FleetEvent:
    """Return the end at a place: asked for by a command of ours, by systemd, or known by its exit code alone."""
    end = between[place]
    event = _event(profile, end.at, cause_of_exit(end.exit_code))
    event = event._replace(exit_code=end.exit_code, reason=exit_meaning(end.exit_code))
    request = next((each for each in asked if each.profile == profile and 0 <= end.at - each.at <= _SOON), None)
    if request is not None:
        return event._replace(cause=EventCause.COMMAND, command=request.command)
    is_stop = between[place + 1 : place + 2] and between[place + 1].deed is UnitDeed.STOPPED
    return event._replace(cause=EventCause.MANAGER) if is_stop else event


def _start(profile: str, earlier: Sequence[UnitMoment]) -> list[FleetEvent]:
    """Return the start before an end."""
    starts = [each.at for each in earlier if each.deed is UnitDeed.STARTED]
    event = _event(profile, max(starts, default=0.0), EventCause.MANAGER)
    begun = event._replace(kind=EventKind.STARTING, before=event.after, after=event.before)
    return [begun] if starts else []
