"""The events between two looks, row by row: what was seen before and after → kinds, causes, states."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import pytest
from gateway_facts import at as iso_at
from gateway_facts import facts, process, service, wrote

from hermes_profiles.events.compare import changes, unseen
from hermes_profiles.events.model import EventCause, EventKind, FleetEvent
from hermes_profiles.events.snapshot import (
    FleetSnapshot,
    Request,
    SeenChannel,
    SeenConflict,
    SeenFault,
    SeenGateway,
    dated,
    merged,
    parse_snapshot,
    remembered,
    seen_gateway,
    snapshot_bytes,
)
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.services.manager import Activity
from hermes_profiles.services.supervisor.manager import _NOT_STARTED_SINCE

K, C = EventKind, EventCause
BEFORE, AFTER = 1000.0, 1005.0


def gateway(state: str, **more: Any) -> SeenGateway:
    return SeenGateway("work", state, expected=True)._replace(**more)


def channel(state: str, detail: str = "", name: str = "telegram") -> SeenChannel:
    return SeenChannel(name, state, detail)


UP = gateway("running", pid=42, started=900.0, restarts=0, activity="active", channels=(channel("connected"),))
STOPPED = gateway("stopped", activity="inactive")


class Row(NamedTuple):
    name: str
    before: SeenGateway
    after: SeenGateway
    events: list[tuple[EventKind, EventCause]]
    verb: str = ""


def up(**more: Any) -> SeenGateway:
    return UP._replace(**more)


ROWS = [
    Row("nothing changed", UP, UP, []),
    Row("it is slower, and its words changed", UP, up(detail="draining, 2 agents busy"), []),
    Row("a stop of ours", UP, STOPPED._replace(last_exit=0), [(K.DOWN, C.COMMAND)], "stop"),
    Row("hermes gateway stop", UP, STOPPED._replace(last_exit=0, ended="stopped", ended_pid=42), [(K.DOWN, C.HERMES)]),
    Row("systemctl stop", UP, STOPPED._replace(last_exit=1, ended="stopped", ended_pid=42), [(K.DOWN, C.MANAGER)]),
    Row("lost by a supervisord that was killed", up(state="unsupervised"), gateway(
        "failed", ended="signalled", ended_pid=42, activity="inactive",
        detail="supervisord ended while it ran, and was started again without it"), [(K.DOWN, C.SIGNAL)]),
    Row("kill of a person, its manager starts it again", UP,
        gateway("starting", last_exit=1, ended="stopped", ended_pid=42, waiting=True, activity="activating"),
        [(K.DOWN, C.SIGNAL), (K.STARTING, C.MANAGER)]),
    Row("kill of a person, as Hermes records it without a marker", UP,
        gateway("starting", last_exit=1, ended="signalled", ended_pid=42, waiting=True, activity="activating"),
        [(K.DOWN, C.SIGNAL), (K.STARTING, C.MANAGER)]),
    Row("kill -9, back within one look", UP, up(pid=43, started=1003.0, last_exit=-9, restarts=1),
        [(K.DOWN, C.SIGNAL), (K.UP, C.MANAGER), (K.UP, C.HERMES)]),
    Row("a crash", UP, gateway("failed", last_exit=1, trouble="exit-code", activity="failed"), [(K.DOWN, C.CRASH)]),
    Row("a segmentation fault", UP, gateway("failed", last_exit=-11, activity="failed"), [(K.DOWN, C.CRASH)]),
    Row("out of memory", UP, gateway("failed", last_exit=-9, trouble="oom-kill"), [(K.DOWN, C.SIGNAL)]),
    Row("a crash without a service", UP, gateway("stale"), [(K.DOWN, C.CRASH)]),
    Row("Hermes asks for its restart", UP,
        gateway("starting", last_exit=75, waiting=True, activity="activating"),
        [(K.DOWN, C.HERMES), (K.STARTING, C.MANAGER)]),
    Row("its configuration cannot work", UP, gateway("failed", last_exit=78), [(K.CONFIGURATION_BROKEN, C.HERMES)]),
    Row("a full disk", UP, gateway("failed", last_exit=1, ended="startup_failed", ended_pid=42,
                                   ended_reason="[Errno 28] No space left on device"), [(K.DISK_FULL, C.CRASH)]),
    Row("a crash loop", gateway("starting", waiting=True, restarts=2),
        gateway("crash-looping", restarts=3, last_exit=1), [(K.CRASH_LOOPING, C.CRASH)]),
    Row("another try of a crash loop", gateway("crash-looping", pid=42, restarts=3),
        gateway("crash-looping", pid=43, restarts=4), []),
    Row("the end of a crash loop", gateway("crash-looping", restarts=3), UP,
        [(K.RECOVERED, C.MANAGER), (K.UP, C.HERMES)]),
    Row("a start of ours", STOPPED, UP, [(K.UP, C.COMMAND), (K.UP, C.HERMES)], "start"),
    Row("a start at boot", STOPPED, UP, [(K.UP, C.MANAGER), (K.UP, C.HERMES)]),
    Row("a restart of ours", UP, up(pid=43), [(K.DOWN, C.COMMAND), (K.UP, C.COMMAND), (K.UP, C.HERMES)], "restart"),
    Row("suspended", UP, up(state="degraded", detail="the process is suspended (SIGSTOP)", is_frozen=True,
                            channels=(channel("unknown"),)), [(K.HUNG, C.SIGNAL)]),
    Row("continued", up(state="degraded", is_frozen=True), UP, [(K.RECOVERED, C.SIGNAL)]),
    Row("a refused token", UP, up(state="degraded", detail="telegram has polled nothing (401 Unauthorized)",
                                  channels=(channel("deaf", "has polled nothing (401 Unauthorized)"),)),
        [(K.TOKEN_REFUSED, C.UNKNOWN), (K.TOKEN_REFUSED, C.UNKNOWN)]),
    Row("two pollers", UP, up(channels=(channel("deaf", "Conflict: terminated by other getUpdates"),)),
        [(K.CONFLICT, C.UNKNOWN)]),
    Row("a bad gateway", UP, up(channels=(channel("deaf", "502 Bad Gateway"),)), [(K.DEGRADED, C.UNKNOWN)]),
    Row("from a bad gateway to a refused token", up(channels=(channel("deaf", "502 Bad Gateway"),)),
        up(channels=(channel("fatal", "Unauthorized"),)), [(K.TOKEN_REFUSED, C.UNKNOWN)]),
    Row("a channel is back", up(channels=(channel("deaf"),)), UP, [(K.RECOVERED, C.HERMES)]),
    Row("masked", up(channels=()), up(channels=(channel("masked", "home has it"),)), [(K.MASKED, C.UNKNOWN)]),
    Row("masked after a crash", up(channels=()), up(pid=43, last_exit=-9, channels=(
        channel("masked", "token already in use by profile 'home'"),)),
        [(K.DOWN, C.SIGNAL), (K.UP, C.MANAGER), (K.CONFLICT, C.UNKNOWN)]),
    Row("masked at a start of ours, which says so", STOPPED, up(channels=(
        channel("masked", "token already in use by profile 'home'"),)), [(K.UP, C.COMMAND), (K.MASKED, C.UNKNOWN)],
        "start"),
    Row("unmasked", up(channels=(channel("masked"),)), UP, [(K.UNMASKED, C.HERMES)]),
    Row("its port is lost", up(channels=(channel("connected", name="api_server"),)),
        up(channels=(channel("fatal", "could not listen", name="api_server"),)), [(K.PORT_LOST, C.UNKNOWN)]),
    Row("its API server is slow", up(channels=(channel("connected", name="api_server"),)),
        up(state="degraded", detail="the API server does not answer: 127.0.0.1:8642 did not answer in time",
           channels=(channel("deaf", "127.0.0.1:8642 did not answer in time", name="api_server"),)),
        [(K.DEGRADED, C.UNKNOWN), (K.DEGRADED, C.UNKNOWN)]),
    Row("its unit is removed", UP, up(state="unsupervised", detail="its service was removed"),
        [(K.UNSUPERVISED, C.UNKNOWN)]),
    Row("its profile is removed", UP, SeenGateway("work", ""), [(K.DOWN, C.UNKNOWN)]),
    Row("its profile is deleted by our command", UP, SeenGateway("work", ""), [(K.DOWN, C.COMMAND)], "hermes-profiles"),
    Row("stopped, then its pid file is stale", STOPPED, gateway("stale"), []),
    Row("stopped by hand, then marked failed", STOPPED, gateway("failed", last_exit=200), [(K.DOWN, C.CRASH)]),
]  # fmt: skip


def look(at: float, *gateways: SeenGateway, **more: Any) -> FleetSnapshot:
    return FleetSnapshot(at, {each.profile: each for each in gateways if each.state}, **more)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_changes_of_a_gateway(row: Row) -> None:
    requests = (Request("work", row.verb, 999.0, 7),) if row.verb else ()
    before, after = look(BEFORE, row.before), look(AFTER, row.after, requests=requests)
    events = changes(before, after)
    assert [(each.kind, each.cause) for each in events] == row.events
    assert all(each.at == AFTER and each.profile == "work" and not each.reconstructed for each in events)
    assert changes(after, after) == []


def test_fault_is_none_where_the_end_was_asked_for() -> None:
    asked = changes(look(BEFORE, UP), look(AFTER, STOPPED, requests=(Request("work", "stop", 999.0),)))
    crashed = changes(look(BEFORE, UP), look(AFTER, gateway("failed", last_exit=1)))
    assert [each.is_fault for each in (*asked, *crashed)] == [False, True]
    assert asked[0].command == "hermes-gateways stop" and crashed[0].exit_code == 1


def test_conflict_begins_and_ends_under_one_subject() -> None:
    conflict = SeenConflict("telegram", ("home", "work"), "home and work run with the same bot")
    calm, loud = look(BEFORE, UP), look(AFTER, UP, conflicts=(conflict,))
    begin, end = *changes(calm, loud), *changes(loud, calm)
    assert (begin.kind, begin.profile, begin.also) == (K.CONFLICT, "home", ("work",))
    assert end.kind is K.RECOVERED and end.subject == begin.subject != ("home", "telegram", "")


def test_fault_of_the_fleet_begins_and_ends() -> None:
    full = look(AFTER, UP, faults=(SeenFault("disk-full", "12 MB are free"),))
    begin, end = *changes(look(BEFORE, UP), full), *changes(full, look(AFTER, UP))
    assert (begin.kind, begin.profile, end.kind) == (K.DISK_FULL, None, K.RECOVERED)
    assert begin.subject == end.subject and begin.concerns(frozenset({"anything"}))


def test_reconstructed_events_have_the_times_of_processes_and_files() -> None:
    ended = up(pid=43, started=1003.0, ended="stopped", ended_pid=42, ended_at="1970-01-01T00:16:41+00:00", last_exit=1)
    down, came, _ = changes(look(BEFORE, UP), look(AFTER, ended), reconstructed=True)
    assert (down.at, came.at) == (1001.0, 1003.0) and down.reconstructed and came.reconstructed


def test_silence_about_a_channel_keeps_its_state_in_the_same_process() -> None:
    silent = up(channels=(channel("unknown"),))
    assert remembered(look(BEFORE, UP), look(AFTER, silent)).gateways["work"] == UP
    assert remembered(look(BEFORE, UP), look(AFTER, silent._replace(pid=43))).gateways["work"].channels[0].state == (
        "unknown"
    )


def test_channels_of_a_frozen_gateway_keep_their_states() -> None:
    deaf = channel("deaf", "127.0.0.1:8642 did not answer in time", name="api_server")
    served = up(channels=(deaf._replace(state="connected", detail=""),))
    frozen = served._replace(state="degraded", detail="the process is suspended (SIGSTOP)", is_frozen=True)
    after = remembered(look(BEFORE, served), look(AFTER, frozen._replace(channels=(deaf,))))
    assert [(each.kind, each.channel) for each in changes(look(BEFORE, served), after)] == [(K.HUNG, None)]


def test_request_stays_until_its_effect_is_seen() -> None:
    stop, restart = Request("work", "stop", 1.0), Request("home", "restart", 1.0)
    down = [FleetEvent(2.0, K.DOWN, "work"), FleetEvent(2.0, K.DOWN, "home")]
    start = restart._replace(verb="start")
    assert unseen((stop, restart), down) == (start,)
    assert unseen((stop, restart), [FleetEvent(2.0, K.RECOVERED, "home"), FleetEvent(2.0, K.UP, "work")]) == (
        stop, restart,
    )  # fmt: skip
    assert unseen((start,), [FleetEvent(2.0, K.UP, "home")]) == ()


def test_snapshot_survives_its_file() -> None:
    snapshot = look(
        AFTER, up(trouble="oom-kill"), conflicts=(SeenConflict("telegram", ("a", "b"), "both"),),
        faults=(SeenFault("disk-full", "none"),), requests=(Request("work", "stop", 1.0, 2),), memory_kills=3,
        memory_killed_at=AFTER, cursor="s=1",
    )  # fmt: skip
    assert parse_snapshot(snapshot_bytes(snapshot)) == snapshot
    assert parse_snapshot(snapshot_bytes(snapshot)[:-9]) is None


def test_last_change_of_a_gateway_is_kept_over_calm_looks() -> None:
    stopped = look(BEFORE, STOPPED)
    first = dated(stopped, look(AFTER, UP), changes(stopped, look(AFTER, UP)))
    again = dated(first, look(AFTER + 5, UP), []).gateways["work"]
    assert (again.changed_at, again.change, again.was, again.change_cause) == (AFTER, "up", "stopped", "manager")


def test_snapshot_of_a_resolved_gateway() -> None:
    frozen = resolve(facts(process=process(state="T"), service=service(Activity.ACTIVE, 42)))
    seen = seen_gateway(frozen, expected=True)
    assert (seen.state, seen.pid, seen.is_frozen) == ("degraded", 42, True)
    ended = resolve(facts(runtime=wrote("stopped", 41, reason="SIGTERM")._replace(updated=iso_at(5))))
    seen = seen_gateway(ended, expected=True)
    assert (seen.state, seen.pid, seen.ended, seen.ended_pid, seen.ended_reason) == (
        "stopped", None, "stopped", 41, "SIGTERM",
    )  # fmt: skip


def test_snapshot_of_a_gateway_that_was_ended_without_notice() -> None:
    closed = wrote(telegram=("disconnected", "", 2.0))
    ending = seen_gateway(resolve(facts(process=process(), runtime=closed)), expected=True)
    assert (ending.state, ending.is_ending, ending.ended) == ("degraded", True, "")
    assert remembered(look(BEFORE, UP), look(AFTER, ending)).gateways["work"] == UP._replace(is_ending=True)
    gone = seen_gateway(resolve(facts(runtime=closed)), expected=True)
    assert (gone.is_ending, gone.ended, gone.ended_pid) == (False, "signalled", 42)
    lost = wrote(telegram=("disconnected", "", 120.0))
    assert not seen_gateway(resolve(facts(process=process(), runtime=lost)), expected=True).is_ending


def test_channels_of_a_gateway_that_starts_are_not_faults() -> None:
    starting = up(state="starting", pid=43, channels=(channel("disconnected"),))
    begun = remembered(look(BEFORE, UP), look(AFTER, starting))
    assert [each.kind for each in changes(look(BEFORE, UP), begun)] == [K.DOWN, K.STARTING]
    assert [(each.kind, each.channel) for each in changes(begun, look(AFTER, up(pid=43)))] == [
        (K.UP, None), (K.UP, "telegram"),
    ]  # fmt: skip


def test_third_crash_in_weeks_is_no_crash_loop() -> None:
    calm = remembered(look(0.0), look(BEFORE, up(restarts=2)))  # it has run for longer than a minute
    once = remembered(calm, look(AFTER, gateway("crash-looping", restarts=3, last_exit=1)))
    assert [each.kind for each in changes(calm, once)] == [K.DOWN, K.STARTING]
    loop = remembered(once, look(AFTER + 9, gateway("crash-looping", restarts=5, last_exit=1)))
    assert [each.kind for each in changes(once, loop)] == [K.CRASH_LOOPING]


def test_killed_gateway_tells_of_memory_that_ran_out_just_then() -> None:
    killed = gateway("failed", last_exit=-9, activity="failed")
    calm = look(BEFORE, UP, memory_kills=7)
    (event,) = changes(calm, remembered(calm, look(AFTER, killed, memory_kills=8)))
    assert event.reason == "killed by signal 9; the kernel ended a process just then, because memory ran out"
    later = remembered(remembered(calm, look(AFTER, UP, memory_kills=8)), look(AFTER + 60, killed, memory_kills=8))
    assert changes(calm, later)[0].reason == "killed by signal 9"
    first = look(AFTER, killed, memory_kills=8)  # of an earlier boot, nothing is known
    assert remembered(FleetSnapshot(0.0), first).memory_killed_at == 0.0


def test_old_code_is_known_from_looks_at_all_gateways_alone() -> None:
    old, key = SeenFault("old-code", "Hermes was updated"), SeenFault("model-key-refused", "401", "work")
    kept = merged(look(BEFORE, UP, faults=(old, key)), look(AFTER, UP))
    assert kept.faults == (old,)


def test_slow_start_is_no_fault_while_its_command_waits() -> None:
    slow = up(state="degraded", pid=43, detail="still starting after 80 s", channels=())
    asked = look(AFTER, slow, requests=(Request("work", "restart", 999.0, 7),))
    assert remembered(look(BEFORE, STOPPED), asked).gateways["work"].state == "starting"
    assert remembered(look(BEFORE, STOPPED), look(AFTER, slow)).gateways["work"].state == "degraded"


def test_ends_of_gateways_are_no_faults_of_their_own_while_supervisord_is_gone() -> None:
    gone = (SeenFault("supervisor-gone", "supervisord no longer runs"),)
    closing = up(state="unsupervised", channels=(channel("disconnected"),))
    lost = gateway("failed", ended="signalled", ended_pid=42, activity="inactive", detail="it no longer runs")
    left = lost._replace(detail=_NOT_STARTED_SINCE)
    looks = [look(BEFORE, UP), look(AFTER, closing, faults=gone), look(AFTER + 5, lost, faults=gone)]
    seen = [event for was, now in itertools.pairwise(looks) for event in changes(was, now)]
    assert [(each.kind, each.cause, each.is_fault) for each in seen] == [
        (K.UNSUPERVISED, C.MANAGER, False), (K.SUPERVISOR_GONE, C.UNKNOWN, True), (K.DOWN, C.MANAGER, False),
    ]  # fmt: skip
    (down, _) = changes(looks[-1], look(AFTER + 10, left))
    assert (down.kind, down.is_fault) == (K.DOWN, True) and changes(look(AFTER, left), look(AFTER + 5, left)) == []
