"""Reads the record of the one gateway that serves an account's profiles. No lock is taken, no file removed.

Facts (Hermes 0.21.4 and later, gateway/host_rendezvous.py): `host-gateway.json` is in the folder of the locks, one for
each user of the machine. It outlives its process, so pid and start time must match a live gateway. Any profile may own
it; `home` is the one it was started for.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.files import HOST_RECORD
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import open_regular

from ..lock_files import lock_folder

if TYPE_CHECKING:
    from ..processes import Process, Processes

_LARGEST = 1024 * 1024
_CLOCK_TOLERANCE = 2.0  # seconds between two readings of one start


class HostGateway(NamedTuple):
    """The live gateway in the host record: its process, the home it was started for, the profiles it serves."""

    process: Process
    home: Path
    profiles: tuple[str, ...]


def host_gateway(
    environment: Mapping[str, str], user_home: Path, *, processes: Processes, platform: str
) -> HostGateway | None:
    """Return the live gateway of the host record, None without one or where it is not proven to be alive."""
    record = _read(lock_folder(environment, user_home) / HOST_RECORD)
    pid, home = record.get("pid"), record.get("home")
    if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 0 or not isinstance(home, str) or not home:
        return None
    process = processes.find(pid)
    if process is None or (process.argv and not process.is_gateway):
        return None
    if not _is_same_process(record, process, processes, platform):
        return None
    profiles = record.get("profiles")
    served = tuple(name for name in profiles if isinstance(name, str)) if isinstance(profiles, list) else ()
    return HostGateway(process, Path(home), served)


def _is_same_process(record: Mapping[str, object], process: Process, processes: Processes, platform: str) -> bool:
    started = _number(record.get("startTime"))
    if started is not None:
        from ..processes import same_start

        return same_start(started, process.started, platform=platform)
    created, epoch = _number(record.get("createTime")), processes.epoch(process)
    return created is not None and epoch is not None and abs(created - epoch) <= _CLOCK_TOLERANCE


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _read(path: Path) -> Mapping[str, object]:
    """Return the record; {} where it is missing, broken or another user's: Hermes ignores that one too."""
    try:
        descriptor, status = open_regular(path)
    except OSError:
        return {}
    try:
        if status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & stat.S_IWOTH:
            return {}
        data = json.loads(os.read(descriptor, _LARGEST))
    except (OSError, ValueError, RecursionError):
        return {}
    finally:
        os.close(descriptor)
    return data if isinstance(data, dict) else {}
