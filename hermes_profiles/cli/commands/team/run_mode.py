"""team run-mode: one gateway for all profiles, or one for each; and which it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import ChangeEntry, Journal
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, describe
from hermes_profiles.changes.undo_plan import plan_undo
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import ManagerName, Timeout
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.run_mode import (
    InTheWay,
    plan_lines,
    served_by,
    told_lines,
    would,
    written,
)
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb, exit_code
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.hermes_install import installed_version
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.processes import ancestors
from hermes_profiles.gateways.topology import multiplexing_asked
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.hermes.version import facts_of
from hermes_profiles.model.errors import ExitCode, Problem, Refused, Result, UsageProblem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex import saved_state as records
from hermes_profiles.multiplex.disable import plan_disable
from hermes_profiles.multiplex.enable import EnablePlan, plan_enable
from hermes_profiles.multiplex.facts import read_facts
from hermes_profiles.multiplex.model import Issue, IssueSeverity
from hermes_profiles.multiplex.saved_state import COMMAND, MULTIPLEX, PROCESSES, SwitchPhase, resulting_mode
from hermes_profiles.multiplex.services import gateway_issues, has_service, is_up
from hermes_profiles.multiplex.switch import RunModeSwitch, StartFailed, SwitchResult, apply_plan
from hermes_profiles.operations.fleet_context import FleetSession, other_managers
from hermes_profiles.operations.install_services import THERE, ServiceInstaller
from hermes_profiles.operations.run_fleet import DRY_RUN, SETTLE, FleetCommand
from hermes_profiles.profiles.profile import environment_of
from hermes_profiles.teams.model import read_teams


@examples(
    "hermes-profiles team run-mode",
    "hermes-profiles team run-mode multiplex --dry-run",
    "hermes-profiles team run-mode multiplex",
    "hermes-profiles team run-mode processes",
)
def run_mode(
    mode: Annotated[
        str | None, typer.Argument(metavar="[multiplex|processes]", help="How profiles are to run (none: tell).")
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Accept what a person may decide: it is told what that is.")
    ] = False,
    install: Annotated[
        bool, typer.Option("--install", help="On the way back, write and start services for profiles without one.")
    ] = False,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Have one gateway serve all profiles (multiplex), or one run for each (processes); without a word, tell which.

    Whoever could talk to whom before can afterwards, and nobody else: what cannot be kept so is refused, with the
    command that mends it. The way back leads to the same services, settings and files. If the one gateway does not come
    up, all goes back.
    """
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        if mode not in (None, MULTIPLEX, PROCESSES):
            raise UsageProblem(
                f"{mode!r} is no run mode", target=mode, code="bad-mode", hint=f"there are: {MULTIPLEX}, {PROCESSES}"
            )
        command = RunMode(session, timeout, yes=yes, install=install, dry_run=dry_run)
        if mode is None:
            return command.told()
        if install and mode != PROCESSES:
            raise UsageProblem(
                "--install is for the way back", target="--install", hint="say `team run-mode processes --install`"
            )
        session.recover(dry_run=dry_run)
        try:
            return command.to_multiplex() if mode == MULTIPLEX else command.to_processes()
        except InTheWay as error:
            return error.answer()

    run(COMMAND, session, body)


def undo_switch(session: FleetSession, entry: ChangeEntry, *, dry_run: bool) -> Answer:
    """Take back a switch of the run mode: its files as an undo does, services as the other way does.

    Raises Refused when a file was changed since, or when the switch was only a part of the way.
    """
    plan = plan_undo(entry, session.layout)
    config = session.layout.home(DEFAULT) / CONFIG_FILE
    if not any(isinstance(step, ReplaceFile) and step.path == config for step in plan.steps):
        raise Refused(
            f"{entry.id} took further profiles in and did not switch the run mode",
            target=entry.id,
            code="partial",
            hint="have all as it was with `hermes-profiles team run-mode processes`",
        )
    mode = resulting_mode(Journal(session.layout.state), entry)
    command = RunMode(session, dry_run=dry_run, yes=True, write=lambda _: undo(session.layout, entry.id).change_id)
    try:
        return command.to_processes() if mode == MULTIPLEX else command.to_multiplex()
    except InTheWay as error:
        return error.answer()


class RunMode:
    """One run of the command. `write`: makes the change of files, and returns its id."""

    def __init__(
        self,
        session: FleetSession,
        timeout: float = SETTLE,
        *,
        yes: bool = False,
        install: bool = False,
        dry_run: bool = False,
        write: Callable[[ChangePlan], str] | None = None,
    ) -> None:
        self._session = session
        self._timeout = timeout
        self._yes = yes
        self._install = install
        self._dry_run = dry_run
        self._write = write or apply_plan(session.world)
        self._mode_wanted = ""
        self._notes: list[Problem] = []

    # Which it is

    def told(self) -> Answer:
        """Return how profiles run now, and who serves each."""
        session = self._session
        gateways = session.look(session.existing)
        teams = read_teams(session.layout, session.existing)
        mode, unfinished = self._mode(), records.is_unfinished(session.layout)
        rows = [
            {
                "profile": name,
                "team": team.name if (team := teams.of(name)) is not None else None,
                "served_by": served_by(gateways[name]),
                "state": str(gateways[name].state),
                "pid": gateways[name].pid,
            }
            for name in session.existing
        ]
        data = {"mode": mode, "unfinished": unfinished, "profiles": rows}
        problems = [self._unfinished_problem()] if unfinished else []
        result = Result(COMMAND, data, list(dict.fromkeys(session.manager_problems)), problems)
        result.exit_code = ExitCode.NEGATIVE if unfinished else ExitCode.OK
        return Answer(result, lambda: told_lines(data))

    def _mode(self) -> str:
        layout, environment = self._session.layout, self._session.environment
        version = installed_version(layout, environment)
        asked = multiplexing_asked(layout.home(DEFAULT), environment)
        return MULTIPLEX if asked or facts_of(version).always_multiplexes else PROCESSES

    def _unfinished_problem(self) -> Problem:
        return Problem(
            "unfinished",
            "a switch of the run mode was interrupted: some gateways are down",
            str(records.saved_state_path(self._session.layout)),
            "go on with `hermes-profiles team run-mode multiplex`, or have all as it was with "
            "`hermes-profiles team run-mode processes`",
        )

    # One gateway for all

    def to_multiplex(self) -> Answer:
        """Have one gateway serve all profiles. Raises InTheWay."""
        self._mode_wanted = MULTIPLEX
        session, layout = self._session, self._session.layout
        session.require_manager()
        gateways = session.look(session.existing)
        there = plan_enable(
            layout, read_facts(layout, session.existing, session.catalog, session.environment), session.catalog
        )
        self._check([*self._around(gateways), *there.issues])
        if self._is_there(gateways, there):
            data: dict[str, Any] = {"mode": MULTIPLEX, "changed": False, "dry_run": self._dry_run, "outcomes": []}
            return self._answer(data, f"one gateway, that of {DEFAULT}, serves all profiles already", (), ())
        if self._dry_run:
            return self._planned_there(there, gateways)
        with records.switch_lock(layout):
            done = self._carried_out(lambda switch: switch.enable(self._write, self._check_quietly))
        data = {"mode": MULTIPLEX, "changed": True, "dry_run": False, **written(there)}
        return self._answered(data, done, f"one gateway, that of {DEFAULT}, serves all profiles now")

    def _is_there(self, gateways: dict[str, Gateway], there: EnablePlan) -> bool:
        """Return whether nothing is left to do: all is written, one gateway runs, and no service of another's would
        start."""
        record = records.read_saved_state(self._session.layout)
        if there.steps or (record is not None and record.phase is not SwitchPhase.THERE):
            return False
        named = [gateway for name, gateway in gateways.items() if name != DEFAULT]
        return is_up(gateways[DEFAULT]) and all(
            each.state is GatewayState.SERVED and not (each.service is not None and each.service.enabled)
            for each in named
        )

    def _around(self, gateways: dict[str, Gateway]) -> Iterator[Issue]:
        """Yield what of gateways, services and managers stands in the way."""
        session = self._session
        yield from gateway_issues(gateways, disabled=session.disabled, ancestors=ancestors())
        for other in other_managers(session):
            for name in session.existing:
                path = other.service(session.world.service_name(name), name).path
                if path.exists():
                    yield Issue(
                        name,
                        "another-manager",
                        f"{name} has a service under {other.kind}, too: {path}",
                        IssueSeverity.REFUSE,
                        str(path),
                        f"remove it with `hermes-gateways uninstall {name} --manager {other.kind}`",
                    )

    def _check(self, limits: Sequence[Issue]) -> None:
        """Raise Refused for what stands in the way; the rest is noted."""
        weights = {IssueSeverity.REFUSE} if self._yes else {IssueSeverity.REFUSE, IssueSeverity.DECIDE}
        blocking = [each for each in limits if each.severity in weights]
        self._notes = [each.problem for each in limits if each not in blocking]
        if blocking:
            raise InTheWay(self._mode_wanted, blocking)

    def _check_quietly(self, there: EnablePlan) -> None:
        notes = self._notes
        self._check(there.issues)
        self._notes = list(dict.fromkeys([*notes, *self._notes]))

    def _planned_there(self, there: EnablePlan, gateways: dict[str, Gateway]) -> Answer:
        stopped = [name for name, each in gateways.items() if name != DEFAULT and has_service(each) and is_up(each)]
        disabled = [
            name
            for name, each in gateways.items()
            if name != DEFAULT and each.service is not None and each.service.enabled
        ]
        plan = there.plan()
        data: dict[str, Any] = {
            "mode": MULTIPLEX,
            "changed": True,
            "dry_run": True,
            **written(there),
            "stops": stopped,
            "disables": disabled,
            "installs": [] if has_service(gateways[DEFAULT]) else [DEFAULT],
            "plan": list(describe(plan)) if plan is not None else [],
        }
        lines = [
            *would("stop", stopped),
            *would("keep from starting at boot", disabled),
            *(f"{each.profile}: {each.why}" for each in there.pinned),
            *(f"{each.profile}: carry over {each.people} approved on {each.channel}" for each in there.approvals),
            *would("install", data["installs"]),
            *plan_lines(plan),
            f"start {DEFAULT} as the one gateway for all, and go back if it does not serve everybody",
            DRY_RUN,
        ]
        return Answer(Result(COMMAND, data, warnings=[*self._session.problems, *self._notes]), lambda: lines)

    # A gateway for each

    def to_processes(self) -> Answer:
        """Have each profile run a gateway of its own. Raises InTheWay."""
        self._mode_wanted = PROCESSES
        session, layout = self._session, self._session.layout
        self._refuse_always()
        manager = session.require_manager()
        record = records.read_saved_state(layout)
        if record is None and self._mode() == PROCESSES:
            data: dict[str, Any] = {"mode": PROCESSES, "changed": False, "dry_run": self._dry_run, "outcomes": []}
            return self._answer(data, "each profile runs a gateway of its own already", (), ())
        gateways = session.look(session.existing)
        bare = self._without_service(gateways)
        limits = [
            each for each in gateway_issues(gateways, disabled=(), ancestors=ancestors()) if each.code != "unsupervised"
        ]
        self._check([*limits, *self._unserved(bare)])
        if self._dry_run:
            return self._planned_back(bare)
        with records.switch_lock(layout):
            done = self._carried_out(lambda switch: switch.disable(record, self._write))
        if self._install and bare:
            done = done._replace(outcomes=(*done.outcomes, *self._installed(bare, manager)))
        data = {"mode": PROCESSES, "changed": True, "dry_run": False}
        return self._answered(data, done, "each profile runs a gateway of its own now")

    def _refuse_always(self) -> None:
        session = self._session
        version = installed_version(session.layout, session.environment)
        if version is not None and facts_of(version).always_multiplexes:
            raise Refused(
                f"Hermes {'.'.join(map(str, version))} serves all profiles by one gateway, and knows no other way",
                target="hermes",
                code="no-such-mode",
                hint="see how they run with `hermes-profiles team run-mode`",
            )
        said = environment_of(session.layout.home(DEFAULT)).get(GATEWAY_MULTIPLEX_PROFILES, "").strip().lower()
        if said in multiplexing.ON:
            raise Refused(
                f"{GATEWAY_MULTIPLEX_PROFILES} is on in default's `.env`, and wins over config.yaml",
                target=GATEWAY_MULTIPLEX_PROFILES,
                code="overruled",
                hint=f"take it out: `hermes-profiles env unset default {GATEWAY_MULTIPLEX_PROFILES}`",
            )

    def _without_service(self, gateways: dict[str, Gateway]) -> list[str]:
        """Return the profiles with channels that are served now and would be by nobody."""
        session = self._session
        facts = read_facts(session.layout, session.existing, session.catalog, session.environment)
        return [
            name
            for name, each in gateways.items()
            if name != DEFAULT and name not in session.disabled and not has_service(each) and facts[name].held.channels
        ]

    def _unserved(self, bare: Sequence[str]) -> Iterator[Issue]:
        for name in bare if not self._install else ():
            yield Issue(
                name,
                "no-service",
                f"{name} has no service of its own, and would be served by nobody",
                IssueSeverity.DECIDE,
                hint="have services written and started for such profiles with `--install`, or leave them out with "
                "`--yes`",
            )

    def _planned_back(self, bare: Sequence[str]) -> Answer:
        record = records.read_saved_state(self._session.layout)
        back = plan_disable(self._session.layout, record, self._session.catalog)
        services = record.services if record is not None else {}
        data: dict[str, Any] = {
            "mode": PROCESSES,
            "changed": True,
            "dry_run": True,
            "starts": [name for name, was in services.items() if was.up],
            "enables": [name for name, was in services.items() if was.installed and was.enabled],
            "installs": list(bare) if self._install else [],
            "plan": list(describe(back.plan)) if back.plan is not None else [],
        }
        lines = [
            f"stop {DEFAULT}",
            *plan_lines(back.plan),
            *would("have start at boot", data["enables"]),
            *would("install and start", data["installs"]),
            *would("start", data["starts"]),
            DRY_RUN,
        ]
        return Answer(Result(COMMAND, data, warnings=[*self._session.problems, *self._notes]), lambda: lines)

    def _installed(self, names: Sequence[str], manager: Any) -> list[Outcome]:
        """Write and start services for profiles without one, and return how that went."""
        fresh = FleetSession(
            self._session.home_option,
            self._session.as_json,
            self._session.environment,
            manager_option=self._session.manager_option,
        )
        writer = ServiceInstaller(fresh, ServiceOptions())
        answer = writer.write("install", names, manager, named=True, load=True, dry_run=False)
        rows = {row["profile"]: row for row in answer.result.data["outcomes"]}
        ready = [name for name in names if rows[name]["outcome"] in THERE]
        if ready:
            act = FleetCommand(fresh, Verb.START, RunOptions(settle=self._timeout))
            started = act.over(Selection(tuple(ready), named=False))
            rows |= {row["profile"]: row for row in started.result.data["outcomes"]}
        return [
            Outcome(name, OutcomeKind(row["outcome"]), row["detail"], row["pid"], tuple(row["masked_channels"]))
            for name, row in rows.items()
        ]

    # Both

    def _carried_out(self, what: Callable[[RunModeSwitch], SwitchResult]) -> SwitchResult:
        session = self._session
        live = output.LiveLines() if not session.as_json else None

        def told(outcome: Outcome) -> None:
            if live is not None:
                detail = f" ({outcome.detail})" if outcome.detail else ""
                live.drop(outcome.profile, f"{outcome.profile}: {outcome.outcome}{detail}")

        switch = RunModeSwitch(
            session.world,
            session.require_manager(),
            session.existing,
            session.catalog,
            session.environment,
            told,
            self._timeout,
        )
        try:
            return what(switch)
        except StartFailed as error:
            for line in error.log if not session.as_json else ():
                output.note(f"  {line}")
            raise
        finally:
            if live is not None:
                live.end()

    def _answered(self, data: dict[str, Any], done: SwitchResult, line: str) -> Answer:
        data["outcomes"] = [outcome.as_data() for outcome in done.outcomes]
        if done.change is not None:
            data["change"] = done.change
        return self._answer(data, line, done.outcomes, done.warnings)

    def _answer(
        self, data: dict[str, Any], line: str, outcomes: Sequence[Outcome], warnings: Sequence[Problem]
    ) -> Answer:
        bad = (OutcomeKind.FAILED, OutcomeKind.REFUSED)
        errors = [
            Problem(str(each.outcome), f"{each.profile}: {each.detail or each.outcome}", each.profile, each.hint)
            for each in outcomes
            if each.outcome in bad
        ]
        told = list(dict.fromkeys([*self._session.problems, *self._notes, *warnings]))
        return Answer(Result(COMMAND, data, told, errors, exit_code(outcomes)), lambda: [line])
