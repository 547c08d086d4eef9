"""What keeps this user from writing in a folder."""

from __future__ import annotations

import os
from pathlib import Path
from shlex import quote

from hermes_profiles.model.named_tuple import NamedTuple


class WriteObstacle(NamedTuple):
    """`place`: the folder, or the nearest one above it that exists; `reason`: a sentence about it without a subject.

    `way_out`, `command`: what helps; `is_read_only`: it is the whole file system that cannot be written.
    """

    place: Path
    reason: str
    way_out: str
    command: str
    is_read_only: bool = False


def write_obstacle(folder: Path) -> WriteObstacle | None:
    """Return what keeps this user from writing in a folder, or from creating it; None where nothing does."""
    place = folder
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    shown = quote(str(place))
    try:
        if os.statvfs(place).f_flag & os.ST_RDONLY:
            command = f'sudo mount -o remount,rw "$(findmnt -fno TARGET -T {shown})"'
            return WriteObstacle(
                place, "is on a read-only file system", "make the file system writable", command, is_read_only=True
            )
        if not os.path.isdir(place):
            return WriteObstacle(place, "is not a folder", "move it away", f"mv {shown} {quote(f'{place}.old')}")
        owner = os.stat(place).st_uid
    except OSError:
        return WriteObstacle(place, "cannot be entered", "see the folder", f"ls -ld {shown}")
    if os.access(place, os.W_OK | os.X_OK):
        return None
    if owner == os.geteuid():
        return WriteObstacle(place, "is not writable for this user", "allow it", f"chmod u+wx {shown}")
    command = f'sudo chown -R "$(id -u)" {shown}'
    return WriteObstacle(place, "belongs to another user", "change its owner to this user", command)
