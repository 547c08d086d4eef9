"""Follows one log through rotation: no line is lost, and none is returned twice.

Files stay open: then an inode number identifies a file for certain, and lines written to a renamed or removed file can
still be read.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .reader import BLOCK, Lines, end_of_lines, open_log
from .records import Assembler, Cut, LogRecord, decode, records_in

# So many bytes of one file are read in one call.
BUDGET = 4 * BLOCK
# After so many seconds an open line is returned as it is.
PATIENCE = 1.0
# So many bytes of the beginning, and before the offset, are compared to recognise a file.
_HEAD, _TAIL = 512, 256
# A removed file is closed when it has not grown for so many seconds.
_GRACE = 2.0
# So many rotated files are followed: supervisord and launchd still write to the file that Hermes has renamed.
_SIBLINGS = 4
_MOST = 16
# File times have the resolution of the kernel's tick.
_COARSE = 0.05
_TURNED = lazy_pattern(r"\.(\d{1,4})|[.-]\d{4}-?\d\d-?\d\d(?:[-T]\d+)?")


class Key(NamedTuple):
    """The identity of a file while it is open."""

    device: int
    number: int


def key_of(status: os.stat_result) -> Key:
    """Return the identity of a file from its status."""
    return Key(status.st_dev, status.st_ino)


class Sibling(NamedTuple):
    """A rotated file: `changed` in nanoseconds, `number` of its name (`gateway.log.2`), 0 without one."""

    path: str
    key: Key
    changed: int
    number: int
    size: int


def siblings(path: Path) -> list[Sibling]:
    """Return the rotated files of a log that are text, the oldest first."""
    for _ in range(5):
        found = _siblings(path)
        if found == _siblings(path):  # no rename in between
            break
    return found


def _siblings(path: Path) -> list[Sibling]:
    found = []
    try:
        with os.scandir(path.parent) as scan:
            for entry in scan:
                if not entry.name.startswith(path.name) or entry.name == path.name:
                    continue
                match = _TURNED.fullmatch(entry.name, len(path.name))
                if match is None:
                    continue
                try:
                    status = entry.stat()
                except OSError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    number = int(match[1] or 0)
                    found.append(Sibling(entry.path, key_of(status), status.st_mtime_ns, number, status.st_size))
    except OSError:
        return []
    return sorted(found, key=lambda sibling: (sibling.changed, -sibling.number))


class OpenLog:
    """One open file, with the offset read so far; detects that the file was rewritten."""

    def __init__(self, file: int, status: os.stat_result, offset: int) -> None:
        self.file = file
        self.key = key_of(status)
        self.offset = offset
        self.lines = Lines()
        self.assembler = Assembler()
        self.changed = status.st_mtime_ns
        self.grown_at = 0.0
        self._is_rest = False
        self._head = self._tail = b""
        self._remember(b"")

    def close(self) -> None:
        """Close the file."""
        os.close(self.file)

    def _remember(self, block: bytes) -> None:
        if len(self._head) < _HEAD:
            self._head = os.pread(self.file, min(_HEAD, self.offset), 0)
        tail = min(_TAIL, self.offset)
        self._tail = block[-tail:] if len(block) >= tail > 0 else os.pread(self.file, tail, self.offset - tail)

    def begins_like(self, file: int) -> bool:
        """Return whether another file has the same content up to the offset of this one."""
        return (
            os.pread(file, len(self._head), 0) == self._head
            and os.pread(file, len(self._tail), self.offset - len(self._tail)) == self._tail
        )

    def was_rewritten(self, status: os.stat_result) -> bool:
        """Return whether the file was truncated or rewritten since it was read."""
        if status.st_size < self.offset:
            return True
        return status.st_mtime_ns != self.changed and not self.begins_like(self.file)

    def is_as_read(self, status: os.stat_result) -> bool:
        """Return whether the file was read to its end and every record of it was returned."""
        return (
            status.st_size == self.offset
            and status.st_mtime_ns == self.changed
            and (status.st_dev, status.st_ino) == self.key
            and status.st_nlink > 0
            and not self.lines.rest
            and self.assembler.is_empty
        )

    def start_over(self) -> None:
        """Reset the offset to the beginning."""
        self.offset = 0
        self.lines, self.assembler = Lines(), Assembler()
        self._is_rest = False
        self._head = self._tail = b""
        self.changed = os.fstat(self.file).st_mtime_ns

    def copy_to(self, file: int, status: os.stat_result) -> OpenLog:
        """Return the same log at another path, read up to the same offset."""
        copy = OpenLog(file, status, self.offset)
        copy.lines, copy.assembler, copy._is_rest = self.lines, self.assembler, self._is_rest
        copy.grown_at = self.grown_at
        return copy

    def read(self, status: os.stat_result, now: float) -> Iterator[LogRecord]:
        """Yield the complete records, up to the budget; the last is complete when the file did not grow."""
        self.changed = status.st_mtime_ns
        if status.st_size <= self.offset:
            if self.lines.rest and now - self.grown_at >= PATIENCE:
                yield from self._half(Cut.END)
            if not self.lines.rest:
                yield from self.assembler.end()
            return
        budget = BUDGET
        self.grown_at = now
        while budget > 0 and (block := os.pread(self.file, min(BLOCK, budget), self.offset)):
            budget -= len(block)
            self.offset += len(block)
            if self._is_rest and b"\n" in block:
                rest, _, block = block.partition(b"\n")
                self.lines.rest += rest
                yield from self._half(Cut.BEGIN)
                self._is_rest = False
            if not self._is_rest:
                yield from self.assembler.feed(map(decode, self.lines.feed(block)))
            else:
                self.lines.feed(block)
            self._remember(block)

    def end(self) -> Iterator[LogRecord]:
        """Yield the rest: the file does not grow any more."""
        if self.lines.rest:
            yield from self._half(Cut.END)
        yield from self.assembler.end()

    def _half(self, cut: Cut) -> Iterator[LogRecord]:
        """Yield the open record, and the open line as a record of its own."""
        yield from self.assembler.end()
        was_rest, self._is_rest = self._is_rest, cut is Cut.END
        piece = self.lines.take_rest()
        if was_rest:
            cut |= Cut.BEGIN
        for record in records_in([decode(piece)]):
            yield record._replace(cut=cut)


class LogTail:
    """Follows one log with its rotated files.

    `problem`: why it cannot be read; `lost`: it was rotated away faster than it was read.
    """

    def __init__(self, path: Path, now: float, *, from_end: bool) -> None:
        """`from_end`: skip the existing lines; `now`: epoch seconds."""
        self.path = path
        self._name = os.fspath(path)
        self.problem: OSError | None = None
        self.lost = False
        self._began = int((now - _COARSE) * 1e9)
        self._files: list[OpenLog] = []
        # Closed files that still exist: file → size and time of the last change, which differ in another file with
        # the same inode number.
        self._done: dict[Key, tuple[int, int]] = {}
        if from_end:
            self._begin()

    def _begin(self) -> None:
        rotated = siblings(self.path)[-_SIBLINGS:]
        newest = self._open(str(self.path))
        for sibling in rotated:
            found = self._open(sibling.path)
            if found is not None and found[1] not in [known.key for known in self._files]:
                self._files.append(OpenLog(found[0], found[2], found[2].st_size))
        if newest is not None:
            file, key, status = newest
            self._files = [log for log in self._files if log.key != key]
            self._files.append(OpenLog(file, status, end_of_lines(file, status.st_size)))

    @property
    def read_to(self) -> dict[Key, int]:
        """Return the offset of each file."""
        return {log.key: log.offset for log in self._files}

    @property
    def has_half_a_record(self) -> bool:
        """Return whether a record is open, to which more lines can belong."""
        return any(not log.assembler.is_empty for log in self._files)

    def close(self) -> None:
        """Close all files."""
        for log in self._files:
            log.close()
        self._files = []

    def is_quiet(self) -> bool:
        """Return whether there is nothing to read and nothing held back, from one status of each file."""
        try:
            status = os.stat(self._name)
        except FileNotFoundError:
            return not self._files and self.problem is None
        except OSError:
            return False
        if not self._files or not self._files[-1].is_as_read(status):
            return False
        return all(log.is_as_read(os.fstat(log.file)) for log in self._files[:-1])

    def read_new(self, now: float) -> tuple[list[LogRecord], bool]:
        """Return the newly complete records, and whether there is more to read at once."""
        self._find_new()
        records: list[LogRecord] = []
        for log in list(self._files):
            status = os.fstat(log.file)
            if log.was_rewritten(status):
                records += self._restart(log, now)
                status = os.fstat(log.file)
            records += log.read(status, now)
            if log.offset < os.fstat(log.file).st_size:
                return records, True
            if log is not self._files[-1]:
                if not log.lines.rest:  # later lines are in the next file
                    records += log.assembler.end()
                records += self._close_removed(log, status, now)
        return records, False

    def _close_removed(self, log: OpenLog, status: os.stat_result, now: float) -> list[LogRecord]:
        """Close a removed file; return its last records."""
        if status.st_nlink and len(self._files) <= _SIBLINGS + 1:
            return []
        if now - log.grown_at < _GRACE and len(self._files) <= _MOST:
            return []
        left = [*log.end()]
        self._done[log.key] = (status.st_size, status.st_mtime_ns)
        log.close()
        self._files = [other for other in self._files if other is not log]
        return left

    def _find_new(self) -> None:
        """Open the file that has the name now, and those that had it since the last call."""
        try:
            status = os.stat(self.path)
        except OSError as error:
            self.problem = None if isinstance(error, FileNotFoundError) else error
            return
        if self._files and key_of(status) == self._files[-1].key:
            return
        newest = self._open(str(self.path))
        if newest is None:
            return
        self.problem = None
        file, key, status = newest
        for log in self._files:
            if log.key == key:  # it was renamed back
                os.close(file)
                self._files = [*(other for other in self._files if other is not log), log]
                return
        if self._files:
            last_is_gone = os.fstat(self._files[-1].file).st_nlink == 0
            between = self._between(key)
            self.lost |= last_is_gone and bool(between)
            for log, original in between:
                place = len(self._files) if original is None else self._files.index(original)
                self._files.insert(place, log)
        self._files.append(OpenLog(file, status, 0))

    def _between(self, newest: Key) -> list[tuple[OpenLog, OpenLog | None]]:
        """Return the files that had the name in between, the oldest first, each with the file it is a copy of."""
        opened: dict[Key, tuple[int, os.stat_result]] = {}
        numbers: dict[Key, tuple[int, int]] = {}
        known = {log.key for log in self._files} | {newest}
        for _ in range(20):  # there can be another rotation during each listing
            unknown = [sibling for sibling in self._new_siblings() if sibling.key not in known]
            numbers |= {sibling.key: (-sibling.number, sibling.changed) for sibling in unknown}
            missing = [sibling for sibling in unknown if sibling.key not in opened]
            if not missing:
                break
            for sibling in missing:
                found = self._open(sibling.path)
                if found is not None and found[1] == sibling.key:
                    opened[sibling.key] = (found[0], found[2])
                elif found is not None:
                    os.close(found[0])
        ordered = sorted(opened, key=lambda key: numbers[key])
        return [self._continued(*opened[key]) for key in ordered]

    def _new_siblings(self) -> list[Sibling]:
        """Return the rotated files that were written since the start, without those already closed."""
        return [
            sibling
            for sibling in siblings(self.path)
            if sibling.changed >= self._began and self._done.get(sibling.key) != (sibling.size, sibling.changed)
        ]

    def _continued(self, file: int, status: os.stat_result) -> tuple[OpenLog, OpenLog | None]:
        """Return a new file, to be read from its beginning or, for a copy of a known file, from that file's offset."""
        for known in self._files:
            if status.st_size >= known.offset > 0 and known.begins_like(file):
                copy = OpenLog(file, status, known.offset - len(known.lines.rest))
                copy.assembler, known.assembler = known.assembler, Assembler()
                return copy, known
        return OpenLog(file, status, 0), None

    def _restart(self, log: OpenLog, now: float) -> list[LogRecord]:
        """Read a truncated file from its beginning; return the records before the truncation.

        Its last lines can be in a copy (`copytruncate` of logrotate), which is read first.
        """
        left: list[LogRecord] = []
        known = [other.key for other in self._files]
        for sibling in self._new_siblings():
            if sibling.key in known or sibling.size < log.offset or not log.offset:
                continue
            found = self._open(sibling.path)
            if found is None:
                continue
            if log.begins_like(found[0]):
                copy = log.copy_to(found[0], found[2])
                self._files.insert(self._files.index(log), copy)
                before = -1
                while before < copy.offset < found[2].st_size:
                    before = copy.offset
                    left += copy.read(found[2], now)
                left += copy.end()
                log.start_over()
                return left
            os.close(found[0])
        left = [*log.end()]
        log.start_over()
        return left

    def _open(self, path: str) -> tuple[int, Key, os.stat_result] | None:
        try:
            file, status = open_log(path)
        except OSError as error:
            if path == str(self.path) and not isinstance(error, FileNotFoundError):
                self.problem = error
            return None
        return file, key_of(status), status
