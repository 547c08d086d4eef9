"""What is seen of the machine below the homes: room and inodes of its disks, file systems on which SQLite's log fails.

One question a disk, not one a home.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path

from hermes_profiles.doctor.facts.machine import Disk, MachineFacts, Mount
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.timeouts import run_with_timeouts
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.regular_file import read_regular

MOUNTS = Path("/proc/self/mountinfo")
_LARGEST = 4 * 1024 * 1024
_LIMIT = 2.0
_ESCAPE = re.compile(r"\\([0-7]{3})")


def look_at_machine(
    layout: Layout, profiles: Mapping[str, ProfileFacts], *, with_mounts: Iterable[str], mounts: Path = MOUNTS
) -> MachineFacts:
    """Return what was seen; `with_mounts`: profiles whose file system matters. A disk that hangs has no answer."""
    places = _by_device(layout, profiles)
    jobs = [(place, partial(os.statvfs, place)) for place in places]
    answers = run_with_timeouts(jobs, limit=_LIMIT).seen
    disks = tuple(_disk(place, names, answers[place]) for place, names in places.items() if place in answers)
    asked = frozenset(with_mounts)
    table = mount_table(mounts) if asked else ()
    found: dict[str, Mount] = {}
    for place, names in places.items():
        wanted = asked.intersection(names)
        mount = mount_of(place, table) if wanted else None
        found |= {name: mount for name in names if name in wanted and mount is not None}
    return MachineFacts(disks, found)


def _by_device(layout: Layout, profiles: Mapping[str, ProfileFacts]) -> dict[str, tuple[str, ...]]:
    """Return folder → the profiles whose homes are on the same device as it; the root's comes first."""
    first: dict[int, str] = {}
    found: dict[str, tuple[str, ...]] = {}
    homes = [("", os.fspath(layout.root)), *((name, os.fspath(each.home)) for name, each in profiles.items())]
    for name, home in homes:
        try:
            device = os.stat(home).st_dev
        except OSError:
            continue
        place = first.setdefault(device, home)
        found[place] = (*found.get(place, ()), *((name,) if name else ()))
    return found


def _disk(place: str, names: tuple[str, ...], answer: os.statvfs_result) -> Disk:
    unit = answer.f_frsize or answer.f_bsize
    return Disk(place, names, answer.f_bavail * unit, answer.f_blocks * unit, answer.f_favail, answer.f_files)


def mount_table(path: Path = MOUNTS) -> tuple[Mount, ...]:
    """Return what is mounted, in the order it was; () where no such file is.

    A line reads `36 35 98:0 / /mnt/x rw,noatime shared:1 - nfs4 server:/x rw`; blanks in a place are `\\040`.
    """
    try:
        text = os.fsdecode(_whole(path))
    except OSError:
        return ()
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(" "), after.split(" ")[0]
        if dash and len(fields) > 4:
            found.append(Mount(_ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), fields[4]), kind))
    return tuple(found)


def _whole(path: Path) -> bytes:
    """Return a file of /proc, which has no size; a file in its place is read as far as it should go."""
    if path != MOUNTS:
        return read_regular(path, _LARGEST)
    with open(path, "rb") as file:
        return file.read(_LARGEST)


def mount_of(home: Path | str, table: Iterable[Mount]) -> Mount | None:
    """Return the file system of a home: the longest place that leads to it, the last one mounted there."""
    real = os.path.realpath(home)
    best = None
    for mount in table:
        leads = real == mount.place or real.startswith(mount.place.rstrip("/") + "/")
        if leads and (best is None or len(mount.place) >= len(best.place)):
            best = mount
    return best
