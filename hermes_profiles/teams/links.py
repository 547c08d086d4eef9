"""The links of a member into its lead's pool: which are missing, lead elsewhere or are none any more. Looks only."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import Signature
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout

from .pool_copies import pool_links
from .terms import POOL, link_target


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
                yield LinkChange(path, "own", _words(home / path, seen), None, seen)
            continue
        if path not in links:
            gone = path in into_pools and (into_pools[path] == lead or not os.path.exists(home / path))
            if gone and seen is not None:
                yield LinkChange(path, "remove", _words(home / path, seen), None, seen)
            continue
        _check_no_circle(layout.home(lead) / path, home)
        if into_pools.get(path) == lead and _is_same(home / path, layout.home(lead) / path):
            continue
        action = "add" if seen is None else "set" if stat.S_ISLNK(seen.mode) else "replace"
        found = _words(home / path, seen) if seen is not None else ""
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


def _words(path: Path, seen: Signature) -> str:
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
