"""Small files of our own that say how things stand now: no journal, no undo, but never half a file."""

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
    """Put a file in place by one rename, whatever is there; missing folders are made, 0700.

    The file belongs to the owner of its folder, so that under sudo it stays the user's. Raises Failed.
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
    """Remove a file; nothing there is fine. Raises Failed."""
    with translated_errors():
        Files().unlink(str(path))


def remove_empty(path: Path) -> None:
    """Remove a folder that nobody has put anything into; nothing there, or anything in it, is fine. Raises Failed."""
    with translated_errors():
        Files().rmdir(str(path))


def own_folder(path: Path, uid: int) -> None:
    """Make sure that a folder is there, 0700 and this user's; only the last folder of the path is made.

    Raises Refused when another user or a link has taken the place (in `/tmp` anybody may), Failed when it cannot be
    made.
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
                hint=f"look at it with `ls -ld {path}`, and remove it or set XDG_RUNTIME_DIR",
            )
        files.private_folder(str(path))


def acquire_lock(path: Path, *, wait: float) -> int | None:
    """Return a descriptor that holds the lock at `path` until it is closed or the process ends; None when another
    process still holds it after `wait` seconds."""
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
    """Note our pid in a lock that we hold, for messages. Raises Failed."""
    with translated_errors():
        Files().note_holder(fd, str(path))


def lock_holder(path: Path) -> str | None:
    """Return the pid that the holder of a lock has noted ("" when none is), None when nobody holds it."""
    with translated_errors():
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            # Shared, and for an instant: whoever wants the lock waits longer than that.
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
    """Make a folder and its missing parents, 0700 each, owned like the folder they are in; one that is there is left
    alone. Raises Failed."""
    with translated_errors():
        Files().make_folders(str(path))
