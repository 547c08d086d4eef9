"""Facts of the disks and mounts below the homes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Disk(NamedTuple):
    """The file system of some homes. `place`: one of their folders; `free`, `size`: bytes that a user may still write,
    and all there are; `inodes_free`, `inodes`: 0 of 0 where it does not count them."""

    place: str
    profiles: tuple[str, ...]
    free: int
    size: int
    inodes_free: int = 0
    inodes: int = 0


class Mount(NamedTuple):
    """Where a file system is mounted, and its type."""

    place: str
    kind: str


class MachineFacts(NamedTuple):
    """What was seen. `mounts`: profile → the file system of its home, for those that were asked about."""

    disks: tuple[Disk, ...] = ()
    mounts: Mapping[str, Mount] = {}
