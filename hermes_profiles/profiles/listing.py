"""Which profiles a root has, which one is sticky, and which aliases start them: only names, no file is parsed."""

from __future__ import annotations

import os
import re
from pathlib import Path

from hermes_profiles.model.errors import Failed, NotFound
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name

from .regular_file import read_regular

# A wrapper script has a few dozen bytes; the same folder can hold ffmpeg (hermes-agent issue 45752).
_LARGEST_ALIAS = 4096
_ALIAS_TARGET = re.compile(rb"hermes['\"]? +-p +([a-z0-9][a-z0-9_-]{0,63})\b")


def profile_names(layout: Layout) -> tuple[str, ...]:
    """Return the names of all profiles: `default` first when the root exists, then the others by name."""
    try:
        with os.scandir(layout.profiles) as scan:
            named = sorted(entry.name for entry in scan if is_profile_folder_name(entry.name) and _is_folder(entry))
    except (FileNotFoundError, NotADirectoryError):
        named = []
    except PermissionError as error:
        raise Failed(
            f"cannot list {layout.profiles}: permission denied",
            target=str(layout.profiles),
            hint=f"look at it with `ls -ld {layout.profiles}`",
        ) from error
    return ((DEFAULT,) if layout.root.is_dir() else ()) + tuple(named)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def active_profile(layout: Layout) -> str:
    """Return the sticky profile; `default` when none is set or it cannot be read."""
    try:
        return read_regular(layout.active_profile, 4096).decode().strip() or DEFAULT
    except (OSError, UnicodeDecodeError):
        return DEFAULT


def require(layout: Layout, name: str) -> Path:
    """Return the home of an existing profile.

    Raises NotFound with the names that exist.
    """
    home = layout.home(name)
    if home.is_dir():
        return home
    names = profile_names(layout)
    near = [other for other in names if other.startswith(name[:3])] or list(names[:8])
    known = f"there are: {', '.join(near)}" if near else "there are no profiles yet"
    raise NotFound(
        f"no profile {name!r} in {layout.root}",
        target=name,
        hint=f"{known}; see `hermes-profiles list`, or create it with `hermes-profiles create {name}`",
    )


def aliases(layout: Layout) -> dict[str, str]:
    """Return profile → alias from one pass over the alias folder; an alias with another name than the profile wins."""
    names: dict[str, str] = {}
    try:
        with os.scandir(layout.alias_folder) as scan:
            entries = sorted(scan, key=lambda entry: entry.name)
    except OSError:
        return names
    for entry in entries:
        target = alias_target(entry)
        if target is not None and (entry.name != target or target not in names):
            names[target] = entry.name
    return names


def alias_target(entry: os.DirEntry[str]) -> str | None:
    """Return the profile an alias script starts, None when the file is not an alias."""
    try:
        if not entry.is_file() or entry.stat().st_size > _LARGEST_ALIAS:
            return None
        match = _ALIAS_TARGET.search(read_regular(entry.path, _LARGEST_ALIAS))
    except OSError:
        return None
    return match.group(1).decode("ascii") if match else None
