"""Enable and disable profiles for fleet commands, and put them into groups."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.served_profiles import ServedProfiles, marker_of
from hermes_profiles.fleet.service_specs import ENABLE
from hermes_profiles.fleet.unwritable import service_obstacle
from hermes_profiles.model.errors import ExitCode, Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.multiplex import saved_state
from hermes_profiles.profiles.profile_yaml import Values, plan_meta

from ..apply import carry_out
from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively
from ..fleet_result import FleetResult, fleet_result
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


@exclusively
def enable_profiles(
    session: FleetSession, names: Sequence[str], *, enabled: bool, stop: bool = False, dry_run: bool = False
) -> EnableResult:
    """Enable or disable profiles, in their files and with their service manager; with `stop` stop their gateways."""
    selection = session.selection(names, (), None)
    session.recover(dry_run=dry_run)
    if stop and not dry_run:
        session.require_manager()
    kind = OutcomeKind.ENABLED if enabled else OutcomeKind.DISABLED
    one = session.one_gateway()
    members = _members(one, selection.profiles)
    plan = _plan(session, selection.profiles, members, enabled=enabled)
    if dry_run:
        outcomes = [Outcome(name, kind) for name in selection.profiles]
        return EnableResult(fleet_result(outcomes, session.problems, dry_run=True, plan=plan))
    change = apply(plan, layout=session.layout).change_id if plan is not None else None
    served = session.served([name for name in selection.profiles if name not in members])
    # Hermes would refuse a service of its own at each boot; the switch back to processes enables it.
    with_service = [name for name in selection.profiles if name not in members and not (enabled and name in served)]
    failures = _enable_services(session, with_service, enabled=enabled)
    saved_state.note_enabled(session.layout, served, enabled=enabled)
    outcomes = [
        _member_outcome(session, one, name, enabled=enabled)
        if one is not None and name in members
        else _failed(session, name, failures[name])
        if name in failures
        else Outcome(name, kind, _served_detail(served.get(name, ""), enabled=enabled))
        for name in selection.profiles
    ]
    alone = tuple(name for name in selection.profiles if name not in members)
    if stop and alone:
        stopped = run_fleet(session, FleetRequest(Verb.STOP, RunOptions()), selection._replace(profiles=alone))
        if stopped.errors:
            return EnableResult(stopped, stop_failed=True)
    warnings = [*session.problems, *_also_at_boot(one, selection.profiles, enabled=enabled)]
    result = fleet_result(outcomes, warnings, change=change)
    if failures and session.world.manager is None:
        result = result._replace(exit_code=ExitCode.MANAGER)
    return EnableResult(result)


def _failed(session: FleetSession, profile: str, reason: str) -> Outcome:
    """Return the failure to change a service, with the way out where its folder cannot be written."""
    path = session.due.service(session.world.service_name(profile), profile).path
    found = service_obstacle((path,))
    hint = f"{found.way_out} with `{found.command}`" if found is not None else None
    return Outcome(profile, OutcomeKind.FAILED, reason, hint=hint)


def _members(one: OneGateway | None, profiles: Sequence[str]) -> tuple[str, ...]:
    """Return the profiles that the one gateway can park: Hermes ignores the marker of the default profile."""
    if one is None or not one.can_park:
        return ()
    return tuple(name for name in profiles if name in one.members and name != DEFAULT)


def _plan(
    session: FleetSession, profiles: Sequence[str], members: Sequence[str], *, enabled: bool
) -> ChangePlan | None:
    """Return the change of the profiles' files: profile.yaml, and the marker of those in the one gateway."""
    # `enable` also reverts `install --no-enable`.
    values: Values = {("disabled",): None, ENABLE: None} if enabled else {("disabled",): "true"}
    command = "enable" if enabled else "disable"
    plan = plan_meta(session.layout, dict.fromkeys(profiles, values), command=command)
    markers: list[Step] = []
    parked: list[str] = []
    for name in members:
        path = marker_of(session.layout, name)
        before = signature(path)
        if (before is None) is not enabled:
            markers.append(ReplaceFile(path, None if enabled else Secret(b""), expected=before))
            parked.append(name)
    if not markers:
        return plan
    names = tuple(dict.fromkeys((*(plan.profiles if plan is not None else ()), *parked)))
    steps = (*(plan.steps if plan is not None else ()), *markers)
    return ChangePlan((command, *names), f"{command} {', '.join(names)}", steps, profiles=names)


def _member_outcome(session: FleetSession, one: OneGateway, profile: str, *, enabled: bool) -> Outcome:
    """Have the one gateway serve a profile, or stop serving it, and return the outcome."""
    kind = OutcomeKind.ENABLED if enabled else OutcomeKind.DISABLED
    if one.pid is None or one.alone:
        words = f"{one.title} will serve it when it starts" if enabled else f"parked: {one.title} will not serve it"
        return Outcome(profile, kind, words)
    served = ServedProfiles(session.layout, one, session.observe, RunOptions(settle=SETTLE))
    if enabled and profile in one.served:
        return Outcome(profile, kind, f"served by {one.server} (PID {one.pid})", one.pid)
    if not enabled and profile not in one.served:
        return Outcome(profile, kind, "parked")
    done = served.serve(profile) if enabled else served.park(profile)
    return done._replace(outcome=kind) if done.outcome in (OutcomeKind.STARTED, OutcomeKind.STOPPED) else done


def _also_at_boot(one: OneGateway | None, profiles: Sequence[str], *, enabled: bool) -> list[Problem]:
    """Return a warning where the disabled profile's gateway serves others, which it does not start at boot either."""
    others = sorted(one.members - {*profiles}) if one is not None and one.server in profiles and not enabled else []
    if one is None or not others:
        return []
    return [
        Problem(
            "whole-gateway",
            f"{one.title} also serves {', '.join(others)}: without it they do not start at boot or login",
            one.server,
            f"start it there again with `hermes-gateways enable {one.server}`",
        )
    ]


def _served_detail(why: str, *, enabled: bool) -> str:
    """Return what enabling or disabling means for a profile that default's gateway serves."""
    if not why:
        return ""
    text = "its own service starts again with `team run-mode processes`" if enabled else "which it goes on to be"
    return f"{why}; {text}"


def _enable_services(session: FleetSession, names: Sequence[str], *, enabled: bool) -> dict[str, str]:
    """Set whether installed services start with the manager; returns profile → why it could not be set."""
    named = session.world.service_names(names)
    paths = {profile: session.due.service(name, profile).path for profile, name in named.items()}
    present = [name for name in names if paths[name].exists()]
    gateways = session.observe(present)
    if session.world.manager is None:
        why = session.manager_problems[0].message if session.manager_problems else "there is no service manager"
        return dict.fromkeys(present, f"kept with the profile, but its service cannot be changed: {why}")
    own = [name for name in present if (service := gateways[name].service) is not None and service.installed]
    services = session.world.services(own)
    return dict(session.world.manager.enable(services, enabled=enabled)) if services else {}


def list_groups(session: FleetSession) -> dict[str, tuple[str, ...]]:
    """Return group → its profiles, groups by name."""
    found: dict[str, list[str]] = {}
    for profile, (_, groups) in session.meta.items():
        for name in groups:
            found.setdefault(name, []).append(profile)
    return {name: tuple(found[name]) for name in sorted(found)}


def change_group(
    session: FleetSession, name: str, added: Sequence[str], removed: Sequence[str], *, dry_run: bool = False
) -> GroupResult:
    """Add profiles to a group and remove others from it; returns its profiles."""
    if not name.strip() or not name.isprintable():
        raise UsageProblem(f"{name!r} is not a name of a group", target=name, hint="use letters and digits")
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
    return GroupResult(tuple(after), None, carry_out(session, plan, dry_run=False).id)
