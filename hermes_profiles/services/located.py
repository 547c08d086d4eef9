"""Finds the installed service of a home by the home that its definition sets.

Hermes has named the service of a custom root in two ways, so the name alone does not say which service is there.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from hermes_profiles.hermes.service_names import LABEL, UNIT
from hermes_profiles.profiles.regular_file import read_regular

from .manager import Manager, ManagerKind
from .naming import ServiceName

_LARGEST = 64 * 1024
_FORMS = {
    ManagerKind.SYSTEMD: (UNIT, ".service"),
    ManagerKind.LAUNCHD: (LABEL, ".plist"),
    ManagerKind.SUPERVISOR: (UNIT, ".conf"),
}


def definitions_of(manager: Manager) -> tuple[Path, ...]:
    """Return the definitions in the manager's folders whose names look like a gateway's."""
    base, ending = _FORMS[manager.kind]
    found: list[Path] = []
    for folder in manager.folders():
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        found += (folder / name for name in names if name.startswith(base) and name.endswith(ending))
    return tuple(found)


def suffix_of(kind: ManagerKind, path: Path) -> str:
    """Return what the name of a definition has after the base name of gateways, "" for nothing."""
    base, ending = _FORMS[kind]
    return path.name.removesuffix(ending).removeprefix(base).removeprefix("-")


def installed_name(
    manager: Manager, home: Path, names: Sequence[ServiceName], definitions: Sequence[Path]
) -> ServiceName | None:
    """Return the name of the installed service of a home, None without one.

    `names`: those that a release of Hermes gives it; they count before every other name. `definitions`: as
    `definitions_of` returned them; each is read again.
    """
    for name in names:
        if _sets(manager.kind, manager.service(name, "").path, home):
            return name
    base, ending = _FORMS[manager.kind]
    for path in definitions:
        suffix = suffix_of(manager.kind, path)
        name = ServiceName(suffix, names[0].argument)
        is_form = path.name in (f"{base}{ending}", f"{base}-{suffix}{ending}")
        if is_form and name not in names and _sets(manager.kind, path, home):
            return name
    return None


def _sets(kind: ManagerKind, path: Path, home: Path) -> bool:
    """Return whether a definition sets a home."""
    found = home_in(kind, path)
    return bool(found) and (found == str(home) or os.path.realpath(found) == str(home))


def home_in(kind: ManagerKind, path: Path) -> str:
    """Return the home that a definition sets, "" without one."""
    try:
        status = os.stat(path)
    except OSError:
        return ""
    return _home_in(kind, path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)  # a file is parsed once for all profiles of a fleet
def _home_in(kind: ManagerKind, path: Path, _changed: int, _size: int) -> str:
    """Return the home that a definition sets, "" without one. Drop-ins do not count: Hermes reads the unit alone."""
    from .parse_definition import parse_definition  # a fleet without services needs no parser

    try:
        return parse_definition(kind, read_regular(path, _LARGEST)).home
    except OSError:
        return ""
