"""Copying of one open file to another: holes stay holes, and a screen checks every byte."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .plan import SecretScreen
    from .signature import Signature

CHUNK = 1 << 20
# O_NONBLOCK: a FIFO in the place of a file must not make this process wait for a writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def open_inside(top: str, path: str, planned: Signature) -> int:
    """Return the descriptor of a file of a folder. No link is followed on the way from `top` to the file.

    A file with the planned inode is the one that a walk without links has seen, which saves opening each folder.
    Raises OSError, with ELOOP or ENOTDIR for a link on the way.
    """
    whole = f"{top}/{path}"
    try:
        descriptor = os.open(whole, _FILE)
    except OSError as error:
        if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENOENT, errno.ENOTDIR, errno.EACCES):
            raise
    else:
        status = os.fstat(descriptor)
        if (status.st_dev, status.st_ino) == (planned.device, planned.inode):
            return descriptor
        os.close(descriptor)
    try:
        return _open_step_by_step(top, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, whole) from error


def _open_step_by_step(top: str, path: str) -> int:
    *folders, name = path.split("/")
    above = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            below = os.open(folder, _FOLDER, dir_fd=above)
            os.close(above)
            above = below
        return os.open(name, _FILE, dir_fd=above)
    finally:
        os.close(above)


def write_all(fd: int, content: bytes) -> None:
    """Write all bytes; a single write(2) may write fewer (signals, 2 GB limit)."""
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def pour(
    source: int, out: int, status: os.stat_result, screen: SecretScreen | None, operation: Callable[[], None]
) -> bool:
    """Copy `status.st_size` bytes and return True, or False as soon as `screen` finds a value in them."""
    size = status.st_size
    sparse = status.st_blocks * 512 < size
    tail = b""
    for start, end in data_segments(source, size) if sparse else ((0, size),):
        if sparse:
            os.lseek(source, start, os.SEEK_SET)
            os.lseek(out, start, os.SEEK_SET)
            tail = bytes(screen.overlap) if screen is not None else b""
        position = start
        while position < end:
            operation()
            chunk = os.read(source, min(CHUNK, end - position))
            if not chunk:
                break  # the file shrank, which the caller detects by its signature
            if screen is not None:
                if screen.hits(tail + chunk):
                    return False
                tail = (tail + chunk)[-screen.overlap :] if screen.overlap else b""
            write_all(out, chunk)
            position += len(chunk)
        # A value in UTF-16 may end with the first zero of a hole.
        if sparse and screen is not None and screen.hits(tail + bytes(screen.overlap)):
            return False
    if sparse:
        os.ftruncate(out, size)
    return True


def data_segments(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the parts of a file that have data; the whole file where the system cannot report them."""
    position = 0
    while position < size:
        try:
            start = os.lseek(fd, position, os.SEEK_DATA)
            end = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):
                raise
            start, end = position, size
        yield start, min(end, size)
        position = max(end, start + 1)
