"""Moves pairing approvals between the folder of a profile's own gateway and the folder of a multiplexer.

Hermes 0.19.0 (gateway/pairing.py): a process keeps approvals in `platforms/pairing/`, or in `pairing/` if that has
content, and merges the other folder in when it starts. A multiplexer reads `<root>/profiles/NAME/pairing/` of a named
profile, and the same folders as a process for default. Approvals are moved, not copied: a later start would merge back
users that were rejected in between.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.hermes.files import APPROVED_ENDING
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.regular_file import read_regular

OWN, SERVED = Path("platforms") / "pairing", Path("pairing")
_LARGEST = 16 * 1024 * 1024


class MovedApprovals(NamedTuple):
    """Approvals of one channel of one profile: `steps` move them, `people` is the number of users."""

    profile: str
    channel: str
    people: int
    steps: tuple[ReplaceFile, ...]


def approved_users(home: Path, channel: str) -> tuple[str, ...]:
    """Return the users that a profile admitted by pairing, from both folders."""
    places = (home / folder / f"{channel}{APPROVED_ENDING}" for folder in (OWN, SERVED))
    return tuple(dict.fromkeys(user for place in places for user in _approved(place)))


def move_to_multiplexer(profile: str, home: Path) -> tuple[MovedApprovals, ...]:
    """Return the moves of a named profile's approvals to the folder that a multiplexer reads."""
    found = []
    for name in _names(home / OWN):
        old, new = home / OWN / name, home / SERVED / name
        mine, theirs = _approved(old), _approved(new)
        if mine:
            together = {**mine, **theirs}  # as in Hermes, the folder in use takes precedence
            steps = (*_written(new, together), ReplaceFile(old, None, expected=signature(old)))
            found.append(MovedApprovals(profile, name.removesuffix(APPROVED_ENDING), len(mine), steps))
    return tuple(found)


def move_to_process(profile: str, home: Path, channels: Iterator[str] | tuple[str, ...]) -> tuple[MovedApprovals, ...]:
    """Return the moves of these channels' approvals back to the folder of a profile's own gateway.

    Their present content is moved: users can have been approved or rejected since.
    """
    found = []
    for channel in channels:
        old, new = home / SERVED / f"{channel}{APPROVED_ENDING}", home / OWN / f"{channel}{APPROVED_ENDING}"
        now = _approved(old)
        if not os.path.lexists(old):
            continue
        steps = (*_written(new, {**_approved(new), **now}), ReplaceFile(old, None, expected=signature(old)))
        found.append(MovedApprovals(profile, channel, len(now), steps))
    return tuple(found)


def _names(folder: Path) -> list[str]:
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(APPROVED_ENDING))
    except OSError:
        return []


def _approved(path: Path) -> dict[str, Any]:
    """Return the users that a file approves; {} if it cannot be read, as in Hermes."""
    try:
        data = json.loads(read_regular(path, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    return dict(data) if isinstance(data, Mapping) else {}


def _written(path: Path, approved: Mapping[str, Any]) -> tuple[ReplaceFile, ...]:
    if _approved(path) == approved and path.exists():
        return ()
    text = json.dumps(approved, indent=2, ensure_ascii=False)
    return (ReplaceFile(path, Secret(text.encode("utf-8", "surrogatepass")), 0o600, signature(path)),)
