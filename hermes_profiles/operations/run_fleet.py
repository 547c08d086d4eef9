"""One verb for many gateways, from the words of a command to its answer: sorted out, carried out, told."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.backend import ServiceBackend
from hermes_profiles.fleet.executor import POLL, FleetExecutor
from hermes_profiles.fleet.memory_check import available_memory, default_stagger, memory_warning
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb, exit_code
from hermes_profiles.fleet.outdated import only_old_code
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.selection import Selection, Sorted, sort_out
from hermes_profiles.fleet.start_guard import ConflictRule, Launch
from hermes_profiles.gateways.hermes_files import pid_record
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import ancestors
from hermes_profiles.model.errors import Problem, Result, UsageProblem
from hermes_profiles.services.manager import Manager

from .fleet_context import FleetSession

SETTLE = 90.0
_STARTS = (Verb.START, Verb.RESTART)
_UP = (OutcomeKind.STARTED, OutcomeKind.RESTARTED)
_UNCERTAIN = 5.0
DRY_RUN = "dry run: nothing was changed"


class FleetCommand:
    """One verb for many profiles: sorted out, carried out, told."""

    def __init__(
        self,
        session: FleetSession,
        verb: Verb,
        pace: RunOptions,
        stagger: float | None = None,
        owners: Sequence[str] = (),
        on_conflict: str = "mask",
        *,
        force: bool = False,
        dry_run: bool = False,
        start_stopped: bool = False,
        only_old_code: bool = False,
    ) -> None:
        self._session = session
        self._verb = verb
        self._pace = pace
        self._stagger = stagger
        self._owners = tuple(owners)
        self._on_conflict = on_conflict
        self._force = force
        self._dry_run = dry_run
        self._start_stopped = start_stopped
        self._only_old_code = only_old_code

    def on(self, names: Sequence[str], excluded: Sequence[str], group: str | None) -> Answer:
        """Carry the verb out for the profiles that a command names. Raises what refuses the command as a whole."""
        return self.over(self._session.selection(names, excluded, group))

    def over(self, selection: Selection) -> Answer:
        """Carry the verb out. Raises what refuses the command as a whole."""
        session = self._session
        rule = _rule(self._on_conflict)
        session.require_manager()
        launch = Launch(session.world, session.existing, session.catalog, session.environment, rule, self._owners)
        gateways = self._looked_at(launch, selection)
        plan = sort_out(
            self._verb,
            selection,
            launch.with_topology(gateways),
            disabled=session.disabled,
            ancestors=ancestors(),
            force=self._force,
            start_stopped=self._start_stopped,
        )
        reasons: Mapping[str, str] = {}
        if self._only_old_code:
            plan, reasons = only_old_code(plan, gateways)
        if self._dry_run:
            return self._planned(plan, launch, gateways, reasons)
        warnings = self._memory(plan, gateways) if self._verb in _STARTS else []
        if self._verb in _STARTS and plan.driven:
            launch.begin(plan.driven)
        with _ProgressReporter(session.as_json) as told:
            hands = _ReportingBackend(session.world, session.world.manager, launch.prepare, session.catalog, told.watch)
            for outcome in plan.outcomes:
                told(outcome)
            done = FleetExecutor(self._verb, hands, self._paced(len(plan.driven)), told).run(plan.driven, gateways)
        launch.end([each.profile for each in done if each.outcome not in _UP])
        return self._answer(selection.profiles, (*plan.outcomes, *done), [*warnings, *launch.warnings])

    def _looked_at(self, launch: Launch, selection: Selection) -> dict[str, Gateway]:
        """Return the gateways.

        One that no manager runs and that has no pid file, or has not said it is up, may be on its way out: before a
        start it is waited for a little, or `already-running` would be said of what is gone the next moment.
        """
        gateways = launch.look(selection.profiles)
        deadline = time.monotonic() + _UNCERTAIN
        while self._verb is Verb.START and time.monotonic() < deadline:
            if not any(self._may_be_leaving(each) for each in gateways.values()):
                break
            time.sleep(POLL)
            gateways = launch.look(selection.profiles)
        return gateways

    def _may_be_leaving(self, gateway: Gateway) -> bool:
        if gateway.state is not GatewayState.UNSUPERVISED:
            return False
        return not gateway.settled or pid_record(self._session.layout.home(gateway.profile)) is None

    def _paced(self, count: int) -> RunOptions:
        stagger = default_stagger(count) if self._stagger is None else self._stagger
        return self._pace._replace(stagger=stagger if self._verb in _STARTS else 0.0)

    def _memory(self, plan: Sorted, gateways: Any) -> list[Problem]:
        new = [name for name in plan.driven if gateways[name].process is None]
        running = [gateway.usage.rss for gateway in gateways.values()]
        warning = memory_warning(len(new), running, available=available_memory())
        if warning is None:
            return []
        if self._session.as_json:
            return [warning]
        output.note(f"warning: {warning.message}")  # now, while it can still be interrupted
        output.note(f"hint: {warning.hint}")
        return []

    def _planned(
        self, plan: Sorted, launch: Launch, gateways: Mapping[str, Gateway], reasons: Mapping[str, str]
    ) -> Answer:
        decided = launch.decide(plan.driven) if self._verb in _STARTS else {}
        rows = [outcome.as_data() for outcome in plan.outcomes]
        rows += [
            {
                "profile": name,
                "outcome": self._would(gateways[name]),
                "detail": "; ".join((*_told(reasons, name), *(mask.sentence() for mask in decided.get(name, ())))),
                "pid": None,
                "masked_channels": [mask.channel for mask in decided.get(name, ())],
                "log": [],
            }
            for name in plan.driven
        ]
        data = {"dry_run": True, "outcomes": rows}

        def text() -> Iterator[str]:
            for row in rows:
                yield f"{row['profile']}: {row['outcome']}{_detail(row['detail'])}"
            yield DRY_RUN

        return Answer(Result((str(self._verb),), data, warnings=list(launch.warnings)), text)

    def _would(self, gateway: Gateway) -> str:
        down = gateway.process is None and gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
        return str(OutcomeKind.ALREADY_STOPPED) if self._verb is Verb.STOP and down else f"would-{self._verb}"

    def _answer(self, profiles: Sequence[str], outcomes: Sequence[Outcome], warnings: list[Problem]) -> Answer:
        by_name = {outcome.profile: outcome for outcome in outcomes}
        ordered = [by_name[name] for name in profiles if name in by_name]
        return answer_of(str(self._verb), ordered, [*self._session.problems, *warnings], dry_run=False)


def answer_of(command: str, outcomes: Sequence[Outcome], warnings: Sequence[Problem], *, dry_run: bool) -> Answer:
    """Return the answer of a command with an outcome for each profile; failures and refusals are errors, too."""
    data = {"dry_run": dry_run, "outcomes": [outcome.as_data() for outcome in outcomes]}
    bad = (OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.INTERRUPTED)
    errors = [
        Problem(str(each.outcome), f"{each.profile}: {each.detail or each.outcome}", each.profile, each.hint)
        for each in outcomes
        if each.outcome in bad
    ]
    result = Result((command,), data, list(dict.fromkeys(warnings)), errors, exit_code(outcomes))
    return Answer(result, lambda: outcome_table(data))


def outcome_table(data: dict[str, Any]) -> Iterator[str]:
    """Yield the final table of outcomes; below it the log lines of a failure, or how a file differs."""
    rows = data["outcomes"]
    cells = [
        (
            row["profile"],
            row["outcome"],
            str(row["pid"] or "-"),
            ", ".join(row["masked_channels"]) or "-",
            row["detail"] or "-",
        )
        for row in rows
    ]
    yield from output.table(("profile", "outcome", "pid", "masked", "detail"), cells)
    for row in rows:
        if row["log"]:
            what = "last lines of its log" if row["outcome"] == OutcomeKind.FAILED else "installed and wanted"
            yield ""
            yield f"{row['profile']}, {what}:"
            yield from (f"  {line}" for line in row["log"])
    if data["dry_run"]:
        yield DRY_RUN


class _ProgressReporter:
    """Says each outcome as it comes, on stderr: the table at the end is the answer. On a terminal there is a live line
    for each gateway that is under way."""

    def __init__(self, as_json: bool) -> None:
        self._silent = as_json
        self._live = output.LiveLines() if not as_json else None

    def __enter__(self) -> _ProgressReporter:
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.end()

    def __call__(self, outcome: Outcome) -> None:
        if self._live is not None:
            self._live.drop(outcome.profile, f"{outcome.profile}: {outcome.outcome}{_detail(outcome.detail)}")

    def watch(self, gateways: Mapping[str, Gateway]) -> None:
        """Show what gateways under way are doing."""
        if self._live is not None:
            self._live.show({name: f"{each.state}{_detail(each.detail)}" for name, each in gateways.items()})


class _ReportingBackend(ServiceBackend):
    """Hands whose every look is shown."""

    def __init__(
        self,
        world: SystemContext,
        manager: Manager | None,
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]],
        catalog: Catalog,
        watch: Callable[[Mapping[str, Gateway]], None],
    ) -> None:
        super().__init__(world, manager, prepare, catalog)
        self._watch = watch

    def look(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, from one look, and show them."""
        found = super().look(profiles)
        self._watch(found)
        return found


def _told(reasons: Mapping[str, str], name: str) -> tuple[str, ...]:
    return (reasons[name],) if name in reasons else ()


def _detail(text: str) -> str:
    return f" ({text})" if text else ""


def _rule(text: str) -> ConflictRule:
    try:
        return ConflictRule(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is no rule for conflicts", target="--on-conflict", hint=f"there are: {', '.join(ConflictRule)}"
        ) from None
