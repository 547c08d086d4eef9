"""Errors of the system as errors of this program."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote

from hermes_profiles.model.errors import Failed
from hermes_profiles.model.text import system_reason

from .signature import ChangedMeanwhile
from .writable import write_obstacle

_HINTS = {
    errno.ENOSPC: "free some space (`df -h`), then run the command again",
    errno.EDQUOT: "free some of your quota (`df -h`), then run the command again",
    errno.EXDEV: "both places must be on one file system; see `df`",
}

_REFUSED = (errno.EACCES, errno.EPERM)


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise an OSError of the block as Failed with its path, the message of the system and a hint."""
    try:
        yield
    except OSError as error:
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
        hint, text = _HINTS.get(error.errno or 0), error_text(error)
        ends = [os.fsdecode(end) for end in (error.filename, error.filename2) if isinstance(end, str | bytes)]
        closed = next(filter(None, map(_closed_place, ends)), None) if error.errno in _REFUSED else None
        if closed is not None and path:
            # The name of a file that could not be made says nothing to the user: the folder does.
            text = text if os.path.lexists(path) else f"{closed}: {system_reason(error)}"
            hint = _way_to_write(closed)
        if error.errno == errno.EROFS:
            hint = read_only_hint(path)
        if hint is None and path:
            hint = f"see the path with `ls -ld {quote(str(path))}`, then run the command again"
        raise Failed(f"nothing was changed: {text}", target=path, hint=hint) from error


def _closed_place(path: str) -> str | None:
    """Return the folder above a path, or the path itself, in which this user cannot write; None for neither."""
    folder = os.path.dirname(path)
    while folder and not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    for place in (folder, path):
        if place and os.path.lexists(place) and not os.access(place, os.W_OK):
            return place
    return None


def _way_to_write(place: str) -> str:
    """Return the hint for a place in which this user cannot write: `chmod` for an own one."""
    if not os.path.islink(place) and os.lstat(place).st_uid == os.geteuid():
        return f"allow it with `chmod u+w {quote(place)}`, then run the command again"
    return f"see the owner with `ls -ld {quote(place)}`, then run the command again as that user"


def read_only_hint(path: str | None) -> str:
    """Return the hint for a path that could not be written because its file system is read-only."""
    found = write_obstacle(Path(path)) if path else None
    if found is None or not found.is_read_only:  # it is writable again, or the path is not known
        return "the file system was read-only; see `mount`, then run the command again"
    return f"{found.way_out} with `{found.command}`, then run the command again"


def changed(path: str, how: str = "was changed") -> ChangedMeanwhile:
    """Return the error for a file that differs from the plan."""
    return ChangedMeanwhile(
        f"{path} {how} since this change was planned",
        target=path,
        hint=f"see the path with `ls -ld {quote(str(path))}`, then run the command again",
    )


def error_text(error: BaseException) -> str:
    """Return the message of an error in lower case, with its path."""
    if isinstance(error, OSError):
        words = system_reason(error)
        return f"{os.fsdecode(error.filename)}: {words}" if isinstance(error.filename, str | bytes) else words
    return str(error) or type(error).__name__.lower()
