"""Take members out of a team: to the trash, or as profiles of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.model.errors import Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import active_profile, require
from hermes_profiles.teams.model import Team, check_team_name, read_teams
from hermes_profiles.teams.remove import RemovalPlan, plan_keep_members, plan_trash_members, require_members

from ..apply import ChangeResult, carry_out
from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively
from ..gateways.profile_services import ProfileRemoval
from ..profiles.profile_warnings import script_warnings, sticky_warning
from ..profiles.team_warnings import check_may_go


class TeamRemoval(NamedTuple):
    """What is removed. `members`: those that leave; `dissolve`: all of them, and the team; `homes`: their folders."""

    team: Team
    members: tuple[str, ...]
    homes: tuple[Path, ...]
    dissolve: bool


class RemovedMembers(NamedTuple):
    """The result. `kept_profiles`: they went on as profiles; `services`: what was done about gateways and services."""

    removal: TeamRemoval
    left: RemovalPlan
    kept_profiles: bool
    services: dict[str, Any]
    change: ChangeResult
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...] = ()


# Returns whether the user agrees to the removal.
ConfirmRemoval = Callable[[TeamRemoval], bool]


@exclusively
def remove_members(
    session: FleetSession,
    names: Sequence[str],
    team: str | None = None,
    *,
    everyone: bool = False,
    dry_run: bool = False,
    confirm: ConfirmRemoval | None = None,
) -> RemovedMembers:
    """Move members to the trash, once their gateways are stopped and their services removed.

    `everyone`: all members, and the team. Raises Refused when `confirm` returns False.
    """
    warnings = session.recover(dry_run=dry_run)
    removal = _chosen(session, names, team, everyone=everyone)
    layout, members = session.layout, removal.members
    for name in members:  # a member may lead a team of its own
        check_may_go(layout, name)
    services = ProfileRemoval(session, "remove", *members)
    if not dry_run and members and confirm is not None and not confirm(removal):
        raise Refused("not confirmed, nothing changed", code="not-confirmed")
    now = utc_now()
    trash_id = unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
    left = plan_trash_members(
        layout, removal.team, members, dissolve=removal.dissolve, trash_id=trash_id, deleted_at=iso(now)
    )
    for name in members:
        warnings += script_warnings(session, name)
        if active_profile(layout) == name:
            warnings.append(sticky_warning(name))
    with services.surviving(dry_run=dry_run):
        with services.down(dry_run=dry_run):
            plan = services.with_services(left.plan) if left.plan is not None else None
            change = carry_out(session, plan, dry_run=dry_run)
        warnings += services.finish(dry_run=dry_run)
    return RemovedMembers(
        removal,
        left,
        kept_profiles=False,
        services=services.data,
        change=change,
        warnings=tuple(dict.fromkeys(warnings)),
        errors=tuple(services.errors),
    )


def detach_members(
    session: FleetSession,
    names: Sequence[str],
    team: str | None = None,
    *,
    everyone: bool = False,
    dry_run: bool = False,
) -> RemovedMembers:
    """Make members profiles of their own: links become copies, settings stay."""
    warnings = session.recover(dry_run=dry_run)
    removal = _chosen(session, names, team, everyone=everyone)
    left = plan_keep_members(session.layout, removal.team, removal.members, session.catalog, dissolve=removal.dissolve)
    change = carry_out(session, left.plan, dry_run=dry_run)
    warnings += [*left.warnings, *session.problems]
    return RemovedMembers(
        removal, left, kept_profiles=True, services={}, change=change, warnings=tuple(dict.fromkeys(warnings))
    )


def _chosen(session: FleetSession, given: Sequence[str], team: str | None, *, everyone: bool) -> TeamRemoval:
    """Return the team and the members that leave. Raises what refuses them."""
    named = check_team_name(team) if team is not None else None
    if everyone and (given or named is None):
        raise UsageProblem(
            "--all needs --team NAME, and no members beside it"
            if named is None
            else "--all and members exclude each other",
            target="--all",
            hint="use `hermes-profiles team remove --team NAME --all`",
        )
    if not everyone and not given:
        raise UsageProblem(
            "no member was named", target="MEMBER", hint="list the teams with `hermes-profiles team list`"
        )
    names = [check_existing_name(name) for name in given]
    teams = read_teams(session.layout)
    if everyone:
        chosen = teams.require(named or "")
        return _removal(session, chosen, chosen.members, dissolve=True)
    for name in names:
        require(session.layout, name)
    return _removal(session, *require_members(teams, names, named), dissolve=False)


def _removal(session: FleetSession, team: Team, members: tuple[str, ...], *, dissolve: bool) -> TeamRemoval:
    return TeamRemoval(team, members, tuple(session.layout.home(name) for name in members), dissolve)
