"""The events between two looks at a fleet. Pure: `changes(before, after)` reads nothing but its arguments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from hermes_profiles.gateways.model import DEAF, GatewayState, epoch_of, exit_meaning
from hermes_profiles.hermes.gateway_states import CONNECTED, LOST
from hermes_profiles.model.named_tuple import NamedTuple

from .causes import PROFILES, STOPS, cause_of_end, cause_of_start, is_left_behind
from .model import PROFILE_REMOVED, EventCause, EventKind, FleetEvent
from .reasons import channel_fault, end_kind, fault_kind
from .snapshot import STARTS, FleetSnapshot, Request, SeenChannel, SeenConflict, SeenFault, SeenGateway

_UP = frozenset({GatewayState.RUNNING, GatewayState.SERVED})
_AILING = frozenset({GatewayState.DEGRADED, GatewayState.CRASH_LOOPING, GatewayState.UNSUPERVISED})
_FAULTY = _AILING | {GatewayState.UNKNOWN}
_DOWN = frozenset({GatewayState.STOPPED, GatewayState.FAILED, GatewayState.STALE})
# A channel in a state of neither set is not known to work or to fail: its gateway is down, or it was not looked at.
_WORKS = frozenset({CONNECTED, "served"})
_BAD = LOST | {DEAF}
_MASKED = "masked"
_SIGKILL = -9
# Seconds between the end of a process and the look that shows it.
_JUST_NOW = 10.0


class _Step(NamedTuple):
    """One gateway before and after, and the command of ours that may be behind the change."""

    before: SeenGateway
    after: SeenGateway
    at: float
    request: Request | None
    memory_killed_at: float = 0.0
    is_manager_gone: bool = False

    @property
    def has_new_process(self) -> bool:
        """Return whether the process of before is not the one of after, or is gone."""
        return self.before.pid is not None and self.before.pid != self.after.pid


def changes(before: FleetSnapshot, after: FleetSnapshot, *, reconstructed: bool = False) -> list[FleetEvent]:
    """Return the events between two looks, in the order of time.

    `reconstructed`: `before` is the last look of an earlier watcher; the events get the times that files and processes
    have, and are marked.
    """
    requests = {each.profile: each for each in after.requests}
    is_gone = any(each.kind == EventKind.SUPERVISOR_GONE for each in after.faults)
    events: list[FleetEvent] = []
    for name in dict.fromkeys((*before.gateways, *after.gateways)):
        was = before.gateways.get(name) or SeenGateway(name, "")
        now = after.gateways.get(name) or SeenGateway(name, "")
        step = _Step(was, now, after.at, requests.get(name), after.memory_killed_at, is_gone)
        events += [*_of_gateway(step, reconstructed=reconstructed), *_of_channels(step)]
    events += _of_conflicts(before.conflicts, after.conflicts, after.at)
    events += _of_faults(before.faults, after.faults, after.at)
    events.sort(key=lambda event: event.at)
    return [event._replace(reconstructed=reconstructed) for event in events]


def unseen(requests: Sequence[Request], events: Sequence[FleetEvent]) -> tuple[Request, ...]:
    """Return the requests whose effect is not among these events.

    A restart that was seen to stop its gateway is a start from then on: a later end is not its effect.
    """
    kinds = {(event.profile, event.kind) for event in events if event.channel is None}
    found = []
    for each in requests:
        is_up = not kinds.isdisjoint({(each.profile, EventKind.UP), (each.profile, EventKind.RECOVERED)})
        if is_up and (each.verb not in STOPS or (each.profile, EventKind.DOWN) in kinds):
            continue
        if (each.profile, EventKind.DOWN) not in kinds or each.verb not in STOPS:
            found.append(each)
        elif each.verb in STARTS:
            found.append(each._replace(verb="start"))
    return tuple(found)


def unwritten(events: Sequence[FleetEvent], written: Iterable[FleetEvent]) -> list[FleetEvent]:
    """Return the events that an earlier watcher did not write before it was killed."""
    known = {(each.kind, each.subject, each.before, each.after, each.pid) for each in written}
    return [each for each in events if (each.kind, each.subject, each.before, each.after, each.pid) not in known]


def _of_gateway(step: _Step, *, reconstructed: bool) -> Iterator[FleetEvent]:
    was, now = step.before, step.after
    is_down_now = now.state in _DOWN or not now.state
    ended = step.has_new_process and not (was.state == now.state == GatewayState.SERVED)
    if ended and now.state != GatewayState.CRASH_LOOPING:
        yield _end(step, reconstructed=reconstructed)
        if is_down_now:
            return
        # The state of the new process is an event of its own.
        was = was._replace(state=str(GatewayState.STOPPED if now.pid is not None else now.state), pid=None)
    elif was.state == now.state and was.is_frozen == now.is_frozen:
        if is_left_behind(now) and not is_left_behind(was):
            yield _end(step, reconstructed=reconstructed)
        return
    base = _event(step, EventKind.UP, was.state)
    if now.state in _UP:
        yield from _begun(step, base, was, reconstructed=reconstructed)
    elif now.state == GatewayState.STARTING:
        cause = cause_of_start(step.before, now, step.request)
        yield base._replace(kind=EventKind.STARTING, cause=cause, command=_command(step, cause))
    elif now.state in _FAULTY:
        yield _fault(step, base)
    elif was.state in ("", GatewayState.STOPPED, GatewayState.STALE) and now.state != GatewayState.FAILED:
        return  # down before and after
    elif is_down_now:
        yield _end(step, reconstructed=reconstructed)


def _begun(step: _Step, base: FleetEvent, was: SeenGateway, *, reconstructed: bool) -> Iterator[FleetEvent]:
    """Yield the event of a gateway that works now."""
    if was.state in _UP and not was.is_frozen:
        return
    is_end_of_fault = was.state in _AILING
    cause = cause_of_start(step.before, step.after, step.request)
    at = step.after.started if reconstructed and step.after.started and not is_end_of_fault else step.at
    kind = EventKind.RECOVERED if is_end_of_fault else EventKind.UP
    yield base._replace(at=min(at, step.at), kind=kind, cause=cause, command=_command(step, cause))


def _fault(step: _Step, base: FleetEvent) -> FleetEvent:
    now = step.after
    if now.state == GatewayState.CRASH_LOOPING:
        kind = EventKind.CRASH_LOOPING
        if end_kind(now) is not EventKind.DOWN:
            kind = end_kind(now)
        return base._replace(kind=kind, exit_code=now.last_exit, cause=EventCause.CRASH)
    if now.state == GatewayState.UNSUPERVISED and not now.is_frozen:
        return base._replace(
            kind=EventKind.UNSUPERVISED, cause=EventCause.MANAGER if step.is_manager_gone else base.cause
        )
    if now.is_frozen:
        return base._replace(kind=EventKind.HUNG, cause=EventCause.SIGNAL if "SIGSTOP" in now.detail else base.cause)
    return base._replace(kind=fault_kind(now.detail, EventKind.DEGRADED))


def _end(step: _Step, *, reconstructed: bool) -> FleetEvent:
    """Return the event of a process that is gone."""
    was, now = step.before, step.after
    cause, is_recorded = cause_of_end(was, now, step.request), now.ended_pid is not None and now.ended_pid == was.pid
    recorded, at = (now.ended_reason if is_recorded else ""), step.at
    if reconstructed:
        at = (epoch_of(now.ended_at) if is_recorded else None) or now.started or step.at
    event = _event(step, end_kind(now) if cause is not EventCause.COMMAND else EventKind.DOWN, was.state)
    trouble = now.trouble if now.trouble not in ("exit-code", "signal") else ""
    is_over = now.state in _DOWN and exit_meaning(now.last_exit) not in now.detail
    is_killed = now.last_exit == _SIGKILL and step.at - step.memory_killed_at < _JUST_NOW
    memory = "the kernel ended a process just then, because memory ran out" if is_killed else ""
    details = now.detail if is_over or now.last_exit is None else ""
    words = (exit_meaning(now.last_exit), memory, recorded, trouble, details)
    reason = PROFILE_REMOVED if not now.state else "; ".join(dict.fromkeys(filter(None, words)))
    return event._replace(
        at=min(at, step.at),
        after=str(GatewayState.STOPPED) if now.pid is not None and step.has_new_process else now.state,
        reason=reason,
        exit_code=now.last_exit,
        pid=was.pid,
        cause=cause,
        command=_command(step, cause),
    )


def _event(step: _Step, kind: EventKind, before: str) -> FleetEvent:
    now = step.after
    return FleetEvent(step.at, kind, now.profile, None, before, now.state, now.detail, pid=now.pid)


def _command(step: _Step, cause: EventCause) -> str:
    if cause is not EventCause.COMMAND or step.request is None:
        return ""
    return PROFILES if step.request.verb == PROFILES else f"hermes-gateways {step.request.verb}"


def _of_channels(step: _Step) -> Iterator[FleetEvent]:
    """Yield the events of the channels of a gateway that lives; the end of a gateway implies that of its channels."""
    if step.after.pid is None or step.is_manager_gone:
        return  # without its supervisord a gateway closes its channels and ends
    known = {each.name: each for each in step.before.channels} if not step.has_new_process else {}
    for channel in step.after.channels:
        was = known.get(channel.name) or SeenChannel(channel.name, "")
        event = _of_channel(was, channel, is_asked=step.request is not None)
        if event is not None:
            yield event._replace(at=step.at, profile=step.after.profile, pid=step.after.pid)
    present = {each.name for each in step.after.channels}
    for name, was in known.items():
        if name not in present and (was.state in _WORKS or was.state in _BAD):
            yield FleetEvent(
                step.at, EventKind.DOWN, step.after.profile, name, was.state, "off", "switched off in its files",
                pid=step.after.pid, cause=EventCause.HERMES,
            )  # fmt: skip


def _of_channel(was: SeenChannel, now: SeenChannel, *, is_asked: bool) -> FleetEvent | None:
    """Return the event of a channel; `is_asked`: a command of ours acts on its gateway, and says what is masked."""
    event = FleetEvent(0.0, EventKind.UP, None, now.name, was.state, now.state, now.detail)
    if now.state == _MASKED:
        kind = fault_kind(now.detail, EventKind.MASKED)
        kind = (
            kind if kind is EventKind.PORT_LOST or (kind is EventKind.CONFLICT and not is_asked) else EventKind.MASKED
        )
        return event._replace(kind=kind) if was.state != _MASKED else None
    if now.state in _BAD:
        kind = channel_fault(now)
        is_new = was.state not in _BAD or kind is not channel_fault(was)
        return event._replace(kind=kind) if is_new else None
    if now.state not in _WORKS or was.state in _WORKS:
        return None
    if was.state == _MASKED:
        return event._replace(kind=EventKind.UNMASKED, cause=EventCause.HERMES)
    kind = EventKind.RECOVERED if was.state in _BAD else EventKind.UP
    return event._replace(kind=kind, cause=EventCause.HERMES)


def _of_conflicts(before: Sequence[SeenConflict], after: Sequence[SeenConflict], at: float) -> Iterator[FleetEvent]:
    was, now = _by_place(before), _by_place(after)
    for place, conflict in now.items():
        if place not in was:
            yield _conflict(conflict, at)._replace(kind=EventKind.CONFLICT, reason=conflict.message)
    for place, conflict in was.items():
        if place not in now:
            yield _conflict(conflict, at)._replace(reason=f"over: {conflict.message}")


def _conflict(conflict: SeenConflict, at: float) -> FleetEvent:
    first, *others = conflict.profiles
    kind = EventKind.RECOVERED
    return FleetEvent(at, kind, first, conflict.channel, also=tuple(others), fault=str(EventKind.CONFLICT))


def _by_place(conflicts: Sequence[SeenConflict]) -> Mapping[tuple[str, tuple[str, ...]], SeenConflict]:
    return {(each.channel, each.profiles): each for each in conflicts if each.profiles}


def _of_faults(before: Sequence[SeenFault], after: Sequence[SeenFault], at: float) -> Iterator[FleetEvent]:
    was, now = _by_subject(before), _by_subject(after)
    for key, fault in now.items():
        if key not in was:
            yield FleetEvent(
                at, EventKind(fault.kind), fault.profile, fault.channel, reason=fault.reason, fault=fault.kind
            )
    for key, fault in was.items():
        if key not in now:
            reason = f"over: {fault.reason}"
            yield FleetEvent(at, EventKind.RECOVERED, fault.profile, fault.channel, reason=reason, fault=fault.kind)


def _by_subject(faults: Sequence[SeenFault]) -> Mapping[tuple[str, str | None, str | None], SeenFault]:
    return {(each.kind, each.profile, each.channel): each for each in faults}
