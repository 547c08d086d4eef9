"""What happened to one gateway: its uptime by day, its restarts, its longest outage, from its events. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from hermes_profiles.model.named_tuple import NamedTuple

from .model import EventKind, FleetEvent


class Availability(StrEnum):
    """How far a gateway works for its users. `stopped`: on purpose; `unknown`: before its first event."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


_KINDS = {
    EventKind.UP: Availability.UP,
    EventKind.RECOVERED: Availability.UP,
    EventKind.UNSUPERVISED: Availability.UP,
    EventKind.DEGRADED: Availability.DEGRADED,
    EventKind.TOKEN_REFUSED: Availability.DEGRADED,
    EventKind.CONFLICT: Availability.DEGRADED,
    EventKind.PORT_LOST: Availability.DEGRADED,
    EventKind.MODEL_KEY_REFUSED: Availability.DEGRADED,
}
# Of several in one hour the plot shows the worst.
_WORST = (
    Availability.DOWN,
    Availability.DEGRADED,
    Availability.STOPPED,
    Availability.UP,
    Availability.UNKNOWN,
)
HOURS = 24


class Stretch(NamedTuple):
    """A time in one availability; epoch seconds."""

    begin: float
    end: float
    availability: Availability
    reason: str = ""
    kind: str = ""

    @property
    def seconds(self) -> float:
        """Return its length."""
        return self.end - self.begin


class DayOfGateway(NamedTuple):
    """One day: seconds of each availability, and the worst of each hour; `date`: ISO, local."""

    date: str
    seconds: dict[Availability, float]
    hours: tuple[Availability, ...]

    @property
    def uptime(self) -> float | None:
        """Return the share of the time in which it was to run and ran, None where it was not to run."""
        return uptime_of(self.seconds)


class GatewayHistory(NamedTuple):
    """What happened to one gateway in a time; `restarts`: starts after an end; `crashes`: ends that were not wanted."""

    profile: str
    begin: float
    end: float
    days: tuple[DayOfGateway, ...]
    restarts: int
    crashes: int
    longest_outage: Stretch | None
    events: tuple[FleetEvent, ...]

    @property
    def uptime(self) -> float | None:
        """Return the share of the whole time in which it was to run and ran."""
        total = {each: sum(day.seconds[each] for day in self.days) for each in Availability}
        return uptime_of(total)


def uptime_of(seconds: dict[Availability, float]) -> float | None:
    """Return the share of up time in up and down time, None without any."""
    up = seconds[Availability.UP] + seconds[Availability.DEGRADED]
    whole = up + seconds[Availability.DOWN]
    return up / whole if whole else None


def history_of(profile: str, events: Iterable[FleetEvent], begin: float, end: float) -> GatewayHistory:
    """Return the history of a gateway between two times; `events`: of all times, in any order, of any gateways."""
    own = sorted((each for each in events if each.profile == profile and each.at <= end), key=lambda each: each.at)
    gateway = [each for each in own if each.channel is None and not each.fault and each.kind is not EventKind.REQUESTED]
    stretches = tuple(_stretches(gateway, begin, end))
    inside = [each for each in gateway if each.at >= begin]
    outages = [each for each in stretches if each.availability is Availability.DOWN]
    return GatewayHistory(
        profile,
        begin,
        end,
        tuple(_days(stretches, begin, end)),
        _restarts(inside),
        sum(each.kind in (EventKind.DOWN, EventKind.CONFIGURATION_BROKEN) and each.is_fault for each in inside),
        max(outages, key=lambda each: each.seconds, default=None),
        tuple(each for each in own if each.at >= begin),
    )


def _availability(event: FleetEvent, before: Availability) -> Availability:
    if event.kind is EventKind.STARTING:  # after a stop, or after a crash: it is not there yet
        return before if before in (Availability.STOPPED, Availability.DOWN) else Availability.DOWN
    if event.kind is EventKind.DOWN and not event.is_fault:
        return Availability.STOPPED
    return _KINDS.get(event.kind, Availability.DOWN)


def _stretches(events: Sequence[FleetEvent], begin: float, end: float) -> Iterable[Stretch]:
    now = Stretch(begin, end, Availability.UNKNOWN)
    for event in events:
        availability = _availability(event, now.availability)
        at = max(event.at, begin)
        if availability is now.availability:
            continue
        if at > now.begin:
            yield now._replace(end=at)
        now = Stretch(at, end, availability, event.reason, str(event.kind))
    if now.end > now.begin:
        yield now


def _restarts(events: Sequence[FleetEvent]) -> int:
    found, has_ended = 0, False
    for event in events:
        if event.kind in (EventKind.UP, EventKind.RECOVERED, EventKind.STARTING) and has_ended:
            found += 1
            has_ended = False
        has_ended = has_ended or event.kind is EventKind.DOWN
    return found


def _days(stretches: Sequence[Stretch], begin: float, end: float) -> Iterable[DayOfGateway]:
    day = datetime.fromtimestamp(begin).replace(hour=0, minute=0, second=0, microsecond=0)
    while day.timestamp() < end:
        following = day + timedelta(days=1)
        hours = [(day + timedelta(hours=hour)).timestamp() for hour in range(HOURS)]
        ends = [*hours[1:], following.timestamp()]
        seconds = dict.fromkeys(Availability, 0.0)
        for each in stretches:
            seconds[each.availability] += _common(each, day.timestamp(), following.timestamp())
        marks = tuple(_worst(stretches, first, last) for first, last in zip(hours, ends, strict=True))
        yield DayOfGateway(day.date().isoformat(), seconds, marks)
        day = following


def _worst(stretches: Sequence[Stretch], begin: float, end: float) -> Availability:
    found = {each.availability for each in stretches if _common(each, begin, end) > 0}
    return next((each for each in _WORST if each in found), Availability.UNKNOWN)


def _common(stretch: Stretch, begin: float, end: float) -> float:
    return max(0.0, min(stretch.end, end) - max(stretch.begin, begin))
