"""One change at a time: a lock that the kernel takes back from a process that was killed."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from hermes_profiles.model.errors import Refused

from .filesystem import Files

_POLL = 0.05


class StateLock:
    """Holds `<state>/lock` while in use as a context manager; makes the state folder if it is missing.

    Raises Refused(code="busy") when another process still holds it after `wait` seconds, OSError when the
    folder cannot be made or opened.
    """

    def __init__(self, state: Path, files: Files | None = None, *, wait: float = 30.0) -> None:
        self._state = str(state)
        self._path = str(state / "lock")
        self._files = files or Files()
        self._wait = wait
        self._fd = -1

    def __enter__(self) -> StateLock:
        self._files.private_folder(self._state)
        fd = self._files.open_lock(self._path)
        try:
            self._acquire(fd)
            self._files.note_holder(fd, self._path)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)  # closing releases it; unlinking the file would let two processes hold "the" lock
        self._fd = -1

    def _acquire(self, fd: int) -> None:
        deadline = time.monotonic() + self._wait
        while True:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise OSError(error.errno, error.strerror, self._path) from error
            else:
                return
            if time.monotonic() >= deadline:
                raise self._busy(fd)
            time.sleep(min(_POLL, max(deadline - time.monotonic(), 0.001)))

    def _busy(self, fd: int) -> Refused:
        pid = os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        holder = f"process {pid}" if pid.isdecimal() else "another process"
        return Refused(
            f"{holder} is changing profiles and did not finish within {self._wait:g} s",
            target=self._path,
            code="busy",
            hint=f"look at it with `ps -fp {pid}`" if pid.isdecimal() else "run the command again later",
        )
