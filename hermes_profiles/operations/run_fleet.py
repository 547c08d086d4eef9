"""Start, stop or restart the gateways of many profiles."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.backend import ServiceBackend
from hermes_profiles.fleet.executor import POLL, FleetExecutor
from hermes_profiles.fleet.memory_check import available_memory, default_stagger, memory_warning
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.outdated import only_old_code
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.selection import Selection, Sorted, sort_out
from hermes_profiles.fleet.start_guard import ConflictRule, StartGuard
from hermes_profiles.gateways.hermes_files import pid_record
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import ancestors
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.services.manager import Manager

from .events import Event
from .fleet_context import FleetSession
from .fleet_result import FleetResult, fleet_result

SETTLE = 90.0
_STARTS = (Verb.START, Verb.RESTART)
_UP = (OutcomeKind.STARTED, OutcomeKind.RESTARTED)
_UNCERTAIN = 5.0


class FleetRequest(NamedTuple):
    """What a caller asks of many gateways. `stagger`: seconds between two starts, None for the default.

    `owners`: the profiles that keep a channel which several hold; `force`: do it although it would be refused for
    safety; `start_stopped` and `only_old_code`: which gateways a restart includes.
    """

    verb: Verb
    options: RunOptions = RunOptions(settle=SETTLE)
    stagger: float | None = None
    owners: tuple[str, ...] = ()
    on_conflict: str = "mask"
    force: bool = False
    dry_run: bool = False
    start_stopped: bool = False
    only_old_code: bool = False


def run_fleet(session: FleetSession, request: FleetRequest, selection: Selection) -> FleetResult:
    """Start, stop or restart the selected gateways and return the outcomes.

    Reports to the session's `on_progress` and `on_outcome`. Raises what refuses the request as a whole.
    """
    return _FleetRun(session, request).run(selection)


class _FleetRun:
    """One request, carried out for a selection of profiles."""

    def __init__(self, session: FleetSession, request: FleetRequest) -> None:
        self._session = session
        self._request = request
        self._starts = request.verb in _STARTS

    def run(self, selection: Selection) -> FleetResult:
        """Return the outcomes."""
        session, request = self._session, self._request
        rule = _conflict_rule(request.on_conflict)
        session.require_manager()
        launch = StartGuard(session.world, session.existing, session.catalog, session.environment, rule, request.owners)
        gateways = self._observe(launch, selection)
        plan = sort_out(
            request.verb,
            selection,
            launch.with_topology(gateways),
            disabled=session.disabled,
            ancestors=ancestors(),
            force=request.force,
            start_stopped=request.start_stopped,
        )
        reasons: Mapping[str, str] = {}
        if request.only_old_code:
            plan, reasons = only_old_code(plan, gateways)
        if request.dry_run:
            return self._planned(plan, launch, gateways, reasons)
        warnings = self._memory_warnings(plan, gateways) if self._starts else []
        if self._starts and plan.driven:
            launch.begin(plan.driven)
        backend = _ReportingBackend(
            session.world,
            session.world.manager,
            launch.prepare,
            session.catalog,
            lambda seen: session.on_progress(Event(seen)),
        )
        for outcome in plan.outcomes:
            session.on_outcome(outcome)
        executor = FleetExecutor(request.verb, backend, self._run_options(len(plan.driven)), session.on_outcome)
        done = executor.run(plan.driven, gateways)
        launch.end([outcome.profile for outcome in done if outcome.outcome not in _UP])
        outcomes = _in_order((*plan.outcomes, *done), selection.profiles)
        return fleet_result(outcomes, [*session.problems, *warnings, *launch.warnings])

    def _observe(self, launch: StartGuard, selection: Selection) -> dict[str, Gateway]:
        """Return the gateways, once no gateway is about to exit.

        A gateway that no manager runs and that has no pid file, or has not reported that it is up, may be exiting.
        Before a start it gets a few seconds, so that `already-running` is not reported of a process that is gone
        the next moment.
        """
        gateways = launch.observe(selection.profiles)
        deadline = time.monotonic() + _UNCERTAIN
        while self._request.verb is Verb.START and time.monotonic() < deadline:
            if not any(self._may_be_exiting(gateway) for gateway in gateways.values()):
                break
            time.sleep(POLL)
            gateways = launch.observe(selection.profiles)
        return gateways

    def _may_be_exiting(self, gateway: Gateway) -> bool:
        if gateway.state is not GatewayState.UNSUPERVISED:
            return False
        return not gateway.settled or pid_record(self._session.layout.home(gateway.profile)) is None

    def _run_options(self, count: int) -> RunOptions:
        given = self._request.stagger
        stagger = default_stagger(count) if given is None else given
        return self._request.options._replace(stagger=stagger if self._starts else 0.0)

    def _memory_warnings(self, plan: Sorted, gateways: Mapping[str, Gateway]) -> list[Problem]:
        new = [name for name in plan.driven if gateways[name].process is None]
        running = [gateway.usage.rss for gateway in gateways.values()]
        warning = memory_warning(len(new), running, available=available_memory())
        if warning is None:
            return []
        self._session.on_progress(Event({}, warning))  # now, while the start can still be interrupted
        return [warning]

    def _planned(
        self, plan: Sorted, launch: StartGuard, gateways: Mapping[str, Gateway], reasons: Mapping[str, str]
    ) -> FleetResult:
        masks = launch.decide(plan.driven) if self._starts else {}
        outcomes = [
            Outcome(
                name,
                self._would(gateways[name]),
                "; ".join(
                    (*((reasons[name],) if name in reasons else ()), *(mask.sentence() for mask in masks.get(name, ())))
                ),
                masked=tuple(mask.channel for mask in masks.get(name, ())),
            )
            for name in plan.driven
        ]
        return FleetResult((*plan.outcomes, *outcomes), tuple(launch.warnings), dry_run=True)

    def _would(self, gateway: Gateway) -> OutcomeKind:
        down = gateway.process is None and gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
        if self._request.verb is Verb.STOP and down:
            return OutcomeKind.ALREADY_STOPPED
        return OutcomeKind(f"would-{self._request.verb}")


class _ReportingBackend(ServiceBackend):
    """A backend that reports every observation."""

    def __init__(
        self,
        world: SystemContext,
        manager: Manager | None,
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]],
        catalog: Catalog,
        report: Callable[[Mapping[str, Gateway]], None],
    ) -> None:
        super().__init__(world, manager, prepare, catalog)
        self._report = report

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, and report them."""
        gateways = super().observe(profiles)
        self._report(gateways)
        return gateways


def _in_order(outcomes: Sequence[Outcome], profiles: Sequence[str]) -> list[Outcome]:
    by_name = {outcome.profile: outcome for outcome in outcomes}
    return [by_name[name] for name in profiles if name in by_name]


def _conflict_rule(text: str) -> ConflictRule:
    try:
        return ConflictRule(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is no rule for conflicts", target="--on-conflict", hint=f"use one of {', '.join(ConflictRule)}"
        ) from None
