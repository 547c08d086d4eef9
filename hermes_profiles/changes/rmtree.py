"""Removal of a folder's content, also deep or read-only, without following links."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_DEEP = 40


def named(error: OSError, path: str) -> OSError:
    """Return the error with the path in it, which errors of calls on descriptors lack."""
    whole = isinstance(error.filename, str | bytes) and os.path.isabs(error.filename)
    return error if whole else OSError(error.errno, error.strerror, path)


class Remover:
    """Removal through file descriptors, so that a folder replaced by a link is not followed."""

    def __init__(self, operation: Callable[[str, str], None], root: str) -> None:
        self._operation = operation
        self._root = root
        self._top = -1
        self._moved = 0

    def empty(self, parent: int, name: str, depth: int = 0) -> None:
        """Remove the content of the folder `name` of `parent`; the caller removes the folder itself."""
        fd = self._open(parent, name)
        try:
            if depth == 0:
                self._top = fd
            while entries := self._entries(fd):
                for entry, is_folder in entries:
                    self._remove_entry(fd, entry, is_folder, depth)
                if depth:
                    break
        except OSError as error:
            raise named(error, self._root) from error
        finally:
            os.close(fd)

    def _remove_entry(self, fd: int, entry: str, is_folder: bool, depth: int) -> None:
        self._operation("remove", os.path.join(self._root, entry))
        if not is_folder:
            os.unlink(entry, dir_fd=fd)
        elif depth < _DEEP:
            self.empty(fd, entry, depth + 1)
            os.rmdir(entry, dir_fd=fd)
        else:  # too deep for the number of descriptors and the stack: move it to the top
            self._moved += 1
            os.rename(entry, f".hermes-profiles-deep-{self._moved}", src_dir_fd=fd, dst_dir_fd=self._top)

    @staticmethod
    def _entries(fd: int) -> list[tuple[str, bool]]:
        with os.scandir(fd) as found:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in found]

    @staticmethod
    def _open(parent: int, name: str) -> int:
        status = os.stat(name, dir_fd=parent, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode) and status.st_mode & 0o700 != 0o700:
            os.chmod(name, 0o700, dir_fd=parent)  # a read-only folder cannot be emptied
        return os.open(name, _FOLDER, dir_fd=parent)
