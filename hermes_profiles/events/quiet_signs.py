"""Signs of a change in a gateway that a look need not open a file for. A watcher compares them every few seconds."""

from __future__ import annotations

import os
import time

from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_LOG, HEARTBEAT_FILE, LOGS_FOLDER, PID_FILE, STATE_FILE
from hermes_profiles.model.named_tuple import NamedTuple

# Seconds after which a heartbeat is missed: three intervals (gateways/resolve.py).
_MISSED = 90.0
_FILES = (PID_FILE, STATE_FILE, f"{LOGS_FOLDER}/{ERRORS_LOG}")


class QuietSigns(NamedTuple):
    """Signs of one gateway: its files, whether its heartbeat is missed, and the state of its process."""

    files: tuple[tuple[int, int] | None, ...]
    is_silent: bool
    process: str


def quiet_signs(home: str, pid: int | None, *, is_faulty: bool = False) -> QuietSigns:
    """Return the signs of the gateway of a home; `pid`: its process, None where it has none.

    `is_faulty`: a channel is lost, and its adapter logs that it is back in gateway.log alone, which is busy otherwise.
    """
    names = (*_FILES, f"{LOGS_FOLDER}/{GATEWAY_LOG}") if is_faulty else _FILES
    beat = _state(f"{home}/{HEARTBEAT_FILE}")
    is_silent = pid is not None and beat is not None and time.time() - beat[0] / 1e9 > _MISSED
    return QuietSigns(tuple(_state(f"{home}/{name}") for name in names), is_silent, _process(pid))


def _state(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _process(pid: int | None) -> str:
    """Return "stopped" for a suspended process, "" for another one and where the system does not show it."""
    if pid is None:
        return ""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            text = file.read(512)
    except OSError:
        return ""
    state = text[text.rfind(b")") + 2 : text.rfind(b")") + 3]
    return "stopped" if state in (b"T", b"t") else ""
