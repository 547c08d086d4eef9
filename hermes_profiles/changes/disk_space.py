"""The check before a change that the disk has enough free space for it."""

from __future__ import annotations

import os
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.model.errors import Failed

from .filesystem import Files
from .plan import ChangePlan, CopyFile, PublishTree, ReplaceFile, Step, WriteFile, bytes_to_write

if TYPE_CHECKING:
    from hermes_profiles.model.layout import Layout

# Space for the journal, folders and the old bytes of small files.
_RESERVE = 256 * 1024


def check_space(plan: ChangePlan, layout: Layout, files: Files | None = None) -> int:
    """Return the bytes that a plan writes. Raises Failed(code="no-space") with the needed and free bytes."""
    return check_space_at(plan, str(layout.state), files or Files())


def check_space_at(plan: ChangePlan, state: str, files: Files) -> int:
    """Return the bytes that a plan writes; see `check_space`."""
    needs: dict[int, tuple[str, list[Step]]] = {}
    for step in plan.steps:
        place = str(step.target) if isinstance(step, PublishTree) else state
        if isinstance(step, ReplaceFile):
            place = str(step.path)
        if isinstance(step, PublishTree | ReplaceFile):
            folder, device = _existing(os.path.dirname(place), files)
            needs.setdefault(device, (folder, []))[1].append(step)
    for folder, steps in needs.values():
        _check_folder(folder, steps, files)
    return sum(map(bytes_to_write, plan.steps))


def _check_folder(folder: str, steps: list[Step], files: Files) -> None:
    space = files.space(folder)
    free = space.f_bavail * space.f_frsize
    needed = sum(map(bytes_to_write, steps)) + _RESERVE
    if needed > free:  # only now is a stat of each source worth its time: holes need no space
        needed = sum(_bytes_on_disk(step, files) for step in steps) + _RESERVE
    if needed > free:
        raise Failed(
            f"not enough space in {folder}: {needed:,} bytes are needed and {free:,} are free",
            target=folder,
            code="no-space",
            hint=f"free some space; see the use with `df -h {quote(str(folder))}`",
        )
    count = sum(len(step.entries) if isinstance(step, PublishTree) else 1 for step in steps)
    if space.f_files and count > space.f_favail:
        raise Failed(
            f"not enough inodes in {folder}: {count:,} files are needed and {space.f_favail:,} inodes are free",
            target=folder,
            code="no-space",
            hint=f"remove some files; see the use with `df -i {quote(str(folder))}`",
        )


def _bytes_on_disk(step: Step, files: Files) -> int:
    if not isinstance(step, PublishTree):
        return bytes_to_write(step)
    total = 0
    for entry in step.entries:
        if isinstance(entry, WriteFile):
            total += len(entry.content)
        elif isinstance(entry, CopyFile):
            status = files.lstat(str(entry.source))
            used = status.st_blocks * 512 if status is not None else entry.signature.size
            total += min(used, entry.signature.size)
    return total


def _existing(folder: str, files: Files) -> tuple[str, int]:
    while (status := files.lstat(folder)) is None:
        folder = os.path.dirname(folder)
    return folder, status.st_dev
