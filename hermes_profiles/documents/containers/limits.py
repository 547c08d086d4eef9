"""PackedLimits of a search in packed files: bytes, ratio, depth, number of streams and time."""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.model.named_tuple import NamedTuple

MIB = 1024 * 1024


class PackedLimits(NamedTuple):
    """The limits of one file, and of all files of one run (`total_bytes`, `seconds`).

    `ratio`: unpacked bytes per packed byte, looked at after `ratio_from` bytes; `spool`: bytes of a git pack or of a
    database that are kept in memory.
    """

    file_bytes: int = 512 * MIB
    total_bytes: int = 2048 * MIB
    ratio: int = 250
    ratio_from: int = 16 * MIB
    depth: int = 6
    streams: int = 200_000
    spool: int = 64 * MIB
    seconds: float = 60.0


class NotSearchedError(Exception):
    """A packed file that cannot be searched whole; the text says why."""


class Budget:
    """Counts what a search unpacks. `clock` returns seconds that only grow."""

    def __init__(self, clock: Callable[[], float], limits: PackedLimits | None = None) -> None:
        self.limits = limits or PackedLimits()
        self._clock = clock
        self._end: float | None = None
        self._total = self._file = self._streams = self._size = 0

    def open_file(self, size: int) -> None:
        """Begin with the next file, of this size."""
        if self._end is None:
            self._end = self._clock() + self.limits.seconds
        self._file = self._streams = 0
        self._size = max(size, 1)

    @property
    def total(self) -> int:
        """Return how many bytes were unpacked so far."""
        return self._total

    def take(self, size: int) -> None:
        """Count unpacked bytes. Raises NotSearchedError at a limit."""
        self._file += size
        self._total += size
        limits = self.limits
        if self._file > limits.ratio_from and self._file > limits.ratio * self._size:
            raise NotSearchedError(f"it unpacks to more than {limits.ratio} times its size")
        if self._file > limits.file_bytes:
            raise NotSearchedError(f"it unpacks to more than {limits.file_bytes // MIB} MiB")
        if self._total > limits.total_bytes:
            raise NotSearchedError(f"the packed files unpack to more than {limits.total_bytes // MIB} MiB")
        if self._end is not None and self._clock() > self._end:
            raise NotSearchedError(f"the search in packed files took more than {limits.seconds:.0f} seconds")

    def take_stream(self) -> None:
        """Count one packed stream. Raises NotSearchedError at the limit."""
        self._streams += 1
        if self._streams > self.limits.streams:
            raise NotSearchedError(f"it holds more than {self.limits.streams:,} packed parts")
