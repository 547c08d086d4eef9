"""The record of a restart in progress: the gateways that must run again, however the command ends.

A restart stops a gateway and then starts it; so do changes of a profile's folder or services. When the command is
killed in between, the next command on the fleet, or a process that waits for that end (`services/successor.py`),
starts the gateways in the record.
"""

from __future__ import annotations

import json
import os
import time

from hermes_profiles.changes.state_files import remove_state_file, write_state_file
from hermes_profiles.gateways.processes import Processes
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular

from .fleet_lock import lock_holder_of

_LARGEST = 4 * 1024 * 1024


class RestartRecord(NamedTuple):
    """The profiles of a restart, the process that restarts them, and the options of their start.

    `begun_at`: epoch seconds; `enabled`: the profiles whose services start with their manager.
    """

    profiles: tuple[str, ...]
    pid: int
    begun_at: float
    owners: tuple[str, ...] = ()
    on_conflict: str = "mask"
    enabled: tuple[str, ...] = ()


def note_restart(
    layout: Layout,
    profiles: tuple[str, ...],
    *,
    owners: tuple[str, ...] = (),
    on_conflict: str = "mask",
    enabled: tuple[str, ...] = (),
) -> None:
    """Record a restart before its first stop. Raises Failed: then nothing may be stopped."""
    record = RestartRecord(profiles, os.getpid(), time.time(), owners, on_conflict, enabled)
    write_state_file(layout.restart_record, json.dumps(record._asdict()).encode(), 0o600)


def unfinished_restart(layout: Layout) -> RestartRecord | None:
    """Return the recorded restart, None without one; a caller with the fleet lock knows that its process is gone."""
    try:
        data = json.loads(read_regular(layout.restart_record, _LARGEST))
        names, owners, enabled = (
            tuple(str(name) for name in data.get(key, ())) for key in ("profiles", "owners", "enabled")
        )
        pid, begun_at = int(data["pid"]), float(data["begun_at"])
        return RestartRecord(names, pid, begun_at, owners, str(data["on_conflict"]), enabled)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def restart_cut_short(layout: Layout, processes: Processes) -> RestartRecord | None:
    """Return the recorded restart where its process is gone and no other command works on the fleet; else None.

    Its profiles are those that still exist; without one there is nothing to start, and None is returned.
    """
    record = unfinished_restart(layout)
    if record is None or processes.find(record.pid) is not None:
        return None
    left = tuple(name for name in record.profiles if layout.home(name).is_dir())
    if not left or lock_holder_of(layout.root, layout.state, processes) is not None:
        return None
    return record._replace(profiles=left)


def without_profiles(layout: Layout, profiles: tuple[str, ...]) -> None:
    """Remove profiles from the record: they are to stay stopped. An empty record is removed."""
    record = unfinished_restart(layout)
    if record is None:
        return
    rest = tuple(name for name in record.profiles if name not in profiles)
    if not rest:
        forget_restart(layout)
    elif rest != record.profiles:
        content = json.dumps(record._replace(profiles=rest)._asdict()).encode()
        write_state_file(layout.restart_record, content, 0o600)


def forget_restart(layout: Layout) -> None:
    """Remove the record: the restart has ended. Raises Failed."""
    remove_state_file(layout.restart_record)
