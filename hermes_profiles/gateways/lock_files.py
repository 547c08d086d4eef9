"""Reads Hermes' own identity locks and the processes that hold them. No lock is taken, no file removed.

Facts (Hermes 0.19.0, gateway/status.py, `acquire_scoped_lock`): one folder for each user of the
machine, shared by all roots; a file is `<scope>-<first 16 hex digits of sha256(identity)>.lock` and stays when its
process dies.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.environment import HERMES_GATEWAY_LOCK_DIR
from hermes_profiles.hermes.files import LOCK_DIGITS, LOCK_ENDING, LOCKS_FOLDER
from hermes_profiles.profiles.regular_file import read_regular

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog

    from .model import LiveLock
    from .processes import Processes

_LARGEST = 65536


def lock_folder(environment: Mapping[str, str], user_home: Path) -> Path:
    """Return the folder in which the gateways of a user keep their locks."""
    given = environment.get(HERMES_GATEWAY_LOCK_DIR)
    if given:
        return Path(given)
    return Path(environment.get("XDG_STATE_HOME") or user_home / ".local" / "state") / LOCKS_FOLDER


def live_locks(
    environment: Mapping[str, str], user_home: Path, *, catalog: Catalog, processes: Processes, platform: str
) -> tuple[LiveLock, ...]:
    """Return the locks whose process is proven to be a live gateway: same pid, start time and command line.

    `gateway restart` counts too: where no manager runs, that process is the gateway, though Hermes itself takes its
    locks for stale.
    """
    from .model import LiveLock

    folder = lock_folder(environment, user_home)
    try:
        names = sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return ()
    channels = {channel.lock_scope: channel.name for channel in catalog.channels.values() if channel.lock_scope}
    found = []
    for name in names:
        scope, dash, digest = name.removesuffix(LOCK_ENDING).rpartition("-")
        channel = channels.get(scope)
        if not dash or channel is None or not name.endswith(LOCK_ENDING) or len(digest) != LOCK_DIGITS:
            continue
        pid = _holder(folder / name, processes, platform)
        if pid is not None:
            found.append(LiveLock(channel, digest, pid))
    return tuple(found)


def _holder(path: Path, processes: Processes, platform: str) -> int | None:
    from .processes import STOPPED, same_start

    try:
        record = json.loads(read_regular(path, _LARGEST))
    except (OSError, ValueError, RecursionError):  # missing, half-written or another user's: Hermes ignores it too
        return None
    pid = record.get("pid") if isinstance(record, dict) else None
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0:
        return None
    process = processes.find(pid)
    if process is None or process.state in STOPPED or (process.argv and not process.is_gateway):
        return None
    started = record.get("start_time")
    recorded = float(started) if isinstance(started, int | float) else None
    if recorded is not None and not same_start(recorded, process.started, platform=platform):
        return None
    return pid
