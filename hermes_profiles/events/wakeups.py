"""Waits until something moved: the end of a process, a file of a gateway, or the time of the next look.

Ends of processes come from pidfds and names of files from inotify(7), both of Linux. Elsewhere the time alone wakes.
"""

from __future__ import annotations

import ctypes
import os
import select
import struct
import sys
import time
from collections.abc import Iterable, Mapping

# Of <sys/inotify.h>: a name appeared, went, or was moved; the flags of the descriptor.
_NAMES = 0x40 | 0x80 | 0x100 | 0x200
_IGNORED = 0x8000
_ONLY_FOLDERS = 0x01000000
_NONBLOCK_CLOEXEC = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_HEAD = struct.Struct("iIII")
_BUFFER = 64 * 1024
# Events of one change come together: a file is written, then renamed.
_TOGETHER = 0.3
# Gateways write files of no interest several times a second. After such a name the next ones are taken together; the
# end of a process still wakes at once. It is the number of wakes that costs.
_PAUSE = 2.5


class Wakeups:
    """What a watcher waits for. `ended`: pids whose process ended; `moved`: folders in which a watched name moved."""

    def __init__(self) -> None:
        self._poll, self._ends_alone = select.poll(), select.poll()
        self._ends: dict[int, int] = {}  # pid → pidfd
        self._folders: dict[str, tuple[int, frozenset[str]]] = {}
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._names = self._libc.inotify_init1(_NONBLOCK_CLOEXEC) if self._libc is not None else -1
        if self._names >= 0:
            self._poll.register(self._names, select.POLLIN)

    @property
    def sees_ends(self) -> bool:
        """Return whether the end of a process wakes the watcher at once."""
        return hasattr(os, "pidfd_open")

    def close(self) -> None:
        """Close all descriptors."""
        for descriptor in (*self._ends.values(), *((self._names,) if self._names >= 0 else ())):
            os.close(descriptor)
        self._ends.clear()
        self._names = -1

    def watch_processes(self, pids: Iterable[int]) -> frozenset[int]:
        """Wait for the end of these processes, and of no others; returns those that have ended already."""
        wanted = set(pids)
        for pid in set(self._ends) - wanted:
            self._forget(pid)
        gone = set()
        for pid in wanted - set(self._ends) if self.sees_ends else ():
            try:
                self._ends[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                gone.add(pid)
            except OSError:  # no descriptor left, or a kernel without them: the next look shows it
                continue
            else:
                for each in (self._poll, self._ends_alone):
                    each.register(self._ends[pid], select.POLLIN)
        return frozenset(gone)

    def watch_folders(self, folders: Mapping[str, frozenset[str]]) -> None:
        """Wait for names in folders to appear or go: folder → names, every name for an empty set."""
        if self._libc is None or self._names < 0:
            return
        for folder in set(self._folders) - set(folders):
            self._libc.inotify_rm_watch(self._names, self._folders.pop(folder)[0])
        for folder, names in folders.items():
            if folder in self._folders:
                continue
            number = self._libc.inotify_add_watch(self._names, os.fsencode(folder), _NAMES | _ONLY_FOLDERS)
            if number >= 0:
                self._folders[folder] = (number, names)

    def wait(self, seconds: float) -> tuple[frozenset[int], frozenset[str]]:
        """Return (ended processes, folders in which a watched name moved) as soon as there are any, else after a time.

        A signal handler that raises ends the wait.
        """
        deadline = time.monotonic() + seconds
        ended: set[int] = set()
        moved: set[str] = set()
        while not ended and not moved:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            ready = self._poll.poll(left * 1000)
            self._take(ready, ended, moved)
            if ready and not ended and not moved:
                pause = max(0.0, min(_PAUSE, deadline - time.monotonic()))
                self._take(self._ends_alone.poll(pause * 1000), ended, moved)
        if ended or moved:
            self._take(self._poll.poll(_TOGETHER * 1000), ended, moved)
        return frozenset(ended), frozenset(moved)

    def _take(self, ready: Iterable[tuple[int, int]], ended: set[int], moved: set[str]) -> None:
        of_pid = {descriptor: pid for pid, descriptor in self._ends.items()}
        for descriptor, _ in ready:
            if descriptor == self._names:
                moved |= self._moved()
            elif descriptor in of_pid:
                ended.add(of_pid[descriptor])
                self._forget(of_pid[descriptor])

    def _moved(self) -> set[str]:
        try:
            raw = os.read(self._names, _BUFFER)
        except OSError:
            return set()
        found, at = set(), 0
        by_number = {number: (folder, names) for folder, (number, names) in self._folders.items()}
        while at + _HEAD.size <= len(raw):
            number, mask, _, length = _HEAD.unpack_from(raw, at)
            name = os.fsdecode(raw[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
            at += _HEAD.size + length
            folder, names = by_number.get(number, ("", frozenset()))
            if folder and mask & _IGNORED:  # the folder itself is gone
                del self._folders[folder]
                found.add(folder)
            elif folder and (not names or name in names):
                found.add(folder)
        return found

    def _forget(self, pid: int) -> None:
        descriptor = self._ends.pop(pid)
        for each in (self._poll, self._ends_alone):
            each.unregister(descriptor)
        os.close(descriptor)
