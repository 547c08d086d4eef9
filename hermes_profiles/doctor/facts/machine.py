"""Facts of the disks and mounts below the homes."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.model.named_tuple import NamedTuple


class Disk(NamedTuple):
    """The file system of some homes.

    `place`: a folder on it; `free`, `size`: bytes available to the user, and in total; `inodes_free`, `inodes`: both 0
    on a file system without an inode limit.
    """

    place: str
    profiles: tuple[str, ...]
    free: int
    size: int
    inodes_free: int = 0
    inodes: int = 0


class Mount(NamedTuple):
    """A mount point and the type of its file system."""

    place: str
    kind: str


class MachineFacts(NamedTuple):
    """Facts of disks and mounts. `mounts`: profile → mount of its home, for the requested profiles only."""

    disks: tuple[Disk, ...] = ()
    mounts: Mapping[str, Mount] = {}
