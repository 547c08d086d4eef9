"""Reads free space and inodes of the disks of homes, and their file system types. One query per disk."""

from __future__ import annotations

import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from hermes_profiles.doctor.facts.machine import Disk, MachineFacts, Mount
from hermes_profiles.doctor.timeouts import run_with_timeouts
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular

MOUNTS = Path("/proc/self/mountinfo")
_LARGEST = 4 * 1024 * 1024
_LIMIT = 2.0
_ESCAPE = lazy_pattern(r"\\([0-7]{3})")


def probe_machine(
    layout: Layout, profiles: Iterable[str], *, with_mounts: Iterable[str], mounts: Path = MOUNTS
) -> MachineFacts:
    """Return the disks, and the mounts of the profiles in `with_mounts`. A hanging disk is left out."""
    places = _by_device(layout, profiles)
    jobs = [(place, partial(os.statvfs, place)) for place in places]
    answers = run_with_timeouts(jobs, limit=_LIMIT).completed
    disks = tuple(_disk(place, names, answers[place]) for place, names in places.items() if place in answers)
    asked = frozenset(with_mounts)
    table = mount_table(mounts) if asked else ()
    found: dict[str, Mount] = {}
    for place, names in places.items():
        wanted = asked.intersection(names)
        mount = mount_of(place, table) if wanted else None
        found |= {name: mount for name in names if name in wanted and mount is not None}
    return MachineFacts(disks, found)


def _by_device(layout: Layout, profiles: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Return folder → the profiles with a home on the same device; the device of the root comes first."""
    first: dict[int, str] = {}
    places: dict[str, tuple[str, ...]] = {}
    homes = [("", os.fspath(layout.root)), *((name, os.fspath(layout.home(name))) for name in profiles)]
    for name, home in homes:
        try:
            device = os.stat(home).st_dev
        except OSError:
            continue
        place = first.setdefault(device, home)
        places[place] = (*places.get(place, ()), *((name,) if name else ()))
    return places


def _disk(place: str, names: tuple[str, ...], answer: os.statvfs_result) -> Disk:
    unit = answer.f_frsize or answer.f_bsize
    return Disk(place, names, answer.f_bavail * unit, answer.f_blocks * unit, answer.f_favail, answer.f_files)


def mount_table(path: Path = MOUNTS) -> tuple[Mount, ...]:
    """Return all mounts in mount order, () without a mount table.

    A line has the form `36 35 98:0 / /mnt/x rw,noatime shared:1 - nfs4 server:/x rw`; blanks in a place are `\\040`.
    """
    try:
        text = os.fsdecode(_whole(path))
    except OSError:
        return ()
    mounts = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if dash and len(fields) > 4:
            mounts.append(Mount(_ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), fields[4]), kind))
    return tuple(mounts)


def _whole(path: Path) -> bytes:
    """Return the content of the mount table. Files of /proc have size 0, so they are read directly."""
    if path != MOUNTS:
        return read_regular(path, _LARGEST)
    with open(path, "rb") as file:
        return file.read(_LARGEST)


def mount_of(home: Path | str, table: Iterable[Mount]) -> Mount | None:
    """Return the mount of a home: the longest mount point above it, and of equal ones the last mounted."""
    real = os.path.realpath(home)
    best = None
    for mount in table:
        leads = real == mount.place or real.startswith(mount.place.rstrip("/") + "/")
        if leads and (best is None or len(mount.place) >= len(best.place)):
            best = mount
    return best
