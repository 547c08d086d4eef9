"""Which profiles may have a gateway: a cheap answer for a start, which need not observe every profile of a root."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from pathlib import Path

from hermes_profiles.hermes.files import LOCK_FILE, PID_FILE
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.services.located import definitions_of, suffix_of

from .processes import home_of
from .system import SystemContext


def may_run(world: SystemContext, profiles: Sequence[str]) -> Collection[str]:
    """Return those of these profiles that may run or start; each of the others surely does neither.

    One pass over the process table, and the names of the service definitions: no file of a profile is read. Where a
    process or a definition may belong to any profile, more profiles are returned.
    """
    found = _with_definition(world, profiles)
    return profiles if found is None else found.union(running(world, [name for name in profiles if name not in found]))


def running(world: SystemContext, profiles: Sequence[str]) -> Collection[str]:
    """Return those of these profiles that may have a process of their own; each of the others surely has none."""
    homes, is_sure = set(), True
    for process in world.processes.gateways():
        home = home_of(process, user_home=world.user_home)
        is_sure &= home is not None
        if home is not None:
            homes.add(os.path.realpath(home))
    folders = {name: world.layout.home(name) for name in profiles}
    if not is_sure:  # its home is known by its pid file alone
        return frozenset(name for name, home in folders.items() if _has_record(home))
    return frozenset(name for name, home in folders.items() if homes and os.path.realpath(home) in homes)


def _with_definition(world: SystemContext, profiles: Sequence[str]) -> frozenset[str] | None:
    """Return the profiles with a service, by its name; None where a definition may belong to any profile."""
    if world.manager is None:
        return frozenset()
    found = set()
    for path in definitions_of(world.manager):
        name = suffix_of(world.manager.kind, path) or DEFAULT
        if not (name == DEFAULT or is_profile_folder_name(name)) or not world.layout.home(name).is_dir():
            return None
        found.add(name)
    return frozenset(found.intersection(profiles))


def _has_record(home: Path) -> bool:
    return any(os.path.lexists(home / name) for name in (PID_FILE, LOCK_FILE))
