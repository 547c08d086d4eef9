"""Whether a file is still the one that a plan was made for, without reading it."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple


class ChangedMeanwhile(Failed):
    """A file changed since the plan was made (exit 1); nothing was changed."""

    default_code = "changed-meanwhile"


class Signature(NamedTuple):
    """The `lstat` fields by which a change of a file is detected without reading it."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int

    @classmethod
    def of(cls, status: os.stat_result) -> Signature:
        """Return the signature for a status."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


def signature(path: Path) -> Signature | None:
    """Return the current signature of a path, None if it does not exist."""
    try:
        return Signature.of(os.lstat(path))
    except FileNotFoundError:
        return None
