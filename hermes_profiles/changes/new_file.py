"""A new file outside the profiles: written under another name, and renamed when it is complete."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import BinaryIO

from hermes_profiles.model.errors import Refused

from .errors import translated_errors
from .filesystem import Files


@contextmanager
def new_file(path: Path, *, replace: bool = False) -> Iterator[BinaryIO]:
    """Yield a binary file that gets its name at the end, 0600 from its first byte; after an error nothing is left.

    Raises Refused(code="exists") when the path exists, unless `replace`; Failed for an error of the system.
    """
    files, target = Files(), str(path)
    if not replace:
        check_free(path)
    draft = f"{os.path.dirname(target) or '.'}/.{os.path.basename(target)}.{os.urandom(4).hex()}.tmp"
    with translated_errors():
        try:
            with os.fdopen(files.create(draft), "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if replace:
                files.replace(draft, target)
            else:
                files.rename_new(draft, target)
            files.sync_folder(os.path.dirname(target) or ".")
        except BaseException:
            files.unlink(draft)
            raise


@contextmanager
def scratch_file(path: Path, mtime_ns: int | None = None) -> Iterator[BinaryIO]:
    """Yield a new binary file, 0600, in a private temporary folder. Raises Failed."""
    with translated_errors():
        with os.fdopen(Files().create(str(path)), "wb") as file:
            yield file
        if mtime_ns is not None:
            os.utime(path, ns=(mtime_ns, mtime_ns))


def check_free(path: Path) -> None:
    """Raise Refused when the path of a new file exists."""
    if Files().lstat(str(path)) is not None:
        raise Refused(
            f"{path} exists already",
            target=str(path),
            code="exists",
            hint=f"choose another name, or move it away: `mv {quote(str(path))} {quote(str(path))}.old`",
        )
