"""Errors of the system as errors of this program."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from shlex import quote

from hermes_profiles.model.errors import Failed
from hermes_profiles.model.text import system_reason

from .signature import ChangedMeanwhile

_HINTS = {
    errno.ENOSPC: "free some space (`df -h`), then run the command again",
    errno.EDQUOT: "free some of your quota (`df -h`), then run the command again",
    errno.EROFS: "the file system is read-only; see `mount`",
    errno.EXDEV: "both places must be on one file system; see `df`",
}


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise an OSError of the block as Failed with its path, the message of the system and a hint."""
    try:
        yield
    except OSError as error:
        path = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else None
        hint = _HINTS.get(error.errno or 0)
        if hint is None and path:
            hint = f"see the path with `ls -ld {quote(str(path))}`, then run the command again"
        raise Failed(f"nothing was changed: {error_text(error)}", target=path, hint=hint) from error


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
