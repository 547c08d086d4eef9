"""Reads regular files: never waits for a FIFO, never reads a device."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path | str) -> tuple[int, os.stat_result]:
    """Return the descriptor and the status of a regular file, or of the one that a link leads to.

    Raises OSError, with EINVAL for anything that is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor, status


def read_regular(path: Path | str, limit: int) -> bytes:
    """Return the first `limit` bytes of a regular file.

    Raises OSError when it cannot be read or is not a regular file.
    """
    descriptor, status = open_regular(path)
    try:
        return os.read(descriptor, min(limit, status.st_size + 1))
    finally:
        os.close(descriptor)
