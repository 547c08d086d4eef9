"""The parts of a lead that members can share: by links where Hermes supports them, else by sync.

Source: Hermes 0.19.0 (agent/skill_utils.py walks skills with followlinks, agent/prompt_builder.py reads SOUL.md through
a link, utils.py `atomic_replace` writes through links). config.yaml and `.env` hold identities too, so they are synced.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path

from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.documents.yaml.paths import parsed_path
from hermes_profiles.hermes.files import SOUL_FILE
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT


class Share(StrEnum):
    """One part of the pool."""

    SKILLS = "skills"
    PERSONA = "persona"
    PLUGINS = "plugins"
    KNOWLEDGE = "knowledge"
    CONFIG = "config"
    KEYS = "keys"
    MEMORY = "memory"


DEFAULT_SHARES = (Share.SKILLS, Share.PERSONA, Share.CONFIG, Share.KEYS)
# Paths of a home that are links to the lead's. CONFIG includes what config.yaml refers to: plugins, hooks, scripts
# and skins.
LINKS: Mapping[Share, tuple[str, ...]] = {
    Share.SKILLS: ("skills",),
    Share.PERSONA: (SOUL_FILE,),
    Share.PLUGINS: ("plugins",),
    Share.KNOWLEDGE: ("knowledge", "preferences"),
    Share.CONFIG: ("plugins", "hooks", "scripts", "skins"),
    Share.KEYS: (),
    Share.MEMORY: ("memories",),
}


def linked_paths(share: Iterable[Share]) -> tuple[str, ...]:
    """Return the paths of a home that are links if these parts are shared."""
    return tuple(dict.fromkeys(path for each in share for path in LINKS[each]))


# Members have no port: a 0.19.0 multiplexer does not serve a profile that listens on one.
POLICY = ClonePolicy(api_server=False, empties=True)
# All paths of a home that can be links into a pool.
POOL = linked_paths(Share)
# The gateway of Hermes 0.19.0 records shown onboarding hints here (agent/onboarding.py).
NOTED_BY_HERMES = (("onboarding", "seen"),)


def shares_in(text: str) -> tuple[Share, ...]:
    """Return the parts named in a text, in the order of `Share`; unknown names are ignored."""
    named = {word.strip() for word in text.split(",")}
    return tuple(each for each in Share if each in named)


def check_shares(text: str) -> tuple[Share, ...]:
    """Return the parts of a `--share` argument: `skills,persona`, or `none`. Raises UsageProblem."""
    named = [word.strip().lower() for word in text.split(",") if word.strip()]
    if named == ["none"]:
        return ()
    unknown = [word for word in named if word not in set(Share)]
    if unknown or not named:
        what = f"{unknown[0]!r} is not a part to share" if unknown else "no part to share was given"
        raise UsageProblem(
            what,
            target="--share",
            code="bad-share",
            hint=f"use some of {', '.join(Share)}, or none; the default is `--share {','.join(DEFAULT_SHARES)}`",
        )
    return tuple(each for each in Share if each in named)


def own_paths(own: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of config.yaml among overrides; other keys are skipped."""
    for text in own:
        try:
            yield parsed_path(text)
        except UsageProblem:
            continue


def pool_path_exists(home: Path, path: str) -> bool:
    """Return whether a home has a path of the pool, as a file or folder as expected."""
    return os.path.isfile(home / path) if path.endswith(".md") else os.path.isdir(home / path)


def link_target(layout: Layout, lead: str, member: str, path: str) -> str:
    """Return the relative target of a member's link, which stays valid when the root is moved."""
    profiles = os.path.realpath(layout.profiles)
    there = os.path.realpath(layout.root) if lead == DEFAULT else os.path.join(profiles, lead)
    home = layout.home(member)
    here = os.path.realpath(home) if os.path.isdir(home) else os.path.join(profiles, member)
    return os.path.relpath(os.path.join(there, path), here)
