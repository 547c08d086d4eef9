"""One change of state of a gateway or channel, and its line in the log. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from hermes_profiles.gateways.model import epoch_of
from hermes_profiles.model.errors import SCHEMA
from hermes_profiles.model.named_tuple import NamedTuple

# The reason of the end of a gateway whose home is gone, without a command of ours.
PROFILE_REMOVED = "its profile was removed"


class EventKind(StrEnum):
    """What happened. `requested`: a command of ours was asked for it; its effect is an event of its own."""

    UP = "up"
    STARTING = "starting"
    DOWN = "down"
    DEGRADED = "degraded"
    RECOVERED = "recovered"
    CRASH_LOOPING = "crash-looping"
    UNSUPERVISED = "unsupervised"
    MASKED = "masked"
    UNMASKED = "unmasked"
    CONFLICT = "conflict"
    PORT_LOST = "port-lost"
    HUNG = "hung"
    DISK_FULL = "disk-full"
    TOKEN_REFUSED = "token-refused"  # noqa: S105  a word, no token
    MODEL_KEY_REFUSED = "model-key-refused"
    CONFIGURATION_BROKEN = "configuration-broken"
    SUPERVISOR_GONE = "supervisor-gone"
    OLD_CODE = "old-code"
    LOG_LOST = "log-lost"
    CLOCK_CHANGED = "clock-changed"
    REQUESTED = "requested"
    WATCH_STARTED = "watch-started"
    WATCH_STOPPED = "watch-stopped"


class EventCause(StrEnum):
    """What brought a change about. `command`: of ours; `hermes`: Hermes itself, on purpose."""

    COMMAND = "command"
    HERMES = "hermes"
    MANAGER = "manager"
    CRASH = "crash"
    SIGNAL = "signal"
    UNKNOWN = "unknown"


# An event of these kinds begins a fault of its subject: a profile, or a channel of it.
FAULTS = frozenset({
    EventKind.DOWN, EventKind.DEGRADED, EventKind.CRASH_LOOPING, EventKind.UNSUPERVISED, EventKind.CONFLICT,
    EventKind.PORT_LOST, EventKind.HUNG, EventKind.DISK_FULL, EventKind.TOKEN_REFUSED, EventKind.MODEL_KEY_REFUSED,
    EventKind.CONFIGURATION_BROKEN, EventKind.SUPERVISOR_GONE, EventKind.OLD_CODE,
    EventKind.LOG_LOST,
})  # fmt: skip
# An event of these kinds ends every fault of its subject.
ENDS = frozenset({EventKind.UP, EventKind.RECOVERED, EventKind.UNMASKED})
# Lost, they would be missed: they are on the disk before the watcher goes on.
KEPT = FAULTS | ENDS | {EventKind.MASKED}
# Causes of an end that the user, or Hermes for the user, asked for.
_ON_PURPOSE = frozenset({EventCause.COMMAND, EventCause.HERMES, EventCause.MANAGER})
_DELIBERATE = frozenset({EventKind.DOWN, EventKind.UNSUPERVISED})


class FleetEvent(NamedTuple):
    """One change of state.

    `at`: epoch seconds; `profile`: None for an event of the whole fleet; `channel`: None for one of the gateway;
    `before`, `after`: the states, "" without one; `reason`: redacted text; `exit_code`: negative for a signal;
    `pid`: the process that the event is about; `command`: the command of ours that asked for it, "" for another cause;
    `also`: further profiles that it concerns; `fault`: the name of a fault that no state shows, such as `conflict`, at
    its begin and at its end; `reconstructed`: found afterwards, `at` may be inexact; `number`: its
    place in the log, rising by one, 0 before it is written.
    """

    at: float
    kind: EventKind
    profile: str | None = None
    channel: str | None = None
    before: str = ""
    after: str = ""
    reason: str = ""
    exit_code: int | None = None
    pid: int | None = None
    cause: EventCause = EventCause.UNKNOWN
    command: str = ""
    also: tuple[str, ...] = ()
    fault: str = ""
    reconstructed: bool = False
    number: int = 0

    @property
    def subject(self) -> tuple[str | None, str | None, str]:
        """Return what it happened to: (profile, channel, fault). Its end ends the faults of the same subject alone."""
        return self.profile, self.channel, self.fault

    @property
    def is_fault(self) -> bool:
        """Return whether it begins a fault: an end that was asked for does not."""
        return self.kind in FAULTS and not (self.kind in _DELIBERATE and self.cause in _ON_PURPOSE)

    @property
    def is_end(self) -> bool:
        """Return whether it ends the faults of its subject."""
        return self.kind in ENDS

    def concerns(self, profiles: frozenset[str]) -> bool:
        """Return whether it is about one of these profiles, or about the whole fleet."""
        return self.profile is None or self.profile in profiles or not profiles.isdisjoint(self.also)


def event_data(event: FleetEvent) -> dict[str, Any]:
    """Return an event as the contract has it: one object a line."""
    return {
        "schema": SCHEMA,
        "number": event.number,
        "time": utc_time(event.at),
        "kind": str(event.kind),
        "profile": event.profile,
        "channel": event.channel,
        "from": event.before or None,
        "to": event.after or None,
        "reason": event.reason or None,
        "exit_code": event.exit_code,
        "pid": event.pid,
        "cause": str(event.cause),
        "command": event.command or None,
        "also": list(event.also),
        "fault": event.fault or None,
        "reconstructed": event.reconstructed,
    }


def event_line(event: FleetEvent) -> bytes:
    """Return the line of an event, with its end."""
    return json_line(event_data(event)).encode() + b"\n"


def json_line(data: dict[str, Any]) -> str:
    """Return the data of an event as one line."""
    return json.dumps(data, ensure_ascii=True, separators=(",", ":"))


def parse_event(line: bytes) -> FleetEvent | None:
    """Return the event of a line, None for a line that was cut or that a later version wrote in another way."""
    try:
        data = json.loads(line)
        at = epoch_of(data["time"])
        if at is None:
            return None
        return FleetEvent(
            at=at,
            kind=EventKind(data["kind"]),
            profile=_text(data, "profile"),
            channel=_text(data, "channel"),
            before=_text(data, "from") or "",
            after=_text(data, "to") or "",
            reason=_text(data, "reason") or "",
            exit_code=_whole(data, "exit_code"),
            pid=_whole(data, "pid"),
            cause=EventCause(data["cause"]),
            command=_text(data, "command") or "",
            also=tuple(str(name) for name in data.get("also") or ()),
            fault=_text(data, "fault") or "",
            reconstructed=data.get("reconstructed") is True,
            number=_whole(data, "number") or 0,
        )
    except (ValueError, KeyError, TypeError):
        return None


def utc_time(at: float) -> str:
    """Return epoch seconds as ISO time in UTC, with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _text(data: Mapping[str, Any], key: str) -> str | None:
    return str(data[key]) if data.get(key) is not None else None


def _whole(data: Mapping[str, Any], key: str) -> int | None:
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
