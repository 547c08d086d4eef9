"""What is kept about teams, and where: the team with its lead, the membership with the member.

A lead's profile.yaml holds `teams: {NAME: {channel: …, share: …}}`, a member's `team: {name: …, env: …, own: …}`. So
both follow their profile when it is renamed, deleted or restored; Hermes 0.19.0 keeps keys it does not know there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import NotFound, Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import RULE, check_existing_name, normalize
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import TEAM_SECTIONS, read_sections

from .shares import DEFAULT_SHARES, Share, shares_in

if TYPE_CHECKING:
    from hermes_profiles.profiles.profile_yaml import Values

TEAM, TEAMS = TEAM_SECTIONS


class Membership(NamedTuple):
    """What a member's profile says of itself.

    `env`: variables of its `.env` that came from the lead; `own`: paths of config.yaml and variables that the member
    keeps for itself although the lead has them too.
    """

    team: str
    env: tuple[str, ...] = ()
    own: tuple[str, ...] = ()


class Team(NamedTuple):
    """One team. `lead`: the profile whose pool is shared; `members`: profiles, sorted by name.

    `lead` is empty when members name a team that no profile leads.
    """

    name: str
    lead: str
    channel: str
    share: tuple[Share, ...]
    members: tuple[str, ...]


class Teams(NamedTuple):
    """All teams of a root: by name, and the memberships by profile. `leads`: all profiles that say they lead a team,
    of which only the first one counts."""

    by_name: Mapping[str, Team]
    memberships: Mapping[str, Membership]
    leads: Mapping[str, tuple[str, ...]] = MappingProxyType({})

    def of(self, profile: str) -> Team | None:
        """Return the team a profile is a member of."""
        membership = self.memberships.get(profile)
        return self.by_name.get(membership.team) if membership is not None else None

    def led_by(self, profile: str) -> tuple[Team, ...]:
        """Return the teams a profile leads."""
        return tuple(team for team in self.by_name.values() if team.lead == profile)

    def require(self, name: str) -> Team:
        """Return a team. Raises NotFound with the teams there are."""
        found = self.by_name.get(normalize(name))
        if found is None:
            known = ", ".join(self.by_name) or "there is none yet"
            raise NotFound(
                f"there is no team {name!r}",
                target=name,
                code="no-such-team",
                hint=f"there is: {known}; see `hermes-profiles team list`",
            )
        return found


def read_teams(layout: Layout, profiles: Iterable[str] | None = None) -> Teams:
    """Return the teams of a root; what cannot be read is passed over (doctor tells). Two leads of one team: the first
    by name has it."""
    names = profile_names(layout) if profiles is None else profiles
    return teams_in({name: read_sections(layout.home(name) / PROFILE_FILE, (TEAM, TEAMS)) for name in names})


def teams_in(metas: Mapping[str, Mapping[str, Any]]) -> Teams:
    """Return the teams that these profile.yaml files tell of, by profile."""
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
    """Return the membership that a profile.yaml tells of, None when it is no member's."""
    found = meta.get(TEAM)
    if not isinstance(found, Mapping) or not found.get("name"):
        return None
    return Membership(str(found["name"]), list_items(found.get("env")), list_items(found.get("own")))


def list_items(value: object) -> tuple[str, ...]:
    """Return the words of a text or a list, as they stand in profile.yaml: `A, B` or `[A, B]`."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else ()
    return tuple(dict.fromkeys(word for part in parts if (word := str(part).strip())))


def read_membership(home: Path) -> Membership | None:
    """Return the membership of the profile that lives in a home."""
    return membership_in(read_sections(home / PROFILE_FILE, (TEAM,)))


def team_values(team: Team) -> Values:
    """Return the keys of the lead's profile.yaml that tell of a team."""
    share = ", ".join(team.share)
    return {(TEAMS, team.name, "channel"): team.channel, (TEAMS, team.name, "share"): share}


def membership_values(membership: Membership) -> Values:
    """Return the keys of a member's profile.yaml that tell of its membership."""
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
            f"{name!r} is not a name for a team: it is {RULE}",
            target=name,
            code="bad-name",
            hint="see the teams there are with `hermes-profiles team list`",
        ) from None


def team_fault(team: Team, teams: Teams) -> Problem | None:
    """Return why a team cannot be synced, None when it can."""
    leads = teams.leads.get(team.name, ())
    if not team.lead:
        return Problem(
            "no-lead",
            f"no profile leads the team {team.name} any more: what its members share is not there",
            team.name,
            "bring its lead back (`hermes-profiles restore`, `hermes-profiles trash list`), or let the "
            f"members go on alone: `hermes-profiles team remove --team {team.name} --all --keep-profile`",
        )
    if len(leads) > 1:
        return Problem(
            "two-leads",
            f"{' and '.join(leads)} both say that they lead the team {team.name}",
            team.name,
            f"take the team out of the profile.yaml of the one that does not: `teams:`, `{team.name}:`",
        )
    of = teams.memberships.get(team.lead)
    if of is not None:
        return Problem(
            "lead-is-member",
            f"{team.lead} leads the team {team.name} and is a member of {of.team} itself: what it has is not its own",
            team.lead,
            f"let it leave the other team: `hermes-profiles team remove {team.lead} --keep-profile`",
        )
    return None
