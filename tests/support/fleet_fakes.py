"""Fakes for the fleet executor: gateways that obey, fail or resist, a manager, a clock.

Only `sleep` advances the clock. Observations are made by the real `resolve`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.outcomes import Outcome, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.verb_plan import sort_out
from hermes_profiles.gateways.hermes_files import ChannelRecord, PidRecord, StateRecord
from hermes_profiles.gateways.model import Gateway, GatewayFacts
from hermes_profiles.gateways.processes import Process, Usage
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.services.manager import Activity, ManagerError, ServiceStatus

NEVER = None
TICKS = 100.0


@dataclass
class Behaviour:
    """Behaviour of a gateway and its manager; a time of None means never.

    `ends_with`: exit codes of the first `bad_tries` starts; `settles`: seconds from
    start to up; `queue`: seconds before the manager begins an action; `lingers`: seconds it cleans up after the
    end of a process that it stopped.
    """

    refuses_start: str = ""
    refuses_stop: str = ""
    starts_nothing: bool = False
    ignores_stop: bool = False
    ends_with: int | None = None
    bad_tries: int = 10**6
    retry: float = 5.0
    settles: float | None = 0.8
    queue: float = 0.0
    marker: float | None = 0.4
    term: float | None = 0.4
    kill: float | None = 0.0
    lingers: float = 0.0
    cannot_be_told: bool = False
    refusal: str | None = None
    masked: tuple[str, ...] = ()


@dataclass
class SimulatedProfile:
    """A profile: the state of its service and its process."""

    profile: str
    behaviour: Behaviour = field(default_factory=Behaviour)
    installed: bool = True
    supervised: bool = True
    activity: Activity = Activity.INACTIVE
    pid: int | None = None
    began: float = 0.0
    queued: bool = False
    waiting: bool = False
    restarts: int = 0
    last_exit: int | None = None
    since: float = 0.0
    tries: int = 0
    record: PidRecord | None = None
    written: StateRecord | None = None
    job: int = 0

    @property
    def started(self) -> float:
        return round(self.began * TICKS) + 1.0

    def is_settled(self, now: float) -> bool:
        settles = self.behaviour.settles
        return self.pid is not None and settles is not None and now - self.began >= settles


class FakeFleet:
    """A gateway backend of simulated profiles. `calls`: (time, verb, profiles) of every call."""

    def __init__(self, profiles: Iterable[str] = (), **behaviours: Behaviour) -> None:
        self.sims = {name: SimulatedProfile(name, behaviours.get(name, Behaviour())) for name in profiles}
        self.time = 1000.0
        self.calls: list[tuple[float, str, tuple[str, ...]]] = []
        self.signals: list[tuple[float, str, int, bool]] = []
        self.strangers: set[int] = set()
        self.interrupt_at: int | None = None
        self.interrupt_after = False
        self.unreachable_from: float | None = None
        self.log = ("one line", "another line")
        self.most_at_work = 0
        self._calls = 0
        self._pids = count(100)
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()

    # Backend calls

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        def act() -> Mapping[str, Gateway]:
            if self.unreachable_from is not None and self.time >= self.unreachable_from:
                raise ManagerError("the manager is gone")
            return {name: self.gateway(name) for name in profiles}

        return self._called("look", profiles, act)  # type: ignore[no-any-return]

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        behaviours = {name: self.sims[name].behaviour for name in profiles}
        decided = {name: StartDecision(each.masked, each.refusal) for name, each in behaviours.items()}
        return self._called("prepare", profiles, lambda: decided)  # type: ignore[no-any-return]

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        return self._called("start", profiles, lambda: self._each(profiles, self._start))  # type: ignore[no-any-return]

    def announce_stop(self, gateway: Gateway) -> None:
        def act() -> None:
            sim = self.sims[gateway.profile]
            if sim.behaviour.cannot_be_told:
                from hermes_profiles.model.errors import Failed

                raise Failed("cannot write the marker")
            assert gateway.process is not None
            if gateway.process.pid == sim.pid and gateway.process.started == sim.started:
                self._ends_after(sim, sim.behaviour.marker, 0)

        self._called("announce", (gateway.profile,), act)

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        return self._called("stop", profiles, lambda: self._each(profiles, self._stop))  # type: ignore[no-any-return]

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        def act() -> None:
            process, sim = gateway.process, self.sims[gateway.profile]
            assert process is not None
            assert process.pid not in self.strangers, "a reused pid was signalled"
            self.signals.append((self.time, gateway.profile, process.pid, kill))
            if (process.pid, process.started) == (sim.pid, sim.started):
                self._ends_after(sim, sim.behaviour.kill if kill else sim.behaviour.term, -9 if kill else 1)

        self._called("kill" if kill else "term", (gateway.profile,), act)

    def log_lines(self, profile: str) -> tuple[str, ...]:
        return self._called("log", (profile,), lambda: self.log)  # type: ignore[no-any-return]

    def stop_seconds(self, profile: str) -> float:
        return 75.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self._called("sleep", (), lambda: self.pass_time(seconds))

    def _called(self, verb: str, profiles: Sequence[str], act: Callable[[], Any]) -> Any:
        self._calls += 1
        is_last = self._calls == self.interrupt_at
        if is_last and not self.interrupt_after:
            raise KeyboardInterrupt
        self.calls.append((self.time, verb, tuple(profiles)))
        result = act()
        at_work = sum(self._is_at_work(sim) for sim in self.sims.values())
        self.most_at_work = max(self.most_at_work, at_work)
        if is_last:
            raise KeyboardInterrupt
        return result

    def _is_at_work(self, sim: SimulatedProfile) -> bool:
        coming = sim.queued or (sim.pid is not None and not sim.is_settled(self.time))
        return coming or sim.activity in (Activity.ACTIVATING, Activity.DEACTIVATING)

    # Simulation

    def pass_time(self, seconds: float) -> None:
        until = self.time + seconds
        while self._due and min(self._due)[0] <= until:
            due = min(self._due)
            self._due.remove(due)
            self.time = max(self.time, due[0])
            due[2]()
        self.time = until

    def _in(self, seconds: float, what: Callable[[], None]) -> None:
        self._due.append((self.time + seconds, next(self._numbers), what))

    def _each(self, profiles: Sequence[str], work: Callable[[SimulatedProfile], str]) -> dict[str, str]:
        reasons = {name: work(self.sims[name]) for name in profiles}
        return {name: reason for name, reason in reasons.items() if reason}

    def _start(self, sim: SimulatedProfile) -> str:
        if sim.behaviour.refuses_start:
            return sim.behaviour.refuses_start
        if sim.behaviour.starts_nothing:
            return ""
        if sim.activity is Activity.ACTIVE and sim.supervised and sim.pid is not None:
            return ""
        sim.queued = True
        sim.job += 1
        job = sim.job
        self._in(sim.behaviour.queue, lambda: self._begin(sim, job))
        return ""

    def _begin(self, sim: SimulatedProfile, job: int) -> None:
        if sim.job != job:
            return
        if sim.activity is Activity.DEACTIVATING:  # the stop is finished first
            self._in(0.1, lambda: self._begin(sim, job))
            return
        sim.restarts = sim.tries = 0
        self._spawn(sim, job)

    def _spawn(self, sim: SimulatedProfile, job: int) -> None:
        """Run the gateway once, like the manager."""
        if sim.job != job:
            return
        if sim.pid is not None and not sim.supervised:  # the one started by hand keeps its place
            self._ended_at_once(sim, 1, job)
            return
        sim.tries += 1
        if sim.behaviour.ends_with is not None and sim.tries <= sim.behaviour.bad_tries:
            self._ended_at_once(sim, sim.behaviour.ends_with, job)
            return
        sim.queued = sim.waiting = False
        sim.activity, sim.since = Activity.ACTIVE, self.time
        self._process(sim, supervised=True)

    def _ended_at_once(self, sim: SimulatedProfile, code: int, job: int) -> None:
        sim.queued, sim.last_exit, sim.since = False, code, self.time
        if code == 78:
            sim.activity, sim.waiting = Activity.FAILED, False
            return
        sim.activity, sim.waiting = Activity.ACTIVATING, True

        def again() -> None:
            if sim.job == job and sim.waiting:
                sim.restarts += 1
                self._spawn(sim, job)

        self._in(sim.behaviour.retry, again)

    def _process(self, sim: SimulatedProfile, *, supervised: bool) -> None:
        sim.pid, sim.began, sim.supervised = next(self._pids), self.time, supervised
        sim.record = PidRecord(sim.pid, sim.started)

    def run_by_hand(self, name: str) -> None:
        """Start a gateway outside its service."""
        self._process(self.sims[name], supervised=False)

    def bring_up(self, *names: str) -> FakeFleet:
        """Set services to running and settled for an hour."""
        for name in names or tuple(self.sims):
            sim = self.sims[name]
            sim.activity, sim.since, sim.last_exit = Activity.ACTIVE, self.time - 3600, None
            self._process(sim, supervised=True)
            sim.began = self.time - 3600
            sim.record = PidRecord(sim.pid or 0, sim.started)
        return self

    def crash(self, name: str, code: int = -9) -> None:
        """End a process like a crash: its pid file stays, and the manager restarts its service."""
        sim = self.sims[name]
        assert sim.pid is not None
        self._gone(sim, sim.pid, code, orderly=False)

    def _ends_after(self, sim: SimulatedProfile, seconds: float | None, code: int) -> None:
        pid = sim.pid
        if seconds is not None and pid is not None:
            self._in(seconds, lambda: self._gone(sim, pid, code, orderly=code != -9))

    def _gone(self, sim: SimulatedProfile, pid: int, code: int, *, orderly: bool) -> None:
        if sim.pid != pid:
            return
        sim.written = StateRecord(pid, sim.started, "running", "", 0, (), ())
        sim.pid = None
        if orderly:
            sim.record = None
        if not sim.supervised:
            return
        sim.last_exit, sim.since = code, self.time
        if sim.activity is Activity.DEACTIVATING:
            self._in(sim.behaviour.lingers, lambda: self._is_stopped(sim, code))
        elif sim.activity is Activity.ACTIVE:
            self._ended_at_once(sim, code, sim.job)

    def _is_stopped(self, sim: SimulatedProfile, code: int) -> None:
        if sim.activity is Activity.DEACTIVATING and sim.pid is None:
            sim.activity, sim.since = Activity.FAILED if code == 1 else Activity.INACTIVE, self.time

    def _stop(self, sim: SimulatedProfile) -> str:
        if sim.behaviour.refuses_stop:
            return sim.behaviour.refuses_stop
        if sim.behaviour.ignores_stop:
            return ""
        sim.job += 1
        sim.queued = sim.waiting = False
        if sim.activity is Activity.DEACTIVATING:
            return ""
        if sim.pid is None or not sim.supervised:
            sim.activity, sim.since = Activity.INACTIVE, self.time
            return ""
        if sim.activity is Activity.ACTIVE:
            sim.activity, sim.since = Activity.DEACTIVATING, self.time
            self._ends_after(sim, sim.behaviour.term, 1)
        return ""

    # Observation

    def gateway(self, name: str) -> Gateway:
        return resolve(self.facts(name))

    def gateways(self) -> dict[str, Gateway]:
        return {name: self.gateway(name) for name in self.sims}

    def facts(self, name: str) -> GatewayFacts:
        sim = self.sims[name]
        process, runtime = None, sim.written
        if sim.pid is not None:
            process = Process(sim.pid, sim.started, "S", 1, ("hermes", "-p", name, "gateway", "run"), {})
            state = "running" if sim.is_settled(self.time) else "starting"
            channel = ChannelRecord("telegram", "connected" if state == "running" else "connecting", "", "", None)
            runtime = StateRecord(sim.pid, sim.started, state, "", 0, (channel,), ())
        elif sim.last_exit == 78:
            runtime = StateRecord(1, 1.0, "startup_failed", "port 8642 is in use", 0, (), ())
        of_service = sim.pid if sim.supervised and sim.activity is not Activity.INACTIVE else None
        named = None
        if process is None and sim.record is not None and sim.record.pid in self.strangers:
            named = Process(sim.record.pid, self.time, "S", 1, ("vim",), {})
        return GatewayFacts(
            name, record=sim.record, process=process, other_program=named, runtime=runtime, now=self.time,
            usage=Usage(uptime=self.time - sim.began) if process else Usage(),
            service=ServiceStatus(
                sim.installed, True, sim.activity, of_service, sim.waiting, sim.queued, sim.restarts,
                sim.last_exit, sim.since,
            ),
        )  # fmt: skip

    def is_up(self, name: str) -> bool:
        """Return whether the service runs a gateway that is up, read from the simulation."""
        sim = self.sims[name]
        is_run = sim.supervised and sim.activity is Activity.ACTIVE
        return is_run and sim.is_settled(self.time)

    def is_down(self, name: str) -> bool:
        """Return whether no process exists and none will be started."""
        sim = self.sims[name]
        quiet = sim.activity in (Activity.INACTIVE, Activity.FAILED)
        return sim.pid is None and quiet and not sim.waiting and not sim.queued

    def made(self, *verbs: str) -> list[tuple[str, tuple[str, ...]]]:
        """Return (verb, profiles) of the calls with these verbs, in order."""
        return [(verb, of) for _, verb, of in self.calls if verb in verbs]

    def when(self, verb: str, name: str) -> list[float]:
        return [at for at, called, of in self.calls if called == verb and name in of]


def drive(
    world: FakeFleet,
    verb: Verb,
    names: Sequence[str] = (),
    on_outcome: Callable[[Outcome], None] = lambda _: None,
    **pace: Any,
) -> dict[str, Outcome]:
    """Return profile → outcome of the executor alone."""
    profiles = tuple(names) or tuple(world.sims)
    outcomes = FleetExecutor(verb, world, RunOptions(**pace), on_outcome).run(profiles, world.gateways())
    assert [each.profile for each in outcomes] == list(profiles), "an outcome for each profile, in the given order"
    return {each.profile: each for each in outcomes}


def act(
    world: FakeFleet, verb: Verb, names: Sequence[str], *, named: bool = True, disabled: Iterable[str] = (),
    start_stopped: bool = False, on_outcome: Callable[[Outcome], None] = lambda _: None, **pace: Any,
) -> dict[str, Outcome]:  # fmt: skip
    """Return profile → outcome of a whole command: selected, then executed."""
    gateways = world.gateways()
    plan = sort_out(
        verb, Selection(tuple(names), named), gateways, disabled=disabled, start_stopped=start_stopped
    )  # fmt: skip
    for outcome in plan.outcomes:
        on_outcome(outcome)
    done = FleetExecutor(verb, world, RunOptions(**pace), on_outcome).run(plan.driven, gateways)
    return {each.profile: each for each in (*plan.outcomes, *done)}
