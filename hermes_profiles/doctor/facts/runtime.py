"""Facts of the files that gateways write at run time, and of interrupted changes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.fleet.outdated import InstalledCode
from hermes_profiles.gateways.model import LiveLock

from .databases import DatabaseFacts
from .machine import MachineFacts


class LockFolder(NamedTuple):
    """Where gateways keep their locks of identities. `writable`: whether we may make and remove files there;
    `immovable`: names of locks that are no files, so that no gateway can take them over."""

    path: Path
    writable: bool = True
    immovable: frozenset[str] = frozenset()


class Interrupted(NamedTuple):
    """A change of ours that was begun and never ended; `id` "" and the reason in `summary` when the journal cannot be
    read."""

    id: str
    summary: str
    file: str


class RuntimeFacts(NamedTuple):
    """What was seen. `drains`: profile → whether its drain request counts; `starts`: profile → how many starts its
    gateway had in the last two minutes, 0 ones left out; `newer`: profile → what changed below its running gateway;
    `holders`: live locks, looked at when a gateway says that a token is in use."""

    drains: Mapping[str, bool] = {}
    starts: Mapping[str, int] = {}
    newer: Mapping[str, InstalledCode] = {}
    locks: LockFolder | None = None
    holders: tuple[LiveLock, ...] = ()
    interrupted: tuple[Interrupted, ...] = ()
    databases: DatabaseFacts = DatabaseFacts()
    machine: MachineFacts = MachineFacts()
