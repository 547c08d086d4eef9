"""What commands about one profile say when it leads a team or is in one."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.model.layout import Layout
from hermes_profiles.model.result import Problem, Refused
from hermes_profiles.profiles.teams.record import Team, read_membership, read_teams

# So many members are named; `team show` has them all.
_NAMED = 8


def named(members: Sequence[str]) -> str:
    """Return names for a sentence, many of them cut short."""
    more = len(members) - _NAMED
    return ", ".join(members[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def check_may_go(layout: Layout, name: str) -> None:
    """Raise Refused for a profile that members of a team live on."""
    for team in read_teams(layout).led_by(name):
        if team.members:
            raise Refused(
                f"{name} leads the team {team.name}: {named(team.members)} would lose what it shares with them",
                target=name, code="leads-a-team",
                hint=f"first have them go on alone: `hermes-profiles team remove --team {team.name} --all "
                f"--keep-profile`; or move them to the trash: `hermes-profiles team remove --team {team.name} --all`",
            )  # fmt: skip


def membership_of(layout: Layout, name: str) -> Team | None:
    """Return the team a profile is in; one without a lead when nobody leads it any more."""
    if read_membership(layout.home(name)) is None:  # most are in none, and then nobody else is looked at
        return None
    return read_teams(layout).of(name)


def back_warnings(layout: Layout, name: str) -> list[Problem]:
    """Return warnings for a profile that has come back: into a team that nobody leads."""
    team = membership_of(layout, name)
    if team is None or team.lead:
        return []
    return [Problem(
        "no-lead", f"{name} is a member of the team {team.name}, which no profile leads: what it shared leads nowhere",
        name, f"bring the lead back (`hermes-profiles trash list`), or have it go on alone: `hermes-profiles team "
        f"remove {name} --keep-profile`",
    )]  # fmt: skip
