"""Takes a copy of the files of a profile while its gateway may write to them."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterable
from pathlib import Path

from hermes_profiles.model.named_tuple import NamedTuple

from .database_copy import copy_database, has_side_file, is_database, is_plain_file
from .errors import translated_errors
from .filesystem import Files
from .plan import CopyFile, MakeFolder, MakeLink
from .signature import ChangedMeanwhile, Signature

# A database that was written to within this time may be written to now, although it has no log beside it.
_QUIET_NS = 5_000_000_000
_ROUNDS, _PAUSE = 5, 0.1
_GONE = (errno.ENOENT, errno.ENOTDIR)

SnapshotEntry = MakeFolder | CopyFile | MakeLink


class Snapshot(NamedTuple):
    """A copy of a tree. `gone`: files that were removed while it was made; `databases`: files copied as databases."""

    place: Path
    gone: tuple[str, ...]
    databases: tuple[str, ...]


def take_snapshot(place: Path, entries: Iterable[SnapshotEntry]) -> Snapshot:
    """Copy entries, parents first, into a new private folder.

    Files are 0600 in it and keep their time. A file must not change during its copy; a database is copied by its own
    backup interface. A file that is removed before its copy is left out. Raises Failed.
    """
    files = Files()
    gone: list[str] = []
    databases: list[str] = []
    with translated_errors():
        files.make_folder(str(place), None)
        for entry in entries:
            target = place / entry.path
            match entry:
                case MakeFolder():
                    files.make_folder(str(target), None)
                case MakeLink():
                    files.make_link(str(target), entry.target, None, entry.mtime_ns)
                case CopyFile():
                    try:
                        if _copy(entry, target, files):
                            databases.append(entry.path)
                    except FileNotFoundError:
                        gone.append(entry.path)
    return Snapshot(place, tuple(gone), tuple(databases))


def _copy(entry: CopyFile, target: Path, files: Files) -> bool:
    """Copy one file, and return whether it is a database. Raises FileNotFoundError for a file that is gone."""
    if not is_plain_file(entry.source):
        raise FileNotFoundError(errno.ENOENT, "was removed", str(entry.source))
    if not is_database(entry.source):
        _copy_file(entry, target, files)
        return False
    if _is_quiet(entry.source):
        _copy_file(entry, target, files)
        if not has_side_file(entry.source):
            return True
        files.unlink(str(target))
    copy_database(entry.source, target)
    return True


def _is_quiet(source: Path) -> bool:
    return not has_side_file(source) and time.time_ns() - os.lstat(source).st_mtime_ns > _QUIET_NS


def _copy_file(entry: CopyFile, target: Path, files: Files) -> None:
    for attempt in range(_ROUNDS):
        try:
            entry = entry._replace(signature=Signature.of(os.lstat(entry.source)))
            files.copy_new(str(target), entry, screen=None, owner=None)
        except ChangedMeanwhile:
            files.unlink(str(target))
            if attempt == _ROUNDS - 1 and is_plain_file(entry.source):
                raise
            if not is_plain_file(entry.source):
                raise FileNotFoundError(errno.ENOENT, "was removed", str(entry.source)) from None
            time.sleep(_PAUSE)
        else:
            return
