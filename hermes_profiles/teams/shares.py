"""What members of a team can share with their lead, and how: by a link where Hermes reads links right, else by sync.

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
# Which paths of a home are links to the lead's. What config.yaml switches on must be there too: plugins, hooks,
# scripts and skins come with it.
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
    """Return the paths of a home that are links to the lead's when these parts are shared."""
    return tuple(dict.fromkeys(path for each in share for path in LINKS[each]))


# Members hold no port: 0.19.0 skips a profile that does when one gateway serves all, and N free ports are N too many.
POLICY = ClonePolicy(api_server=False)
# All paths of a home that can be links into a pool.
POOL = linked_paths(Share)
# Hermes 0.19.0 notes here what a profile's users were told already (agent/onboarding.py): the gateway writes it.
NOTED_BY_HERMES = (("onboarding", "seen"),)


def shares_in(text: str) -> tuple[Share, ...]:
    """Return the parts that a text names, in the order of `Share`; words it does not know are passed over."""
    named = {word.strip() for word in text.split(",")}
    return tuple(each for each in Share if each in named)


def check_shares(text: str) -> tuple[Share, ...]:
    """Return the parts that a user named: `skills,persona`; `none` is nothing. Raises UsageProblem."""
    named = [word.strip().lower() for word in text.split(",") if word.strip()]
    if named == ["none"]:
        return ()
    unknown = [word for word in named if word not in set(Share)]
    if unknown or not named:
        what = f"{unknown[0]!r} is nothing that a team shares" if unknown else "nothing to share was named"
        raise UsageProblem(
            what,
            target="--share",
            code="bad-share",
            hint=f"say some of {', '.join(Share)}, or none; the default is `--share {','.join(DEFAULT_SHARES)}`",
        )
    return tuple(each for each in Share if each in named)


def own_paths(own: Iterable[str]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of config.yaml among what a member keeps for itself; what is none is passed over."""
    for text in own:
        try:
            yield parsed_path(text)
        except UsageProblem:
            continue


def pool_path_exists(home: Path, path: str) -> bool:
    """Return whether a home has what a link is to lead to: a file for a file, a folder for a folder."""
    return os.path.isfile(home / path) if path.endswith(".md") else os.path.isdir(home / path)


def link_target(layout: Layout, lead: str, member: str, path: str) -> str:
    """Return the text of a member's link: relative, so that a root can be moved, whatever `profiles` is a link to."""
    profiles = os.path.realpath(layout.profiles)
    there = os.path.realpath(layout.root) if lead == DEFAULT else os.path.join(profiles, lead)
    home = layout.home(member)
    here = os.path.realpath(home) if os.path.isdir(home) else os.path.join(profiles, member)
    return os.path.relpath(os.path.join(there, path), here)
