"""What one look at a fleet shows, as far as events are made of it; kept on the disk between two runs. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from hermes_profiles.gateways.hermes_files import StateRecord
from hermes_profiles.gateways.model import Gateway, GatewayFacts, GatewayState, epoch_of
from hermes_profiles.gateways.resolve import CRASH_LOOP, START_GRACE
from hermes_profiles.hermes import gateway_states as states
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.services.manager import Activity

from .model import EventKind, FleetEvent

SIGNALLED = "signalled"
# The commands of ours that start gateways, and report one that does not come up.
STARTS = frozenset({"start", "restart", "install", "run-mode"})
_SLOW_START = "still starting after"  # gateways/resolve.py
# Seconds that a gateway may take to exit after it has closed its channels.
_CLOSING = 20.0


class SeenFault(NamedTuple):
    """A fault that no state shows, such as a full disk; `kind`: of the event that it makes."""

    kind: str
    reason: str
    profile: str | None = None
    channel: str | None = None


class SeenChannel(NamedTuple):
    """One channel of a gateway, as `status` shows it."""

    name: str
    state: str
    detail: str = ""


class SeenConflict(NamedTuple):
    """Running gateways that share an identity or a port."""

    channel: str
    profiles: tuple[str, ...]
    message: str


class SeenGateway(NamedTuple):
    """One gateway, as `status` shows it, and the last end that is recorded of it.

    `started`: epoch seconds of its process; `expected`: it has a service and is not switched off; `waiting`: its
    manager waits before the next try; `trouble`: the manager's term for the last failure; `ended`, `ended_pid`,
    `ended_at`, `ended_reason`: what Hermes recorded of the last end, "" or None where it recorded none, `signalled` for
    an end by a signal without notice; `is_frozen`: it lives and does nothing; `is_ending`: it is being stopped;
    `calm_restarts`: the restarts when it last ran for a minute: its manager may count for weeks;
    `changed_at`, `change`, `was`, `change_cause`: time, kind, former state and cause of the last change of its state.
    """

    profile: str
    state: str
    detail: str = ""
    pid: int | None = None
    started: float | None = None
    expected: bool = False
    restarts: int | None = None
    last_exit: int | None = None
    activity: str = ""
    waiting: bool = False
    trouble: str = ""
    ended: str = ""
    ended_pid: int | None = None
    ended_at: str = ""
    ended_reason: str = ""
    is_frozen: bool = False
    is_ending: bool = False
    calm_restarts: int = 0
    channels: tuple[SeenChannel, ...] = ()
    changed_at: float | None = None
    change: str = ""
    was: str = ""
    change_cause: str = ""


class Request(NamedTuple):
    """A command of ours on one gateway: its verb, such as `stop`, when it was asked for, and by which process."""

    profile: str
    verb: str
    at: float
    pid: int | None = None


class FleetSnapshot(NamedTuple):
    """One look at a fleet.

    `at`: epoch seconds; `requests`: commands of ours whose effect was not seen so far; `number`: of the last event that
    was written before it; `memory_kills`: processes that the kernel has ended since the boot because memory ran out,
    `memory_killed_at`: when that number was last seen to rise; `cursor`: the place in the journal of systemd up to
    which it was read, "" without one.
    """

    at: float
    gateways: Mapping[str, SeenGateway] = {}
    conflicts: tuple[SeenConflict, ...] = ()
    faults: tuple[SeenFault, ...] = ()
    requests: tuple[Request, ...] = ()
    number: int = 0
    memory_kills: int = 0
    memory_killed_at: float = 0.0
    cursor: str = ""


NOTHING_SEEN = FleetSnapshot(0.0)


def seen_gateway(gateway: Gateway, *, expected: bool) -> SeenGateway:
    """Return what a snapshot keeps of a gateway."""
    facts, service = gateway.observation, gateway.service
    end = _recorded_end(facts)
    frozen = gateway.state in (GatewayState.DEGRADED, GatewayState.UNSUPERVISED) and any(
        words in gateway.detail for words in ("no heartbeat for", "suspended (SIGSTOP)")
    )
    return SeenGateway(
        gateway.profile,
        str(gateway.state),
        gateway.detail,
        gateway.pid if gateway.is_alive else None,
        facts.started_at if facts is not None and gateway.process is not None else None,
        expected,
        gateway.restarts,
        gateway.last_exit,
        str(service.activity) if service is not None else "",
        service is not None and service.waiting,
        service.reason if service is not None and service.activity is not Activity.ACTIVE else "",
        end.state,
        end.pid,
        end.at,
        end.reason,
        frozen,
        _is_ending(gateway),
        0,
        tuple(SeenChannel(each.name, each.state, each.detail) for each in gateway.channels),
    )


class _End(NamedTuple):
    state: str = ""
    pid: int | None = None
    at: str = ""
    reason: str = ""


def _recorded_end(facts: GatewayFacts | None) -> _End:
    """Return the end that Hermes recorded.

    Ended by SIGTERM without its marker, Hermes 0.19.0 leaves "running", with every channel disconnected
    (gateway/run.py; a container starts such a gateway again).
    """
    runtime = facts.runtime if facts is not None else None
    if facts is None or runtime is None:
        return _End()
    if runtime.state in states.ENDED:
        return _End(runtime.state, runtime.pid, runtime.updated, runtime.reason)
    is_gone = facts.process is None or facts.process.pid != runtime.pid
    return _End(SIGNALLED, runtime.pid, runtime.updated) if is_gone and _has_closed_channels(runtime) else _End()


def _has_closed_channels(runtime: StateRecord) -> bool:
    return bool(runtime.channels) and all(each.state == states.DISCONNECTED for each in runtime.channels)


def _is_ending(gateway: Gateway) -> bool:
    """Return whether a living gateway is being stopped: it closes its channels, which are no faults."""
    facts, service, process = gateway.observation, gateway.service, gateway.process
    if facts is None or process is None:
        return False
    if gateway.detail == "is being stopped" or (service is not None and service.activity is Activity.DEACTIVATING):
        return True
    runtime = facts.runtime
    if runtime is None or runtime.pid != process.pid:
        return False
    if runtime.state == states.DRAINING:
        return True
    closed = [at for each in runtime.channels if (at := epoch_of(each.since or "")) is not None]
    return _has_closed_channels(runtime) and bool(closed) and facts.now - max(closed) < _CLOSING


def remembered(before: FleetSnapshot, after: FleetSnapshot) -> FleetSnapshot:
    """Return a snapshot with what a look cannot know kept from before, where the process is the same.

    A channel of which nothing is known keeps its state, and so do all of a gateway that is frozen; a gateway that is
    being stopped keeps the whole; one that starts has no channels so far. A start that takes long is no fault while the
    command of ours that asked for it waits.
    """
    gateways, asked = {}, {each.profile for each in after.requests if each.verb in STARTS}
    for name, gateway in after.gateways.items():
        earlier = before.gateways.get(name)
        is_same = earlier is not None and earlier.pid is not None and earlier.pid == gateway.pid
        if name in asked and gateway.detail.startswith(_SLOW_START):
            gateway = gateway._replace(state=str(GatewayState.STARTING))
        if is_same and earlier is not None and gateway.is_ending:
            gateway = earlier._replace(is_ending=True)
        elif gateway.state == GatewayState.STARTING:
            gateway = gateway._replace(channels=())
        elif is_same and earlier is not None:
            known = {each.name: each for each in earlier.channels}
            gateway = gateway._replace(
                channels=tuple(
                    known.get(each.name, each) if gateway.is_frozen or each.state == "unknown" else each
                    for each in gateway.channels
                )
            )
        gateways[name] = _with_crash_loop(gateway, earlier, after.at)
    has_killed = before.at and after.memory_kills > before.memory_kills
    killed_at = after.at if has_killed else before.memory_killed_at
    return after._replace(gateways=gateways, memory_killed_at=killed_at)


def _with_crash_loop(gateway: SeenGateway, earlier: SeenGateway | None, at: float) -> SeenGateway:
    """Return a gateway whose state is a crash loop only where it did not run for a minute since three restarts."""
    calm = min(earlier.calm_restarts if earlier is not None else 0, gateway.restarts or 0)
    if gateway.started is not None and at - gateway.started >= START_GRACE:
        calm = gateway.restarts or 0
    if gateway.state == GatewayState.CRASH_LOOPING and (gateway.restarts or 0) - calm < CRASH_LOOP:
        gateway = gateway._replace(state=str(GatewayState.STARTING))
    return gateway._replace(calm_restarts=calm)


def dated(before: FleetSnapshot, after: FleetSnapshot, events: Iterable[FleetEvent]) -> FleetSnapshot:
    """Return a snapshot with the last change of each gateway: among these events, or as it was known before."""
    last = {each.profile: each for each in events if each.channel is None and each.after}
    gateways = {}
    for name, gateway in after.gateways.items():
        event, earlier = last.get(name), before.gateways.get(name)
        if event is not None:
            gateway = gateway._replace(
                changed_at=event.at, change=str(event.kind), was=event.before, change_cause=str(event.cause)
            )
        elif earlier is not None:
            gateway = gateway._replace(
                changed_at=earlier.changed_at, change=earlier.change, was=earlier.was, change_cause=earlier.change_cause
            )
        gateways[name] = gateway
    return after._replace(gateways=gateways)


def merged(before: FleetSnapshot, after: FleetSnapshot, *, keep_living: bool = False) -> FleetSnapshot:
    """Return a look at some gateways together with what was seen of the others before.

    `keep_living`: the manager did not answer, so a process that is the same is in the state of before.
    """
    gateways = dict(before.gateways)
    for name, gateway in after.gateways.items():
        earlier = before.gateways.get(name)
        is_same = earlier is not None and earlier.pid is not None and earlier.pid == gateway.pid
        gateways[name] = earlier if keep_living and is_same and earlier is not None else gateway
    others = (
        each
        for each in before.faults
        if each.kind == EventKind.OLD_CODE or (each.profile is not None and each.profile not in after.gateways)
    )
    return after._replace(gateways=gateways, faults=(*after.faults, *others))


def snapshot_bytes(snapshot: FleetSnapshot) -> bytes:
    """Return a snapshot as the content of its file."""
    data = snapshot._asdict() | {
        "gateways": [
            each._asdict() | {"channels": [channel._asdict() for channel in each.channels]}
            for each in snapshot.gateways.values()
        ],
        "conflicts": [each._asdict() for each in snapshot.conflicts],
        "faults": [each._asdict() for each in snapshot.faults],
        "requests": [each._asdict() for each in snapshot.requests],
    }
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def parse_snapshot(content: bytes) -> FleetSnapshot | None:
    """Return the snapshot of a file, None where it cannot be parsed."""
    try:
        data = json.loads(content)
        gateways = [
            _made(SeenGateway, each)._replace(channels=_all(SeenChannel, each["channels"])) for each in data["gateways"]
        ]
        conflicts = tuple(
            each._replace(profiles=tuple(each.profiles)) for each in _all(SeenConflict, data["conflicts"])
        )
        return FleetSnapshot(
            float(data["at"]),
            {each.profile: each for each in gateways},
            tuple(each._replace(profiles=tuple(each.profiles)) for each in conflicts),
            _all(SeenFault, data["faults"]),
            _all(Request, data["requests"]),
            int(data["number"]),
            int(data.get("memory_kills", 0)),
            float(data.get("memory_killed_at", 0.0)),
            str(data.get("cursor") or ""),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _made(kind: Any, data: Mapping[str, Any]) -> Any:
    """Return a tuple of this kind; keys of a later version are left out."""
    return kind(**{key: value for key, value in data.items() if key in kind._fields})


def _all(kind: Any, found: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(_made(kind, each) for each in found)
