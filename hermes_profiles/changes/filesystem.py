"""Every call that reads or changes the file system. Each calls `operation` first, where tests inject faults."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.model.errors import Failed, Refused

from .chmod import change_mode
from .copy_file import open_inside, pour, write_all
from .rmtree import Remover, named
from .signature import ChangedMeanwhile, Signature

if TYPE_CHECKING:
    from .plan import CopyFile, SecretScreen

Owner = tuple[int, int]

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a FIFO at the path of a file must not make this process wait for a writer.
_OLD = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_LOCK = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = (errno.ENOENT, errno.ENOTDIR)
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR, errno.EISDIR)
_TRIES = 3


class Files:
    """The file system. Paths are strings; every OSError of a method names the path."""

    def __init__(self) -> None:
        self.privileged = os.geteuid() == 0

    def operation(self, name: str, path: str) -> None:
        """Do nothing. Tests override this method to fail at, kill or observe the nth operation."""

    # Reading

    def lstat(self, path: str) -> os.stat_result | None:
        """Return the status of a path itself, or None if it does not exist."""
        self.operation("lstat", path)
        try:
            return os.lstat(path)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise

    def signature(self, path: str) -> Signature | None:
        """Return the signature that a ReplaceFile of this path expects, or None if the path does not exist."""
        status = self.lstat(path)
        return None if status is None else Signature.of(status)

    def names(self, folder: str) -> list[str]:
        """Return the sorted names in a folder, which are none if it does not exist."""
        self.operation("names", folder)
        try:
            return sorted(os.listdir(folder))
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise

    def names_inside(self, folder: str) -> list[str]:
        """Return the sorted names in a folder of our own, none where it is a link: what it leads to is not ours."""
        status = self.lstat(folder)
        return self.names(folder) if status is not None and stat.S_ISDIR(status.st_mode) else []

    def readlink(self, path: str) -> str:
        """Return the text of a symbolic link."""
        self.operation("readlink", path)
        return os.readlink(path)

    def read(self, path: str) -> tuple[bytes, os.stat_result]:
        """Return the bytes and the status of a regular file. Raises ChangedMeanwhile for another kind of file."""
        self.operation("read", path)
        fd = _open_regular(path)
        try:
            parts = []
            while part := os.read(fd, 1 << 20):
                parts.append(part)
            return b"".join(parts), os.fstat(fd)
        except OSError as error:
            raise named(error, path) from error
        finally:
            os.close(fd)

    def space(self, folder: str) -> os.statvfs_result:
        """Return the sizes of a folder's file system."""
        self.operation("statvfs", folder)
        return os.statvfs(folder)

    def owner_below(self, folder: str) -> Owner | None:
        """Return the owner of new files in `folder`, or None for the current user.

        Under sudo the files of a profile must belong to its user, or the gateway cannot read them.
        """
        if not self.privileged:
            return None
        status = self.lstat(folder)
        return None if status is None or status.st_uid == 0 else (status.st_uid, status.st_gid)

    # Creating

    def make_folder(self, path: str, owner: Owner | None, mode: int = 0o700) -> None:
        """Create one folder with this mode, independent of the umask. Raises FileExistsError."""
        self.operation("mkdir", path)
        os.mkdir(path, mode)
        if owner is not None:
            self.operation("chown", path)
            os.chown(path, *owner, follow_symlinks=False)
        self.operation("chmod", path)
        os.chmod(path, mode)

    def finish_folder(self, path: str, mode: int | None, mtime_ns: int | None) -> None:
        """Give a folder of a staged tree its mode and time, after its entries are written."""
        self.operation("chmod", path)
        if mode is not None:
            os.chmod(path, mode)
        if mtime_ns is not None:
            self.operation("utime", path)
            os.utime(path, ns=(mtime_ns, mtime_ns))

    def make_folders(self, path: str) -> None:
        """Create a folder and its missing parents, each 0700 and with the owner of the folder above it."""
        if self.lstat(path) is not None:
            return
        parent = os.path.dirname(path)
        self.make_folders(parent)
        try:
            self.make_folder(path, self.owner_below(parent))
        except FileExistsError:  # another process created it
            pass

    def private_folder(self, path: str) -> None:
        """Create a folder of our own state, or set its mode to 0700. Raises Refused for a link or file."""
        self.make_folders(path)
        status = self.lstat(path)
        if status is None or not stat.S_ISDIR(status.st_mode):
            raise Refused(
                f"{path} is not a folder",
                target=path,
                code="bad-state",
                hint=f"see the path with `ls -ld {quote(str(path))}`",
            )
        if stat.S_IMODE(status.st_mode) != 0o700:
            self.operation("chmod", path)
            os.chmod(path, 0o700)

    def write_new(
        self, path: str, content: bytes, *, mode: int, owner: Owner | None, mtime_ns: int | None = None
    ) -> os.stat_result:
        """Create a file with its mode and owner set before the first byte, and sync it to the disk."""
        fd = self._create(path, mode, owner)
        try:
            self.operation("write", path)
            write_all(fd, content)
            if mtime_ns is not None:
                self.operation("utime", path)
                os.utime(fd, ns=(mtime_ns, mtime_ns))
            self.operation("fsync", path)
            os.fsync(fd)
            return os.fstat(fd)
        except OSError as error:
            raise named(error, path) from error
        finally:
            os.close(fd)

    def append(self, path: str, content: bytes, *, mode: int, owner: Owner | None, sync: bool) -> None:
        """Append to a regular file, which is created if missing; a failed write leaves the file as it was.

        A last line without an end, of a process that was killed while it wrote, is ended first.
        """
        self.operation("append", path)
        fd = os.open(path, _APPEND, mode)
        try:
            status = os.fstat(fd)
            if not stat.S_ISREG(status.st_mode):
                raise _not_as_planned(path)
            if status.st_size == 0:
                if owner is not None:
                    os.fchown(fd, *owner)
                os.fchmod(fd, mode)
            elif os.pread(fd, 1, status.st_size - 1) != b"\n":
                content = b"\n" + content
            try:
                self.operation("write", path)
                write_all(fd, content)
                if sync:
                    self.operation("fsync", path)
                    os.fsync(fd)
            except OSError:
                os.ftruncate(fd, status.st_size)
                raise
        except OSError as error:
            raise named(error, path) from error
        finally:
            os.close(fd)

    def create(self, path: str) -> int:
        """Return the descriptor of a new file, 0600. Raises FileExistsError."""
        return self._create(path, 0o600, None)

    def make_link(self, path: str, target: str, owner: Owner | None, mtime_ns: int | None = None) -> os.stat_result:
        """Create a symbolic link and return its status."""
        self.operation("symlink", path)
        os.symlink(target, path)
        if owner is not None:
            self.operation("chown", path)
            os.chown(path, *owner, follow_symlinks=False)
        if mtime_ns is not None and os.utime in os.supports_follow_symlinks:
            self.operation("utime", path)
            os.utime(path, ns=(mtime_ns, mtime_ns), follow_symlinks=False)
        return os.lstat(path)

    def copy_new(self, path: str, entry: CopyFile, *, screen: SecretScreen | None, owner: Owner | None) -> None:
        """Create a copy of a regular file, with its time and holes.

        A source that differs from the plan is copied as it is now, if `screen` finds no value in it. Raises
        ChangedMeanwhile if it finds one, if the source is not a regular file, or if it changes during every copy.
        """
        usual = 0o700 if entry.executable else 0o600
        out = self._create(path, usual if entry.mode is None else entry.mode, owner)
        try:
            for attempt in range(_TRIES):
                self.operation("copy", path)
                if attempt:  # not at the first attempt: ext4 flushes a truncated file when it is closed
                    os.ftruncate(out, 0)
                    os.lseek(out, 0, os.SEEK_SET)
                if self._copy_once(out, entry, screen):
                    return
        finally:
            os.close(out)
        raise ChangedMeanwhile(
            f"{entry.source} changed during each of {_TRIES} copies",
            target=str(entry.source),
            hint="stop the gateway with `hermes-gateways stop PROFILE`, or run the command again",
        )

    def _copy_once(self, out: int, entry: CopyFile, screen: SecretScreen | None) -> bool:
        path = str(entry.source)
        source = _open_planned(path, entry)
        try:
            before = os.fstat(source)
            live = _may_be_live(before, entry.signature)
            if not pour(source, out, before, screen if live else None, lambda: self.operation("read", path)):
                raise ChangedMeanwhile(
                    f"{path} changed during the copy and now contains a value that must not be copied",
                    target=path,
                    hint="stop the gateway with `hermes-gateways stop PROFILE`, or run the command again",
                )
            if Signature.of(os.fstat(source)) != Signature.of(before):
                return False
            time = before.st_mtime_ns if entry.mtime_ns is None else entry.mtime_ns
            os.utime(out, ns=(time, time))
        except OSError as error:
            raise named(error, path) from error
        else:
            return True
        finally:
            os.close(source)

    def _create(self, path: str, mode: int, owner: Owner | None) -> int:
        self.operation("create", path)
        fd = os.open(path, _NEW, mode)
        try:
            if owner is not None:
                self.operation("chown", path)
                os.fchown(fd, *owner)
            self.operation("chmod", path)
            os.fchmod(fd, mode)
        except OSError as error:
            os.close(fd)
            raise named(error, path) from error
        except BaseException:
            os.close(fd)
            raise
        return fd

    def sync_folder(self, path: str) -> None:
        """Sync the names of a folder to the disk, where the file system can.

        The folder may be a link, because users keep `profiles` on another disk.
        """
        self.operation("fsync", path)
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network and FUSE mounts
                raise named(error, path) from error
        finally:
            os.close(fd)

    def open_lock(self, path: str) -> int:
        """Return a descriptor of the lock file, which is created if missing."""
        self.operation("lock", path)
        owner = self.owner_below(os.path.dirname(path))
        try:
            fd = os.open(path, _LOCK, 0o600)
        except PermissionError:  # created under an unusual umask by a process that died before the fchmod below
            os.chmod(path, 0o600, follow_symlinks=os.chmod not in os.supports_follow_symlinks)
            fd = os.open(path, _LOCK, 0o600)
        if owner is not None:
            os.fchown(fd, *owner)
        os.fchmod(fd, 0o600)
        return fd

    def note_holder(self, fd: int, path: str) -> None:
        """Write our process id into the lock file; it is only read for messages."""
        self.operation("write", path)
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, b"%d\n" % os.getpid(), 0)
        except OSError as error:
            raise named(error, path) from error

    def set_mode(self, path: str, mode: int, inode: int) -> None:
        """Change the mode of the file or folder with this inode.

        Raises ChangedMeanwhile for another inode, Failed where the file system keeps no modes.
        """
        change_mode(path, mode, inode, self.operation)

    # Moving and removing

    def replace(self, source: str, target: str) -> None:
        """Rename `source` to `target`, replacing a file or link there."""
        self.operation("replace", target)
        os.replace(source, target)

    def rename_new(self, source: str, target: str) -> None:
        """Rename to a path that does not exist.

        Raises Refused(code="exists") if it exists, Failed when the target is on another file system.
        """
        self.operation("rename", target)
        try:
            from .rename_noreplace import rename_exclusive

            rename_exclusive(source, target)
        except OSError as error:
            if error.errno in _TAKEN:
                raise taken(target) from error
            if error.errno in (errno.EXDEV, errno.EBUSY):  # the mount point itself is busy (rename(2))
                raise _elsewhere(source, target) from error
            raise

    def unlink(self, path: str) -> None:
        """Remove a file or link if it exists."""
        self.operation("unlink", path)
        try:
            os.unlink(path)
        except OSError as error:
            if error.errno not in _ABSENT:
                raise

    def rmdir(self, path: str) -> None:
        """Remove a folder if it exists and is empty."""
        self.operation("rmdir", path)
        try:
            os.rmdir(path)
        except OSError as error:
            if error.errno not in (*_ABSENT, errno.ENOTEMPTY, errno.EEXIST):
                raise

    def remove_tree(self, path: str) -> None:
        """Remove a folder with its content, a file or a link; links are not followed."""
        status = self.lstat(path)
        if status is None:
            return
        if not stat.S_ISDIR(status.st_mode):
            self.unlink(path)
            return
        parent = os.open(os.path.dirname(path), _FOLDER)
        try:
            Remover(self.operation, path).empty(parent, os.path.basename(path))
        finally:
            os.close(parent)
        self.rmdir(path)


def taken(path: str) -> Refused:
    """Return the error for a target that already exists."""
    return Refused(
        f"{path} already exists",
        target=path,
        code="exists",
        hint="choose another name; list the profiles with `hermes-profiles list`",
    )


def _elsewhere(source: str, target: str) -> Failed:
    return Failed(
        f"{source} cannot be moved to {target}: it is a mount point, or on another file system",
        target=source,
        code="other-file-system",
        hint=f"see its file system with `df {quote(str(source))}`",
    )


# A write within one tick of the clock (up to 2 s on some file systems) does not change the time, so the signature of a
# file this young does not prove that it is unchanged.
_YOUNG_NS = 10_000_000_000


def _may_be_live(status: os.stat_result, planned: Signature) -> bool:
    import time

    return Signature.of(status) != planned or time.time_ns() - status.st_mtime_ns < _YOUNG_NS


def _open_planned(path: str, entry: CopyFile) -> int:
    """Return the descriptor of the source of a copy; no link is followed inside the tree that is copied."""
    top = path.removesuffix(f"/{entry.path}")
    inside = entry.path if top != path else os.path.basename(path)
    return _checked(lambda: open_inside(top if top != path else os.path.dirname(path), inside, entry.signature), path)


def _open_regular(path: str) -> int:
    return _checked(lambda: os.open(path, _OLD), path)


def _checked(open_file: Callable[[], int], path: str) -> int:
    """Return a descriptor of a regular file. Raises ChangedMeanwhile for another kind of file."""
    try:
        fd = open_file()
    except OSError as error:
        # ELOOP: the path is now a link. ENXIO: a socket. The others: it does not exist any more.
        if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EOPNOTSUPP, *_ABSENT):
            raise _not_as_planned(path) from error
        raise
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise _not_as_planned(path)
    return fd


def _not_as_planned(path: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"{path} was removed, or is not a regular file any more",
        target=path,
        hint=f"see the path with `ls -ld {quote(os.path.dirname(path) or path)}`, then run the command again",
    )
