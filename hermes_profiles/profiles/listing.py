"""Which profiles a root has, which one is sticky, and which aliases start them: only names, no file is parsed.

For a later Hermes a folder is not a profile when it has a deletion marker (from 0.21), or none of the files of a
profile (from 0.21.4). Which Hermes is installed is looked up only where a root has such a folder.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator
from enum import StrEnum
from pathlib import Path
from shlex import quote

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import DELETED_FOLDER, IDENTITY_FILES
from hermes_profiles.model.errors import Failed, NotFound, Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, check_new_name, is_profile_folder_name
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.model.text import nearest_first

from .regular_file import read_regular

# A wrapper script has a few dozen bytes; the same folder can hold ffmpeg (hermes-agent issue 45752).
_LARGEST_ALIAS = 4096
_ALIAS_TARGET = lazy_pattern(rb"hermes['\"]? +-p +([a-z0-9][a-z0-9_-]{0,63})\b")


class FolderFault(StrEnum):
    """Why the installed Hermes takes a folder in `profiles/` for no profile."""

    DELETED = "deleted"
    NO_IDENTITY = "no-identity"


def profile_names(layout: Layout) -> tuple[str, ...]:
    """Return the names of all profiles: `default` first when the root exists, then the others by name."""
    try:
        with os.scandir(layout.profiles) as scan:
            named = sorted(entry.name for entry in scan if is_profile_folder_name(entry.name) and _is_folder(entry))
    except (FileNotFoundError, NotADirectoryError) as error:
        _check_folder(layout.root, error)
        _check_folder(layout.profiles, error)
        named = []
    except PermissionError as error:
        raise _unlisted(layout.profiles, "cannot list {}: permission denied") from error
    return ((DEFAULT,) if layout.root.is_dir() else ()) + tuple(_without_faults(layout, named))


def _check_folder(path: Path, error: OSError) -> None:
    """Raise Failed where something is in the place of a folder: a file, or a link to a folder that is away.

    No profiles would be an answer that is wrong.
    """
    if os.path.lexists(path) and not os.path.isdir(path):
        what = f"a link to {os.readlink(path)}, which does not exist" if os.path.islink(path) else "not a folder"
        raise _unlisted(path, "{} is " + what) from error


def _unlisted(path: Path, message: str) -> Failed:
    return Failed(
        message.format(path),
        target=str(path),
        hint=f"look at it with `ls -ld {quote(str(path))}`",
    )


def lost_profiles(layout: Layout) -> tuple[Problem, ...]:
    """Return a warning for each link in `profiles/` to a home that does not exist: nothing lists such a profile."""
    try:
        with os.scandir(layout.profiles) as scan:
            links = sorted(entry.name for entry in scan if entry.is_symlink() and is_profile_folder_name(entry.name))
    except OSError:  # `profile_names` raises
        return ()
    homes = [layout.home(name) for name in links]
    return tuple(
        Problem(
            "lost-home",
            f"{home.name} is not listed: {home} is a link to {os.readlink(home)}, which does not exist",
            home.name,
            f"bring that folder back, or remove the link: `rm {quote(str(home))}`",
        )
        for home in homes
        if not os.path.exists(home)
    )


def folder_fault(layout: Layout, name: str) -> FolderFault | None:
    """Return why Hermes takes a folder for no profile, None for a profile. The folder exists."""
    if name == DEFAULT:
        return None
    deleted = {name} if os.path.lexists(layout.deletion_marker(name)) else frozenset()
    return _fault(layout, name, deleted)


def unlisted_folders(layout: Layout) -> tuple[tuple[str, FolderFault], ...]:
    """Return the folders with a valid name in `profiles/` that are no profiles, and why; by name."""
    try:
        with os.scandir(layout.profiles) as scan:
            named = sorted(entry.name for entry in scan if is_profile_folder_name(entry.name) and _is_folder(entry))
    except OSError:
        return ()
    deleted = _deleted_names(layout)
    faults = ((name, _fault(layout, name, deleted)) for name in named)
    return tuple((name, fault) for name, fault in faults if fault is not None)


def _without_faults(layout: Layout, names: list[str]) -> Iterator[str]:
    deleted, folder = _deleted_names(layout) if names else frozenset(), os.fspath(layout.profiles)
    suspects = {name for name in names if name in deleted or not has_identity(f"{folder}/{name}")}
    return (name for name in names if name not in suspects or _fault(layout, name, deleted) is None)


def _fault(layout: Layout, name: str, deleted: Collection[str]) -> FolderFault | None:
    if name in deleted and layout.installed().has(Behaviour.DELETION_MARKERS):
        return FolderFault.DELETED
    if not has_identity(layout.home(name)) and layout.installed().has(Behaviour.PROFILES_NEED_IDENTITY):
        return FolderFault.NO_IDENTITY
    return None


def _deleted_names(layout: Layout) -> frozenset[str]:
    try:
        return frozenset(os.listdir(layout.profiles / DELETED_FOLDER))
    except OSError:
        return frozenset()


def has_identity(home: Path | str) -> bool:
    """Return whether a home has a file of a profile; a link counts even where its target is missing."""
    folder = os.fspath(home)
    for name in IDENTITY_FILES:
        try:
            mode = os.lstat(f"{folder}/{name}").st_mode
        except OSError:
            continue
        if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
            return True
    return False


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

    Raises NotFound with the names that exist, or with the reason why a folder is not a profile.
    """
    home = layout.home(name)
    if home.is_dir():
        fault = folder_fault(layout, name)
        if fault is None:
            return home
        raise _no_profile(layout, name, fault)
    raise NotFound(f"no profile {name!r} in {layout.root}", target=name, hint=_hint_about(layout, name))


def _hint_about(layout: Layout, name: str) -> str:
    """Return which profiles there are, and how one of this name is made."""
    names = profile_names(layout)
    known = f"there are: {nearest_first(name, names)}" if names else "there are no profiles yet"
    if name == DEFAULT:
        return f"{known}; Hermes makes {DEFAULT} at its first start, and `hermes-profiles create NAME` needs no source"
    try:
        check_new_name(name)
    except UsageProblem:
        return f"{known}; see `hermes-profiles list`"
    return f"{known}; see `hermes-profiles list`, or create it with `hermes-profiles create {name}`"


def require_folder(layout: Layout, name: str) -> Path:
    """Return the home of a profile, or a folder of its name that Hermes takes for no profile. Raises NotFound."""
    home = layout.home(name)
    return home if home.is_dir() else require(layout, name)


def _no_profile(layout: Layout, name: str, fault: FolderFault) -> NotFound:
    if fault is FolderFault.DELETED:
        return NotFound(
            f"{name} is a deleted profile for Hermes: {layout.deletion_marker(name)} exists",
            target=name,
            code="deleted-name",
            hint="see `hermes-profiles doctor --only files.deleted-name`",
        )
    return NotFound(
        f"{layout.home(name)} is not a profile for Hermes: it has none of {', '.join(IDENTITY_FILES)}",
        target=name,
        code="no-identity",
        hint="see `hermes-profiles doctor --only files.ghost-folder`",
    )


def aliases(layout: Layout) -> dict[str, str]:
    """Return profile → alias from one pass over the alias folder; an alias with another name than the profile wins."""
    names: dict[str, str] = {}
    if not layout.is_ours:
        return names
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
