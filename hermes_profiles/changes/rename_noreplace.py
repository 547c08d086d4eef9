"""A rename that replaces no file, in one system call where the system has one."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4
_MISSING = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)


def rename_exclusive(source: str, target: str) -> None:
    """Rename `source` to `target`. Raises FileExistsError if the target exists.

    A plain rename(2) replaces an empty folder, which another program may just have created. Where the kernel or the
    file system lacks the exclusive rename, the target is checked before a plain rename.
    """
    code = _system_call(os.fsencode(source), os.fsencode(target))
    if code == 0:
        return
    if code not in _MISSING:
        raise OSError(code, os.strerror(code), source, None, target)
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)


def _system_call(source: bytes, target: bytes) -> int:
    """Return 0 or the error number; ENOSYS on a system without the call."""
    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            failed = library.renamex_np(source, target, ctypes.c_uint(_RENAME_EXCL))
        else:
            failed = library.renameat2(_AT_FDCWD, source, _AT_FDCWD, target, ctypes.c_uint(_RENAME_NOREPLACE))
    except AttributeError:  # an older libc
        return errno.ENOSYS
    return ctypes.get_errno() if failed else 0
