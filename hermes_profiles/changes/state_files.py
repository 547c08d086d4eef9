"""State files of our own: written by one rename, without journal and undo; and file locks."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from pathlib import Path

from hermes_profiles.model.errors import Refused

from .errors import translated_errors
from .filesystem import Files

_POLL = 0.05


def write_state_file(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file by one rename; missing folders are created, 0700.

    The file gets the owner of its folder, so that under sudo it belongs to the user. Raises Failed.
    """
    files, target = Files(), str(path)
    with translated_errors():
        folder = os.path.dirname(target)
        files.make_folders(folder)
        draft = f"{target}.{os.urandom(4).hex()}.tmp"
        try:
            files.write_new(draft, content, mode=mode, owner=files.owner_below(folder))
            files.replace(draft, target)
        except BaseException:
            files.unlink(draft)
            raise


def remove_state_file(path: Path) -> None:
    """Remove a file if it exists. Raises Failed."""
    with translated_errors():
        Files().unlink(str(path))


def remove_empty(path: Path) -> None:
    """Remove a folder if it exists and is empty. Raises Failed."""
    with translated_errors():
        Files().rmdir(str(path))


def own_folder(path: Path, uid: int) -> None:
    """Create a folder, 0700 and owned by this user, unless it exists; the folders above it must exist.

    Raises Refused when the path is a link or belongs to another user (in `/tmp` every user can create it), Failed when
    it cannot be created.
    """
    files = Files()
    with translated_errors():
        try:
            files.make_folder(str(path), None)
        except FileExistsError:
            pass
        status = os.lstat(path)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != uid:
            raise Refused(
                f"{path} is not a folder of user {uid}",
                target=str(path),
                code="foreign-folder",
                hint=f"see the path with `ls -ld {path}`, and remove it or set XDG_RUNTIME_DIR",
            )
        files.private_folder(str(path))


def acquire_lock(path: Path, *, wait: float) -> int | None:
    """Return a descriptor that holds the lock at `path` until it is closed or the process ends.

    Returns None when another process still holds the lock after `wait` seconds.
    """
    files, deadline = Files(), time.monotonic() + wait
    with translated_errors():
        fd = files.open_lock(str(path))
        while not _lock(fd, fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                os.close(fd)
                return None
            time.sleep(_POLL)
        return fd


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
            return None if _lock(fd, fcntl.LOCK_SH) else os.pread(fd, 32, 0).decode("ascii", "replace").strip()
        finally:
            os.close(fd)


def _lock(fd: int, kind: int) -> bool:
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES):
            raise
        return False
    return True


def make_folder(path: Path) -> None:
    """Create a folder and its missing parents, each 0700 and with the owner of the folder above it. Raises Failed."""
    with translated_errors():
        Files().make_folders(str(path))
