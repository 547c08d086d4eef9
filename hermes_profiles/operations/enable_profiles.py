"""Enable and disable profiles for fleet commands, and put them into groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.service_specs import ENABLE
from hermes_profiles.model.errors import ExitCode, UsageProblem
from hermes_profiles.multiplex import saved_state
from hermes_profiles.profiles.profile_yaml import Values, plan_meta

from .fleet_context import FleetSession
from .fleet_result import FleetResult, fleet_result
from .run_fleet import FleetRequest, run_fleet


class GroupResult(NamedTuple):
    """A group after a change: its profiles, the planned change of a dry run, the id of the change that was made."""

    profiles: tuple[str, ...]
    plan: ChangePlan | None = None
    change: str | None = None


class EnableResult(NamedTuple):
    """The result of `enable` or `disable`; `stop_failed`: `result` is that of the stop, which went wrong."""

    result: FleetResult
    stop_failed: bool = False


def enable_profiles(
    session: FleetSession, names: Sequence[str], *, enabled: bool, stop: bool = False, dry_run: bool = False
) -> EnableResult:
    """Enable or disable profiles, in their files and with their service manager; with `stop` stop their gateways."""
    selection = session.selection(names, (), None)
    session.recover(dry_run=dry_run)
    if stop and not dry_run:
        session.require_manager()
    kind = OutcomeKind.ENABLED if enabled else OutcomeKind.DISABLED
    # `enable` also reverts `install --no-enable`.
    values: Values = {("disabled",): None, ENABLE: None} if enabled else {("disabled",): "true"}
    command = str(kind).removesuffix("d")
    plan = plan_meta(session.layout, dict.fromkeys(selection.profiles, values), command=command)
    if dry_run:
        outcomes = [Outcome(name, kind) for name in selection.profiles]
        return EnableResult(fleet_result(outcomes, session.problems, dry_run=True, plan=plan))
    change = apply(plan, layout=session.layout).change_id if plan is not None else None
    served = session.served(selection.profiles)
    # Hermes would refuse a service of its own at each boot; the switch back to processes enables it.
    with_service = [name for name in selection.profiles if not (enabled and name in served)]
    failures = _enable_services(session, with_service, enabled=enabled)
    saved_state.note_enabled(session.layout, served, enabled=enabled)
    outcomes = [
        Outcome(name, OutcomeKind.FAILED, failures[name])
        if name in failures
        else Outcome(name, kind, _served_detail(served.get(name, ""), enabled=enabled))
        for name in selection.profiles
    ]
    if stop:
        stopped = run_fleet(session, FleetRequest(Verb.STOP, RunOptions()), selection)
        if stopped.errors:
            return EnableResult(stopped, stop_failed=True)
    result = fleet_result(outcomes, session.problems, change=change)
    if failures and session.world.manager is None:
        result = result._replace(exit_code=ExitCode.MANAGER)
    return EnableResult(result)


def _served_detail(why: str, *, enabled: bool) -> str:
    """Return what enabling or disabling means for a profile that default's gateway serves."""
    if not why:
        return ""
    text = "its own service starts again with `team run-mode processes`" if enabled else "which it goes on to be"
    return f"{why}; {text}"


def _enable_services(session: FleetSession, names: Sequence[str], *, enabled: bool) -> dict[str, str]:
    """Set whether installed services start with the manager; returns profile → why it could not be set."""
    paths = {name: session.due.service(session.world.service_name(name), name).path for name in names}
    present = [name for name in names if paths[name].exists()]
    gateways = session.observe(present)
    if session.world.manager is None:
        why = session.manager_problems[0].message if session.manager_problems else "there is no service manager"
        return dict.fromkeys(present, f"kept with the profile, but its service cannot be changed: {why}")
    own = [name for name in present if (service := gateways[name].service) is not None and service.installed]
    services = session.world.services(own)
    return dict(session.world.manager.enable(services, enabled=enabled)) if services else {}


def change_group(
    session: FleetSession, name: str, added: Sequence[str], removed: Sequence[str], *, dry_run: bool = False
) -> GroupResult:
    """Add profiles to a group and remove others from it; returns its profiles."""
    if not name.strip() or not name.isprintable():
        raise UsageProblem(f"{name!r} is no name of a group", target=name, hint="use letters and digits")
    new = session.selection(added, (), None).profiles if added else ()
    old = session.selection(removed, (), None).profiles if removed else ()
    session.recover(dry_run=dry_run)
    before = [profile for profile, (_, groups) in session.meta.items() if name in groups]
    after = [each for each in session.existing if (each in before or each in new) and each not in old]
    path = ("groups", name)
    values: dict[str, Values] = {
        profile: {path: "true" if profile in after else None} for profile in sorted(set(before) ^ set(after))
    }
    plan = plan_meta(session.layout, values, command="group")
    if plan is None or dry_run:
        return GroupResult(tuple(after), plan)
    return GroupResult(tuple(after), None, apply(plan, layout=session.layout).change_id)
