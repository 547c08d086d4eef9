"""Changes of a file's mode in place: the inode stays the same, and links are not followed."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from shlex import quote

from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.text import mode_text

from .errors import changed
from .rmtree import named

# O_NONBLOCK: a FIFO at the path of a file must not make this process wait for a writer.
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
# ELOOP, EMLINK: the path is now a link. ENXIO, EOPNOTSUPP: a socket. The others: it does not exist any more.
_ANOTHER = (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EOPNOTSUPP, errno.ENOENT, errno.ENOTDIR)


def check_may_set(path: str, status: os.stat_result, *, privileged: bool) -> None:
    """Raise Refused for a link or special file, Failed for a file of another user (chmod(2): EPERM)."""
    if not _has_mode(status):
        raise Refused(
            f"cannot set the mode of {path}: it is neither a file nor a folder",
            target=path,
            code="not-a-file",
            hint=f"look at it with `ls -ld {quote(str(path))}`",
        )
    if not privileged and status.st_uid != os.geteuid():
        raise Failed(
            f"cannot set the mode of {path}: it belongs to {user_name(status.st_uid)}",
            target=path,
            code="foreign-owner",
            hint=f"change its owner with `sudo chown -h {user_name(os.geteuid())} {quote(str(path))}`",
        )


def user_name(uid: int) -> str:
    """Return the name of a user, or the number of a user without a name; `chown` accepts both."""
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def change_mode(path: str, mode: int, inode: int, operation: Callable[[str, str], None]) -> None:
    """Change the mode of the file or folder with this inode, and sync it to the disk.

    Raises ChangedMeanwhile if the path has another inode, Failed(code="mode-not-kept") if the file system does not keep
    the mode (FAT, some network mounts).
    """
    operation("chmod", path)
    fd, readable = _open(path)
    try:
        status = os.fstat(fd)
        if status.st_ino != inode or not _has_mode(status):
            raise changed(path, "was replaced by another file")
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
    """Return a descriptor and whether it can read; a file that its owner cannot read is opened with O_PATH."""
    try:
        return os.open(path, _FLAGS), True
    except OSError as error:
        if error.errno in _ANOTHER:
            raise changed(path, "was removed or replaced") from error
        if error.errno != errno.EACCES or not hasattr(os, "O_PATH"):
            raise
        return os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC), False


def _check_kept(path: str, mode: int, fd: int) -> None:
    kept = stat.S_IMODE(os.fstat(fd).st_mode)
    if kept != mode:
        raise Failed(
            f"cannot set the mode of {path} to {mode_text(mode)}: the file system keeps {mode_text(kept)}",
            target=path,
            code="mode-not-kept",
            hint=f"see the file system with `df -T {quote(os.path.dirname(path))}`",
        )


def _sync(fd: int) -> None:
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network and FUSE mounts
            raise


def _has_mode(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
