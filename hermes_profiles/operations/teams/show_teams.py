"""The teams of a root, and the members of one with their accounts."""

from __future__ import annotations

from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.profile import read_sections
from hermes_profiles.teams.account_holders import held_account_id
from hermes_profiles.teams.accounts import short_id
from hermes_profiles.teams.model import Team, read_teams

from ..context import Session


class TeamMember(NamedTuple):
    """One member. `account`: short_id; `own`: what it keeps for itself; `carried`: variables copied from the lead."""

    profile: str
    account: str | None
    own: tuple[str, ...]
    carried: tuple[str, ...]
    description: str


class TeamDetails(NamedTuple):
    """A team with its members."""

    team: Team
    members: tuple[TeamMember, ...]
    warnings: tuple[Problem, ...]


def list_of_teams(session: Session) -> tuple[Team, ...]:
    """Return the teams of this root."""
    return tuple(read_teams(session.layout).by_name.values())


def show_team(session: Session, name: str) -> TeamDetails:
    """Return a team with its members. Raises NotFound."""
    teams = read_teams(session.layout)
    team = teams.require(name)
    members = tuple(
        TeamMember(
            member,
            _account(session, member, team.channel),
            tuple(teams.memberships[member].own),
            tuple(teams.memberships[member].env),
            _description(session, member),
        )
        for member in team.members
    )
    warnings = list(session.problems)
    if not team.lead:
        warnings.append(
            Problem(
                "no-lead",
                f"no profile leads the team {team.name} any more",
                team.name,
                "find its lead with `hermes-profiles trash list`, then restore it",
            )
        )
    return TeamDetails(team, members, tuple(warnings))


def _account(session: Session, member: str, channel: str) -> str | None:
    if channel not in session.catalog.channels:
        return None
    return short_id(held_account_id(session.layout, member, channel, session.catalog)) or None


def _description(session: Session, member: str) -> str:
    meta = read_sections(session.layout.home(member) / PROFILE_FILE, ("description",))
    return str(meta.get("description") or "").strip()
