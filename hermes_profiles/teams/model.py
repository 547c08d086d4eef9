"""Teams and memberships, and their storage in profile.yaml.

A lead's profile.yaml holds `teams: {NAME: {channel: …, share: …}}`, a member's `team: {name: …, env: …, own: …}`. So
both follow their profile when it is renamed, deleted or restored. Hermes 0.19.0 keeps unknown keys of that file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import NotFound, Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import RULE, check_existing_name, normalize
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import TEAM_SECTIONS, read_sections

from .shares import DEFAULT_SHARES, Share, shares_in

if TYPE_CHECKING:
    from hermes_profiles.profiles.profile_yaml import Values

TEAM, TEAMS = TEAM_SECTIONS


class Membership(NamedTuple):
    """Membership of a profile in a team.

    `env`: variables of its `.env` that came from the lead; `own`: overrides: paths of config.yaml and variables that
    the member does not take from the lead.
    """

    team: str
    env: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


class Team(NamedTuple):
    """One team. `lead`: the profile that shares its pool; `members`: profiles, sorted by name.

    `lead` is empty if members name a team that no profile leads.
    """

    name: str
    lead: str
    channel: str
    share: tuple[Share, ...]
    members: tuple[str, ...]


class Teams(NamedTuple):
    """All teams of a root by name, and memberships by profile.

    `leads`: team → all profiles that claim to lead it, of which the first one counts.
    """

    by_name: Mapping[str, Team]
    memberships: Mapping[str, Membership]
    leads: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def of(self, profile: str) -> Team | None:
        """Return the team of a member, None for other profiles."""
        membership = self.memberships.get(profile)
        return self.by_name.get(membership.team) if membership is not None else None

    def led_by(self, profile: str) -> tuple[Team, ...]:
        """Return the teams that a profile leads."""
        return tuple(team for team in self.by_name.values() if team.lead == profile)

    def require(self, name: str) -> Team:
        """Return a team. Raises NotFound with the existing teams."""
        found = self.by_name.get(normalize(name))
        if found is None:
            known = ", ".join(self.by_name)
            raise NotFound(
                f"there is no team {name!r}",
                target=name,
                code="no-such-team",
                hint=f"use one of: {known}" if known else f"create it with `hermes-profiles team create {name}`",
            )
        return found


def read_teams(layout: Layout, profiles: Iterable[str] | None = None) -> Teams:
    """Return the teams of a root; unreadable files are skipped (doctor reports them).

    If two profiles lead one team, the first by name counts.
    """
    names = profile_names(layout) if profiles is None else profiles
    return teams_in({name: read_sections(layout.home(name) / PROFILE_FILE, (TEAM, TEAMS)) for name in names})


def teams_in(metas: Mapping[str, Mapping[str, Any]]) -> Teams:
    """Return the teams in the content of these profile.yaml files, by profile."""
    leads: dict[str, list[tuple[str, Mapping[str, Any]]]] = {}
    memberships: dict[str, Membership] = {}
    for profile, meta in metas.items():
        membership = membership_in(meta)
        if membership is not None:
            memberships[profile] = membership
        led = meta.get(TEAMS)
        for name, about in led.items() if isinstance(led, Mapping) else ():
            leads.setdefault(str(name), []).append((profile, about if isinstance(about, Mapping) else {}))
    names = dict.fromkeys((*leads, *(each.team for each in memberships.values())))
    first = {name: claims[0] for name, claims in leads.items()}
    return Teams(
        {name: _team(name, first.get(name), memberships) for name in sorted(names)},
        memberships,
        {name: tuple(profile for profile, _ in claims) for name, claims in leads.items()},
    )


def _team(name: str, led: tuple[str, Mapping[str, Any]] | None, memberships: Mapping[str, Membership]) -> Team:
    lead, about = led if led is not None else ("", {})
    members = sorted(profile for profile, each in memberships.items() if each.team == name)
    shares = shares_in(str(about.get("share", ""))) if "share" in about else DEFAULT_SHARES
    return Team(name, lead, str(about.get("channel", "")), shares, tuple(members))


def membership_in(meta: Mapping[str, Any]) -> Membership | None:
    """Return the membership in a profile.yaml, None without one."""
    found = meta.get(TEAM)
    if not isinstance(found, Mapping) or not found.get("name"):
        return None
    return Membership(str(found["name"]), list_items(found.get("env")), list_items(found.get("own")))


def list_items(value: object) -> tuple[str, ...]:
    """Return the items of a list in profile.yaml: `A, B` or `[A, B]`."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(word for part in parts if (word := str(part).strip())))


def read_membership(home: Path) -> Membership | None:
    """Return the membership of the profile in a home."""
    return membership_in(read_sections(home / PROFILE_FILE, (TEAM,)))


def team_values(team: Team) -> Values:
    """Return the values of a team in its lead's profile.yaml."""
    share = ", ".join(team.share)
    return {(TEAMS, team.name, "channel"): team.channel, (TEAMS, team.name, "share"): share}


def membership_values(membership: Membership) -> Values:
    """Return the values of a membership in the member's profile.yaml."""
    return {
        (TEAM, "name"): membership.team,
        (TEAM, "env"): ", ".join(membership.env) or None,
        (TEAM, "own"): ", ".join(membership.own) or None,
    }


def check_team_name(name: str) -> str:
    """Return the normalised name of a team: the rule of profile names. Raises UsageProblem."""
    try:
        return check_existing_name(name)
    except UsageProblem:
        raise UsageProblem(
            f"{name!r} is not a valid team name: use {RULE}",
            target=name,
            code="bad-name",
            hint="list the teams with `hermes-profiles team list`",
        ) from None


def team_fault(team: Team, teams: Teams) -> Problem | None:
    """Return the fault that prevents a sync of a team, None if it is sound."""
    leads = teams.leads.get(team.name, ())
    if not team.lead:
        return Problem(
            "no-lead",
            f"the team {team.name} has no lead: what its members share is missing",
            team.name,
            "find its lead with `hermes-profiles trash list` and restore it, or keep the "
            f"members as separate profiles: `hermes-profiles team remove --team {team.name} --all --keep-profile`",
        )
    if len(leads) > 1:
        return Problem(
            "two-leads",
            f"{' and '.join(leads)} both lead the team {team.name}",
            team.name,
            f"remove `{team.name}` below `teams:` from the profile.yaml of the wrong one",
        )
    of = teams.memberships.get(team.lead)
    if of is not None:
        return Problem(
            "lead-is-member",
            f"{team.lead} leads the team {team.name}, but is itself a member of {of.team}",
            team.lead,
            f"remove it from the other team: `hermes-profiles team remove {team.lead} --keep-profile`",
        )
    return None
