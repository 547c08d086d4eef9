"""A cheap signature of a fleet: while it stays the same, no gateway but the running ones has to be observed again."""

from __future__ import annotations

import os
from collections.abc import Mapping

from hermes_profiles.gateways.lock_files import lock_folder
from hermes_profiles.gateways.processes import Process, home_of
from hermes_profiles.gateways.proof import has_our_root
from hermes_profiles.hermes.files import (
    CONFIG_FILE,
    ENV_FILE,
    HOST_RECORD,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    PID_FILE,
    PROFILE_FILE,
    STATE_FILE,
)
from hermes_profiles.logs.sources import definition_times
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import ManagerError, Service, ServiceStatus

from ..fleet_context import FleetSession, has_services

# The time of the home itself changes when a file in it is made, renamed or removed.
_FILES = (ENV_FILE, OP_ENV_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE, PROFILE_FILE, PID_FILE, STATE_FILE)
_State = tuple[int, int, int] | None


class FleetSignature(NamedTuple):
    """What was seen of a fleet: profile → states of its files; gateway processes; definitions and states of services.

    `shared`: the folders of definitions and the record of the one gateway.
    """

    files: Mapping[str, tuple[object, ...]]
    processes: frozenset[tuple[int, float]]
    shared: tuple[object, ...]
    services: Mapping[str, ServiceStatus]


class FleetSigner:
    """Takes the signature of a root again and again; no file is opened, and a manager is queried once for all."""

    def __init__(self, session: FleetSession) -> None:
        self._session = session
        self._services: tuple[Service, ...] = ()
        self._known: tuple[object, ...] = ()
        self._present: dict[str, tuple[_State, tuple[str, ...]]] = {}

    def signature(self) -> FleetSignature:
        """Return the signature of the root now."""
        world, layout = self._session.world, self._session.layout
        names, folder, root = profile_names(layout), os.fspath(layout.profiles), os.fspath(layout.root)
        files = {name: self._states(root if name == DEFAULT else f"{folder}/{name}") for name in names}
        processes = frozenset((each.pid, each.started) for each in world.processes.gateways() if self._is_ours(each))
        record = os.fspath(lock_folder(self._session.environment, layout.user_home) / HOST_RECORD)
        shared = (*definition_times(world), _state(record))
        return FleetSignature(files, processes, shared, self._statuses(names, shared))

    def _statuses(self, names: tuple[str, ...], shared: tuple[object, ...]) -> Mapping[str, ServiceStatus]:
        world = self._session.world
        if (names, shared) != self._known:
            self._known = (names, shared)
            self._services = world.services(names) if has_services(self._session) else ()
        if world.manager is None or not self._services:
            return {}
        try:
            return world.manager.query(self._services)
        except ManagerError:  # the next observation reports it
            return {}

    def _states(self, home: str) -> tuple[object, ...]:
        """Return the states of a home and its files; while the home is the same, missing files are still missing."""
        state = _state(home)
        before, paths = self._present.get(home, (None, ()))
        if state is None or state != before:
            paths = tuple(path for name in _FILES if _state(path := f"{home}/{name}") is not None)
            self._present[home] = (state, paths)
        return (state, paths, *map(_state, paths))

    def _is_ours(self, process: Process) -> bool:
        """Return whether a gateway may belong to this root; other roots of the account come and go unnoticed."""
        world = self._session.world
        home = home_of(process, user_home=world.user_home)
        if home is None:  # the sticky profile of a root decided
            return has_our_root(process, world)
        place, root = os.path.realpath(home), os.path.realpath(world.layout.root)
        return place == root or place.startswith(f"{os.path.realpath(world.layout.profiles)}/")


def _state(path: str) -> _State:
    """Return what differs after a change of a file, None without one."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size
