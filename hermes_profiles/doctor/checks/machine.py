"""Reports large logs, full disks, and file systems that do not support SQLite in WAL mode."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.changes.full_disk import FULL
from hermes_profiles.doctor.facts.machine import Disk, Mount
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names, plural

_MB, _GB = 1024**2, 1024**3
_ONE_LOG, _ALL_LOGS = 50 * _MB, 100 * _MB
_NEARLY_FULL, _ROOMY = _GB, 10 * _GB
_SHARE = 0.05
_NO_INODES, _FEW_INODES = 100, 10_000
# Source: https://www.sqlite.org/wal.html ("does not work over a network filesystem"); Hermes 0.19.0, hermes_state.py.
_UNFIT = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "9p",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "wslfs",
        "lxfs",
        "drvfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.gcsfuse",
        "fuse.glusterfs",
        "fuse.davfs",
        "davfs",
        "fuse.cephfs",
        "fuse.vmhgfs-fuse",
        "vboxsf",
        "prl_fs",
        "fuse.grpcfuse",
        "fuse.osxfs",
    }
)


def logs(facts: Facts) -> Iterator[Finding]:
    """Find profiles with large logs; Hermes limits the size of some logs only."""
    for profile in facts.profiles.values():
        sizes = {name: file.size for name, file in profile.listing.items() if name.startswith("logs/")}
        total = sum(sizes.values())
        large = sorted((name for name, size in sizes.items() if size > _ONE_LOG), key=lambda name: (-sizes[name], name))
        if not large and total <= _ALL_LOGS:
            continue
        named = large or [max(sizes, key=lambda name: (sizes[name], name))]
        amount = f"{total // _MB} MB of logs" if len(sizes) > 1 else f"a log of {total // _MB} MB"
        yield Finding(
            f"{profile.name} has {amount}, the largest is {named[0]}",
            Fix(
                "empty it; a gateway that has it open continues at its beginning",
                f"truncate -s 0 {' '.join(quote(str(profile.home / name)) for name in named)}",
            ),
            profiles=(profile.name,),
            evidence=tuple(profile.at(name) for name in named),
        )


def disk_space(facts: Facts) -> Iterator[Finding]:
    """Find disks of homes that are full or nearly full; a full disk can damage databases and lose settings."""
    for disk in facts.runtime.machine.disks:
        is_low = disk.free < _NEARLY_FULL or (disk.free < _ROOMY and disk.free < _SHARE * disk.size)
        if disk.size and is_low:
            free = f"{disk.free // _MB} MB" if disk.free < 10 * _GB else f"{disk.free // _GB} GB"
            yield _disk(
                facts,
                disk,
                f"the disk of {disk.place} has {free} left of {max(disk.size // _GB, 1)} GB",
                Fix("free space: logs, caches and the trash grow most", f"du -xsh {quote(disk.place)}/*"),
                is_full=disk.free < FULL,
            )


def inodes(facts: Facts) -> Iterator[Finding]:
    """Find disks of homes with few free inodes: no new files can be created without them."""
    for disk in facts.runtime.machine.disks:
        if disk.inodes and disk.inodes_free < _FEW_INODES and disk.inodes_free < _SHARE * disk.inodes:
            yield _disk(
                facts,
                disk,
                f"the disk of {disk.place} has {disk.inodes_free} free inodes",
                Fix("find the folder with the most files", f"du -x --inodes -d 2 {quote(disk.place)}"),
                is_full=disk.inodes_free < _NO_INODES,
            )


def _disk(facts: Facts, disk: Disk, message: str, fix: Fix, *, is_full: bool) -> Finding:
    """Return a finding about a disk. For the disk of the root, the profiles are left out: it concerns all."""
    named = () if disk.place == str(facts.layout.root) else disk.profiles
    severity = Severity.ERROR if is_full else Severity.WARNING
    return Finding(message, fix, profiles=named, evidence=(Evidence(None, disk.place),), severity=severity)


def is_unfit(mount: Mount) -> bool:
    """Return whether SQLite does not support WAL mode on a mount."""
    return mount.kind in _UNFIT


def wal_filesystem(facts: Facts) -> Iterator[Finding]:
    """Find homes with databases in WAL mode on a file system that does not support it."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, mount in facts.runtime.machine.mounts.items():
        if is_unfit(mount):
            places.setdefault((mount.place, mount.kind), []).append(name)
    for (place, kind), names in places.items():
        stored = facts.runtime.databases.in_wal_mode
        yield Finding(
            f"{join_names(names)} {plural(names, 'has', 'have')} databases in WAL mode on {kind} ({place}), "
            "where they can hang or be damaged",
            Fix("move the root to a local disk and link to it", f"df -T {quote(str(facts.layout.root))}"),
            profiles=tuple(names),
            evidence=tuple(facts.profiles[name].at(file) for name in names for file in stored.get(name, ())),
        )
