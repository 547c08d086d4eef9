"""The links of a member into its lead's pool: which are missing, lead elsewhere or are none any more. Looks only."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ReplaceFile, Signature
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_sections

from .model import TEAM, TEAMS, membership_in, read_teams
from .pool_copies import pool_links
from .shares import POOL, link_target


class LinkChange(NamedTuple):
    """One path of a member that is not as it should be.

    `action`: add, set (another link is there), replace (a folder or file is there), remove, own (a copy is to take the
    place of the link, for the member keeps it for itself); `found`: what is there, in words, "" for nothing; `target`:
    the text of the link to be.
    """

    path: str
    action: str
    found: str
    target: str | None
    signature: Signature | None


def link_changes(
    layout: Layout, lead: str, member: str, links: Collection[str], own: Collection[str] = ()
) -> Iterator[LinkChange]:
    """Yield what is to change until exactly these paths of a member are links to its lead's.

    What is the member's own is passed over: paths in `own`, and where nothing is shared all that is no link into a
    pool. Raises Refused when the lead's lies in the member's home: it would lead to itself.
    """
    home = layout.home(member)
    into_pools = {link.path: link.owner for link in pool_links(layout, member)}
    for path in POOL:
        status = _status(home / path)
        seen = Signature.of(status) if status is not None else None
        if is_kept(path, own):
            if path in into_pools and seen is not None:  # what is written through the link is not its own
                yield LinkChange(path, "own", _description(home / path, seen), None, seen)
            continue
        if path not in links:
            gone = path in into_pools and (into_pools[path] == lead or not os.path.exists(home / path))
            if gone and seen is not None:
                yield LinkChange(path, "remove", _description(home / path, seen), None, seen)
            continue
        _check_no_circle(layout.home(lead) / path, home)
        if into_pools.get(path) == lead and _is_same(home / path, layout.home(lead) / path):
            continue
        action = "add" if seen is None else "set" if stat.S_ISLNK(seen.mode) else "replace"
        found = _description(home / path, seen) if seen is not None else ""
        yield LinkChange(path, action, found, link_target(layout, lead, member, path), seen)


def is_kept(path: str, own: Collection[str]) -> bool:
    """Return whether a member keeps a path of the pool for itself: `SOUL.md`, or `skills/` for a folder."""
    return (path if path.endswith(".md") else f"{path}/") in own


def _status(path: Path) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _is_same(one: Path, other: Path) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _description(path: Path, seen: Signature) -> str:
    if stat.S_ISLNK(seen.mode):
        return f"a link to {os.readlink(path)}"
    return "a folder of its own" if stat.S_ISDIR(seen.mode) else "a file of its own"


def _check_no_circle(shared: Path, home: Path) -> None:
    real, inside = os.path.realpath(shared), os.path.realpath(home)
    if real == inside or real.startswith(f"{inside}/"):
        raise Refused(
            f"{shared} leads into the home of a member ({real}), so a link there would lead to itself",
            target=str(shared),
            code="pool-in-member",
            hint=f"have the lead hold it: `rm {shared} && mv {real} {shared}`",
        )


def follower_steps(layout: Layout, old: str, new: str) -> tuple[tuple[str, tuple[ReplaceFile, ...]], ...]:
    """Return the profiles whose links lead into the pool of `old`, with the steps that have them lead to `new`."""
    found = ((name, relink_steps(layout, name, new, instead_of=old)) for name in profile_names(layout) if name != old)
    return tuple((name, steps) for name, steps in found if steps)


def relink_restored(layout: Layout, place: Path, name: str) -> tuple[ReplaceFile, ...]:
    """Return the steps that make links right when a profile comes back under a name; `place`: where its home is now.

    A member's links lead to whoever leads its team now; links of members to a lead lead to its name from now on.
    """
    meta = read_sections(place / PROFILE_FILE, (TEAM, TEAMS))
    membership = membership_in(meta)
    teams = read_teams(layout)
    steps: list[ReplaceFile] = []
    if membership is not None:
        team = teams.by_name.get(membership.team)
        if team is not None and team.lead:
            steps += relink_steps(layout, name, team.lead, at=place)
    led = meta.get(TEAMS)
    for team_name in led if isinstance(led, Mapping) else ():
        team = teams.by_name.get(str(team_name))
        for member in team.members if team is not None and not team.lead else ():
            steps += relink_steps(layout, member, name)
    return tuple(steps)


def relink_steps(
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
