"""Deleted profiles, which wait below our state until somebody empties the trash."""

from __future__ import annotations

import json
import os
from collections.abc import Collection
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from ..model.layout import Layout
from ..model.result import NotFound
from ..model.secret import Secret
from .errors import translated_errors
from .files import Files
from .journal import iso
from .lock import StateLock
from .plan import ChangedMeanwhile, MoveTree, ReplaceFile, Signature, Step, TidyFolder
from .sweep import EMPTYING

ABOUT = "about.json"
HOME = "home"
_SCHEMA = "hermes-profiles-trash/1"


class TrashEntry(NamedTuple):
    """A deleted profile. `origin`, `deleted_at` (ISO) and `size` are None when about.json cannot be read."""

    id: str
    name: str
    folder: Path
    origin: Path | None = None
    deleted_at: str | None = None
    size: int | None = None
    about: Signature | None = None

    @property
    def home(self) -> Path:
        """Return where the profile's files are."""
        return self.folder / HOME


def steps_to_trash(
    layout: Layout,
    home: Path,
    *,
    trash_id: str,
    name: str,
    deleted_at: datetime | str,
    size: int | None = None,
) -> tuple[ReplaceFile, MoveTree]:
    """Return the two steps that put a profile's home into the trash; the second is the commit point.

    `trash_id` must be new: `Journal.fresh_id()` gives one. about.json comes first: interrupted after it, the
    change is taken back and it goes again.
    """
    folder = layout.trash / f"{trash_id}-{name}"
    about = {
        "schema": _SCHEMA, "id": trash_id, "name": name, "origin": str(home), "size": size,
        "deleted_at": deleted_at if isinstance(deleted_at, str) else iso(deleted_at),
    }  # fmt: skip
    content = Secret(json.dumps(about, indent=1).encode("ascii"))
    return ReplaceFile(folder / ABOUT, content), MoveTree(home, folder / HOME)


def steps_from_trash(entry: TrashEntry, target: Path) -> tuple[Step, ...]:
    """Return the steps that bring a deleted profile back to `target`; the first is the commit point."""
    return (
        MoveTree(entry.home, target),
        ReplaceFile(entry.folder / ABOUT, None, expected=entry.about),
        TidyFolder(entry.folder),
    )


def trash_entries(layout: Layout, files: Files | None = None) -> tuple[TrashEntry, ...]:
    """Return what is in the trash, newest first; entries without a home are none."""
    files = files or Files()
    found = []
    for folder_name in reversed(files.names(str(layout.trash))):
        folder = layout.trash / folder_name
        if not folder_name.startswith(".") and files.lstat(str(folder / HOME)) is not None:
            found.append(_read(folder, files))
    return tuple(found)


def _read(folder: Path, files: Files) -> TrashEntry:
    path = str(folder / ABOUT)
    bare = TrashEntry(folder.name, folder.name[22:] or folder.name, folder, about=files.signature(path))
    try:
        raw, status = files.read(path)
        about = json.loads(raw)
        return TrashEntry(
            folder.name, str(about["name"]), folder, Path(about["origin"]), str(about["deleted_at"]),
            None if about["size"] is None else int(about["size"]), Signature.of(status),
        )  # fmt: skip
    except (OSError, ChangedMeanwhile, ValueError, KeyError, TypeError):
        return bare  # the profile itself is what counts


def empty(
    layout: Layout, *, older_than: datetime | None = None, ids: Collection[str] | None = None,
    files: Files | None = None, wait: float = 30.0,
) -> tuple[TrashEntry, ...]:  # fmt: skip
    """Delete entries for good and return them: those in `ids`, deleted before `older_than`, or all.

    An entry whose time is unknown is not older than anything. Raises NotFound for an unknown id before
    anything is deleted, Failed for what the disk does not allow. This is the one thing that has no undo.
    """
    files = files or Files()
    with translated_errors():
        if files.lstat(str(layout.trash)) is None and not ids:
            return ()
        return _empty(layout, older_than, ids, files, wait)


def _empty(
    layout: Layout, older_than: datetime | None, ids: Collection[str] | None, files: Files, wait: float
) -> tuple[TrashEntry, ...]:
    with StateLock(layout.state, files, wait=wait):
        entries = trash_entries(layout, files)
        unknown = sorted(set(ids or ()) - {entry.id for entry in entries})
        if unknown:
            raise NotFound(
                f"{unknown[0]!r} is not in the trash ({layout.trash})", target=unknown[0],
                code="no-such-entry", hint="see what is there with `hermes-profiles trash list`",
            )  # fmt: skip
        chosen = tuple(each for each in entries if _is_chosen(each, older_than, ids))
        for entry in chosen:
            _delete(entry, layout, files)
        return chosen


def _is_chosen(entry: TrashEntry, older_than: datetime | None, ids: Collection[str] | None) -> bool:
    if ids is not None and entry.id not in ids:
        return False
    if older_than is None:
        return True
    try:
        return entry.deleted_at is not None and datetime.fromisoformat(entry.deleted_at) < older_than
    except (ValueError, TypeError):
        return False


def _delete(entry: TrashEntry, layout: Layout, files: Files) -> None:
    """Delete one entry. Renamed first: killed half way, it is no entry any more, and the next run goes on."""
    away = os.path.join(layout.trash, f"{EMPTYING}{entry.id}")
    files.remove_tree(away)
    files.replace(str(entry.folder), away)
    files.remove_tree(away)
