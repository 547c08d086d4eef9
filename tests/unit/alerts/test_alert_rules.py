"""What is sent to which destination, and when: grace, one alert, one recovery, digests, quiet hours, escalation."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

import pytest

from hermes_profiles.alerts.model import (
    PROFILE_GONE,
    AlertItem,
    AlertMessage,
    AlertState,
    DeliveryTrouble,
    Destination,
    DestinationKind,
    destinations_bytes,
    parse_destinations,
    parse_state,
    state_bytes,
)  # fmt: skip
from hermes_profiles.alerts.rules import (
    due_messages,
    planned,
    with_events,
    with_failure,
    with_start,
    with_success,
    without_profiles_gone,
)  # fmt: skip
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.model.secret import Secret

HOOK = Destination("hook", DestinationKind.WEBHOOK, Secret("https://example.org/CANARY-hook"))
NOON = 12 * 60


class Clocked:
    """A state under a given clock: events, steps, and the messages that were made."""

    def __init__(self, *destinations: Destination) -> None:
        self.state = AlertState()
        self.destinations = {each.name: each for each in destinations or (HOOK,)}
        self.ids = count(1)
        self.numbers = count(1)

    def event(self, at: float, kind: EventKind, profile: str = "work", **more: object) -> None:
        event = FleetEvent(at, kind, profile, number=next(self.numbers), **more)  # type: ignore[arg-type]
        self.state = with_events(self.state, [event], at)

    def at(self, now: float, minute: int = NOON, *, deliver: bool = True) -> list[tuple[str, list[str]]]:
        """Plan at a time; return destination and items of the new messages, which are delivered."""
        known = {each.id for each in self.state.messages}
        self.state = planned(self.state, self.destinations, now, minute, lambda: f"m{next(self.ids)}")
        made = [each for each in self.state.messages if each.id not in known]
        for message in made if deliver else ():
            self.state = with_success(self.state, message, now)
        return [(each.destination, [_short(item) for item in each.items]) for each in made]


def _short(item: AlertItem) -> str:
    mark = "-" if item.until is None else "+"
    return f"{mark}{item.profile}{f'/{item.channel}' if item.channel else ''}"


def test_fall_is_sent_once_after_the_grace_period_and_its_end_once() -> None:
    world = Clocked()
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    assert world.at(159.0) == []
    assert world.at(160.0) == [("hook", ["-work"])]
    world.event(200.0, EventKind.CRASH_LOOPING)
    assert [world.at(now) for now in (230.0, 300.0, 5000.0)] == [[], [], []]
    world.event(5100.0, EventKind.UP)
    assert world.at(5120.0) == []
    assert world.at(5130.0) == [("hook", ["+work"])]
    assert world.at(9000.0) == [] and world.state.faults == {}


def test_fault_that_is_due_sends_no_younger_one_ahead_of_its_time() -> None:
    world = Clocked()
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(140.0, EventKind.DOWN, "home", cause=EventCause.CRASH)
    assert world.at(160.0) == [("hook", ["-work"])]
    world.event(170.0, EventKind.UP, "home")
    assert [world.at(now) for now in (230.0, 900.0)] == [[], []]


def test_fall_that_is_over_within_the_grace_period_sends_nothing() -> None:
    world = Clocked()
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(110.0, EventKind.UP)
    assert [world.at(now) for now in (115.0, 200.0, 900.0)] == [[], [], []] and world.state.faults == {}


def test_gateway_that_comes_up_for_a_moment_is_one_fall() -> None:
    world = Clocked()
    for begin in (100.0, 120.0, 140.0):
        world.event(begin, EventKind.DOWN, cause=EventCause.CRASH)
        world.event(begin + 10.0, EventKind.UP)
        assert world.at(begin + 11.0) == []
    world.event(155.0, EventKind.DOWN, cause=EventCause.CRASH)
    assert world.at(160.0) == [("hook", ["-work"])]
    world.event(200.0, EventKind.UP)
    world.event(215.0, EventKind.DOWN, cause=EventCause.CRASH)
    assert [world.at(now) for now in (230.0, 300.0)] == [[], []]


@pytest.mark.parametrize("cause", [EventCause.COMMAND, EventCause.HERMES, EventCause.MANAGER])
def test_end_that_was_asked_for_sends_nothing_and_ends_a_fault(cause: EventCause) -> None:
    world = Clocked()
    world.event(100.0, EventKind.DOWN, cause=cause)
    assert world.at(900.0) == []
    world.event(1000.0, EventKind.CRASH_LOOPING)
    world.event(1000.0, EventKind.TOKEN_REFUSED, channel="telegram")
    assert world.at(1060.0) == [("hook", ["-work", "-work/telegram"])]
    world.event(1100.0, EventKind.DOWN, cause=cause)
    assert world.at(1200.0) == [("hook", ["+work", "+work/telegram"])]


def test_restart_with_the_same_fault_afterwards_sends_nothing() -> None:
    world = Clocked()
    world.event(100.0, EventKind.TOKEN_REFUSED, channel="telegram")
    assert world.at(160.0) == [("hook", ["-work/telegram"])]
    world.event(300.0, EventKind.DOWN, cause=EventCause.COMMAND)
    world.event(305.0, EventKind.UP)
    world.event(312.0, EventKind.TOKEN_REFUSED, channel="telegram")
    assert [world.at(now) for now in (313.0, 340.0, 900.0)] == [[], [], []]


def test_gateway_with_the_fault_of_its_channel_is_not_sent_beside_it() -> None:
    world = Clocked()
    for channel in (None, "telegram"):
        world.event(100.0, EventKind.TOKEN_REFUSED, channel=channel)
    world.event(100.0, EventKind.DEGRADED, "home")
    world.event(100.0, EventKind.CONFLICT, "home", channel="telegram")
    assert world.at(160.0) == [("hook", ["-work/telegram", "-home", "-home/telegram"])]
    for channel in (None, "telegram"):
        world.event(170.0, EventKind.RECOVERED, channel=channel)
    assert world.at(300.0) == [("hook", ["+work/telegram"])] and world.at(900.0) == []


def test_channel_that_is_masked_is_over() -> None:
    world = Clocked()
    world.event(100.0, EventKind.DEGRADED, channel="slack")
    world.at(160.0)
    world.event(200.0, EventKind.MASKED, channel="slack")
    assert world.at(240.0) == [("hook", ["+work/slack"])]


def test_machine_that_comes_back_sends_few_messages() -> None:
    world = Clocked()
    for number in range(30):
        world.event(100.0 + number, EventKind.DOWN, f"p{number}", cause=EventCause.CRASH)
    made = [message for now in range(130, 400, 5) for message in world.at(float(now))]
    assert len(made) == 1 and len(made[0][1]) == 30
    for number in range(30):
        world.event(500.0 + 2 * number, EventKind.UP, f"p{number}")
    made = [message for now in range(500, 900, 5) for message in world.at(float(now))]
    assert len(made) == 2 and sum(len(items) for _, items in made) == 30


def test_quiet_hours_hold_falls_and_ends_until_they_are_over() -> None:
    night = HOOK._replace(quiet=(23 * 60, 7 * 60))
    world = Clocked(night)
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(100.0, EventKind.DOWN, "home", cause=EventCause.CRASH)
    assert world.at(200.0, 23 * 60) == [] and world.at(300.0, 0) == []
    world.event(400.0, EventKind.UP, "home")
    assert world.at(500.0, 7 * 60 - 1) == []
    assert world.at(600.0, 7 * 60) == [("hook", ["-work"])]
    world.event(700.0, EventKind.UP)
    assert world.at(800.0, 23 * 60 + 5) == []
    assert world.at(900.0, 7 * 60 + 5) == [("hook", ["+work"])]


def test_quiet_hours_hold_a_message_that_waits_for_its_next_try() -> None:
    night = HOOK._replace(quiet=(1 * 60, 2 * 60))
    world = Clocked(night)
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.at(160.0, deliver=False)
    (message,) = due_messages(world.state, world.destinations, 160.0, NOON)
    state = with_failure(world.state, message, "refused", 160.0)
    assert due_messages(state, world.destinations, 999.0, 90) == ()
    assert len(due_messages(state, world.destinations, 999.0, NOON)) == 1


def test_mute_holds_what_is_still_down_at_its_end() -> None:
    world = Clocked(HOOK._replace(muted_until=1000.0))
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    assert world.at(999.0) == []
    assert world.at(1000.0) == [("hook", ["-work"])]


def test_escalation_is_sent_what_lasts_and_the_end_of_that_alone() -> None:
    boss = HOOK._replace(name="boss", after=1800.0)
    world = Clocked(HOOK, boss)
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(100.0, EventKind.DOWN, "home", cause=EventCause.CRASH)
    assert world.at(160.0) == [("hook", ["-work", "-home"])]
    world.event(600.0, EventKind.UP, "home")
    assert world.at(700.0) == [("hook", ["+home"])]
    assert world.at(1899.0) == []
    assert world.at(1900.0) == [("boss", ["-work"])]
    world.event(2000.0, EventKind.UP)
    assert sorted(world.at(2100.0)) == [("boss", ["+work"]), ("hook", ["+work"])]


def test_rate_limit_holds_the_rest_for_one_message_later() -> None:
    world = Clocked(HOOK._replace(limit=2))
    for number, begin in enumerate((100.0, 300.0, 500.0, 700.0)):
        world.event(begin, EventKind.DOWN, f"p{number}", cause=EventCause.CRASH)
        made = world.at(begin + 60.0)
        assert len(made) == (1 if number < 2 else 0)
    assert world.at(3759.0) == []
    assert world.at(3761.0) == [("hook", ["-p2", "-p3"])]


def test_destination_of_one_profile_is_sent_no_other() -> None:
    world = Clocked(HOOK._replace(profiles=("home",)))
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(100.0, EventKind.CONFLICT, "work", also=("home",), fault="conflict", channel="telegram")
    assert world.at(900.0) == [("hook", ["-work/telegram"])]


def test_account_of_hermes_is_not_used_for_falls_of_its_own_profile() -> None:
    chat = Destination("chat", DestinationKind.HERMES, Secret("work:telegram"))
    world = Clocked(chat)
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.event(100.0, EventKind.DOWN, "home", cause=EventCause.CRASH)
    assert world.at(900.0) == [("chat", ["-home"])]


def test_failing_destination_gets_the_first_message_again_and_one_more_with_the_rest() -> None:
    world = Clocked()
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.at(160.0, deliver=False)
    now, waits = 160.0, []
    for _ in range(9):
        (message,) = due_messages(world.state, world.destinations, now, NOON)
        world.state = with_failure(with_start(world.state, message), message, "refused", now)
        waits.append(world.state.messages[0].next_at - now)
        assert due_messages(world.state, world.destinations, now + waits[-1] - 1.0, NOON) == ()
        now += waits[-1]
    assert waits == [15.0, 30.0, 60.0, 120.0, 240.0, 480.0, 960.0, 1800.0, 1800.0]
    assert world.state.troubles["hook"] == DeliveryTrouble(160.0, 9, "refused")
    for number in range(5):
        world.event(now, EventKind.DOWN, f"p{number}", cause=EventCause.CRASH)
        world.at(now + 60.0, deliver=False)
        now += 70.0
    assert [[_short(item) for item in each.items] for each in world.state.messages] == [
        ["-work"], ["-p0", "-p1", "-p2", "-p3", "-p4"],
    ]  # fmt: skip
    world.state = with_success(world.state, world.state.messages[0], now)
    assert world.state.troubles == {} and world.state.delivered == {"hook": now}
    assert [each.id for each in due_messages(world.state, world.destinations, now, NOON)] == ["m2"]


def test_clock_that_is_set_back_holds_nothing_for_long() -> None:
    world = Clocked()
    world.event(1_000_000.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.at(1_000_060.0, deliver=False)
    (message,) = world.state.messages
    world.state = with_failure(world.state, message, "refused", 1_000_060.0)
    assert len(due_messages(world.state, world.destinations, 500.0, NOON)) == 1
    world.event(500.0, EventKind.DOWN, "home", cause=EventCause.CRASH)
    made = world.at(560.0)
    assert made == [("hook", ["-home"])], "times of messages in the future do not count"


def test_removed_destination_and_profile_leave_nothing_behind() -> None:
    world = Clocked()
    world.event(100.0, EventKind.CRASH_LOOPING)
    world.at(160.0, deliver=False)
    world.state = without_profiles_gone(world.state, frozenset({"home"}), 200.0)
    assert world.at(230.0, deliver=False) == [("hook", ["+work"])]
    assert world.state.messages[-1].items[0].reason == PROFILE_GONE
    world.state = world.state._replace(messages=())
    world.destinations = {}
    world.at(300.0)
    assert world.state._replace(position=0) == AlertState()


def test_profile_that_was_removed_by_hand_is_a_fault_until_it_is_back() -> None:
    world = Clocked()
    for name in ("work", "home"):
        world.event(100.0, EventKind.DOWN, name, reason="its profile was removed")
    world.state = without_profiles_gone(world.state, frozenset(), 105.0)
    assert world.at(160.0) == [("hook", ["-work", "-home"])]
    world.event(200.0, EventKind.UP, "home")
    assert world.at(300.0) == [("hook", ["+home"])]
    world.state = without_profiles_gone(world.state, frozenset({"home"}), 90_000.0)
    assert world.at(90_000.0) == [] and not world.state.faults and not world.state.sent["hook"]


def test_new_destination_is_sent_what_is_down_already() -> None:
    world = Clocked()
    world.destinations = {}
    world.event(100.0, EventKind.DOWN, cause=EventCause.CRASH)
    world.at(900.0)
    world.destinations = {"hook": HOOK}
    assert world.at(905.0) == [("hook", ["-work"])]


def test_events_of_hours_without_a_watcher_are_read_as_they_were() -> None:
    events = [
        FleetEvent(100.0, EventKind.DOWN, "work", cause=EventCause.CRASH, number=1),
        FleetEvent(200.0, EventKind.UP, "work", number=2),
        FleetEvent(9000.0, EventKind.DOWN, "work", cause=EventCause.CRASH, number=3),
    ]
    state = with_events(AlertState(), events, 9010.0)
    assert state.position == 3 and [each.since for each in state.faults.values()] == [9000.0]


@pytest.mark.parametrize(("quiet", "inside", "outside"), [
    ((23 * 60, 7 * 60), (23 * 60, 0, 419), (420, 1379)),
    ((60, 120), (60, 119), (59, 120)),
    ((0, 0), (), (0, 720)),
])  # fmt: skip
def test_quiet_hours_pass_midnight(quiet: tuple[int, int], inside: Sequence[int], outside: Sequence[int]) -> None:
    destination = HOOK._replace(quiet=quiet)
    assert all(map(destination.is_quiet, inside)) and not any(map(destination.is_quiet, outside))


def test_state_and_destinations_survive_their_files() -> None:
    item = AlertItem("work", None, "", "down", 1.0, "why", 2.0, ("home",))
    state = AlertState(
        7, {item.key: item}, {"hook": {item.key: item}}, (AlertMessage("m1", "hook", (item,), 3.0, 2, 4.0, True),),
        {"hook": (3.0,)}, {"hook": DeliveryTrouble(1.0, 2, "refused")}, {"hook": 9.0},
    )  # fmt: skip
    assert parse_state(state_bytes(state)) == state
    assert parse_state(state_bytes(state)[:-9]) is None
    known = {"hook": HOOK._replace(quiet=(1, 2), profiles=("work",), muted_until=5.0)}
    assert parse_destinations(destinations_bytes(known)) == known and "CANARY" not in repr(known)
    with pytest.raises(ValueError, match="not a file of destinations"):
        parse_destinations(b"[]")
