"""The paths that an entry of the journal may name: its root, and known files of the user outside the root.

A journal can come with a copied or damaged root, or from another user. Its paths are therefore checked before use.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from enum import Enum
from shlex import quote

from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import (
    LABEL,
    LAUNCH_AGENTS,
    LEGACY_FILES,
    SYSTEM_UNITS,
    UNIT,
    USER_UNITS,
    XDG_UNITS,
)
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple

from .journal import ChangeEntry, StepKind, StepRecord
from .plan import is_below

# Our services that keep the host awake, and the drop-ins of a whole family of units (`hermes-gateway-.service.d`).
_OWN_SERVICES = ("hermes-profiles-awake", "ai.hermes.profiles-awake")
_START_FILES = (".bashrc", ".bash_profile", ".zshrc", ".config/fish/conf.d/hermes-profiles.fish")
_SHIM = ".local/share/hermes-profiles/shim/hermes"
_LINKED = (StepKind.REPLACE, StepKind.REMOVE, StepKind.MODE, StepKind.TIDY)


class EntryOrigin(Enum):
    """Where an entry was made: in this root, in this root at another path, or in another root that still exists."""

    HERE = "here"
    MOVED = "moved"
    COPIED = "copied"


def origin_of(entry: ChangeEntry, layout: Layout) -> EntryOrigin:
    """Return where an entry was made. A root whose recorded path is another folder now is a copy of that folder."""
    root = str(layout.root)
    if entry.root in ("", root) or _same(entry.root, root):
        return EntryOrigin.HERE
    return EntryOrigin.COPIED if os.path.isdir(entry.root) else EntryOrigin.MOVED


def check_entry(entry: ChangeEntry, layout: Layout) -> None:
    """Raise Refused (code `foreign-entry`) for an entry with a path that this root must not change.

    The paths of an entry must be in the root or known files of the user, and its staged files in our own staging
    folders. An entry of a copied root must not change a file that the other root has as well.
    """
    origin = origin_of(entry, layout)
    checker = _Checker(entry, layout, origin)
    for index, record in enumerate(entry.steps):
        checker.check(index, record)


class _Path(NamedTuple):
    text: str
    kind: StepKind


class _Checker:
    def __init__(self, entry: ChangeEntry, layout: Layout, origin: EntryOrigin) -> None:
        self._entry = entry
        self._layout = layout
        self._origin = origin
        self._roots = tuple(dict.fromkeys((str(layout.root), os.path.realpath(layout.root))))

    def check(self, index: int, record: StepRecord) -> None:
        """Raise Refused for a record with a path in a wrong place."""
        name = f"{self._entry.id}-{index}"
        self._check_staged(record, name)
        moved = (_Path(record.source or "", record.kind),) if record.kind is StepKind.MOVE else ()
        made = (_Path(folder, StepKind.TIDY) for folder in record.made)
        for path in (_Path(record.target, record.kind), *moved, *made):
            if not os.path.isabs(path.text) or path.text != os.path.normpath(path.text) or "\0" in path.text:
                raise self._refused(path.text, "is not a plain path")
            self._check_place(path)

    def _check_staged(self, record: StepRecord, name: str) -> None:
        """Raise Refused unless the staged file of a step has the path that `staging` gives it."""
        folder = os.path.dirname(record.target)
        allowed: tuple[str | None, ...] = (None,)
        if record.kind is StepKind.MOVE:
            return
        if record.kind is StepKind.PUBLISH:
            state = f"{self._layout.state}/staging/{name}"
            allowed = (state, f"{folder}/.hermes-profiles-{name}.staging")
        elif record.kind is StepKind.REPLACE:
            allowed = (f"{folder}/.hermes-profiles-{name}.tmp",)
        if record.source not in allowed:
            raise self._refused(record.source or "", "is not a staged file of this change")

    def _check_place(self, path: _Path) -> None:
        if any(is_below(path.text, root) and path.text != root for root in self._roots):
            if self._origin is EntryOrigin.COPIED and self._is_shared(path.text):
                raise self._refused(path.text, f"is a file of the root {self._entry.root} too, through a link")
            if not self._stays_inside(path.text):
                raise self._refused(path.text, "leads out of the root through a link")
            return
        if self._origin is EntryOrigin.COPIED:
            raise self._refused(path.text, f"belongs to the root {self._entry.root}, of which this root is a copy")
        if path.kind in (StepKind.PUBLISH, StepKind.MOVE):
            if not self._is_linked(path.text):
                raise self._refused(path.text, f"is not in the root {self._layout.root}")
        elif not self._is_known(path) and not (path.kind in _LINKED and self._is_linked(path.text)):
            raise self._refused(path.text, f"is neither in the root {self._layout.root} nor a service, alias or shim")
        elif not self._entry.root and not _may_be_of(path.text, self._roots):
            raise self._refused(path.text, f"does not name the root {self._layout.root}")

    def _stays_inside(self, path: str) -> bool:
        """Return whether the folder of a path is in the root, or in the home of a profile that is a link."""
        root = next(root for root in self._roots if is_below(path, root))
        folder = os.path.realpath(os.path.dirname(path))
        profiles = f"{root}/{PROFILES_FOLDER}"
        tops = [self._roots[-1], os.path.realpath(profiles)]
        name = path[len(profiles) + 1 :].partition("/")[0] if path.startswith(profiles + "/") else ""
        if name and path != f"{profiles}/{name}":
            tops.append(os.path.realpath(f"{profiles}/{name}"))
        return any(is_below(folder, top) for top in tops)

    def _is_shared(self, path: str) -> bool:
        """Return whether a path of a copied root and the same path of its original are one file."""
        for root in self._roots:
            if is_below(path, root):
                folder = os.path.dirname(path)
                return _same(folder, self._entry.root + folder[len(root) :])
        return False

    def _is_known(self, path: _Path) -> bool:
        known = tuple(known_files(self._layout))
        is_above_user = is_below(str(self._layout.user_home), path.text)
        if path.kind is StepKind.TIDY and not is_above_user and any(is_below(folder, path.text) for folder, _ in known):
            return True
        folder, name = os.path.split(path.text)
        above, inside = os.path.split(folder)
        for place, prefixes in known:
            if path.text == place and not prefixes:
                return True
            if folder == place and name.startswith(prefixes or ("\0",)):
                return True
            if prefixes[:1] == (UNIT,) and above == place:
                is_drop_in = inside.endswith(".d") and inside.startswith(prefixes)
                is_enabling = inside.endswith((".wants", ".requires")) and name.startswith(prefixes)
                if is_drop_in or is_enabling:
                    return True
        return False

    def _is_linked(self, path: str) -> bool:
        """Return whether a file is the target of a link in the root or of a start file, or in a linked profile."""
        root = str(self._layout.root)
        profiles = f"{root}/{PROFILES_FOLDER}"
        homes = [f"{profiles}/{name}" for name in _names(profiles)]
        for link in (profiles, *homes):
            # A link to a folder above the root or the user's home would allow every path.
            target = os.path.realpath(link) if os.path.islink(link) else ""
            if target and path != target and is_below(path, target):
                return not any(is_below(each, target) for each in (*self._roots, str(self._layout.user_home)))
        files = [f"{home}/{name}" for home in (root, *homes) for name in _names(home)]
        files += [f"{self._layout.user_home}/{name}" for name in _START_FILES]
        return any(
            os.path.islink(link) and os.path.realpath(link) == path and not os.path.isdir(path) for link in files
        )

    def _refused(self, path: str, why: str) -> Refused:
        entry = self._entry
        elsewhere = self._origin is EntryOrigin.COPIED
        return Refused(
            f"the change {entry.id} ({entry.summary}) cannot be undone or finished here: {path} {why}",
            target=path,
            code="foreign-entry",
            hint=f"undo it in that root: `hermes-profiles undo {entry.id} --home {quote(str(entry.root))}`"
            if elsewhere
            else f"see the paths of the change: `cat {quote(str(self._layout.state))}/journal/{entry.id}.json`",
        )


def known_files(layout: Layout) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield (folder, beginnings of names) of files outside the root, and (file, ()) of single files."""
    user = str(layout.user_home)
    services = (UNIT, LABEL, *_OWN_SERVICES, *LEGACY_FILES)
    homes = dict.fromkeys((user, _account_home() or user))
    yield from ((f"{home}/{folder}", services) for home in homes for folder in (USER_UNITS, LAUNCH_AGENTS))
    yield SYSTEM_UNITS, services
    yield str(layout.alias_folder), ("",)
    yield from ((f"{user}/{name}", ()) for name in (*_START_FILES, _SHIM))
    for place in layout.outside:
        yield str(place), services if str(place).endswith(XDG_UNITS) else ()


def _account_home() -> str | None:
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _same(one: str, other: str) -> bool:
    try:
        return os.path.samefile(one, other)
    except OSError:
        return False


def _may_be_of(path: str, roots: tuple[str, ...]) -> bool:
    """Return whether a file can belong to this root: a service names its home, or is that of the default root.

    Entries of 0.1.0 do not record their root.
    """
    if not os.path.basename(path).startswith((UNIT, LABEL)):
        return True
    try:
        with open(path, "rb") as file:
            text = file.read(1 << 16)
    except OSError:
        return any(os.path.basename(root) == ROOT_FOLDER for root in roots)
    return any(os.fsencode(root) in text for root in roots)
