"""What sharing comes down to: which policy keeps identities out of it, where links lead, what is never compared.

Light to import, for whoever only looks whether all is in order.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.documents.yaml.paths import parsed_path
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT

from .shares import Share, linked_paths

# Members hold no port: 0.19.0 skips a profile that does when one gateway serves all, and N free ports are N too many.
POLICY = ClonePolicy(api_server=False)
# All paths of a home that can be links into a pool.
POOL = linked_paths(Share)
# Hermes 0.19.0 notes here what a profile's users were told already (agent/onboarding.py): the gateway writes it.
NOTED_BY_HERMES = (("onboarding", "seen"),)


def own_paths(own: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of config.yaml among what a member keeps for itself; what is none is passed over."""
    for text in own:
        try:
            yield parsed_path(text)
        except UsageProblem:
            continue


def is_there(home: Path, path: str) -> bool:
    """Return whether a home has what a link is to lead to: a file for a file, a folder for a folder."""
    return os.path.isfile(home / path) if path.endswith(".md") else os.path.isdir(home / path)


def link_target(layout: Layout, lead: str, member: str, path: str) -> str:
    """Return the text of a member's link: relative, so that a root can be moved, whatever `profiles` is a link to."""
    profiles = os.path.realpath(layout.profiles)
    there = os.path.realpath(layout.root) if lead == DEFAULT else os.path.join(profiles, lead)
    home = layout.home(member)
    here = os.path.realpath(home) if os.path.isdir(home) else os.path.join(profiles, member)
    return os.path.relpath(os.path.join(there, path), here)
