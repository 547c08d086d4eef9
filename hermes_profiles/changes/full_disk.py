"""Whether a disk is full."""

from __future__ import annotations

import os
from pathlib import Path

# Bytes below which a disk counts as full: a database of Hermes or a long session needs as much at once.
FULL = 100 * 1024 * 1024


def is_full(folder: Path, least: float = FULL) -> bool:
    """Return whether less than `least` bytes are free for a folder; one that cannot be looked at is not full."""
    try:
        space = os.statvfs(folder)
    except OSError:
        return False
    return bool(space.f_blocks) and space.f_bavail * space.f_frsize < least
