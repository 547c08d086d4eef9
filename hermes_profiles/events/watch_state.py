"""What a watcher keeps in the state folder: its lock, and its last look for the next watcher."""

from __future__ import annotations

from pathlib import Path

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.lock import acquire_lock, lock_holder, write_pid
from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.regular_file import read_regular

from .snapshot import FleetSnapshot, parse_snapshot, snapshot_bytes

LOCK_FILE = "watch.lock"
LOG_FILE = "watch.log"  # what the watcher prints, under a manager without a journal
_LARGEST = 16 * 1024 * 1024


def take_watch_lock(layout: Layout, *, wait: float) -> int:
    """Return a descriptor that holds the lock of the watcher. Raises Refused(code="busy") for a second one."""
    path = _lock(layout)
    Files().private_folder(str(layout.events))
    descriptor = acquire_lock(path, wait=wait)
    if descriptor is None:
        pid = lock_holder(path) or "unknown"
        raise Refused(
            f"process {pid} watches these gateways already",
            target=str(path),
            code="busy",
            hint="see it with `hermes-gateways watch status`",
        )
    write_pid(descriptor, path)
    return descriptor


def watcher_pid(layout: Layout) -> int | None:
    """Return the pid of the watcher of a root, None without one."""
    written = lock_holder(_lock(layout))
    return int(written) if written is not None and written.isdecimal() else None


def save_snapshot(layout: Layout, snapshot: FleetSnapshot) -> None:
    """Keep a look for the next watcher. Raises Failed."""
    write_state_file(layout.snapshot, snapshot_bytes(snapshot))


def saved_snapshot(layout: Layout) -> FleetSnapshot | None:
    """Return the last look of an earlier watcher, None without one."""
    try:
        return parse_snapshot(read_regular(layout.snapshot, _LARGEST))
    except OSError:
        return None


def _lock(layout: Layout) -> Path:
    return layout.events / LOCK_FILE
