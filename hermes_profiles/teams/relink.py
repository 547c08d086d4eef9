"""Links of members that follow their lead: when it gets another name, and when one of them comes back. Plans only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import META, read_sections

from .model import TEAM, TEAMS, membership_in, read_teams
from .pool_copies import pool_links
from .terms import link_target


def followers(layout: Layout, old: str, new: str) -> tuple[tuple[str, tuple[ReplaceFile, ...]], ...]:
    """Return the profiles whose links lead into the pool of `old`, with the steps that have them lead to `new`."""
    found = ((name, relinked(layout, name, new, instead_of=old)) for name in profile_names(layout) if name != old)
    return tuple((name, steps) for name, steps in found if steps)


def relinked_when_back(layout: Layout, place: Path, name: str) -> tuple[ReplaceFile, ...]:
    """Return the steps that make links right when a profile comes back under a name; `place`: where its home is now.

    A member's links lead to whoever leads its team now; links of members to a lead lead to its name from now on.
    """
    meta = read_sections(place / META, (TEAM, TEAMS))
    membership = membership_in(meta)
    teams = read_teams(layout)
    steps: list[ReplaceFile] = []
    if membership is not None:
        team = teams.by_name.get(membership.team)
        if team is not None and team.lead:
            steps += relinked(layout, name, team.lead, at=place)
    led = meta.get(TEAMS)
    for team_name in led if isinstance(led, Mapping) else ():
        team = teams.by_name.get(str(team_name))
        for member in team.members if team is not None and not team.lead else ():
            steps += relinked(layout, member, name)
    return tuple(steps)


def relinked(
    layout: Layout, profile: str, lead: str, *, instead_of: str | None = None, at: Path | None = None
) -> tuple[ReplaceFile, ...]:
    """Return the steps that have a profile's links into a pool lead into that of `lead`.

    `instead_of`: only links into this one's; `at`: where the home is found now, when a step before these moves it.
    """
    home = layout.home(profile)
    return tuple(
        ReplaceFile(home / link.path, None, expected=link.signature, link=link_target(layout, lead, profile, link.path))
        for link in pool_links(layout, profile, at=at)
        if link.owner != lead and instead_of in (None, link.owner)
    )
