"""A log read from its end, or from a moment on: as many bytes as are shown, and never much of it at a time."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator

from .records import KEPT, LONGEST_LINES, LONGEST_RECORD, Assembler, Cut, LogRecord, begins_record, decode, records_in

BLOCK = 64 * 1024
# So far is looked for a line with a time before it is assumed that there is none.
_WITHOUT_TIME = 1024 * 1024


def open_log(path: str | os.PathLike[str]) -> tuple[int, os.stat_result]:
    """Return a descriptor and the status of a log; never waits for a FIFO.

    Raises OSError, for anything that is no regular file too.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | getattr(os, "O_NOCTTY", 0))
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return descriptor, status


def end_of_lines(file: int, size: int) -> int:
    """Return where the last complete line ends."""
    position = size
    while position > 0:
        start = max(0, position - BLOCK)
        found = os.pread(file, position - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        position = start
    return 0


def records_backward(file: int, end: int) -> Iterator[LogRecord]:
    """Yield the records before a place of a file, the last first."""
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
    """Yield the lines before a place, the last first; "" comes first where a line ends just there."""
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
    """Return where the data before a place ends; the place itself when the file system knows of no holes."""
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
    """Return where the next data begins; the place itself when the file system knows of no holes."""
    try:
        return os.lseek(file, position, os.SEEK_DATA)
    except OSError:
        return position


def records_forward(file: int, begin: int, end: int) -> Iterator[LogRecord]:
    """Yield the records from one place of a file to another, in order; a line that is cut at its end is marked."""
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
    """Bytes become lines, as they come; of a line that does not end, its beginning is kept."""

    def __init__(self) -> None:
        self.rest = b""

    def feed(self, block: bytes) -> list[bytes]:
        """Return the lines that are complete with these bytes, without their ends."""
        first, *others = block.split(b"\n")
        if not others:
            self.rest = (self.rest + first.lstrip(b"\0") if not self.rest else self.rest + first)[:KEPT]
            return []
        *whole, rest = others
        lines = [(self.rest + first)[:KEPT], *whole]
        self.rest = rest.lstrip(b"\0")[:KEPT]
        return lines

    def take_rest(self) -> bytes:
        """Return what no line end has followed yet, and forget it."""
        rest, self.rest = self.rest, b""
        return rest


def place_of(file: int, size: int, moment: float, *, after: bool) -> int:
    """Return a place, at the beginning of a line, that divides what was written before a moment from the rest.

    What lies before it is older, or with `after` what lies behind it is younger; the other side may hold a few lines
    that are not. A log is written in the order of time, so it is found by halving.
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
    """Return (place, time) of the first line with a time that begins behind a place; None when there is none near."""
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
        # The line that is not complete yet, as if a line had ended before it.
        rest = b"\n" + data[at:] if 0 < at >= len(data) - KEPT else b""
        position += len(block)
    return None
