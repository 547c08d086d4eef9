"""File locks that the kernel releases when a process ends: of the state folder, and of any other file."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType
from typing import NoReturn

from hermes_profiles.model.errors import Refused

from .errors import translated_errors
from .filesystem import Files

_POLL = 0.05


class StateLock:
    """The lock `<state>/lock` as a context manager; it creates the state folder if it is missing.

    Raises Refused(code="busy") when another process still holds it after `wait` seconds, OSError when the
    folder cannot be created or opened.
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
            if not _wait_for_lock(fd, self._path, self._wait):
                self._refuse(fd)
            self._files.note_holder(fd, self._path)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)  # closing releases the lock; without the file two processes could hold two locks
        self._fd = -1

    def _refuse(self, fd: int) -> NoReturn:
        pid = _written_pid(fd)
        holder = f"process {pid}" if pid.isdecimal() else "another process"
        raise Refused(
            f"{holder} is changing profiles and did not finish within {self._wait:g} s",
            target=self._path,
            code="busy",
            hint=f"see the process with `ps -fp {pid}`" if pid.isdecimal() else "run the command again later",
        )


def acquire_lock(path: Path, *, wait: float) -> int | None:
    """Return a descriptor that holds the lock at `path` until it is closed or the process ends.

    Returns None when another process still holds the lock after `wait` seconds.
    """
    with translated_errors():
        fd = Files().open_lock(str(path))
        try:
            if _wait_for_lock(fd, str(path), wait):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None


def acquire_folder_lock(folder: Path, *, wait: float) -> int | None:
    """Return a descriptor that holds a lock of an existing folder itself; no file is created.

    Returns None when another process still holds the lock after `wait` seconds. Raises Failed; `errno` of its cause is
    EBADF where a file system locks files alone (NFS).
    """
    with translated_errors():
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if _wait_for_lock(fd, str(folder), wait):
                return fd
        except BaseException:
            os.close(fd)
            raise
        os.close(fd)
        return None


def write_pid(fd: int, path: Path) -> None:
    """Write our pid into a lock that this process holds, for messages. Raises Failed."""
    with translated_errors():
        Files().note_holder(fd, str(path))


def lock_holder(path: Path) -> str | None:
    """Return the pid that the holder of a lock has written ("" without one), None when the lock is free."""
    with translated_errors():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            # A shared lock for an instant: a process that waits for the lock waits longer than that.
            return None if _try_lock(fd, str(path), fcntl.LOCK_SH) else _written_pid(fd)
        finally:
            os.close(fd)


def _wait_for_lock(fd: int, path: str, wait: float) -> bool:
    deadline = time.monotonic() + wait
    while not _try_lock(fd, path, fcntl.LOCK_EX):
        if time.monotonic() >= deadline:
            return False
        time.sleep(min(_POLL, max(deadline - time.monotonic(), 0.001)))
    return True


def _try_lock(fd: int, path: str, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise OSError(error.errno, error.strerror, path) from error
        return False
    return True


def _written_pid(fd: int) -> str:
    return os.pread(fd, 32, 0).decode("ascii", "replace").strip()
