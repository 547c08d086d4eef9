"""Lists and reads the files of a home; links are not followed, nothing is written."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.copy_file import data_segments, open_inside
from hermes_profiles.changes.signature import Signature
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import system_reason

from .regular_file import open_regular

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class EntryKind(StrEnum):
    """What an entry of the tree is; links are never followed."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    SPECIAL = "special"
    UNREADABLE = "unreadable"


class TreeItem(NamedTuple):
    """One entry: path relative to the home with `/` between, what it is, its signature and its link target."""

    path: str
    kind: EntryKind
    signature: Signature
    mode: int
    target: str | None = None

    @property
    def executable(self) -> bool:
        """Return whether the owner may run it."""
        return bool(self.mode & stat.S_IXUSR)


def walk(home: Path, enter: Callable[[str], bool]) -> Iterator[TreeItem]:
    """Yield the entries of a home in a stable order, parents before children.

    `enter(relative path)` returns whether to enter a folder. Symbolic links are reported and not followed, so a loop of
    links is harmless. A folder that cannot be listed is reported as unreadable.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield from _walk(descriptor, "", enter)
    finally:
        os.close(descriptor)


def _walk(folder: int, prefix: str, enter: Callable[[str], bool]) -> Iterator[TreeItem]:
    """Yield the entries of an open folder: a folder that becomes a link during the walk is not followed."""
    with os.scandir(folder) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        path = prefix + entry.name
        try:
            status = entry.stat(follow_symlinks=False)
            kind = _kind(status.st_mode)
            target = os.readlink(entry.name, dir_fd=folder) if kind is EntryKind.LINK else None
        except OSError as error:
            # Removed or replaced since the folder was listed: a running gateway creates and removes files.
            if error.errno in (errno.ENOENT, errno.EINVAL):  # EINVAL: no longer a link
                continue
            raise
        item = TreeItem(path, kind, Signature.of(status), status.st_mode, target)
        if kind is not EntryKind.FOLDER:
            yield item
        elif not os.access(entry.name, os.R_OK | os.X_OK, dir_fd=folder):
            yield TreeItem(path, EntryKind.UNREADABLE, item.signature, item.mode)
        else:
            yield item
            if enter(path):
                yield from _enter(folder, entry.name, path + "/", enter)


def _enter(above: int, name: str, prefix: str, enter: Callable[[str], bool]) -> Iterator[TreeItem]:
    try:
        descriptor = os.open(name, _FOLDER, dir_fd=above)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EMLINK):  # removed, or replaced by a link
            return
        raise
    try:
        yield from _walk(descriptor, prefix, enter)
    finally:
        os.close(descriptor)


def _kind(mode: int) -> EntryKind:
    if stat.S_ISREG(mode):
        return EntryKind.FILE
    if stat.S_ISDIR(mode):
        return EntryKind.FOLDER
    return EntryKind.LINK if stat.S_ISLNK(mode) else EntryKind.SPECIAL


def is_empty(folder: Path) -> bool:
    """Return whether nothing is in a folder."""
    with os.scandir(folder) as scan:
        return next(scan, None) is None


def read_document(path: Path, *, limit: int = 16 * 1024 * 1024) -> bytes | None:
    """Return the bytes of a document, following a link to a regular file as Hermes does; None when absent.

    Raises Failed when it is not a regular file, larger than a document can be, or cannot be read.
    """
    try:
        descriptor, status = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Failed(
            f"cannot read {path}: {system_reason(error)}",
            target=str(path),
            code="unreadable",
            hint=f"look at it with `ls -l {quote(str(path))}`",
        ) from error
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > limit:
            raise Failed(f"{path} is larger than {limit // 2**20} MiB", target=str(path), code="unreadable")
        return file.read()


def read_file(home: Path, item: TreeItem) -> bytes:
    """Return the bytes of a file of a home; no link in its place, or in the place of a folder above it, is followed.

    It uses system calls directly: `open` makes four more for each file, and this runs for every file of a home.
    """
    descriptor = open_inside(str(home), item.path, item.signature)
    size = item.signature.size
    try:
        chunks = [os.read(descriptor, size + 1)]
        if len(chunks[0]) != size:  # its size has changed
            while chunk := os.read(descriptor, 1024 * 1024):
                chunks.append(chunk)
        return b"".join(chunks)
    finally:
        os.close(descriptor)


def data_chunks(path: Path, overlap: int, *, chunk: int = 4 * 1024 * 1024) -> Iterator[bytes]:
    """Yield the data of a large file in chunks; each begins with the end of the one before.

    Holes of a sparse file are skipped: they hold no data.
    """
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start, end in data_segments(file.fileno(), size):
            position = start
            while position < end:
                begin = max(start, position - overlap)
                length = min(chunk, end - position)
                # The NUL at the end represents a hole that can follow: UTF-16 text can end in one.
                yield os.pread(file.fileno(), position - begin + length, begin) + b"\x00"
                position += length
