"""Gateways that work in another folder than the home they were started for.

The home was moved, swapped or replaced while they ran, or a variable of the profile sends them elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import LOCK_FILE

from .model import GatewayFacts
from .processes import Process, Processes

DELETED = "deleted"
_GONE = " (deleted)"  # proc(5), /proc/PID/cwd


def left_home(process: Process, home: Path, processes: Processes) -> str:
    """Return the folder in which a gateway of this home works, "" where it is the home or not known.

    `DELETED`: the home was deleted under it and made again. A folder is its own where the process holds the lock in it.
    """
    folder, place = processes.folder(process), os.path.realpath(home)
    if folder in ("", place):
        return ""
    if folder == f"{place}{_GONE}":
        return DELETED
    return folder if processes.lock_owner(Path(folder) / LOCK_FILE) == process.pid else ""


def displacement(facts: GatewayFacts, process: Process) -> str:
    """Return what became of the home of a running gateway, "" where it works in its own."""
    cause = "the homes were swapped"
    if facts.sent_by:
        cause = f"{HERMES_HOME} in the files of {facts.sent_by} sends it there"
    if facts.started_for:
        return f"process {process.pid} works in this home and was started for {facts.started_for}: {cause}"
    if facts.swapped_with:
        other = facts.moved.get(process.pid) or facts.swapped_with[0]
        return f"a process that was started for this home works in that of {other}: {cause}"
    if facts.left_home == DELETED:
        return f"its home was deleted and made again while it ran: process {process.pid} works in the deleted one"
    if facts.left_home:
        what = f"process {process.pid} works in {facts.left_home}"
        return f"its home was moved away while it ran, and another one made: {what}"
    return ""
