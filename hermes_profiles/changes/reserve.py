"""A file that is kept to be given up: on a full disk it leaves room for the few bytes that matter."""

from __future__ import annotations

import os
from pathlib import Path

from .errors import translated_errors
from .filesystem import Files


def make_reserve(path: Path, size: int, files: Files | None = None) -> None:
    """Write the file, unless it is there with its size. Raises Failed, on a full disk for example."""
    files = files or Files()
    status = files.lstat(str(path))
    if status is not None and status.st_size >= size:
        return
    with translated_errors():
        files.private_folder(str(path.parent))
        if status is not None:
            files.unlink(str(path))
        # Not zeros: a file system can store those without a block.
        content = os.urandom(size)
        files.append(str(path), content, mode=0o600, owner=files.owner_below(str(path.parent)), sync=True)


def free_reserve(path: Path, files: Files | None = None) -> bool:
    """Remove the file; return whether there was one."""
    files = files or Files()
    if files.lstat(str(path)) is None:
        return False
    try:
        files.unlink(str(path))
    except OSError:
        return False
    return True
