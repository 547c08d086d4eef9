"""Proves that a recorded process is the gateway of a home: pid, start time and home must match."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import LOCK_FILE, ROOT_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.listing import profile_names

from .hermes_files import PidRecord, lock_record, pid_record
from .installation.inline_code import home_in_code
from .processes import Process, home_of, same_start

if TYPE_CHECKING:
    from .system import SystemContext


class ProcessMatch(NamedTuple):
    """The verdict on the process in a pid file; at most one field is set, as in `GatewayFacts`."""

    process: Process | None = None
    other_program: Process | None = None
    unverified: Process | None = None


def match_process(home: Path, world: SystemContext, record: PidRecord | None) -> ProcessMatch:
    """Return the verdict on a recorded process: pid, start time and home must all match (DESIGN.md, promise 5)."""
    process = world.processes.find(record.pid) if record is not None and record.pid else None
    if record is None or process is None:
        return ProcessMatch()
    if record.started is not None and not same_start(record.started, process.started, platform=world.layout.platform):
        return ProcessMatch(other_program=process)  # the pid was reused
    matched = _match_command(process, record, home, world)
    # The lock decides where the command line does not. It is read last: the kernel stops all locking while /proc/locks
    # is read, which takes as long as the rest (13 ms).
    if matched.process is None and world.processes.lock_owner(home / LOCK_FILE) == process.pid:
        return ProcessMatch(process)
    return matched


def _match_command(process: Process, record: PidRecord, home: Path, world: SystemContext) -> ProcessMatch:
    """Return the verdict from command line, environment and record."""
    if process.argv and not process.is_gateway:
        return ProcessMatch(other_program=process)
    if not process.argv or process.variables is None or record.started is None:
        return ProcessMatch(unverified=process)
    home_given = home_of(process, user_home=world.user_home)
    if home_given is not None:
        is_this = os.path.realpath(home_given) == os.path.realpath(home)
        return ProcessMatch(process) if is_this else ProcessMatch(other_program=process)
    if not has_our_root(process, world):
        return ProcessMatch(other_program=process)
    return ProcessMatch(unverified=process) if _is_named_elsewhere(record, home, world) else ProcessMatch(process)


def _is_named_elsewhere(record: PidRecord, home: Path, world: SystemContext) -> bool:
    """Return whether another profile of the root has the same record: a copied home has a copied pid file."""
    others = (world.layout.home(name) for name in profile_names(world.layout))
    return any(pid_record(other) == record for other in others if os.path.realpath(other) != os.path.realpath(home))


def has_our_root(process: Process, world: SystemContext) -> bool:
    """Return whether a gateway that was started without `-p` may serve a profile of this root.

    The sticky profile of that moment decided which one. The gateway wrote pid and start time into its home: together
    with the root, that is proof.
    """
    given = (process.variables or {}).get(HERMES_HOME, "").strip() or home_in_code(process.argv)
    own = (process.variables or {}).get("HOME", "").strip() or str(world.user_home)
    root = os.path.realpath(given) if given else os.path.join(os.path.realpath(own), ROOT_FOLDER)
    return root == os.path.realpath(world.layout.root)


def process_in(home: Path, world: SystemContext) -> Process | None:
    """Return the proven process in the pid file or the lock file of a home, None without one."""
    return match_process(home, world, pid_record(home)).process or match_process(home, world, lock_record(home)).process
