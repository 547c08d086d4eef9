"""Links of members that follow their lead: when it gets another name, and when one of them comes back. Plans only."""

from __future__ import annotations

from pathlib import Path

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.roots import profile_names

from .copies import pool_links
from .pool import link_target


def followers(layout: Layout, old: str, new: str) -> tuple[tuple[str, tuple[ReplaceFile, ...]], ...]:
    """Return the profiles whose links lead into the pool of `old`, with the steps that have them lead to `new`."""
    found = ((name, relinked(layout, name, new, instead_of=old)) for name in profile_names(layout) if name != old)
    return tuple((name, steps) for name, steps in found if steps)


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
