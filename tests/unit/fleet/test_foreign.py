"""Gateways that another supervisor runs: stopped through it, refused, or reported when it starts them again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from gateway_facts import NOW, facts, process

from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.foreign import refusal, seconds_to_look
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.verb_plan import sort_out
from hermes_profiles.gateways.model import Gateway, GatewayState, Supervisor
from hermes_profiles.gateways.resolve import resolve
from hermes_profiles.gateways.supervision import program_of_other_profile
from hermes_profiles.services.manager import Activity, ManagerKind, ServiceStatus

UNIT = Supervisor(
    "hermes-gateway@work.service of the user's systemd", revives=True, unit="hermes-gateway@work.service",
    is_user_unit=True, stop="stop it with `systemctl --user stop hermes-gateway@work.service`", pid=9,
)  # fmt: skip
SYSTEM = Supervisor("hermes.service of the system's systemd", revives=True, unit="hermes.service", stop="stop it")
SCRIPT = Supervisor("a script, run.sh (PID 7)", revives=None, stop="end that first with `kill 7`", pid=7)
TMUX = Supervisor("tmux (PID 8)", revives=False, pid=8)
NO_SERVICE = ServiceStatus(installed=False, enabled=False, activity=Activity.INACTIVE)


@dataclass
class Respawned:
    """A backend with one gateway outside its service; `after`: seconds until it is started again, None for never."""

    by: Supervisor | None
    after: float | None = None
    time: float = 0.0
    pid: int | None = 42
    ended_at: float | None = None
    units: list[str] = field(default_factory=list)
    signals: list[int] = field(default_factory=list)
    starters: tuple[str, ...] = ()

    def gateway(self) -> Gateway:
        if self.ended_at is not None and self.after is not None and self.time - self.ended_at >= self.after:
            self.pid, self.ended_at = (self.pid or 42) + 1, None
        alive = self.ended_at is None
        running = process(pid=self.pid or 0) if alive else None
        return resolve(
            facts(process=running, record=None, service=NO_SERVICE, manager=ManagerKind.SYSTEMD)._replace(
                supervisor=self.by if alive else None
            )
        )

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        return {name: self.gateway() for name in profiles}

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        return {}

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        raise AssertionError("nothing is started")

    def announce_stop(self, gateway: Gateway) -> None:
        pass

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        raise AssertionError("it has no service of its own")

    def stop_unit(self, unit: str) -> str:
        self.units.append(unit)
        self.ended_at = self.time
        return ""

    def starters_of(self, unit: str) -> tuple[str, ...]:
        return self.starters

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        self.signals.append(gateway.pid or 0)
        self.ended_at = self.time

    def log_lines(self, profile: str) -> tuple[str, ...]:
        return ()

    def stop_seconds(self, profile: str) -> float:
        return 30.0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        self.time += seconds


def stop(backend: Respawned) -> Outcome:
    (outcome,) = FleetExecutor(Verb.STOP, backend, RunOptions()).run(["work"], {"work": backend.gateway()})
    return outcome


def test_unit_of_the_user_is_stopped_through_systemd_without_a_signal() -> None:
    backend = Respawned(UNIT)
    assert backend.gateway().state is GatewayState.RUNNING
    assert backend.gateway().detail.startswith("supervised by hermes-gateway@work.service")
    assert stop(backend).outcome is OutcomeKind.STOPPED
    assert (backend.units, backend.signals) == (["hermes-gateway@work.service"], [])


@pytest.mark.parametrize("after", [0.0, 2.0, 8.0])
def test_stop_that_does_not_last_fails_and_names_the_parent(after: float) -> None:
    backend = Respawned(SCRIPT, after)
    outcome = stop(backend)
    assert outcome.outcome is OutcomeKind.FAILED
    assert outcome.detail == f"it was stopped, and a script, run.sh (PID 7) started it again (PID {backend.pid})"
    assert outcome.hint == "end that first with `kill 7`" and backend.signals == ([42] if after else [42, 43])


@pytest.mark.parametrize(("by", "seconds"), [(None, 6.0), (TMUX, 6.0), (SCRIPT, 15.0)])
def test_stop_outside_a_service_ends_after_a_look(by: Supervisor | None, seconds: float) -> None:
    backend = Respawned(by)
    assert backend.gateway().state is GatewayState.UNSUPERVISED
    assert stop(backend).outcome is OutcomeKind.STOPPED
    assert backend.time < seconds


@pytest.mark.parametrize(
    ("verb", "by", "hint"),
    [
        (Verb.STOP, SYSTEM, "stop it"),
        (Verb.RESTART, SYSTEM, "stop it"),
        (Verb.RESTART, UNIT, "restart it with `systemctl --user restart hermes-gateway@work.service`"),
    ],
)
def test_other_supervisor_is_named_and_nothing_is_signalled(verb: Verb, by: Supervisor, hint: str) -> None:
    backend = Respawned(by)
    gateway = backend.gateway()
    plan = sort_out(verb, Selection(("work",), named=True), {"work": gateway})
    assert plan.driven == () and plan.outcomes == (refusal(verb, gateway),)
    (outcome,) = FleetExecutor(verb, backend, RunOptions()).run(["work"], {"work": gateway})
    assert (outcome.outcome, outcome.hint) == (OutcomeKind.REFUSED, hint)
    assert backend.signals == backend.units == []


def test_own_service_needs_no_second_look() -> None:
    own = resolve(facts(process=process(), now=NOW))
    assert seconds_to_look(Verb.STOP, own) == 0.0 and refusal(Verb.STOP, own) is None


PROGRAM = program_of_other_profile("hermes-gateway-old", "old", "work")


def test_gateway_under_the_program_of_another_profile_is_stopped_through_it() -> None:
    """The daemon runs the gateways of all: no hint ends it."""
    backend = Respawned(PROGRAM)
    (found,) = FleetExecutor(Verb.STOP, backend, RunOptions()).run(("work",), backend.observe(("work",)))
    assert (found.outcome, backend.units, backend.signals) == (OutcomeKind.STOPPED, ["hermes-gateway-old"], [])
    refused = refusal(Verb.RESTART, Respawned(PROGRAM).gateway())
    assert refused is not None and "kill" not in (refused.hint or "")
    assert "`hermes-gateways uninstall old`" in (refused.hint or "")


def test_unit_that_a_timer_starts_again_is_refused_with_the_command_for_both() -> None:
    backend = Respawned(UNIT, starters=("bot.timer", "keep.target"))
    found = stop(backend)
    assert (found.outcome, backend.units, backend.signals) == (OutcomeKind.REFUSED, [], [])
    assert found.detail == "supervised by hermes-gateway@work.service, which bot.timer, keep.target starts again"
    assert "`systemctl --user stop bot.timer keep.target hermes-gateway@work.service`" in (found.hint or "")


@pytest.mark.parametrize(
    ("others", "chosen", "command"),
    [
        (("night",), ("work",), "`hermes-gateways stop work night`"),
        (("PID 7", "night"), ("work", "night"), "`hermes-gateways stop work night --force`"),
        (("night",), ("work", "night"), ""),
    ],
)
def test_unit_with_gateways_of_others_is_stopped_with_all_of_them_alone(
    others: tuple[str, ...], chosen: tuple[str, ...], command: str
) -> None:
    gateways = dict.fromkeys(chosen, Respawned(UNIT._replace(also_runs=others)).gateway())
    plan = sort_out(Verb.STOP, Selection(chosen, named=True), gateways)
    assert (plan.driven == ()) is bool(command)
    assert all(each.outcome is OutcomeKind.REFUSED and command in (each.hint or "") for each in plan.outcomes)
    assert all("which also runs" in each.detail for each in plan.outcomes)
    assert sort_out(Verb.STOP, Selection(chosen, named=True), gateways, force=True).driven == chosen


def test_gateway_that_an_unknown_parent_started_again_names_its_process() -> None:
    outcome = stop(Respawned(None, 0.5))
    assert outcome.detail == "it was stopped, and another process started it again (PID 43)"
    assert outcome.hint == "see its parent with `ps -fp 43`"
