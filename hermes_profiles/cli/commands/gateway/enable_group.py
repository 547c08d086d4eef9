"""enable, disable, group and reset: what is kept with a profile, and the hard way to a clean start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import Except, Group, ManagerName, Names, Timeout
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.reset import reset_gateway
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ENABLE
from hermes_profiles.model.errors import ExitCode, NotFound, Result, UsageProblem
from hermes_profiles.multiplex import saved_state as records
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.run_fleet import SETTLE, FleetCommand, answer_of
from hermes_profiles.profiles.profile_yaml import Values, plan_meta


@examples(
    "hermes-gateways enable night",
)
def enable(
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="Profiles to switch on.")],
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Let fleet commands mind profiles again, and have them start at boot or login."""
    session = FleetSession(home, json, manager_option=manager)
    run(("enable",), session, lambda: _switch(session, profiles, enabled=True, now=False, dry_run=dry_run))


@examples(
    "hermes-gateways disable night",
    "hermes-gateways disable night --now",
)
def disable(
    profiles: Annotated[list[str], typer.Argument(metavar="PROFILE...", help="Profiles to switch off.")],
    now: Annotated[bool, typer.Option("--now", help="Stop their gateways, too.")] = False,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Switch profiles off without deleting them: fleet commands pass them over, and they do not start at boot."""
    session = FleetSession(home, json, manager_option=manager)
    run(("disable",), session, lambda: _switch(session, profiles, enabled=False, now=now, dry_run=dry_run))


def _switch(session: FleetSession, names: Sequence[str], *, enabled: bool, now: bool, dry_run: bool) -> Answer:
    selection = session.selection(names, (), None)
    session.recover(dry_run=dry_run)
    if now and not dry_run:
        session.require_manager()
    kind = OutcomeKind.ENABLED if enabled else OutcomeKind.DISABLED
    # `install --no-enable` is taken back by `enable`, too.
    values: Values = {("disabled",): None, ENABLE: None} if enabled else {("disabled",): "true"}
    plan = plan_meta(session.layout, dict.fromkeys(selection.profiles, values), command=_verb(kind))
    outcomes = [Outcome(name, kind) for name in selection.profiles]
    if dry_run:
        answer = answer_of(_verb(kind), outcomes, session.problems, dry_run=True)
        answer.result.data["plan"] = list(describe(plan)) if plan is not None else []
        return answer
    change = apply(plan, layout=session.layout).change_id if plan is not None else None
    served = session.served(selection.profiles)
    # A service of its own would be refused by Hermes at each boot; the way back to processes enables it.
    told = [name for name in selection.profiles if not (enabled and name in served)]
    failures = _tell_manager(session, told, enabled=enabled)
    records.note_enabled(session.layout, served, enabled=enabled)
    outcomes = [
        Outcome(name, OutcomeKind.FAILED, failures[name])
        if name in failures
        else Outcome(name, kind, _though_served(served.get(name, ""), enabled=enabled))
        for name in selection.profiles
    ]
    if now:
        stopped = FleetCommand(session, Verb.STOP, RunOptions()).over(selection)
        if stopped.result.errors:
            return stopped
    answer = answer_of(_verb(kind), outcomes, session.problems, dry_run=False)
    if failures and session.world.manager is None:
        answer.result.exit_code = ExitCode.MANAGER
    if change is not None:
        answer.result.data["change"] = change
    return answer


def _though_served(why: str, *, enabled: bool) -> str:
    """Return what being switched on or off means for a profile that default's gateway serves."""
    if not why:
        return ""
    words = "its own service starts again with `team run-mode processes`" if enabled else "which it goes on to be"
    return f"{why}; {words}"


def _verb(kind: OutcomeKind) -> str:
    return str(kind).removesuffix("d")


def _tell_manager(session: FleetSession, names: Sequence[str], *, enabled: bool) -> dict[str, str]:
    """Set whether installed services start with the manager; returns why some could not be set."""
    paths = {name: session.due.service(session.world.service_name(name), name).path for name in names}
    there = [name for name in names if paths[name].exists()]
    gateways = session.look(there)
    if session.world.manager is None:
        why = session.manager_problems[0].message if session.manager_problems else "there is no service manager"
        return dict.fromkeys(there, f"kept with the profile, but its service cannot be told: {why}")
    own = [name for name in there if (service := gateways[name].service) is not None and service.installed]
    services = session.world.services(own)
    return dict(session.world.manager.enable(services, enabled=enabled)) if services else {}


@examples(
    "hermes-gateways group family mum dad kid",
    "hermes-gateways group family --remove kid",
    "hermes-gateways start --group family",
)
def group(
    name: Annotated[str, typer.Argument(metavar="GROUP", help="Name of the group.")],
    profiles: Annotated[list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Profiles to put in.")] = None,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="PROFILE", help="Take this profile out.")
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Put profiles into a group that `--group` names; without profiles, show who is in it."""
    session = FleetSession(home, json)

    def body() -> Answer:
        if not name.strip() or not name.isprintable():
            raise UsageProblem(f"{name!r} is no name of a group", target=name, hint="choose letters and digits")
        added = session.selection(profiles or (), (), None).profiles if profiles else ()
        removed = session.selection(remove or (), (), None).profiles if remove else ()
        session.recover(dry_run=dry_run)
        members = [each for each, (_, groups) in session.meta.items() if name in groups]
        after = [each for each in session.existing if (each in members or each in added) and each not in removed]
        plans = _group_changes(session, name, members, after)
        data: dict[str, Any] = {"group": name, "profiles": after, "dry_run": dry_run}
        if plans is not None and dry_run:
            data["plan"] = list(describe(plans))
        elif plans is not None:
            data["change"] = apply(plans, layout=session.layout).change_id
        line = f"{name}: {', '.join(after) or 'nobody'}"
        return Answer(Result(("group",), data), lambda: [line])

    run(("group",), session, body)


def _group_changes(session: FleetSession, name: str, before: list[str], after: list[str]) -> ChangePlan | None:
    changed = sorted(set(before) ^ set(after))
    path = ("groups", name)
    values: dict[str, Values] = {profile: {path: "true" if profile in after else None} for profile in changed}
    return plan_meta(session.layout, values, command="group")


@examples(
    "hermes-gateways reset work",
    "hermes-gateways reset work --dry-run",
)
def reset(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring a gateway that is stuck back the hard way: unload its service, prove the old process gone, clear its stale
    pid and lock files, load and start it again."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        if not profiles and group is None:
            raise UsageProblem("no profile named", target="reset", hint="name one: `hermes-gateways reset PROFILE`")
        selection = session.selection(profiles or (), excluded or (), group)
        session.require_manager()
        _require_service(session, selection)
        outcomes = [
            reset_gateway(session.world, name, session.catalog, session.environment, dry_run=dry_run)
            for name in selection.profiles
        ]
        answer = answer_of("reset", outcomes, session.problems, dry_run=dry_run)
        ready = [each.profile for each in outcomes if each.outcome is OutcomeKind.RESET]
        ready = [name for name in ready if name not in session.disabled]
        if dry_run or not ready:
            return answer
        return _with_start(session, answer, outcomes, ready, timeout)

    run(("reset",), session, body)


def _require_service(session: FleetSession, selection: Selection) -> None:
    """Raise NotFound when no selected profile has a service: nothing could be brought back."""
    seen = session.look(selection.profiles).values()
    without = [each.profile for each in seen if each.service is None or not each.service.installed]
    if without and len(without) == len(selection.profiles) and not any(each.process for each in seen):
        raise NotFound(
            f"no service is installed for {', '.join(without)}",
            target=without[0],
            code="no-service",
            hint=f"install and start it with `hermes-gateways install {' '.join(without)} --start`",
        )


def _with_start(
    session: FleetSession, cleared: Answer, outcomes: Sequence[Outcome], ready: Sequence[str], timeout: float
) -> Answer:
    started = FleetCommand(session, Verb.START, RunOptions(settle=timeout)).over(Selection(tuple(ready), named=True))
    rows = {row["profile"]: row for row in started.result.data["outcomes"]}
    merged = []
    for each in outcomes:
        row = rows.get(each.profile)
        if row is None:
            merged.append(each)
            continue
        up = row["outcome"] in (str(OutcomeKind.STARTED), str(OutcomeKind.ALREADY_RUNNING))
        kind = OutcomeKind.RESET if up else OutcomeKind(row["outcome"])
        words = "; ".join(filter(None, (each.detail, row["detail"])))
        merged.append(Outcome(each.profile, kind, words, row["pid"], tuple(row["masked_channels"]), tuple(row["log"])))
    return answer_of("reset", merged, [*cleared.result.warnings, *started.result.warnings], dry_run=False)
