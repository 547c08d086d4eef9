"""Copying of one open file to another: holes stay holes, and a screen checks every byte."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator

from .plan import SecretScreen

CHUNK = 1 << 20


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
