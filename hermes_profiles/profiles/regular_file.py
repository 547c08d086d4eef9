"""Reads regular files: never waits for a FIFO, never reads a device."""

from __future__ import annotations

import errno
import os
import stat
import time
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


# A file that was read → its status then, and its bytes.
_kept: dict[str, tuple[tuple[int, ...], bytes]] = {}
_LARGEST_KEPT = 64 * 1024
# A file changed less than this before it was read could change again with the same times: git calls such an entry racy.
_RACY = 2_000_000_000


def read_kept(path: str, limit: int) -> bytes:
    """Return what `read_regular` returns; the bytes of an earlier call, where the file was not changed since then.

    Raises OSError when it cannot be read or is not a regular file.
    """
    kept = _kept.get(path)
    if kept is not None:
        now, (version, raw) = os.stat(path), kept
        if version == (now.st_mtime_ns, now.st_ctime_ns, now.st_size, now.st_ino, now.st_dev) and now.st_size <= limit:
            return raw
    descriptor, status = open_regular(path)
    try:
        raw = os.read(descriptor, min(limit, status.st_size + 1))
    finally:
        os.close(descriptor)
    is_racy = time.time_ns() - max(status.st_mtime_ns, status.st_ctime_ns) < _RACY
    if len(raw) == status.st_size <= _LARGEST_KEPT and not is_racy:
        _kept[path] = (status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino, status.st_dev), raw
    return raw


def read_regular(path: Path | str, limit: int) -> bytes:
    """Return the first `limit` bytes of a regular file.

    Raises OSError when it cannot be read or is not a regular file.
    """
    descriptor, status = open_regular(path)
    try:
        return os.read(descriptor, min(limit, status.st_size + 1))
    finally:
        os.close(descriptor)
