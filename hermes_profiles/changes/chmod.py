"""Modes changed in place: the same file before and after, never one that a link leads to."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable

from hermes_profiles.model.errors import Failed, Refused

from .errors import changed
from .plan import mode_text
from .rmtree import named

# O_NONBLOCK: a FIFO that was put in the place of a file must not make us wait for a writer.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# ELOOP, EMLINK: now a link. ENXIO, EOPNOTSUPP: now a socket. The others: gone.
_ANOTHER = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EOPNOTSUPP, errno.ENOENT, errno.ENOTDIR)


def check_may_set(path: str, status: os.stat_result, *, privileged: bool) -> None:
    """Raise Refused for what has no mode of its own, Failed when it belongs to somebody else (chmod(2): EPERM)."""
    if not _has_mode(status):
        raise Refused(
            f"{path} is neither a file nor a folder, so its mode is left alone",
            target=path,
            code="not-a-file",
            hint=f"look at it with `ls -ld {path}`",
        )
    if not privileged and status.st_uid != os.geteuid():
        raise Failed(
            f"{path} belongs to {user_name(status.st_uid)}, who alone may change its mode",
            target=path,
            code="foreign-owner",
            hint=f"make it yours: `sudo chown {user_name(os.geteuid())} {path}`",
        )


def user_name(uid: int) -> str:
    """Return the name of a user, or the number where there is no name; `chown` takes both."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def change_mode(path: str, mode: int, inode: int, operation: Callable[[str, str], None]) -> None:
    """Change the mode of the file or folder with this inode, and force it to the disk.

    Raises ChangedMeanwhile if something else is there, Failed(code="mode-not-kept") if the mode is not so afterwards
    (FAT, some network mounts).
    """
    operation("chmod", path)
    fd, readable = _open(path)
    try:
        status = os.fstat(fd)
        if status.st_ino != inode or not _has_mode(status):
            raise changed(path, "is another one")
        if readable:
            os.fchmod(fd, mode)
        else:
            os.chmod(f"/proc/self/fd/{fd}", mode)
        _check_kept(path, mode, fd)
        operation("fsync", path)
        if readable:
            _sync(fd)
    except OSError as error:
        raise named(error, path) from error
    finally:
        os.close(fd)


def _open(path: str) -> tuple[int, bool]:
    """Return a descriptor and whether it is a usual one. What its owner may not read is opened by name only."""
    try:
        return os.open(path, _FLAGS), True
    except OSError as error:
        if error.errno in _ANOTHER:
            raise changed(path, "is gone or another one") from error
        if error.errno != errno.EACCES or not hasattr(os, "O_PATH"):
            raise
        return os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC), False


def _check_kept(path: str, mode: int, fd: int) -> None:
    kept = stat.S_IMODE(os.fstat(fd).st_mode)
    if kept != mode:
        raise Failed(
            f"{path} has the mode {mode_text(kept)} after it was set to {mode_text(mode)}: the system does not keep it",
            target=path,
            code="mode-not-kept",
            hint=f"see what it is on with `df -T {os.path.dirname(path)}`",
        )


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network and FUSE mounts
            raise


def _has_mode(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
