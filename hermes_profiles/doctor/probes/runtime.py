"""What is seen of what gateways leave in their homes: pid files, markers, databases, and the machine below them.

Facts (Hermes 0.19.0, gateway/status.py, gateway/drain_control.py, gateway/run.py): pid file and markers are plain files
of a home; a drain request counts while it is there, unless it names another start of the machine than this one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

from hermes_profiles.changes.journal import Journal
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.runtime import Interrupted, LockFolder, RuntimeFacts
from hermes_profiles.fleet.outdated import InstalledCode, code_ages
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.lock_files import live_locks, lock_folder
from hermes_profiles.gateways.model import LiveLock
from hermes_profiles.hermes.files import DRAIN_REQUEST_FILE, STARTS_FILE
from hermes_profiles.profiles.regular_file import read_regular

from .databases import look_at_databases
from .machine import look_at_machine

STORM_WINDOW = 120.0
_LARGEST = 64 * 1024
_MOST_LOCKS = 10_000


def look_at_runtime(
    around: DoctorContext, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> RuntimeFacts:
    """Return what was seen. What lies in a home was listed before; only what is there is opened."""
    databases = look_at_databases(profiles)
    folder = lock_folder(around.environment, around.user_home)
    return RuntimeFacts(
        drains={name: drain_counts(file.path) for name, file in _having(profiles, DRAIN_REQUEST_FILE)},
        starts={
            name: count for name, file in _having(profiles, STARTS_FILE) if (count := recent_starts(file, around.now))
        },
        newer=_newer_code(profiles),
        locks=look_at_locks(folder),
        holders=_holders(around, profiles),
        interrupted=tuple(_interrupted(around)),
        databases=databases,
        machine=look_at_machine(around.layout, profiles, with_mounts=databases.in_wal_mode),
    )


def _having(profiles: Mapping[str, ProfileFacts], name: str) -> Iterator[tuple[str, FileFact]]:
    for profile in profiles.values():
        file = profile.listing.get(name)
        if file is not None:
            yield profile.name, file


def drain_counts(path: Path) -> bool:
    """Return whether a gateway that runs or starts now obeys a drain request.

    Source: gateway/drain_control.py `drain_requested`: one that cannot be understood, or names no start of the
    machine, is obeyed.
    """
    try:
        said = json.loads(read_regular(path, _LARGEST))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, RecursionError):
        return True
    epoch = said.get("epoch") if isinstance(said, dict) else None
    current = machine_epoch()
    return not (epoch and current) or epoch == current


def machine_epoch(proc: Path = Path("/proc")) -> str:
    """Return what names this start of the machine in a drain request, "" where nothing does."""
    try:
        boot = (proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        boot = ""
    try:
        started = (proc / "1/stat").read_bytes().rpartition(b")")[2].split()[19].decode("ascii")
    except (OSError, IndexError, ValueError):
        started = ""
    return f"{boot}:{started}" if boot or started else ""


def recent_starts(file: FileFact, now: float) -> int:
    """Return how often a gateway was started in the last two minutes, by the ledger it keeps."""
    if now - file.mtime > STORM_WINDOW:
        return 0
    try:
        lines = read_regular(file.path, _LARGEST).splitlines()
    except OSError:
        return 0
    return sum(0 <= now - at <= STORM_WINDOW for at in filter(None, map(_number, lines)))


def _number(line: bytes) -> float | None:
    try:
        return float(line)
    except ValueError:
        return None


def _newer_code(profiles: Mapping[str, ProfileFacts]) -> Mapping[str, InstalledCode]:
    ages = code_ages(profile.gateway for profile in profiles.values() if profile.gateway is not None)
    return {name: age.newer for name, age in ages.items() if age.newer is not None}


def look_at_locks(folder: Path) -> LockFolder | None:
    """Return what of the folder of locks can keep a gateway from a channel, None without a folder."""
    try:
        with os.scandir(folder) as scan:
            entries = list(islice(scan, _MOST_LOCKS))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return LockFolder(folder, writable=False)
    odd = frozenset(each.name for each in entries if each.is_dir(follow_symlinks=False))
    return LockFolder(folder, os.access(folder, os.W_OK | os.X_OK), odd)


def _holders(around: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> tuple[LiveLock, ...]:
    """Return the live locks when a gateway waits for one: nobody else asks."""
    seen = [profile.gateway.seen for profile in profiles.values() if profile.gateway is not None]
    told = [each.runtime for each in seen if each is not None and each.process is not None and each.runtime is not None]
    if not any(channel.code.endswith("_lock") for runtime in told for channel in runtime.channels):
        return ()
    return live_locks(
        around.environment,
        around.user_home,
        catalog=around.catalog,
        processes=around.world.processes,
        platform=around.layout.platform,
    )


def _interrupted(around: DoctorContext) -> Iterator[Interrupted]:
    journal = Journal(around.layout.state)
    try:
        begun = journal.begun()
    except OSError as error:
        yield Interrupted("", (error.strerror or "it cannot be read").lower(), journal.folder)
        return
    # One that is at work now holds the lock.
    if begun and around.world.processes.lock_owner(around.layout.state / "lock") is None:
        for entry in begun:
            yield Interrupted(entry.id, entry.summary, journal.path(entry.id))
