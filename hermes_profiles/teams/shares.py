"""What members of a team can share with their lead, and how: by a link where Hermes reads links right, else by sync.

Source: Hermes 0.19.0 (agent/skill_utils.py walks skills with followlinks, agent/prompt_builder.py reads SOUL.md through
a link, utils.py `atomic_replace` writes through links). config.yaml and `.env` hold identities too, so they are synced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from hermes_profiles.model.errors import UsageProblem


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
    Share.PERSONA: ("SOUL.md",),
    Share.PLUGINS: ("plugins",),
    Share.KNOWLEDGE: ("knowledge", "preferences"),
    Share.CONFIG: ("plugins", "hooks", "scripts", "skins"),
    Share.KEYS: (),
    Share.MEMORY: ("memories",),
}


def linked_paths(share: Iterable[Share]) -> tuple[str, ...]:
    """Return the paths of a home that are links to the lead's when these parts are shared."""
    return tuple(dict.fromkeys(path for each in share for path in LINKS[each]))


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
