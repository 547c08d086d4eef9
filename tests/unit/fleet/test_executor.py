"""The executor: its outcomes match the gateways in every sequence of events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from fleet_fakes import Behaviour, FakeFleet, act, drive

from hermes_profiles.fleet.executor import DWELL, KILL_TIME, MARKER_TIME, PATIENCE, POLL, FleetExecutor
from hermes_profiles.fleet.outcomes import FleetStep, Outcome, OutcomeKind, Verb, exit_code
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.processes import Process
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.model.errors import ExitCode, HermesProfilesError
from hermes_profiles.services.manager import Activity, ManagerError

K = OutcomeKind
FIVE = ("a", "b", "c", "d", "e")
SLACK = 3 * POLL


def kinds(outcomes: dict[str, Outcome]) -> dict[str, OutcomeKind]:
    return {name: each.outcome for name, each in outcomes.items()}


def check(world: FakeFleet, outcomes: dict[str, Outcome]) -> None:
    """Compare what was reported with what is."""
    for name, each in outcomes.items():
        if each.outcome in (K.STARTED, K.RESTARTED):
            assert world.is_up(name) and each.pid == world.sims[name].pid, each
        elif each.outcome in (K.STOPPED, K.ALREADY_STOPPED):
            assert world.is_down(name) and each.pid is None, each


# -- start


def test_start_one_failure_does_not_stop_the_others() -> None:
    world = FakeFleet(FIVE, c=Behaviour(ends_with=78))
    reported: list[Outcome] = []
    found = drive(world, Verb.START, on_outcome=reported.append)
    assert kinds(found) == {"a": K.STARTED, "b": K.STARTED, "c": K.FAILED, "d": K.STARTED, "e": K.STARTED}
    assert found["c"].detail == "exit 78: its configuration cannot work; port 8642 is in use"
    assert found["c"].log == world.log and all(found[name].log == () for name in "abde")
    assert exit_code(found.values()) is ExitCode.FAILED
    assert sorted(each.profile for each in reported) == list(FIVE)
    check(world, found)


@pytest.mark.parametrize(("behaviour", "reason"), [
    (Behaviour(starts_nothing=True), "the manager accepted the start, and nothing runs"),
    (Behaviour(refuses_start="unit is masked"), "unit is masked"),
    (Behaviour(ends_with=1), "exit 1: failed, or stopped without notice; the service tries again"),
    (Behaviour(ends_with=1, retry=0.3), "exit 1: failed, or stopped without notice; the service tries again"),
    (Behaviour(ends_with=203), "exit 203: its Python is gone; the service tries again"),
    (Behaviour(ends_with=0), "exit 0: stopped as planned; the service tries again"),
    (Behaviour(ends_with=-9), "killed by signal 9; the service tries again"),
    (Behaviour(ends_with=78), "exit 78: its configuration cannot work; port 8642 is in use"),
    (Behaviour(settles=None),
     "process 100 is alive, but not up within 90 s: still starting after 90 s: connecting telegram"),
    (Behaviour(ends_with=75, retry=0.3), "not up within 90 s"),
])  # fmt: skip
def test_start_failure_has_its_cause(behaviour: Behaviour, reason: str) -> None:
    world = FakeFleet(("a", "b"), a=behaviour)
    found = drive(world, Verb.START)
    assert kinds(found) == {"a": K.FAILED, "b": K.STARTED}
    assert found["a"].detail.startswith(reason), found["a"].detail
    assert found["a"].log == world.log and not world.is_up("a")


@pytest.mark.parametrize(("behaviour", "most"), [
    (Behaviour(starts_nothing=True), PATIENCE), (Behaviour(ends_with=1), 1.0), (Behaviour(ends_with=78), 0.0),
    (Behaviour(settles=None), 90.0), (Behaviour(settles=5.0), 5.0 + DWELL), (Behaviour(settles=60.0), 60.0 + DWELL),
])  # fmt: skip
def test_start_settles_without_extra_wait(behaviour: Behaviour, most: float) -> None:
    world = FakeFleet(("a",), a=behaviour)
    drive(world, Verb.START)
    assert world.time - 1000 <= most + SLACK


def test_start_ignores_the_exit_of_an_earlier_run() -> None:
    """systemd remembers how the last run ended."""
    world = FakeFleet(("a",), a=Behaviour(starts_nothing=True))
    world.sims["a"].last_exit, world.sims["a"].since = 0, 500.0
    assert drive(world, Verb.START)["a"].detail == "the manager accepted the start, and nothing runs"


def test_start_distinguishes_exit_from_no_process() -> None:
    world = FakeFleet(("a",), a=Behaviour(starts_nothing=True))

    def comes_and_goes() -> None:
        world.sims["a"].last_exit, world.sims["a"].since = 0, world.time

    world._in(1.0, comes_and_goes)
    assert drive(world, Verb.START)["a"].detail == "it ended immediately: exit 0: stopped as planned"


def test_start_ending_process_is_not_unsupervised() -> None:
    """Processes are looked at before the manager is asked: in between one may end."""
    world = FakeFleet(("a",), a=Behaviour(ends_with=78))
    seen, observe = [], world.observe

    def late(profiles: Sequence[str]) -> Mapping[str, Gateway]:
        found = dict(observe(profiles))
        gateway = found["a"]
        if gateway.service is not None and gateway.service.activity is Activity.FAILED and not seen:
            seen.append(gateway)
            assert gateway.observation is not None
            ending = Process(9, 1.0, "S", 1, ("hermes", "-p", "a", "gateway", "run"), {})
            found["a"] = resolve(gateway.observation._replace(process=ending))
            assert "outside its service" in found["a"].detail
        return found

    world.observe = late  # type: ignore[method-assign]
    assert "exit 78" in drive(world, Verb.START)["a"].detail and seen


def test_start_reports_the_record_of_the_gateway() -> None:
    """launchd's wrapper turns 78 into 0."""
    world = FakeFleet(("a",), a=Behaviour(starts_nothing=True))
    sim = world.sims["a"]

    def comes_and_goes() -> None:
        from hermes_profiles.gateways.hermes_files import StateRecord

        sim.last_exit, sim.since = 0, world.time
        sim.written = StateRecord(7, 1.0, "startup_failed", "port 8642 is in use", 0, (), ())

    world._in(1.0, comes_and_goes)
    assert drive(world, Verb.START)["a"].detail == "could not start: port 8642 is in use"


@pytest.mark.parametrize("activity", [Activity.FAILED, Activity.INACTIVE])
@pytest.mark.parametrize("queue", [0.5, 3.0, 20.0])
def test_start_queued_job_is_not_a_failure(activity: Activity, queue: float) -> None:
    """Until the manager comes to it, it shows what was before."""
    world = FakeFleet(("a",), a=Behaviour(queue=queue))
    world.sims["a"].activity, world.sims["a"].last_exit = activity, 78
    assert kinds(drive(world, Verb.START)) == {"a": K.STARTED}


def test_start_first_failure_is_reported_though_the_service_retries() -> None:
    world = FakeFleet(("a",), a=Behaviour(ends_with=1, bad_tries=1, retry=0.5))
    found = drive(world, Verb.START)
    assert found["a"].detail == "exit 1: failed, or stopped without notice; the service tries again"
    assert not world.is_up("a")


def test_start_ignores_earlier_restarts() -> None:
    world = FakeFleet(("a",), a=Behaviour(queue=1.0))
    world.sims["a"].activity, world.sims["a"].restarts, world.sims["a"].last_exit = Activity.FAILED, 31, 1
    assert kinds(drive(world, Verb.START)) == {"a": K.STARTED}
    world = FakeFleet(("a",), a=Behaviour(ends_with=1, retry=0.3))
    world.sims["a"].activity, world.sims["a"].restarts, world.sims["a"].last_exit = Activity.FAILED, 31, 1
    assert kinds(drive(world, Verb.START)) == {"a": K.FAILED} and world.time - 1000 < 1.0


def test_start_needs_a_minimum_uptime() -> None:
    world = FakeFleet(("a",), a=Behaviour(settles=1.0))
    world._in(1.25, lambda: world.crash("a"))
    found = drive(world, Verb.START)
    assert kinds(found) == {"a": K.FAILED}


def test_start_needs_one_stable_pid() -> None:
    """Each look sees one that is up, and each time another."""
    world = FakeFleet(("a",), a=Behaviour(settles=0.0, retry=0.0))
    for seconds in (0.33, 0.63, 0.93):
        world._in(seconds, lambda: world.crash("a"))
    found = drive(world, Verb.START)
    check(world, found)
    assert kinds(found) == {"a": K.STARTED} and world.time - 1000 >= 0.93 + DWELL


def test_start_ignores_a_gateway_started_by_hand() -> None:
    world = FakeFleet(("a",), a=Behaviour(queue=2.0, settles=0.1))
    world._in(0.5, lambda: world.run_by_hand("a"))
    found = drive(world, Verb.START)
    assert kinds(found) == {"a": K.FAILED} and not world.sims["a"].supervised


def test_start_ignores_a_stopping_gateway() -> None:
    world = FakeFleet(("a",), a=Behaviour(term=3.0)).bring_up()
    world.stop(("a",))
    assert world.sims["a"].activity is Activity.DEACTIVATING
    found = act(world, Verb.START, ("a",))
    check(world, found)
    assert kinds(found) == {"a": K.STARTED} and world.when("start", "a")


def test_start_reports_masks_and_refusals() -> None:
    world = FakeFleet(("a", "b"), a=Behaviour(masked=("telegram",)), b=Behaviour(refusal="telegram is taken by a"))
    found = drive(world, Verb.START)
    assert (found["a"].outcome, found["a"].masked) == (K.STARTED, ("telegram",))
    assert (found["b"].outcome, found["b"].detail) == (K.REFUSED, "telegram is taken by a")
    assert world.made("start") == [("start", ("a",))]
    assert exit_code(found.values()) is ExitCode.REFUSED


def test_start_with_only_refusals_calls_no_manager() -> None:
    world = FakeFleet(("a",), a=Behaviour(refusal="taken"))
    drive(world, Verb.START)
    assert world.made("start") == []


# -- stop


def test_stop_writes_the_marker_before_the_manager_call() -> None:
    world = FakeFleet(FIVE).bring_up()
    found = drive(world, Verb.STOP)
    check(world, found)
    assert kinds(found) == dict.fromkeys(FIVE, K.STOPPED) and world.signals == []
    verbs = [verb for verb, _ in world.made("announce", "stop")]
    assert verbs == ["announce"] * 5 + ["stop"]
    assert all(sim.activity is Activity.INACTIVE for sim in world.sims.values()), "nothing counts as failed"


def test_stop_waits_for_the_manager() -> None:
    world = FakeFleet(("a",), a=Behaviour(lingers=3.0)).bring_up()
    found = drive(world, Verb.STOP)
    check(world, found)
    assert kinds(found) == {"a": K.STOPPED} and world.time - 1000 >= 3.0 and world.signals == []


def test_stop_of_a_stopped_gateway_does_nothing() -> None:
    world = FakeFleet(("a",))
    assert kinds(drive(world, Verb.STOP)) == {"a": K.ALREADY_STOPPED}
    assert world.calls == []


def test_stop_ends_a_crash_loop() -> None:
    world = FakeFleet(("a",), a=Behaviour(ends_with=1))
    drive(world, Verb.START)
    assert world.sims["a"].waiting
    found = drive(world, Verb.STOP)
    world.pass_time(60)
    check(world, found)
    assert kinds(found) == {"a": K.STOPPED}


def test_stop_ends_a_crash_loop_during_cleanup() -> None:
    """systemd is `deactivating` then, as it is on the way to a stop; without a word it goes on with the next try."""
    world = FakeFleet(("a",), a=Behaviour(ends_with=1))
    drive(world, Verb.START)
    sim = world.sims["a"]
    sim.activity, sim.waiting, sim.job = Activity.DEACTIVATING, False, sim.job + 1

    def tidied() -> None:
        is_told = bool(world.made("stop"))
        sim.activity, sim.waiting = (Activity.INACTIVE, False) if is_told else (Activity.ACTIVATING, True)

    world._in(0.3, tidied)
    assert kinds(drive(world, Verb.STOP)) == {"a": K.STOPPED}
    assert world.made("stop") == [("stop", ("a",))]


def test_stop_cancels_a_queued_job() -> None:
    world = FakeFleet(("a",), a=Behaviour(queue=30.0))
    world.start(("a",))
    found = drive(world, Verb.STOP)
    world.pass_time(60)
    check(world, found)
    assert world.made("stop") == [("stop", ("a",))]


def test_stop_kills_only_after_the_stop_time() -> None:
    world = FakeFleet(FIVE, b=Behaviour(marker=None, term=None), d=Behaviour(marker=None, term=60.0)).bring_up()
    pid = world.sims["b"].pid
    found = drive(world, Verb.STOP)
    check(world, found)
    assert kinds(found) == dict.fromkeys(FIVE, K.STOPPED)
    assert found["b"].detail == "did not stop within 75 s and was killed"
    assert [(name, who, kill) for _, name, who, kill in world.signals] == [("b", pid, True)]
    assert 75 < world.signals[0][0] - 1000 <= 75 + SLACK


@pytest.mark.parametrize(("behaviour", "signals", "kind"), [
    (Behaviour(), [], K.STOPPED),
    (Behaviour(marker=None), [False], K.STOPPED),
    (Behaviour(marker=None, term=None), [False, True], K.STOPPED),
    (Behaviour(marker=None, term=None, kill=None), [False, True], K.FAILED),
])  # fmt: skip
def test_stop_outside_a_service_waits_before_sigterm(
    behaviour: Behaviour, signals: list[bool], kind: OutcomeKind
) -> None:
    world = FakeFleet(("a",), a=behaviour)
    world.run_by_hand("a")
    pid = world.sims["a"].pid
    found = drive(world, Verb.STOP)
    assert kinds(found) == {"a": kind} and world.made("stop") == []
    assert [(who, kill) for _, _, who, kill in world.signals] == [(pid, kill) for kill in signals]
    times = [at - 1000 for at, *_ in world.signals]
    assert all(at > (75 if kill else MARKER_TIME) for at, kill in zip(times, signals, strict=True))


def test_stop_announces_to_a_second_gateway_too() -> None:
    world = FakeFleet(("a",), a=Behaviour(marker=None))
    world.run_by_hand("a")
    first = world.sims["a"].pid
    original, second = world._gone, []

    def gone(sim: Any, pid: int, code: int, *, orderly: bool) -> None:
        original(sim, pid, code, orderly=orderly)
        if pid == first:
            world.run_by_hand("a")
            second.append(sim.pid)

    world._gone = gone  # type: ignore[method-assign]
    found = drive(world, Verb.STOP)
    check(world, found)
    assert [(who, kill) for _, _, who, kill in world.signals] == [(first, False), (second[0], False)]
    assert len(world.made("announce")) == 2


@pytest.mark.parametrize(("behaviour", "detail"), [
    (Behaviour(ignores_stop=True, marker=None), "process 100 did not end within 85 s"),
    (Behaviour(term=None, marker=None, kill=None), "process 100 did not end within 85 s"),
    (Behaviour(refuses_stop="access denied"), "access denied"),
])  # fmt: skip
def test_stop_timeout_is_reported(behaviour: Behaviour, detail: str) -> None:
    world = FakeFleet(("a", "b"), a=behaviour).bring_up()
    if behaviour.ignores_stop:
        behaviour.kill = None
    found = drive(world, Verb.STOP)
    assert kinds(found) == {"a": K.FAILED, "b": K.STOPPED}
    assert found["a"].detail == detail and found["a"].log == world.log
    assert world.time - 1000 <= 75 + KILL_TIME + SLACK


def test_stop_restart_by_the_manager_is_reported() -> None:
    world = FakeFleet(("a",), a=Behaviour(ignores_stop=True)).bring_up()
    found = drive(world, Verb.STOP)
    assert kinds(found) == {"a": K.FAILED} and not world.is_down("a")


@pytest.mark.parametrize(("verb", "kind"), [(Verb.STOP, K.STOPPED), (Verb.RESTART, K.RESTARTED)])
def test_service_that_is_started_during_its_stop_is_stopped_again(verb: Verb, kind: OutcomeKind) -> None:
    """`systemctl restart`, of `hermes gateway restart` or by hand, takes the place of the stop that is under way."""
    world = FakeFleet(("a",)).bring_up()
    original, first = world._gone, world.sims["a"].pid

    def gone(sim: Any, pid: int, code: int, *, orderly: bool) -> None:
        original(sim, pid, code, orderly=orderly)
        if pid == first:
            sim.activity = Activity.INACTIVE
            world._start(sim)

    world._gone = gone  # type: ignore[method-assign]
    found = drive(world, verb)
    check(world, found)
    assert kinds(found) == {"a": kind}
    assert len(world.made("stop")) == 2 and not world.signals


def test_stop_marker_failure_does_not_stop_the_others() -> None:
    world = FakeFleet(FIVE, b=Behaviour(cannot_be_told=True)).bring_up()
    found = drive(world, Verb.STOP)
    check(world, found)
    assert kinds(found) == dict.fromkeys(FIVE, K.STOPPED)
    assert "cannot write the marker" in found["b"].detail


# -- restart


def test_restart_stops_before_it_starts() -> None:
    world = FakeFleet(FIVE).bring_up()
    before = {name: sim.pid for name, sim in world.sims.items()}
    found = drive(world, Verb.RESTART)
    check(world, found)
    assert kinds(found) == dict.fromkeys(FIVE, K.RESTARTED)
    assert all(world.sims[name].pid != pid for name, pid in before.items())
    for name in FIVE:
        assert world.when("announce", name)[0] <= world.when("stop", name)[0] < world.when("start", name)[0]


def test_restart_without_stop_does_not_start() -> None:
    world = FakeFleet(("a", "b"), a=Behaviour(marker=None, term=None, kill=None)).bring_up()
    found = drive(world, Verb.RESTART)
    assert kinds(found) == {"a": K.FAILED, "b": K.RESTARTED} and not world.when("start", "a")


def test_restart_moves_a_gateway_under_its_service() -> None:
    world = FakeFleet(("a",))
    world.run_by_hand("a")
    found = drive(world, Verb.RESTART)
    check(world, found)
    assert kinds(found) == {"a": K.RESTARTED} and world.sims["a"].supervised


def test_restart_of_a_stopped_gateway_starts_it() -> None:
    world = FakeFleet(("a",))
    assert kinds(drive(world, Verb.RESTART)) == {"a": K.STARTED}


def test_rolling_waits_for_each_gateway() -> None:
    world = FakeFleet(FIVE, b=Behaviour(settles=7.0)).bring_up()
    found = drive(world, Verb.RESTART, rolling=True)
    check(world, found)
    assert kinds(found) == dict.fromkeys(FIVE, K.RESTARTED) and world.most_at_work == 1
    for name, following in pairwise(FIVE):
        up = world.sims[name].began + (world.sims[name].behaviour.settles or 0)
        assert up + DWELL <= world.when("stop", following)[0] + 1e-6


@pytest.mark.parametrize(("behaviour", "kind"), [
    (Behaviour(ends_with=78), K.FAILED), (Behaviour(refusal="taken"), K.REFUSED),
    (Behaviour(refuses_stop="no"), K.FAILED),
])  # fmt: skip
def test_rolling_ends_at_the_first_failure(behaviour: Behaviour, kind: OutcomeKind) -> None:
    world = FakeFleet(FIVE).bring_up()
    world.sims["b"].behaviour = behaviour
    found = drive(world, Verb.RESTART, rolling=True)
    assert kinds(found) == {"a": K.RESTARTED, "b": kind, "c": K.SKIPPED, "d": K.SKIPPED, "e": K.SKIPPED}
    assert found["c"].detail == "not begun: b failed before"
    assert not {name for verb, of in world.made("stop", "start", "announce") for name in of} & {"c", "d", "e"}
    assert exit_code(found.values()) is (ExitCode.FAILED if kind is K.FAILED else ExitCode.REFUSED)


# -- pace


@pytest.mark.parametrize("verb", list(Verb))
@pytest.mark.parametrize("jobs", [1, 2, 3, 7])
def test_jobs_limit_is_kept(verb: Verb, jobs: int) -> None:
    names = tuple(f"p{number}" for number in range(8))
    world = FakeFleet(names, p3=Behaviour(ends_with=78), p4=Behaviour(settles=4.0), p5=Behaviour(term=2.0, marker=None))
    if verb is not Verb.START:
        world.bring_up()
    found = drive(world, verb, jobs=jobs)
    check(world, found)
    assert world.most_at_work <= jobs
    assert max(len(of) for _, of in world.made("start", "stop")) <= jobs
    assert not [each for each in found.values() if each.outcome is K.FAILED and each.profile != "p3"]


@pytest.mark.parametrize("stagger", [0.3, 0.5, 2.0])
@pytest.mark.parametrize("verb", [Verb.START, Verb.RESTART])
def test_stagger_is_kept(verb: Verb, stagger: float) -> None:
    world = FakeFleet(FIVE)
    if verb is Verb.RESTART:
        world.bring_up()
    found = drive(world, verb, stagger=stagger)
    check(world, found)
    times = [world.when("start", name)[0] for name in FIVE]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(stagger - 1e-6 <= gap <= stagger + SLACK for gap in gaps)


def test_tiny_stagger_starts_several_at_a_time() -> None:
    """A thousand gateways within ten seconds: closer than the loop looks, so several go at a time."""
    names = tuple(f"p{number}" for number in range(1000))
    world = FakeFleet(names)
    found = drive(world, Verb.START, stagger=0.01)
    assert set(kinds(found).values()) == {K.STARTED}
    assert 9.0 < world.when("start", names[-1])[0] - 1000 < 12.0


def test_fleet_takes_as_long_as_its_slowest_gateway() -> None:
    names = tuple(f"p{number}" for number in range(20))
    behaviours = {
        name: Behaviour(settles=0.5 + number % 7, marker=0.2 * (number % 5)) for number, name in enumerate(names)
    }
    world = FakeFleet(names, **behaviours)
    check(world, drive(world, Verb.START))
    assert world.time - 1000 <= 6.5 + DWELL + SLACK
    begun = world.time
    check(world, drive(world, Verb.RESTART))
    assert world.time - begun <= 0.8 + 6.5 + DWELL + 2 * SLACK
    begun = world.time
    check(world, drive(world, Verb.STOP))
    assert world.time - begun <= 0.8 + SLACK


def test_one_manager_call_for_all_gateways() -> None:
    names = tuple(f"p{number}" for number in range(20))
    world = FakeFleet(names)
    drive(world, Verb.START)
    assert world.made("start", "prepare") == [("prepare", names), ("start", names)]
    world.calls.clear()
    drive(world, Verb.STOP)
    assert world.made("stop") == [("stop", names)]


def test_one_observation_for_all_active_jobs() -> None:
    world = FakeFleet(FIVE, e=Behaviour(settles=3.0))
    drive(world, Verb.START)
    looks = world.made("look")
    sleeps = world.made("sleep")
    assert len(looks) == len(sleeps) and looks[0] == ("look", FIVE) and looks[-1] == ("look", ("e",))


# -- Ctrl-C, and a manager that goes away

MIXED: dict[str, Any] = {
    "b": Behaviour(ends_with=78), "c": Behaviour(settles=2.0), "d": Behaviour(refusal="taken"),
    "e": Behaviour(marker=None, term=3.0),
}  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("pace", [{}, {"jobs": 2}, {"rolling": True}, {"stagger": 0.5}], ids=str)
@pytest.mark.parametrize("verb", list(Verb))
def test_ctrl_c_at_any_moment_leaves_an_outcome_for_every_profile(
    verb: Verb, pace: dict[str, Any], after: bool
) -> None:
    interrupted = 0
    for number in range(1, 2000):
        world = FakeFleet(FIVE, **MIXED)
        if verb is not Verb.START:
            world.bring_up()
        world._calls, world.interrupt_at, world.interrupt_after = 0, number, after
        found = drive(world, verb, **pace)
        check(world, {name: each for name, each in found.items() if each.outcome is not K.INTERRUPTED})
        broken = {name: each for name, each in found.items() if each.outcome is K.INTERRUPTED}
        for name, each in broken.items():
            touched = {of_verb for of_verb, of in world.made("announce", "stop", "start", "term", "kill") if name in of}
            if each.detail == "not begun":
                assert not touched, each
            elif each.detail == "stopped; a process in the background starts it again":
                assert world.is_down(name) and "start" not in touched
            else:
                assert each.detail in (
                    "was stopping; it may still come to an end", "was starting; it may still come to an end"
                )  # fmt: skip
        if world._calls < number:
            assert not broken
            break
        interrupted += bool(broken)
        assert (exit_code(found.values()) is ExitCode.INTERRUPTED) == bool(broken)
    else:
        raise AssertionError("it never ends")
    assert interrupted > 10


def test_ctrl_c_in_the_callback_keeps_the_outcome() -> None:
    world = FakeFleet(("a", "b"), b=Behaviour(settles=5.0))

    def report(outcome: Outcome) -> None:
        if outcome.profile == "a":
            raise KeyboardInterrupt

    assert kinds(drive(world, Verb.START, on_outcome=report)) == {"a": K.STARTED, "b": K.INTERRUPTED}


def test_lost_manager_leaves_the_outcomes_so_far() -> None:
    world = FakeFleet(FIVE, e=Behaviour(settles=20.0))
    world.unreachable_from = 1005.0
    found = drive(world, Verb.START)
    check(world, found)
    assert kinds(found) == {**dict.fromkeys("abcd", K.STARTED), "e": K.FAILED}
    assert found["e"].detail == "the manager is gone" and exit_code(found.values()) is ExitCode.FAILED


def test_missing_manager_raises() -> None:
    world = FakeFleet(FIVE)
    world.unreachable_from = 0.0
    with pytest.raises(ManagerError):
        FleetExecutor(Verb.START, world, RunOptions()).run(FIVE, world.gateways())
    assert ManagerError.exit_code is ExitCode.MANAGER and issubclass(ManagerError, HermesProfilesError)


@pytest.mark.parametrize("runs", [True, False])
def test_restart_whose_manager_goes_says_whether_it_stopped_a_gateway(runs: bool) -> None:
    """A restart that stopped none leaves nothing for the next command to complete."""
    world = FakeFleet(("a",))
    if runs:
        world.bring_up()
    world.unreachable_from = world.time
    executor = FleetExecutor(Verb.RESTART, world, RunOptions())
    with pytest.raises(ManagerError):
        executor.run(("a",), world.gateways())
    assert executor.has_stopped is runs


# -- what is reported while it runs


def test_steps_have_the_elapsed_time_and_the_limit() -> None:
    world = FakeFleet(("a",), a=Behaviour(settles=3.0))
    assert kinds(drive(world, Verb.START)) == {"a": K.STARTED}
    seen: list[FleetStep] = []
    options = RunOptions(settle=9.0, stop=7.0)
    FleetExecutor(Verb.RESTART, world, options, on_steps=lambda steps: seen.append(steps["a"])).run(
        ("a",), world.gateways()
    )
    assert {(step.doing, step.limit) for step in seen} == {("stopping", 7.0), ("starting", 9.0)}
    starting = [step.elapsed for step in seen if step.doing == "starting"]
    assert starting == sorted(starting) and 2.0 < starting[-1] < 9.0


# -- what the exit code says


@pytest.mark.parametrize(("given", "code"), [
    ([], ExitCode.OK), ([K.STARTED, K.ALREADY_RUNNING, K.SKIPPED, K.STOPPED, K.ALREADY_STOPPED], ExitCode.OK),
    ([K.STARTED, K.FAILED], ExitCode.FAILED), ([K.STARTED, K.REFUSED], ExitCode.REFUSED),
    ([K.REFUSED, K.FAILED], ExitCode.FAILED), ([K.FAILED, K.REFUSED, K.INTERRUPTED], ExitCode.INTERRUPTED),
])  # fmt: skip
def test_exit_code_of_one_failure_is_failed(given: list[OutcomeKind], code: ExitCode) -> None:
    assert exit_code(Outcome(str(number), kind) for number, kind in enumerate(given)) is code


def test_outcome_data_matches_the_contract() -> None:
    outcome = Outcome("work", K.STARTED, "fine", 42, ("telegram",), ("a line",), "a hint")
    assert outcome.as_data() == {
        "profile": "work", "outcome": "started", "detail": "fine", "pid": 42, "masked_channels": ["telegram"],
        "log": ["a line"], "remarks": [],
    }  # fmt: skip


def test_stop_time_follows_the_drain_timeout(tmp_path: Path) -> None:
    """The manager waits for the drain; our SIGKILL must not come before."""
    from hermes_profiles.fleet.service_specs import stop_seconds
    from hermes_profiles.hermes.version import BASE, facts_of

    assert stop_seconds(tmp_path, BASE) == 75
    (tmp_path / "config.yaml").write_text("agent:\n  restart_drain_timeout: 180\n")
    assert stop_seconds(tmp_path, BASE) == 225
    (tmp_path / ".env").write_text("HERMES_RESTART_DRAIN_TIMEOUT=300\n")
    assert stop_seconds(tmp_path, BASE) == 345
    newer = facts_of((0, 21, 0))
    (tmp_path / ".env").unlink()
    (tmp_path / "config.yaml").write_text("")
    assert stop_seconds(tmp_path, newer) == 85
    (tmp_path / "config.yaml").write_text("agent:\n  cron_drain_timeout: 0\n")
    assert stop_seconds(tmp_path, newer) == 75
    world = FakeFleet(("a",), a=Behaviour(ignores_stop=True)).bring_up()
    world.stop_seconds = lambda _: 225.0  # type: ignore[method-assign]
    began = world.now()
    drive(world, Verb.STOP, ("a",))
    assert world.now() - began > 225
