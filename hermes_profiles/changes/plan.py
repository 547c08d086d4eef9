"""The plan of a change as data: trees to publish, folders to move, files to replace. Pure."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import mode_text

if TYPE_CHECKING:
    from hermes_profiles.model.secret import Secret

    from .signature import Signature


class SecretScreen(Protocol):
    """A search for the values that must not be copied."""

    @property
    def overlap(self) -> int:
        """Return how many bytes of a chunk must be searched again with the next: the longest value less one."""

    def hits(self, data: bytes) -> bool:
        """Return whether a removed value is in these bytes."""


class MakeFolder(NamedTuple):
    """A folder (0700) of a tree; the parents of other entries are created without one."""

    path: str
    mode: int | None = None
    mtime_ns: int | None = None


class WriteFile(NamedTuple):
    """A file (0600, 0700 if executable) with its bytes."""

    path: str
    content: Secret[bytes]
    executable: bool = False
    mtime_ns: int | None = None


class CopyFile(NamedTuple):
    """A copy of the file `source`, which had `signature` when the plan was made.

    `mode` and `mtime_ns`: None for 0600 (0700 if executable), and for the time of the source.
    """

    path: str
    source: Path
    signature: Signature
    executable: bool
    mode: int | None = None
    mtime_ns: int | None = None


class MakeLink(NamedTuple):
    """A symbolic link; `target` is its text and is not followed."""

    path: str
    target: str
    mtime_ns: int | None = None


TreeEntry = MakeFolder | WriteFile | CopyFile | MakeLink


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class PublishTree:
    """A new tree that is put at `target` by one rename; the target must not exist.

    Raises ValueError for entries outside the tree, two entries with one path, and entries below a link or a file.
    """

    target: Path
    entries: tuple[TreeEntry, ...]
    screen: SecretScreen | None = None

    def __post_init__(self) -> None:
        _check_absolute(self.target)
        _check_entries(self.entries)


@dataclass(frozen=True, slots=True, repr=False)
class MoveTree:
    """A folder, file or link that is moved by one rename; the target must not exist."""

    source: Path
    target: Path

    def __post_init__(self) -> None:
        _check_absolute(self.source)
        _check_absolute(self.target)


@dataclass(frozen=True, slots=True, repr=False)
class ReplaceFile:
    """A file that is replaced, created (`expected` None: the path does not exist) or removed (`content` None).

    `expected` is the signature of the file when the plan was made. A symbolic link at `path` is itself replaced, not
    followed. `link` creates a symbolic link instead of a file (an undo needs it).
    """

    path: Path
    content: Secret[bytes] | None
    mode: int = 0o600
    expected: Signature | None = None
    link: str | None = None
    mtime_ns: int | None = None

    def __post_init__(self) -> None:
        _check_absolute(self.path)
        if self.content is not None and self.link is not None:
            raise ValueError(f"{self.path}: a file has either bytes or a link")

    @property
    def removes(self) -> bool:
        """Return whether `path` does not exist after the step."""
        return self.content is None and self.link is None


@dataclass(frozen=True, slots=True, repr=False)
class SetMode:
    """A mode of a file or folder that is changed in place, because a process may have the file open.

    `expected` is the signature of the file when the plan was made. A link is refused. A folder may have got other
    entries, a file must be unchanged. Raises ValueError for an invalid mode.
    """

    path: Path
    mode: int
    expected: Signature

    def __post_init__(self) -> None:
        _check_absolute(self.path)
        if not 0 <= self.mode <= 0o7777:
            raise ValueError(f"{self.path}: {self.mode:o} is not a mode")

    def fits(self, found: Signature) -> bool:
        """Return whether the file is still as it was when the plan was made; new entries of a folder are no change."""
        fields = ["device", "inode", "mode"]
        if not stat.S_ISDIR(self.expected.mode):
            fields += ["size", "mtime_ns"]
        return all(getattr(found, field) == getattr(self.expected, field) for field in fields)


class TidyFolder(NamedTuple):
    """A folder that is removed if it is empty."""

    path: Path


Step = PublishTree | MoveTree | ReplaceFile | SetMode | TidyFolder
# A rename (source, target) of a file or folder; a target of None is a removal.
Move = tuple[str, str | None]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ChangePlan:
    """One change. `command` and `summary` must not contain secrets, because the journal keeps both.

    `commit` is the index of the step after which an interrupted change is completed instead of rolled back. `running`:
    the profiles whose gateways ran before; an undo that restores their services starts them again.
    Raises ValueError for ambiguous steps: two steps for one file, or two moves to one path.
    """

    command: tuple[str, ...]
    summary: str
    steps: tuple[Step, ...]
    commit: int = 0
    profiles: tuple[str, ...] = ()
    running: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.commit < max(len(self.steps), 1):
            raise ValueError(f"commit point {self.commit} is not one of {len(self.steps)} steps")
        _check_outside_trees(self.steps)
        _check_unambiguous(self.steps)


def is_below(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or inside it."""
    return path == folder or path.startswith(folder + "/")


def place_before(path: str, moves: Iterable[Move]) -> str | None:
    """Return the path before these renames, in their order, of the file that is at `path` after them.

    None when no file is at `path` after them: it was moved away or removed.
    """
    for source, target in reversed(tuple(moves)):
        if target is not None and is_below(path, target):
            path = source + path[len(target) :]
        elif is_below(path, source):
            return None
    return path


def moves_of(step: Step) -> tuple[Move, ...]:
    """Return the moves of a step, a removal included."""
    if isinstance(step, MoveTree):
        return ((str(step.source), str(step.target)),)
    return ((str(step.path), None),) if isinstance(step, ReplaceFile) and step.removes else ()


def bytes_to_write(step: Step) -> int:
    """Return how many bytes of content a step writes, holes of sparse files included."""
    if isinstance(step, PublishTree):
        return sum(
            len(entry.content) if isinstance(entry, WriteFile) else entry.signature.size
            for entry in step.entries
            if isinstance(entry, WriteFile | CopyFile)
        )
    return len(step.content) if isinstance(step, ReplaceFile) and step.content is not None else 0


def describe(plan: ChangePlan) -> tuple[dict[str, Any], ...]:
    """Return the steps as names, paths and counts, for a dry run and the journal."""
    return tuple(_describe(step) for step in plan.steps)


def _describe(step: Step) -> dict[str, Any]:
    match step:
        case PublishTree():
            return {"kind": "publish", "target": str(step.target), "entries": len(step.entries)}
        case MoveTree():
            return {"kind": "move", "source": str(step.source), "target": str(step.target)}
        case ReplaceFile():
            return {"kind": "remove" if step.removes else "replace", "target": str(step.path)}
        case SetMode():
            before = mode_text(stat.S_IMODE(step.expected.mode))
            return {"kind": "mode", "target": str(step.path), "mode": mode_text(step.mode), "before": before}
        case TidyFolder():
            return {"kind": "tidy", "target": str(step.path)}


def _check_outside_trees(steps: tuple[Step, ...]) -> None:
    """Raise ValueError if a step changes a file of a published tree; it may remove a link at the target before."""
    targets = {str(step.target): index for index, step in enumerate(steps) if isinstance(step, PublishTree)}
    for index, step in enumerate(steps):
        if not isinstance(step, ReplaceFile | SetMode):
            continue
        path = str(step.path)
        makes_room = isinstance(step, ReplaceFile) and step.removes and index < targets.get(path, -1)
        if not makes_room and any(is_below(path, each) for each in targets):
            raise ValueError(f"{path}: is in a tree that this plan publishes; make it an entry")


def _check_unambiguous(steps: tuple[Step, ...]) -> None:
    """Raise ValueError for ambiguous steps.

    These are: a mode step and another step for one file, two steps that create one file, a step for a file in a folder
    that an earlier step moves away, two moves to one path.
    """
    moves: list[Move] = []
    seen: dict[str, Step] = {}
    for step in steps:
        if isinstance(step, MoveTree):
            target = str(step.target)
            if any(target == other for _, other in moves):
                raise ValueError(f"{target}: is the target of two moves")
        elif isinstance(step, ReplaceFile | SetMode):
            path = str(step.path)
            if place_before(os.path.dirname(path), moves) is None:
                raise ValueError(f"{path}: is in a folder that an earlier step moves away")
            origin = place_before(path, moves) or path
            if isinstance(seen.get(origin), SetMode) or (origin in seen and isinstance(step, SetMode)):
                raise ValueError(f"{step.path}: one step changes its mode and another step the file")
            if _makes(step) and _makes(seen.get(origin)):
                raise ValueError(f"{step.path}: two steps create this file")
            seen[origin] = step
        moves += moves_of(step)


def _makes(step: Step | None) -> bool:
    return isinstance(step, ReplaceFile) and step.expected is None and not step.removes


def _check_absolute(path: Path) -> None:
    if not path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{path}: a step needs an absolute path without '..'")


def _check_entries(entries: tuple[TreeEntry, ...]) -> None:
    """Raise ValueError unless every entry is inside the tree and has only folders above it.

    Without this check an entry `x/passwd` after a link `x -> /etc` would be written to `/etc`.
    """
    folders: set[str] = set()
    leaves: set[str] = set()
    for entry in entries:
        path = entry.path
        if not path or "\0" in path or any(part in ("", ".", "..") for part in path.split("/")):
            raise ValueError(f"{path!r}: an entry needs a plain path relative to the tree")
        if path in leaves or (path in folders and not isinstance(entry, MakeFolder)):
            raise ValueError(f"{path!r}: two entries have this path")
        (folders if isinstance(entry, MakeFolder) else leaves).add(path)
        parent = path.rpartition("/")[0]
        while parent and parent not in folders:
            folders.add(parent)
            parent = parent.rpartition("/")[0]
    both = folders & leaves
    if both:
        raise ValueError(f"{min(both)!r}: a file or link cannot have entries below it")
