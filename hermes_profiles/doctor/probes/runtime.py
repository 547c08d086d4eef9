"""Reads the files that gateways write at run time: pid files, markers, ledgers and databases.

Facts (Hermes 0.19.0, gateway/status.py, gateway/drain_control.py, gateway/run.py): pid file and markers are plain files
of a home; a drain request is in effect while it exists, unless it names an earlier boot of the machine.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from hermes_profiles.changes.journal import Journal
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.doctor.facts.runtime import InterruptedChange, LockFolder, RuntimeFacts, UnfinishedRestart
from hermes_profiles.fleet.lock_obstacle import LockObstacle, lock_obstacle
from hermes_profiles.fleet.outdated import InstalledCode, code_ages
from hermes_profiles.fleet.restart_record import restart_cut_short
from hermes_profiles.gateways.lock_files import live_locks, lock_folder
from hermes_profiles.gateways.model import LiveLock
from hermes_profiles.hermes.files import DRAIN_REQUEST_FILE, STARTS_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.profiles.placement import all_elsewhere
from hermes_profiles.profiles.regular_file import read_regular

from .alerts import probe_alerts
from .backups import probe_backups
from .databases import probe_databases
from .failed_starts import read_failed_logs
from .machine import probe_machine

STORM_WINDOW = 120.0
_LARGEST = 64 * 1024
_MOST_LOCKS = 10_000


def probe_runtime(context: DoctorContext, profiles: Mapping[str, ProfileFacts], names: Iterable[str]) -> RuntimeFacts:
    """Return the run-time facts. Only files in the listing of a home are opened.

    `names`: all profiles of the root, whose disks are named.
    """
    databases = probe_databases(profiles)
    folder = lock_folder(context.environment, context.user_home)
    return RuntimeFacts(
        drains={name: drain_counts(file.path) for name, file in _having(profiles, DRAIN_REQUEST_FILE)},
        starts={
            name: count for name, file in _having(profiles, STARTS_FILE) if (count := recent_starts(file, context.now))
        },
        newer_code=_newer_code(profiles),
        locks=read_lock_folder(folder),
        lock_obstacles={name: found for name, each in profiles.items() if (found := _lock_obstacle(context, each))},
        live_locks=_live_locks(context, profiles),
        interrupted=tuple(_interrupted(context)),
        unreadable_entries=_unreadable_entries(context),
        databases=databases,
        machine=probe_machine(context.layout, names, with_mounts=databases.in_wal_mode),
        failed_logs=read_failed_logs(context.layout, profiles),
        restart=_restart(context),
        elsewhere=all_elsewhere(context.layout, profiles, catalog=lambda: context.catalog),
        alerts=probe_alerts(context.layout),
        backups=probe_backups(context.layout),
    )


def _lock_obstacle(context: DoctorContext, profile: ProfileFacts) -> LockObstacle | None:
    return lock_obstacle(profile.home, profile.held, context.environment, context.user_home, context.catalog)


def _restart(context: DoctorContext) -> UnfinishedRestart | None:
    found = restart_cut_short(context.layout, context.system.processes)
    if found is None:
        return None
    return UnfinishedRestart(found.profiles, found.begun_at, str(context.layout.restart_record))


def _having(profiles: Mapping[str, ProfileFacts], name: str) -> Iterator[tuple[str, FileFact]]:
    for profile in profiles.values():
        file = profile.listing.get(name)
        if file is not None:
            yield profile.name, file


def drain_counts(path: Path) -> bool:
    """Return whether a gateway that runs or starts now obeys a drain request.

    Source: gateway/drain_control.py `drain_requested`: Hermes obeys a request that it cannot parse, and a request
    without an epoch.
    """
    try:
        request = json.loads(read_regular(path, _LARGEST))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, RecursionError):
        return True
    epoch = request.get("epoch") if isinstance(request, dict) else None
    current = machine_epoch()
    return not (epoch and current) or epoch == current


def machine_epoch(proc: Path = Path("/proc")) -> str:
    """Return the epoch of this boot as drain requests record it, "" when unknown."""
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
    """Return the number of gateway starts in the last two minutes, from its ledger."""
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


def read_lock_folder(folder: Path) -> LockFolder | None:
    """Return the state of the lock folder, None when it is missing."""
    try:
        with os.scandir(folder) as scan:
            entries = list(islice(scan, _MOST_LOCKS))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return LockFolder(folder)
    immovable = frozenset(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    return LockFolder(folder, immovable)


def _live_locks(context: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> tuple[LiveLock, ...]:
    """Return the live locks when a gateway waits for one, else ()."""
    gateways = [profile.gateway.observation for profile in profiles.values() if profile.gateway is not None]
    states = [gateway.runtime for gateway in gateways if gateway is not None and gateway.process is not None]
    if not any(channel.code.endswith("_lock") for state in states if state is not None for channel in state.channels):
        return ()
    return live_locks(
        context.environment,
        context.user_home,
        catalog=context.catalog,
        processes=context.system.processes,
        platform=context.layout.platform,
    )


def _unreadable_entries(context: DoctorContext) -> tuple[Problem, ...]:
    """Return the entries of the journal that cannot be read; a folder that cannot be read is another finding."""
    try:
        return Journal(context.layout.state).problems()
    except OSError:
        return ()


def _interrupted(context: DoctorContext) -> Iterator[InterruptedChange]:
    journal = Journal(context.layout.state)
    try:
        begun = journal.begun()
    except OSError as error:
        yield InterruptedChange("", (error.strerror or "it cannot be read").lower(), journal.folder)
        return
    # A change that runs now holds the lock.
    if begun and context.system.processes.lock_owner(context.layout.state / "lock") is None:
        for entry in begun:
            yield InterruptedChange(entry.id, entry.summary, journal.path(entry.id))
