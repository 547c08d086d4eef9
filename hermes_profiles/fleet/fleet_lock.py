"""The lock of a fleet: one command at a time starts, stops or moves gateways of a root.

A service that starts by itself does not take it: its pre-start step has the ledger, and a command that holds this lock
waits for that service.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.lock import acquire_folder_lock, acquire_lock
from hermes_profiles.gateways.processes import Processes
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout

# Seconds: a restart of a large fleet, one gateway after the other, takes minutes.
WAIT = 600.0
# File systems that lock files alone, such as NFS, answer with these for a folder.
LOCK = "fleet.lock"
_FILES_ALONE = (errno.EBADF, errno.ENOLCK, errno.ENOTSUP)
_COMMANDS = {"hermes_profiles.cli.gateways": "hermes-gateways", "hermes_profiles.cli.profiles": "hermes-profiles"}
# (root, thread) → how often this thread is inside: an operation can call another one that takes the lock.
_inside: dict[tuple[str, int], int] = {}


class FleetLock:
    """The lock of a root's gateways as a context manager; a thread that holds it can take it again.

    It locks the folder of the root itself: a refused command leaves no file, and a full disk keeps no gateway from
    being stopped. `on_wait`: is called once, with the holder as text, before it waits for another process. Raises
    Refused(code="busy") when that process does not end within `wait` seconds.
    """

    def __init__(
        self,
        layout: Layout,
        processes: Processes,
        *,
        on_wait: Callable[[str], None] = lambda _: None,
        wait: float = WAIT,
    ) -> None:
        self._root = layout.root
        self._state = layout.state
        self._processes = processes
        self._on_wait = on_wait
        self._wait = wait
        self._fd: int | None = None
        self.waited = False

    def __enter__(self) -> FleetLock:
        depth = _inside.get(self._key, 0)
        if depth == 0:
            self._fd = self._acquired()
        _inside[self._key] = depth + 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _inside[self._key] -= 1
        if _inside[self._key] == 0:
            del _inside[self._key]
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    @property
    def _key(self) -> tuple[str, int]:
        return os.path.realpath(self._root), threading.get_ident()

    def _acquired(self) -> int:
        fd = self._lock(wait=0.0)
        if fd is None:
            self.waited = True
            self._on_wait(self._holder()[0])
            fd = self._lock(wait=self._wait)
        if fd is None:
            holder, pid = self._holder()
            raise Refused(
                f"{holder} works on the gateways of this root and did not finish within {self._wait:g} s",
                target=str(self._root),
                code="busy",
                hint=f"see the process with `ps -fp {pid}`" if pid is not None else "run the command again later",
            )
        return fd

    def _lock(self, *, wait: float) -> int | None:
        try:
            return acquire_folder_lock(self._root, wait=wait)
        except Failed as error:
            if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _FILES_ALONE:
                raise
        Files().private_folder(str(self._state))
        return acquire_lock(self._state / LOCK, wait=wait)

    def _holder(self) -> tuple[str, int | None]:
        """Return the holder as text, such as "process 12 (`hermes-gateways restart`)", and its pid."""
        self._processes.gateways()  # reads the lock table again
        pid = lock_holder_of(self._root, self._state, self._processes)
        if pid is None:
            return "another command", None
        process = self._processes.find(pid)
        command = command_of(process.argv) if process is not None else ""
        return (f"process {pid} (`{command}`)" if command else f"process {pid}"), pid


def lock_holder_of(root: Path, state: Path, processes: Processes) -> int | None:
    """Return the process that holds the lock of a fleet, None without one or where it is unknown. Takes no lock."""
    holder = processes.lock_owner(root)
    return holder if holder is not None else processes.lock_owner(state / LOCK)


def command_of(argv: tuple[str, ...]) -> str:
    """Return program and command of a command line of ours, "" for another one. Arguments are left out."""
    for at, word in enumerate(argv):
        program = _COMMANDS.get(word) or os.path.basename(word)
        if program in _COMMANDS.values():
            verb = next((each for each in argv[at + 1 :] if not each.startswith("-")), "")
            return f"{program} {verb}".strip()
    return ""
