"""Add one member to a team: a new profile, a profile that joins, or an account for a member."""

from __future__ import annotations

import os

from hermes_profiles.accounts.requirements import check_forms
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.model.errors import Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name, check_new_name
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.settings.changes import SyncChange
from hermes_profiles.teams.account_holders import held_account_id
from hermes_profiles.teams.accounts import Account, short_id
from hermes_profiles.teams.bind_account import AccountBinding, plan_binding
from hermes_profiles.teams.create import NewMember, check_accounts, check_channel, check_has_lead, check_variables
from hermes_profiles.teams.join import plan_join
from hermes_profiles.teams.model import Team, Teams, read_teams
from hermes_profiles.teams.sync import TrashStamp

from ..accounts.identify_account import identified
from ..apply import ChangeResult, carry_out
from ..context import Session
from ..gateways.adopting_host import adopting_host
from .add_members import NewMembers, add_new_members, is_served, team_context


class TeamPlace(NamedTuple):
    """A team and the profile that is to be its member."""

    teams: Teams
    team: Team
    member: str
    catalog: Catalog
    warnings: tuple[Problem, ...]


class MemberRequest(NamedTuple):
    """What a member gets. `allowed`: ids of the users who may talk to it, None to leave them as they are.

    `offline`: do not ask the platform which account it is.
    """

    account: Account | None = None
    allowed: tuple[str, ...] | None = None
    description: str | None = None
    offline: bool = False


class ChangedMember(NamedTuple):
    """The result for a profile that existed. `joins`: it was no member before; `account`: its account, short_id.

    `restart`: the profile whose gateway reads the change when it starts; `adopted`: it reads it while it runs.
    """

    team: Team
    member: str
    path: str
    joins: bool
    account: str
    bound: AccountBinding | None
    changes: tuple[SyncChange, ...]
    to_trash: tuple[str, ...]
    restart: str
    change: ChangeResult
    warnings: tuple[Problem, ...]
    adopted: bool = False


class _JoinExisting(NamedTuple):
    """The planned change of a profile that exists; `plan`: None when there is nothing to do."""

    plan: ChangePlan | None = None
    bound: AccountBinding | None = None
    changes: tuple[SyncChange, ...] = ()
    to_trash: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


def find_place(session: Session, team: str | None, member: str, *, dry_run: bool) -> TeamPlace:
    """Return the team and the member that a user names. Raises Refused for a profile that cannot be its member."""
    warnings = session.recover(dry_run=dry_run)
    teams = read_teams(session.layout)
    found = _team(teams, team)
    name = check_existing_name(member)
    check_has_lead(found)
    _check_place(teams, found, name)
    catalog = team_context(session, found.lead).catalog
    check_channel(found.channel, catalog)
    return TeamPlace(teams, found, name, catalog, tuple(warnings))


def add_member(
    session: Session, place: TeamPlace, request: MemberRequest, *, dry_run: bool = False
) -> NewMembers | ChangedMember:
    """Create the member, have an existing profile join, or give a member its account."""
    if request.account is not None:
        _check_account(session, place, request.account, offline=request.offline)
    if os.path.lexists(session.layout.home(place.member)):
        return _change_member(session, place, request, dry_run=dry_run)
    if request.account is None and request.allowed is not None:
        raise UsageProblem(
            "--allow is for an account, and none was given",
            target="--allow",
            hint="give the account too, or use --allow later, when there is one",
        )
    new = [NewMember(check_new_name(place.member), request.account, request.description)]
    made = add_new_members(session, place.team, new, ("team", "add"), define=False, dry_run=dry_run)
    return made._replace(warnings=(*place.warnings, *made.warnings))


def _check_account(session: Session, place: TeamPlace, account: Account, *, offline: bool) -> None:
    """Raise what refuses an account: its form, a profile that has it, the platform itself."""
    check_variables(account, place.team, place.catalog)
    check_forms(place.member, {name: value.reveal() for name, value in account.variables.items()})
    check_accounts(session.layout, place.catalog, place.team, [account], besides=(place.member,))
    if not offline:
        identified(session, place.member, account, place.catalog)


def _team(teams: Teams, name: str | None) -> Team:
    if name is not None:
        return teams.require(name)
    if len(teams.by_name) == 1:
        return next(iter(teams.by_name.values()))
    known = ", ".join(teams.by_name)
    raise UsageProblem(
        "the team is not named",
        target="--team",
        code="no-team",
        hint=f"use `--team` with one of {known}" if known else "make one with `hermes-profiles team create NAME`",
    )


def _check_place(teams: Teams, team: Team, name: str) -> None:
    """Raise Refused for a profile that cannot be in this team."""
    led, of = teams.led_by(name), teams.memberships.get(name)
    if led:
        raise Refused(
            f"{name} leads the team {led[0].name}, so it is a member of none",
            target=name,
            code="leads-a-team",
            hint=f"make a profile of its own for the account: `hermes-profiles team add NAME --team {team.name}`",
        )
    if of is not None and of.team != team.name:
        raise Refused(
            f"{name} is a member of the team {of.team}",
            target=name,
            code="other-team",
            hint=f"remove it there first: `hermes-profiles team remove {name} --keep-profile`",
        )
    if name == DEFAULT:
        raise Refused(
            "the default profile is not a member of a team: the other profiles live in its home",
            target=name,
            code="default",
            hint=f"create one: `hermes-profiles team create NAME --lead {DEFAULT}`",
        )


def _change_member(session: Session, place: TeamPlace, request: MemberRequest, *, dry_run: bool) -> ChangedMember:
    """Give an existing profile an account or other users who may talk to it; it becomes a member of the team."""
    _, team, name, _, _ = place
    layout, context = session.layout, team_context(session, team.lead)
    account = request.account

    def check() -> None:
        check_accounts(layout, context.catalog, team, [account] if account is not None else [], besides=(name,))

    planned = _planned(context, place, request)
    held = "" if account is not None else short_id(held_account_id(layout, name, team.channel, context.catalog))
    bound = planned.bound
    return ChangedMember(
        team._replace(members=tuple(sorted({*team.members, name}))),
        name,
        str(layout.home(name)),
        name not in team.members,
        (short_id(bound.account) if bound is not None else "") or held,
        bound,
        planned.changes,
        planned.to_trash,
        DEFAULT if is_served(session) else name,
        carry_out(session, planned.plan, dry_run=dry_run, check=check),
        (*place.warnings, *planned.warnings),
        _is_adopted(session, name),
    )


def _is_adopted(session: Session, name: str) -> bool:
    """Return whether a running gateway serves this profile and reads its changed files by itself."""
    host = adopting_host(session)
    return host is not None and name in host.served


def _planned(context: CloneContext, place: TeamPlace, request: MemberRequest) -> _JoinExisting:
    teams, team, name, _, _ = place
    layout, now = context.layout, utc_now()
    when = TrashStamp(unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now)), iso(now))
    account, allowed = request.account, request.allowed or ()
    if name not in team.members:
        join = plan_join(context, teams, team, name, account, when, allowed=allowed)
        return _JoinExisting(join.plan, join.bound, join.changes, join.to_trash, join.warnings)
    if account is None and request.allowed is None:
        return _JoinExisting()
    bound = plan_binding(layout, team.channel, name, account, context.catalog, when, allowed=allowed)
    what = "bind an account to" if account is not None else "change who may talk to"
    command = ("team", "add", team.name, name)
    plan = ChangePlan(command, f"{what} {name} of team {team.name}", bound.steps, profiles=(name,))
    return _JoinExisting(plan if bound.steps else None, bound, to_trash=bound.to_trash)
