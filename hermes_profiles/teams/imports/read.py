"""Reads files of other programs without changing them, not even their access time where possible."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.text import TextDocument, decode_loose
from hermes_profiles.model.errors import DocumentError, Failed, Problem
from hermes_profiles.model.text import first_names

# An account file has a few hundred bytes; context tokens of a busy account have some megabytes.
LARGEST = 8 * 1024 * 1024
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
# Linux only, and permitted to the owner only.
_QUIET = getattr(os, "O_NOATIME", 0)
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_REASONS = {
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist: its parent is not a folder",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ELOOP: "its links form a loop",
    errno.ENAMETOOLONG: "its name is too long",
    errno.ENXIO: "it is a socket, not a file",
}


def read_quietly(path: Path, largest: int = LARGEST) -> bytes:
    """Return the bytes of a regular file of another program.

    Raises DocumentError for anything else (without waiting for a FIFO) and for a file larger than `largest`.
    """
    try:
        descriptor = _opened(path, _READ)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise unreadable(path, f"it is {_kind(status.st_mode)}, not a file")
            return _whole(descriptor, path, largest)
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise unreadable(path, _why(error)) from None


def _whole(descriptor: int, path: Path, largest: int) -> bytes:
    parts = []
    size = 0
    while part := os.read(descriptor, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > largest:
            raise unreadable(path, f"it is larger than {largest // 1024} KiB, the limit for such a file")
    return b"".join(parts)


def _opened(path: Path, flags: int) -> int:
    try:
        return os.open(path, flags | _QUIET)
    except PermissionError:
        return os.open(path, flags)  # not the owner, or not permitted to read it


def _why(error: Exception) -> str:
    if not isinstance(error, OSError):
        return "not a valid file name"
    return _REASONS.get(error.errno or 0, (error.strerror or type(error).__name__).lower())


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a device"


def unreadable(path: Path, reason: str) -> DocumentError:
    """Return the error of a file that cannot be read."""
    return DocumentError(str(path), None, reason, hint=f"check it with `ls -l {shell_quoted(path)}`")


def path_exists(path: Path) -> bool:
    """Return whether a path exists, also as a broken link."""
    try:
        os.lstat(path)
    except (OSError, ValueError):
        return False
    return True


def folder_names(folder: Path) -> tuple[str, ...]:
    """Return the names in a folder, sorted. Raises Failed when it cannot be listed."""
    try:
        descriptor = _opened(folder, _READ | os.O_DIRECTORY)
        try:
            return tuple(sorted(os.listdir(descriptor)))
        finally:
            os.close(descriptor)
    except (OSError, ValueError) as error:
        raise Failed(
            f"{folder}: {_why(error)}",
            target=str(folder),
            code="unreadable-folder",
            hint=f"check it with `ls -ld {shell_quoted(folder)}`",
        ) from None


def read_json(path: Path, largest: int = LARGEST) -> JsonDocument:
    """Return a JSON file: UTF-8, with a byte order mark or without, or UTF-16 with one. Raises DocumentError."""
    return json_in(read_quietly(path, largest), str(path))


def json_in(raw: bytes, path: str) -> JsonDocument:
    """Return the JSON document of these bytes; entries have their lines. Raises DocumentError."""
    if not raw.strip(b" \t\r\n\0"):
        raise DocumentError(path, None, "it is empty", hint="restore it from a backup, then try again")
    if raw.startswith(_UTF16):
        raw = read_text(raw, path).text.encode("utf-8", "surrogatepass")
    return JsonDocument.parse(raw, path=path)


def read_text(raw: bytes, path: str) -> TextDocument:
    """Return a text: UTF-8, with a byte order mark or without, UTF-16 with one, else latin-1. Raises DocumentError."""
    return TextDocument(path, raw, decode_loose(path, raw))


def open_to_others(path: Path) -> bool:
    """Return whether users other than the owner can read a file."""
    try:
        return bool(os.stat(path).st_mode & 0o044)
    except OSError:
        return False


def mode_warnings(paths: Iterator[Path]) -> tuple[Problem, ...]:
    """Return the warning for files with tokens that other users can read, () without any."""
    found = [path for path in paths if open_to_others(path)]
    if not found:
        return ()
    names = first_names([str(path) for path in found], 1)
    message = f"other users of this machine can read {names}, which holds tokens"
    hint = f"restrict it: `chmod 600 {' '.join(shell_quoted(path) for path in found[:12])}`"
    return (Problem("readable-by-others", message, str(found[0]), hint),)


def shell_quoted(path: Path) -> str:
    """Return a path quoted for a shell."""
    import shlex

    return shlex.quote(str(path))
