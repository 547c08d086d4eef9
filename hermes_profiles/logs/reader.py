"""Reads a log from its end, or from a time on, block by block."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from .records import KEPT, LONGEST_LINES, LONGEST_RECORD, Assembler, Cut, LogRecord, begins_record, decode, records_in

BLOCK = 64 * 1024
# So many bytes are searched for a line with a time.
_WITHOUT_TIME = 1024 * 1024


def open_log(path: str | os.PathLike[str]) -> tuple[int, os.stat_result]:
    """Return a descriptor and the status of a log; never waits for a FIFO.

    Raises OSError, also when the path is not a regular file.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOCTTY", 0))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor, status


def end_of_lines(file: int, size: int) -> int:
    """Return the offset at which the last complete line ends."""
    position = size
    while position > 0:
        start = max(0, position - BLOCK)
        found = os.pread(file, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def records_backward(file: int, end: int) -> Iterator[LogRecord]:
    """Yield the records before an offset of a file, the last first."""
    held: list[str] = []
    size = 0
    is_half = end > 0 and os.pread(file, 1, end - 1) != b"\n"
    for raw in _lines_backward(file, end):
        line = decode(raw)
        held.append(line)
        size += len(line)
        if begins_record(line) or len(held) >= LONGEST_LINES or size >= LONGEST_RECORD:
            for record in reversed([*records_in(reversed(held))]):
                yield record._replace(cut=Cut.END) if is_half else record
                is_half = False
            held, size = [], 0
    for record in reversed([*records_in(reversed(held))]):
        yield record._replace(cut=Cut.END) if is_half else record
        is_half = False


def _lines_backward(file: int, end: int) -> Iterator[bytes]:
    """Yield the lines before an offset, the last first; the first is "" where a line ends at the offset."""
    rest = b""
    position = end
    while position > 0:
        start = max(0, position - BLOCK)
        block = os.pread(file, position - start, start)
        if not block.strip(b"\0"):
            position = _before_hole(file, start)
            continue
        position = start
        first, *others = (block + rest).split(b"\n")
        yield from (line[:KEPT] for line in reversed(others))
        rest = first[:KEPT]
    yield rest


def _before_hole(file: int, position: int) -> int:
    """Return where the data before an offset ends; the offset itself on a file system without holes."""
    found = begin = 0
    try:
        while begin < position:
            begin = os.lseek(file, begin, os.SEEK_DATA)
            if begin >= position:
                break
            begin = os.lseek(file, begin, os.SEEK_HOLE)
            found = min(begin, position)
    except OSError as error:
        return found if error.errno == errno.ENXIO else position
    return found


def _behind_hole(file: int, position: int) -> int:
    """Return where the next data begins; the offset itself on a file system without holes."""
    try:
        return os.lseek(file, position, os.SEEK_DATA)
    except OSError:
        return position


def records_forward(file: int, begin: int, end: int) -> Iterator[LogRecord]:
    """Yield the records between two offsets, in order; a line that is cut at the end is marked."""
    assembler, lines = Assembler(), Lines()
    position = begin
    while position < end:
        block = os.pread(file, min(BLOCK, end - position), position)
        if not block:
            break
        position += len(block)
        if not lines.rest and not block.strip(b"\0"):
            position = max(position, _behind_hole(file, position))
            continue
        yield from assembler.feed(map(decode, lines.feed(block)))
    rest = lines.take_rest()
    found = [*assembler.feed([decode(rest)] if rest else ()), *assembler.end()]
    if rest and found:
        found[-1] = found[-1]._replace(cut=Cut.END)
    yield from found


class Lines:
    """Splits blocks of bytes into lines; of an open line the beginning is kept."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, block: bytes) -> list[bytes]:
        """Return the lines that these bytes complete, without line ends."""
        first, *others = block.split(b"\n")
        if not others:
            self.rest = (self.rest + first.lstrip(b"\0") if not self.rest else self.rest + first)[:KEPT]
            return []
        *whole, rest = others
        lines = [(self.rest + first)[:KEPT], *whole]
        self.rest = rest.lstrip(b"\0")[:KEPT]
        return lines

    def take_rest(self) -> bytes:
        """Return and clear the bytes of the open line."""
        rest, self.rest = self.rest, b""
        return rest


def place_of(file: int, size: int, moment: float, *, after: bool) -> int:
    """Return the offset of a line that separates records before a time from later ones.

    All records before it are older; with `after`, all behind it are younger. The other side can hold a few further
    lines. A log is in order of time, so the offset is found by bisection.
    """
    low, high, edge = 0, size, size
    while high - low > BLOCK:
        middle = (low + high) // 2
        found = _timed_line(file, middle, high)
        if found is not None and found[1] < moment:
            low = found[0]
        elif found is not None or not after:
            high, edge = middle, found[0] if found is not None else edge
        else:
            low = middle
    return edge if after else low


def _timed_line(file: int, begin: int, end: int) -> tuple[int, float] | None:
    """Return (offset, time) of the next line with a time; None without one nearby."""
    position, rest = begin, b""
    while position < min(end, begin + _WITHOUT_TIME):
        block = os.pread(file, BLOCK, position)
        if not block:
            return None
        data = rest + block
        start = position - len(rest)
        at = data.find(b"\n") + 1
        while at > 0 and (stop := data.find(b"\n", at)) >= 0:
            if data[at : at + 1].isdigit():
                record = next(records_in([decode(data[at : min(stop, at + 256)])]), None)
                if record is not None and record.time is not None:
                    return (start + at, record.time) if start + at < end else None
            at = stop + 1
        # The open line, with a line end before it.
        rest = b"\n" + data[at:] if 0 < at >= len(data) - KEPT else b""
        position += len(block)
    return None
