"""Facts of the files that gateways write at run time, and of interrupted changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.fleet.lock_obstacle import LockObstacle
from hermes_profiles.fleet.outdated import InstalledCode
from hermes_profiles.gateways.model import LiveLock
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.placement import Elsewhere

from .alerts import AlertFacts
from .backups import BackupFacts
from .databases import DatabaseFacts
from .machine import MachineFacts


class LockFolder(NamedTuple):
    """The folder of identity locks.

    `immovable`: names of locks that are folders, which no gateway can take over.
    """

    path: Path
    immovable: frozenset[str] = frozenset()


class InterruptedChange(NamedTuple):
    """A change of hermes-profiles that was begun and not finished.

    When the journal cannot be read, `id` is "" and `summary` is the reason.
    """

    id: str
    summary: str
    file: str


class FailedLog(NamedTuple):
    """The log of a gateway that does not run, whose last record is an error; `at`: epoch seconds of its last change."""

    path: Path
    text: str
    at: float


class UnfinishedRestart(NamedTuple):
    """A restart whose process is gone; `profiles`: those that may be down; `begun_at`: epoch seconds."""

    profiles: tuple[str, ...]
    begun_at: float
    file: str


class RuntimeFacts(NamedTuple):
    """Facts of run-time files.

    `drains`: profile → whether its drain request is in effect; `starts`: profile → number of starts of its gateway in
    the last two minutes, 0 left out; `lock_obstacles`: profile → lock folder in which its gateway cannot write;
    `newer_code`: profile → code changed after its gateway started; `live_locks`: read only when a gateway reports a
    token in use; `failed_logs`: of profiles without a service; `restart`: one that was cut short; `elsewhere`: profiles
    that live in another place, with homes here.
    """

    drains: Mapping[str, bool] = {}
    starts: Mapping[str, int] = {}
    newer_code: Mapping[str, InstalledCode] = {}
    locks: LockFolder | None = None
    lock_obstacles: Mapping[str, LockObstacle] = {}
    live_locks: tuple[LiveLock, ...] = ()
    interrupted: tuple[InterruptedChange, ...] = ()
    unreadable_entries: tuple[Problem, ...] = ()
    databases: DatabaseFacts = DatabaseFacts()
    machine: MachineFacts = MachineFacts()
    failed_logs: Mapping[str, FailedLog] = {}
    restart: UnfinishedRestart | None = None
    elsewhere: Mapping[str, Elsewhere] = {}
    alerts: AlertFacts = AlertFacts()
    backups: BackupFacts = BackupFacts()
