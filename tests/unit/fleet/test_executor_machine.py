"""Random fleets, verbs and mishaps: outcomes are true, and other gateways are not touched.

HERMES_PROFILES_NIGHTLY=1 runs a thousand fleets.
"""

from __future__ import annotations

from collections.abc import Collection

from fleet_fakes import Behaviour, FakeFleet, act
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from nightly import NIGHTLY

from hermes_profiles.fleet.executor import DWELL, POLL
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb, exit_code
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.errors import ExitCode, NotFound
from hermes_profiles.services.manager import Activity

NAMES = ("a", "b", "c", "d", "e", "f")
K = OutcomeKind
UP = (K.STARTED, K.RESTARTED)
DOWN = (K.STOPPED, K.ALREADY_STOPPED)
SETTLE, STOP = 20.0, 8.0

_seconds = st.sampled_from((0.0, 0.2, 0.6, 1.5, 4.0))
odd = st.builds(
    Behaviour,
    refuses_start=st.sampled_from(("", "", "", "no such unit")),
    refuses_stop=st.sampled_from(("", "", "", "access denied")),
    starts_nothing=st.sampled_from((False, False, False, True)),
    ignores_stop=st.sampled_from((False, False, False, True)),
    ends_with=st.sampled_from((None, None, None, 0, 1, 75, 78, -9)),
    bad_tries=st.integers(1, 3),
    retry=st.sampled_from((0.1, 0.5, 5.0)),
    settles=st.one_of(_seconds, _seconds, st.just(30.0), st.none()),
    queue=_seconds,
    marker=st.one_of(_seconds, st.none()),
    term=st.one_of(_seconds, st.none()),
    kill=st.one_of(_seconds, st.none()),
    lingers=_seconds,
    cannot_be_told=st.sampled_from((False, False, True)),
    refusal=st.sampled_from((None, None, None, "the bot is taken")),
)
behaviours = st.one_of(
    st.builds(Behaviour), st.builds(Behaviour, settles=_seconds, marker=_seconds, queue=_seconds), odd
)
some = st.sets(st.sampled_from(NAMES), min_size=1)
paces = st.fixed_dictionaries(
    {}, optional={"jobs": st.integers(1, 4), "stagger": st.sampled_from((0.05, 0.3, 1.0)), "rolling": st.booleans()}
)


class Fleets(RuleBasedStateMachine):
    """One user, one fleet, many commands."""

    @initialize(given=st.lists(behaviours, min_size=len(NAMES), max_size=len(NAMES)), installed=some)
    def begin(self, given: list[Behaviour], installed: set[str]) -> None:
        self.world = FakeFleet(NAMES, **dict(zip(NAMES, given, strict=True)))
        for name in NAMES:
            self.world.sims[name].installed = name in installed
        self.disabled: set[str] = set()
        self.signals = 0

    # What happens to a fleet

    @rule(names=some)
    def are_up_for_an_hour(self, names: set[str]) -> None:
        for name in names:
            sim = self.world.sims[name]
            if sim.installed and self.world.is_down(name):
                sim.behaviour = Behaviour()
                self.world.bring_up(name)

    @rule(name=st.sampled_from(NAMES), behaviour=behaviours)
    def becomes(self, name: str, behaviour: Behaviour) -> None:
        self.world.sims[name].behaviour = behaviour

    @rule(name=st.sampled_from(NAMES))
    def repairs(self, name: str) -> None:
        self.world.sims[name].behaviour = Behaviour()

    @rule(name=st.sampled_from(NAMES))
    def is_disabled_or_enabled(self, name: str) -> None:
        self.disabled ^= {name}

    @rule(seconds=st.sampled_from((0.1, 1.0, 10.0, 100.0)))
    def time_passes(self, seconds: float) -> None:
        self.world.pass_time(seconds)

    @rule(name=st.sampled_from(NAMES), code=st.sampled_from((-9, 0, 1, 75, 78)))
    def crashes(self, name: str, code: int) -> None:
        if self.world.sims[name].pid is not None:
            self.world.crash(name, code)

    @rule(name=st.sampled_from(NAMES))
    def is_started_by_hand(self, name: str) -> None:
        sim = self.world.sims[name]
        if sim.pid is None and not sim.queued and not sim.waiting:
            self.world.run_by_hand(name)

    @rule(name=st.sampled_from(NAMES))
    def its_old_pid_is_given_to_a_stranger(self, name: str) -> None:
        sim = self.world.sims[name]
        if sim.pid is None and sim.record is not None:
            self.world.strangers.add(sim.record.pid)

    # What the user does

    @rule(names=some, pace=paces)
    def start(self, names: set[str], pace: dict[str, object]) -> None:
        self._carry_out(Verb.START, names, pace)

    @rule(names=some, pace=paces)
    def stop(self, names: set[str], pace: dict[str, object]) -> None:
        self._carry_out(Verb.STOP, names, pace)

    @rule(names=some, pace=paces, start_stopped=st.booleans())
    def restart(self, names: set[str], pace: dict[str, object], start_stopped: bool) -> None:
        self._carry_out(Verb.RESTART, names, pace, start_stopped=start_stopped)

    @rule(names=some, at=st.integers(1, 40), verb=st.sampled_from(list(Verb)))
    def interrupted(self, names: set[str], at: int, verb: Verb) -> None:
        self.world._calls, self.world.interrupt_at = 0, at
        try:
            self._carry_out(verb, names, {}, repeat=False)
        finally:
            self.world.interrupt_at = None

    @precondition(lambda self: any(sim.pid for sim in self.world.sims.values()))
    @rule()
    def all_stop(self) -> None:
        self._carry_out(Verb.STOP, set(NAMES), {})

    # What must be true then

    def _carry_out(
        self, verb: Verb, names: Collection[str], pace: dict[str, object], *, start_stopped: bool = False,
        repeat: bool = True,
    ) -> None:  # fmt: skip
        world, chosen = self.world, [name for name in NAMES if name in names]
        world.calls.clear()
        pace = {"settle": SETTLE, "stop": STOP} | pace | ({"rolling": False} if verb is not Verb.RESTART else {})
        try:
            found = act(
                world, verb, chosen, named=False, disabled=self.disabled, start_stopped=start_stopped,
                on_outcome=lambda outcome: self._is_true(verb, outcome), **pace,
            )  # fmt: skip
        except NotFound:
            assert verb is Verb.START and not any(world.sims[name].installed for name in chosen)
            assert world.calls == []
            return
        assert set(found) == set(chosen)
        self._touched_nobody_else(chosen, found)
        assert exit_code(found.values()) in ExitCode
        if repeat:
            self._again(verb, found)

    def _is_true(self, verb: Verb, outcome: Outcome) -> None:
        """Compare an outcome with the world at the moment of its report."""
        world, name, kind = self.world, outcome.profile, outcome.outcome
        sim = world.sims[name]
        if kind in UP:
            assert world.is_up(name) and outcome.pid == sim.pid, outcome
            assert (kind is K.RESTARTED) <= (verb is Verb.RESTART)
        elif kind in DOWN:
            assert verb is Verb.STOP and world.is_down(name), outcome
        elif kind is K.ALREADY_RUNNING:
            assert sim.pid == outcome.pid is not None and verb is not Verb.STOP
        elif kind is K.FAILED:
            assert outcome.detail and outcome.log == world.log
            refused = outcome.detail in (sim.behaviour.refuses_stop, sim.behaviour.refuses_start)
            is_short = (
                sim.is_settled(world.time) and world.time - sim.began - (sim.behaviour.settles or 0) <= DWELL + POLL
            )
            is_stop = verb is Verb.STOP or "did not end" in outcome.detail
            assert refused or not (world.is_down(name) if is_stop else world.is_up(name)) or is_short, outcome
        elif kind in (K.SKIPPED, K.REFUSED):
            touched = {of_verb for of_verb, of in world.made("start", "stop", "announce", "term", "kill") if name in of}
            # A restart that is refused at its second half has stopped what ran.
            assert not touched or (verb is Verb.RESTART and kind is K.REFUSED and world.is_down(name)), outcome
        else:
            assert kind is K.INTERRUPTED

    def _touched_nobody_else(self, chosen: Collection[str], found: dict[str, Outcome]) -> None:
        touched = {name for _, _, of in self.world.calls for name in of}
        assert touched <= set(chosen)
        new = self.world.signals[self.signals :]
        self.signals = len(self.world.signals)
        for _, name, pid, _ in new:
            assert name in found and pid not in self.world.strangers

    def _again(self, verb: Verb, found: dict[str, Outcome]) -> None:
        """See that the same command at once after a success has nothing to do."""
        done = {name for name, each in found.items() if each.outcome in (*UP, *DOWN)}
        still = [
            name
            for name in NAMES
            if name in done
            and (self.world.is_down(name) if verb is Verb.STOP else self.world.is_up(name))
            # One that crashes again and again is watched once more.
            and self.world.gateway(name).state is not GatewayState.CRASH_LOOPING
        ]
        if verb is Verb.RESTART or not still:
            return
        self.world.calls.clear()
        again = act(self.world, verb, still, named=False)
        expected = K.ALREADY_STOPPED if verb is Verb.STOP else K.ALREADY_RUNNING
        assert {name: each.outcome for name, each in again.items()} == dict.fromkeys(still, expected)
        assert self.world.calls == [], "nothing was done"

    @invariant()
    def a_look_never_lies(self) -> None:
        if not hasattr(self, "world"):
            return
        for name, gateway in self.world.gateways().items():
            sim = self.world.sims[name]
            assert (gateway.process.pid if gateway.process else None) == sim.pid
            if gateway.state is GatewayState.STOPPED:
                # While a manager stops a service its job may be the stop itself, or a start behind it.
                assert sim.pid is None and not sim.waiting
                assert not sim.queued or sim.activity is Activity.DEACTIVATING
            if gateway.state is GatewayState.RUNNING and "stopped" not in gateway.detail:
                assert self.world.is_up(name)
            if gateway.state is GatewayState.UNSUPERVISED:
                assert sim.pid is not None and not sim.supervised


Fleets.TestCase.settings = settings(
    max_examples=1000 if NIGHTLY else 30, stateful_step_count=40 if NIGHTLY else 15, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)  # fmt: skip
TestFleets = Fleets.TestCase
