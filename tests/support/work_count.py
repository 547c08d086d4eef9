"""Counts what a function does, so that a test can compare work instead of time."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any, NamedTuple

# Calls of `posix` that read a file, a folder or a link.
READS = frozenset({"open", "read", "lstat", "stat", "fstat", "scandir", "listdir", "readlink", "access"})


class Work(NamedTuple):
    """The calls that a function made in its thread: all of them, and those that read files, by name."""

    calls: int
    reads: Counter[str]

    @property
    def read_count(self) -> int:
        """Return the number of calls that read files."""
        return self.reads.total()


def work_of(function: Callable[[], object]) -> Work:
    """Run a function and return what it did."""
    calls, reads = 0, Counter[str]()

    def count(_: FrameType, event: str, called: Any) -> None:
        nonlocal calls
        if event == "call":
            calls += 1
        elif event == "c_call" and called.__module__ in ("posix", "io", "_io") and called.__name__ in READS:
            reads[called.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return Work(calls, reads)
