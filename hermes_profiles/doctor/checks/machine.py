"""The machine below the homes: logs that grow, disks that fill up, file systems that databases do not bear."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.machine import Disk
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity

_MB, _GB = 1024**2, 1024**3
_ONE_LOG, _ALL_LOGS = 50 * _MB, 100 * _MB
_FULL, _NEARLY_FULL, _ROOMY = 100 * _MB, _GB, 10 * _GB
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
    """Yield profiles whose logs have grown large: Hermes limits some of them, not all."""
    for profile in facts.profiles.values():
        sizes = {name: file.size for name, file in profile.listing.items() if name.startswith("logs/")}
        total = sum(sizes.values())
        large = sorted((name for name, size in sizes.items() if size > _ONE_LOG), key=lambda name: (-sizes[name], name))
        if not large and total <= _ALL_LOGS:
            continue
        told = large or [max(sizes, key=lambda name: (sizes[name], name))]
        words = f"{total // _MB} MB of logs" if len(sizes) > 1 else f"a log of {total // _MB} MB"
        yield Finding(
            f"{profile.name} has {words}, the largest is {told[0]}",
            Fix(
                "empty it; a gateway that writes it goes on at its start",
                f"truncate -s 0 {' '.join(quote(str(profile.home / name)) for name in told)}",
            ),
            profiles=(profile.name,),
            evidence=tuple(profile.at(name) for name in told),
        )


def disk(facts: Facts) -> Iterator[Finding]:
    """Yield disks of homes that are full, or soon will be: databases are damaged and settings lost then."""
    for each in facts.runtime.machine.disks:
        is_low = each.free < _NEARLY_FULL or (each.free < _ROOMY and each.free < _SHARE * each.size)
        if each.size and is_low:
            free = f"{each.free // _MB} MB" if each.free < 10 * _GB else f"{each.free // _GB} GB"
            yield _disk(
                facts,
                each,
                f"the disk of {each.place} has {free} left of {max(each.size // _GB, 1)} GB",
                Fix("make room: logs, caches and the trash are what grows", f"du -xsh {quote(each.place)}/*"),
                is_full=each.free < _FULL,
            )


def inodes(facts: Facts) -> Iterator[Finding]:
    """Yield disks of homes on which few more files can be made, whatever room there is."""
    for each in facts.runtime.machine.disks:
        if each.inodes and each.inodes_free < _FEW_INODES and each.inodes_free < _SHARE * each.inodes:
            yield _disk(
                facts,
                each,
                f"the disk of {each.place} has room for {each.inodes_free} more files only",
                Fix("find out which folder holds so many files", f"du -x --inodes -d 2 {quote(each.place)}"),
                is_full=each.inodes_free < _NO_INODES,
            )


def _disk(facts: Facts, each: Disk, words: str, fix: Fix, *, is_full: bool) -> Finding:
    """Return a finding about a disk; the root's concerns every profile, which needs no list."""
    named = () if each.place == str(facts.layout.root) else each.profiles
    severity = Severity.ERROR if is_full else Severity.WARNING
    return Finding(words, fix, profiles=named, evidence=(Evidence(None, each.place),), severity=severity)


def wal_filesystem(facts: Facts) -> Iterator[Finding]:
    """Yield file systems on which databases in WAL mode break, and the profiles that keep some there."""
    places: dict[tuple[str, str], list[str]] = {}
    for name, mount in facts.runtime.machine.mounts.items():
        if mount.kind in _UNFIT:
            places.setdefault((mount.place, mount.kind), []).append(name)
    for (place, kind), names in places.items():
        stored = facts.runtime.databases.in_wal_mode
        yield Finding(
            f"{_listed(names)} keep{'s' if len(names) == 1 else ''} databases in WAL mode on {kind} ({place}), "
            "where they lock up or are damaged",
            Fix("move the root to a local disk; links to it work", f"df -T {quote(str(facts.layout.root))}"),
            profiles=tuple(names),
            evidence=tuple(facts.profiles[name].at(file) for name in names for file in stored.get(name, ())),
        )


def _listed(names: list[str]) -> str:
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
