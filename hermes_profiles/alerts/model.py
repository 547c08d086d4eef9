"""Destinations of alerts, and what is known of their delivery, as data and as the content of their files. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret

# The reason of a fault that is over because its profile does not exist any more.
PROFILE_GONE = "its profile is gone"
AFTER, LIMIT, EVERY = 60.0, 30, 300.0
_VERSION = 1


class DestinationKind(StrEnum):
    """How a destination is reached."""

    WEBHOOK = "webhook"
    EXEC = "exec"
    APPRISE = "apprise"
    HERMES = "hermes"
    HEARTBEAT = "heartbeat"


class Destination(NamedTuple):
    """A place that alerts are sent to, and when.

    `address`: a URL, a command or PROFILE:CHANNEL; `after`: seconds that a fault lasts before it is sent; `quiet`: the
    minutes of the day between which nothing is sent; `limit`: messages an hour; `every`: seconds between two calls of
    a heartbeat; `profiles`: the only ones that it is about, () for all; `muted_until`: epoch seconds.
    """

    name: str
    kind: DestinationKind
    address: Secret[str]
    after: float = AFTER
    quiet: tuple[int, int] | None = None
    limit: int = LIMIT
    every: float = EVERY
    profiles: tuple[str, ...] = ()
    muted_until: float = 0.0

    def is_quiet(self, minute: int) -> bool:
        """Return whether a minute of the day is in the quiet hours, which can pass midnight."""
        if self.quiet is None:
            return False
        begin, end = self.quiet
        return begin <= minute < end if begin <= end else minute >= begin or minute < end

    def is_about(self, profile: str | None, also: tuple[str, ...] = ()) -> bool:
        """Return whether a fault of a profile is sent here; None: of the whole fleet.

        A channel of Hermes is not used for faults of its own profile.
        """
        if self.kind is DestinationKind.HEARTBEAT:
            return False
        if self.kind is DestinationKind.HERMES and profile == self.address.reveal().partition(":")[0]:
            return False
        return profile is None or not self.profiles or not {profile, *also}.isdisjoint(self.profiles)


class AlertItem(NamedTuple):
    """One fall or recovery in a message. `since`, `until`: epoch seconds, `until` None while it lasts."""

    profile: str | None
    channel: str | None
    fault: str
    kind: str
    since: float
    reason: str = ""
    until: float | None = None
    also: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Return its subject as text: a fault of the same subject replaces it."""
        return "|".join((self.profile or "", self.channel or "", self.fault))


class AlertMessage(NamedTuple):
    """A message that is to be sent. `tries`: so far; `next_at`: not before; `is_started`: a try may be under way."""

    id: str
    destination: str
    items: tuple[AlertItem, ...]
    made: float
    tries: int = 0
    next_at: float = 0.0
    is_started: bool = False


class DeliveryTrouble(NamedTuple):
    """Failed tries of a destination since the last one that succeeded."""

    since: float
    tries: int
    error: str


class AlertState(NamedTuple):
    """What the watcher keeps between two runs.

    `position`: number of the last event that is counted; `faults`: subject → fault, `until` is set for one that is
    over for a moment; `sent`: destination → subject → fault that it knows of; `messages`: in the order of sending;
    `times`: destination → when messages were made in the last hour; `troubles`: destination → its failed tries;
    `delivered`: destination → the last success.
    """

    position: int = 0
    faults: Mapping[str, AlertItem] = {}
    sent: Mapping[str, Mapping[str, AlertItem]] = {}
    messages: tuple[AlertMessage, ...] = ()
    times: Mapping[str, tuple[float, ...]] = {}
    troubles: Mapping[str, DeliveryTrouble] = {}
    delivered: Mapping[str, float] = {}


def destinations_bytes(destinations: Mapping[str, Destination]) -> bytes:
    """Return the content of the file of destinations, secrets included."""
    rows = [_destination_row(each) for each in destinations.values()]
    return json.dumps({"version": _VERSION, "destinations": rows}, indent=1).encode() + b"\n"


def parse_destinations(content: bytes) -> dict[str, Destination]:
    """Return name → destination. Raises ValueError for another content."""
    try:
        return {str(row["name"]): _destination(row) for row in json.loads(content)["destinations"]}
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a file of destinations: {type(error).__name__}") from None


def _destination_row(destination: Destination) -> dict[str, Any]:
    return destination._asdict() | {"kind": str(destination.kind), "address": destination.address.reveal()}


def _destination(row: Mapping[str, Any]) -> Destination:
    quiet = row.get("quiet")
    return Destination(
        str(row["name"]),
        DestinationKind(row["kind"]),
        Secret(str(row["address"])),
        float(row.get("after", AFTER)),
        (int(quiet[0]), int(quiet[1])) if quiet else None,
        int(row.get("limit", LIMIT)),
        float(row.get("every", EVERY)),
        tuple(str(name) for name in row.get("profiles") or ()),
        float(row.get("muted_until") or 0.0),
    )


def state_bytes(state: AlertState) -> bytes:
    """Return the content of the file of deliveries."""
    data = state._asdict() | {
        "version": _VERSION,
        "faults": [each._asdict() for each in state.faults.values()],
        "sent": {name: [each._asdict() for each in known.values()] for name, known in state.sent.items()},
        "messages": [each._asdict() | {"items": [item._asdict() for item in each.items]} for each in state.messages],
        "troubles": {name: each._asdict() for name, each in state.troubles.items()},
    }
    return json.dumps(data, separators=(",", ":")).encode() + b"\n"


def parse_state(content: bytes) -> AlertState | None:
    """Return the state of a file, None where it cannot be parsed."""
    try:
        data = json.loads(content)
        return AlertState(
            int(data["position"]),
            _by_key(data["faults"]),
            {name: _by_key(rows) for name, rows in data["sent"].items()},
            tuple(map(_message, data["messages"])),
            {name: tuple(map(float, times)) for name, times in data["times"].items()},
            {name: _row(DeliveryTrouble, row) for name, row in data["troubles"].items()},
            {name: float(at) for name, at in data["delivered"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def order_line(message: AlertMessage, destination: Destination) -> bytes:
    """Return a message and its destination as the standard input of the process that sends it, secrets included."""
    data = message._asdict() | {"items": [each._asdict() for each in message.items]}
    return json.dumps({"message": data, "destination": _destination_row(destination)}).encode()


def order_of(content: bytes) -> tuple[AlertMessage, Destination]:
    """Return what `order_line` was given. Raises ValueError."""
    data = json.loads(content)
    return _message(data["message"]), _destination(data["destination"])


def _by_key(rows: Any) -> dict[str, AlertItem]:
    return {item.key: item for item in map(_item, rows)}


def _message(row: Mapping[str, Any]) -> AlertMessage:
    message: AlertMessage = _row(AlertMessage, row)
    return message._replace(items=tuple(map(_item, row["items"])))


def _item(row: Mapping[str, Any]) -> AlertItem:
    item: AlertItem = _row(AlertItem, row)
    return item._replace(also=tuple(item.also))


def _row(kind: Any, data: Mapping[str, Any]) -> Any:
    """Return a tuple of this kind; keys of a later version are left out."""
    return kind(**{key: value for key, value in data.items() if key in kind._fields})
