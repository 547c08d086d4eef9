"""Links of members into their lead's pool: differences, and updates after a rename or restore. Plans only."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.changes.signature import Signature
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_sections

from .model import TEAM, TEAMS, membership_in, read_teams
from .pool_copies import pool_links
from .shares import POOL, link_target


class LinkChange(NamedTuple):
    """One path of a member that is not as it should be.

    `action`: add, set (another link exists), replace (a folder or file exists), remove, own (a copy replaces the link,
    because the member overrides the path); `found`: description of what exists, "" for nothing; `target`: text of the
    new link.
    """

    path: str
    action: str
    found: str
    target: str | None
    signature: Signature | None


def link_changes(
    layout: Layout, lead: str, member: str, links: Collection[str], own: Collection[str] = ()
) -> Iterator[LinkChange]:
    """Yield the changes after which exactly these paths of a member are links to its lead's.

    The member's own paths are skipped: those in `own`, and unshared paths that are not links into a pool. Raises
    Refused for a path of the lead that is in the member's home: the link would point to itself.
    """
    home = layout.home(member)
    into_pools = {link.path: link.owner for link in pool_links(layout, member)}
    for path in POOL:
        status = _status(home / path)
        seen = Signature.of(status) if status is not None else None
        if is_kept(path, own):
            if path in into_pools and seen is not None:  # writes through the link would change the lead's
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
    """Return whether a member overrides a path of the pool: `SOUL.md`, or `skills/` for a folder."""
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
            f"{shared} points into the home of a member ({real}): the member's link would point to itself",
            target=str(shared),
            code="pool-in-member",
            hint=f"move it to the lead: `rm {quote(str(shared))} && mv {quote(str(real))} {quote(str(shared))}`",
        )


def follower_steps(layout: Layout, old: str, new: str) -> tuple[tuple[str, tuple[ReplaceFile, ...]], ...]:
    """Return the profiles that have links into the pool of `old`, with the steps that point them to `new`."""
    found = ((name, relink_steps(layout, name, new, instead_of=old)) for name in profile_names(layout) if name != old)
    return tuple((name, steps) for name, steps in found if steps)


def relink_restored(layout: Layout, place: Path, name: str) -> tuple[ReplaceFile, ...]:
    """Return the steps that update links when a profile is restored under a name; `place`: its present home.

    A restored member's links point to the present lead of its team. Links to a restored lead get its name.
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
    """Return the steps that point a profile's links into a pool to the pool of `lead`.

    `instead_of`: only links into this profile's pool; `at`: present place of the home, if an earlier step moves it.
    """
    home = layout.home(profile)
    return tuple(
        ReplaceFile(home / link.path, None, expected=link.signature, link=link_target(layout, lead, profile, link.path))
        for link in pool_links(layout, profile, at=at)
        if link.owner != lead and instead_of in (None, link.owner)
    )
