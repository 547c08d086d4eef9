"""Whether a profile's gateway is alive: pid, start time and home must all match (DESIGN.md, promise 5).

Facts about the files: gateway.pid and gateway.lock hold `{pid, kind, argv, start_time}` (a bare integer in old
releases); start_time is field 22 of /proc/PID/stat on Linux, psutil's create_time × 100 elsewhere.
"""

from __future__ import annotations

import json
import os
from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple

from hermes_profiles.profiles.roots import read_regular


class GatewayState(StrEnum):
    """The states `list` can tell; DESIGN.md's vocabulary."""

    RUNNING = "running"
    STOPPED = "stopped"
    STALE = "stale"
    UNKNOWN = "unknown"


class Gateway(NamedTuple):
    """The gateway of one profile: its state, and its pid while it runs."""

    state: GatewayState
    pid: int | None = None


def gateway_of(home: Path, *, platform: str, proc: Path = Path("/proc")) -> Gateway:
    """Return the state of a home's gateway from its pid file and the process table; nothing is signalled or locked."""
    record = _record(home / "gateway.pid")
    if record is None:
        return Gateway(GatewayState.STOPPED)
    pid = record.get("pid")
    if not isinstance(pid, int) or pid <= 0:
        return Gateway(GatewayState.STALE)
    started, process_home = _process(pid, platform=platform, proc=proc)
    if started is None:
        return Gateway(GatewayState.STALE)
    recorded = record.get("start_time")
    if isinstance(recorded, int | float) and abs(recorded - started) > (0 if platform == "linux" else 100):
        return Gateway(GatewayState.STALE)  # the pid was given to another process
    if process_home is not None and not _same_home(process_home, home):
        return Gateway(GatewayState.STALE)
    if process_home is None and not isinstance(recorded, int | float):
        return Gateway(GatewayState.UNKNOWN, pid)  # alive, but nothing proves whose it is
    return Gateway(GatewayState.RUNNING, pid)


def _record(path: Path) -> dict[str, Any] | None:
    """Return the pid record; {} when the file is there and cannot be understood."""
    try:
        data = json.loads(read_regular(path, 65536))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    if isinstance(data, int):
        return {"pid": data}
    return data if isinstance(data, dict) else {}


def _process(pid: int, *, platform: str, proc: Path) -> tuple[float | None, str | None]:
    """Return (start time, HERMES_HOME) of a live process; (None, None) when it is gone or a zombie."""
    if platform == "linux":
        try:
            fields = (proc / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            return None, None
        if fields[0] in (b"Z", b"X"):
            return None, None
        return float(fields[19]), _environment_home(proc / str(pid) / "environ")
    import psutil

    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None, None
        started = process.create_time() * 100
    except psutil.Error:
        return None, None
    try:
        return started, process.environ().get("HERMES_HOME")
    except (psutil.Error, OSError):
        return started, None


def _environment_home(path: Path) -> str | None:
    """Return HERMES_HOME of a process; None when its environment may not be read or does not say."""
    try:
        environment = path.read_bytes()
    except OSError:
        return None
    for item in environment.split(b"\x00"):
        if item.startswith(b"HERMES_HOME="):
            return os.fsdecode(item.partition(b"=")[2])
    return None


def _same_home(first: str, home: Path) -> bool:
    # The default profile's process is started with the root, or with nothing, and moves to the profile by `-p`.
    return os.path.realpath(first) in (os.path.realpath(home), os.path.realpath(home.parent.parent))
