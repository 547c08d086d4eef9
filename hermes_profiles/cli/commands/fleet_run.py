"""start, stop, restart and reset: many gateways at once, one line for each as it finishes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.cli import output
from hermes_profiles.cli.examples import examples
from hermes_profiles.cli.fleet_options import (
    Except,
    Force,
    Group,
    Jobs,
    ManagerName,
    Names,
    OnConflict,
    Owner,
    Stagger,
    Timeout,
)
from hermes_profiles.cli.fleet_session import FleetSession
from hermes_profiles.cli.options import DryRun, Home, Json
from hermes_profiles.cli.session import Answer, run
from hermes_profiles.fleet.actions import Fleet, Pace
from hermes_profiles.fleet.hands import RealHands
from hermes_profiles.fleet.inventory import ancestors
from hermes_profiles.fleet.launch import ConflictRule, Launch
from hermes_profiles.fleet.memory import available_memory, default_stagger, memory_warning
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb, exit_code
from hermes_profiles.fleet.selection import Selection, Sorted, sort_out
from hermes_profiles.fleet.state import Gateway, GatewayState
from hermes_profiles.model.result import Problem, Result, UsageProblem

SETTLE = 90.0
_STARTS = (Verb.START, Verb.RESTART)
_UP = (OutcomeKind.STARTED, OutcomeKind.RESTARTED)
DRY_RUN = "dry run: nothing was changed"


@examples(
    "hermes-gateways start",
    "hermes-gateways start work family --owner work",
    "hermes-gateways start --dry-run",
)
def start(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    owner: Owner = None,
    on_conflict: OnConflict = "mask",
    jobs: Jobs = None,
    stagger: Stagger = None,
    timeout: Timeout = SETTLE,
    force: Force = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make sure that gateways run; one that does is left alone."""
    session = FleetSession(home, json, manager_option=manager)
    pace = Pace(jobs=jobs, settle=timeout)
    act = Act(session, Verb.START, pace, stagger, owner or (), on_conflict, force=force, dry_run=dry_run)
    run(("start",), session, lambda: act.on(profiles or (), excluded or (), group))


@examples(
    "hermes-gateways stop",
    "hermes-gateways stop work",
    "hermes-gateways stop --except default",
)
def stop(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    jobs: Jobs = None,
    timeout: Annotated[
        float | None,
        typer.Option("--timeout", min=1, metavar="SECONDS", help="How long a stop may take, then SIGKILL."),
    ] = None,
    force: Force = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Stop gateways, so that nothing revives them and nothing counts as failed."""
    session = FleetSession(home, json, manager_option=manager)
    pace = Pace(jobs=jobs, stop=timeout or Pace().stop)
    act = Act(session, Verb.STOP, pace, force=force, dry_run=dry_run)
    run(("stop",), session, lambda: act.on(profiles or (), excluded or (), group))


@examples(
    "hermes-gateways restart",
    "hermes-gateways restart --rolling",
    "hermes-gateways restart work",
)
def restart(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="One after the other, each up before the next; a failure ends it.")
    ] = False,
    start_stopped: Annotated[
        bool, typer.Option("--start-stopped", help="Start those that are not running, too.")
    ] = False,
    owner: Owner = None,
    on_conflict: OnConflict = "mask",
    jobs: Jobs = None,
    stagger: Stagger = None,
    timeout: Timeout = SETTLE,
    force: Force = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Restart the gateways that run, all at once."""
    session = FleetSession(home, json, manager_option=manager)
    pace = Pace(jobs=jobs, rolling=rolling, settle=timeout)
    act = Act(
        session, Verb.RESTART, pace, stagger, owner or (), on_conflict, force=force, dry_run=dry_run,
        start_stopped=start_stopped,
    )  # fmt: skip
    run(("restart",), session, lambda: act.on(profiles or (), excluded or (), group))


class Act:
    """One verb for many profiles: sorted out, carried out, told."""

    def __init__(
        self, session: FleetSession, verb: Verb, pace: Pace, stagger: float | None = None,
        owners: Sequence[str] = (), on_conflict: str = "mask", *, force: bool = False, dry_run: bool = False,
        start_stopped: bool = False,
    ) -> None:  # fmt: skip
        self._session = session
        self._verb = verb
        self._pace = pace
        self._stagger = stagger
        self._owners = tuple(owners)
        self._on_conflict = on_conflict
        self._force = force
        self._dry_run = dry_run
        self._start_stopped = start_stopped

    def on(self, names: Sequence[str], excluded: Sequence[str], group: str | None) -> Answer:
        """Carry the verb out for the profiles that a command names. Raises what refuses the command as a whole."""
        return self.over(self._session.selection(names, excluded, group))

    def over(self, selection: Selection) -> Answer:
        """Carry the verb out. Raises what refuses the command as a whole."""
        session = self._session
        rule = _rule(self._on_conflict)
        session.require_manager()
        launch = Launch(session.world, session.existing, session.catalog, session.environment, rule, self._owners)
        gateways = launch.look(selection.profiles)
        plan = sort_out(
            self._verb, selection, launch.with_topology(gateways), disabled=session.disabled, ancestors=ancestors(),
            force=self._force, start_stopped=self._start_stopped,
        )  # fmt: skip
        if self._dry_run:
            return self._planned(plan, launch, gateways)
        warnings = self._memory(plan, gateways) if self._verb in _STARTS else []
        hands = RealHands(session.world, session.world.manager, launch.prepare, session.catalog)
        told = _Teller(session.as_json)
        for outcome in plan.outcomes:
            told(outcome)
        if self._verb in _STARTS and plan.driven:
            launch.begin(plan.driven)
        done = Fleet(self._verb, hands, self._paced(len(plan.driven)), told).run(plan.driven, gateways)
        launch.end([each.profile for each in done if each.outcome not in _UP])
        return self._answer(selection.profiles, (*plan.outcomes, *done), [*warnings, *launch.warnings])

    def _paced(self, count: int) -> Pace:
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

    def _planned(self, plan: Sorted, launch: Launch, gateways: Mapping[str, Gateway]) -> Answer:
        decided = launch.decide(plan.driven) if self._verb in _STARTS else {}
        rows = [outcome.as_data() for outcome in plan.outcomes]
        rows += [
            {
                "profile": name, "outcome": self._would(gateways[name]),
                "detail": "; ".join(mask.reason for mask in decided.get(name, ())), "pid": None,
                "masked_channels": [mask.channel for mask in decided.get(name, ())], "log": [],
            }
            for name in plan.driven
        ]  # fmt: skip
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
            row["profile"], row["outcome"], str(row["pid"] or "-"), ", ".join(row["masked_channels"]) or "-",
            row["detail"] or "-",
        )
        for row in rows
    ]  # fmt: skip
    yield from output.table(("profile", "outcome", "pid", "masked", "detail"), cells)
    for row in rows:
        if row["log"]:
            what = "last lines of its log" if row["outcome"] == OutcomeKind.FAILED else "installed and wanted"
            yield ""
            yield f"{row['profile']}, {what}:"
            yield from (f"  {line}" for line in row["log"])
    if data["dry_run"]:
        yield DRY_RUN


class _Teller:
    """Says each outcome as it comes, on stderr: the table at the end is the answer."""

    def __init__(self, as_json: bool) -> None:
        self._silent = as_json

    def __call__(self, outcome: Outcome) -> None:
        if not self._silent:
            output.note(f"{outcome.profile}: {outcome.outcome}{_detail(outcome.detail)}")


def _detail(text: str) -> str:
    return f" ({text})" if text else ""


def _rule(text: str) -> ConflictRule:
    try:
        return ConflictRule(text)
    except ValueError:
        raise UsageProblem(
            f"{text!r} is no rule for conflicts", target="--on-conflict", hint=f"there are: {', '.join(ConflictRule)}"
        ) from None
