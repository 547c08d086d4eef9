"""Finds the definitions of gateway services on this machine, for every manager and every author."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from hermes_profiles.changes.signature import Signature
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.services import SYSTEM, USER, Definition, ServiceFiles, ServiceLeftover
from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import LABEL, LEGACY_LABEL, UNIT
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.checksum import has_mark
from hermes_profiles.services.launchd.render import MARK
from hermes_profiles.services.manager import Manager, ManagerKind, Service, ServiceStatus
from hermes_profiles.services.naming import AWAKE_UNIT, ServiceName, drop_in
from hermes_profiles.services.parse_definition import ParsedDefinition, parse_definition

_LARGEST = 64 * 1024
_ENDINGS = {ManagerKind.SYSTEMD: ".service", ManagerKind.LAUNCHD: ".plist", ManagerKind.SUPERVISOR: ".conf"}
_BEGINNINGS = {
    ManagerKind.SYSTEMD: ("hermes",),
    ManagerKind.LAUNCHD: (LABEL, LEGACY_LABEL),
    ManagerKind.SUPERVISOR: (UNIT,),
}
_NAMED = lazy_pattern(rf"(?:{re.escape(UNIT)}|{re.escape(LABEL)})(?:-([a-z0-9][a-z0-9_-]*))?")


class _HomeOwner(NamedTuple):
    """Owner of a home: its profile in this root, whether it is below the root, and whether it exists."""

    profile: str | None
    is_below: bool
    exists: bool


class ServiceSearch:
    """One search of the definition folders of all managers."""

    def __init__(self, context: DoctorContext, profiles: Sequence[str]) -> None:
        self._context = context
        self._profiles = profiles
        self._root = os.path.realpath(context.layout.root)
        self._works: dict[str, bool] = {}
        self._folders: dict[str, bool] = {}

    @cached_property
    def _homes(self) -> dict[str, str]:
        return {os.path.realpath(self._context.layout.home(name)): name for name in self._profiles}

    @cached_property
    def _units(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for profile, name in self._context.system.service_names(tuple(self._profiles)).items():
            found[name.unit] = (*found.get(name.unit, ()), profile)
        return found

    @cached_property
    def _names(self) -> dict[str, str]:
        return {unit: several[0] for unit, several in self._units.items()}

    def run(self) -> ServiceFiles:
        """Return all definitions and leftovers that concern this root."""
        definitions: list[Definition] = []
        leftovers: list[ServiceLeftover] = []
        blockers: dict[str, Definition] = {}
        for manager in self._context.managers:
            for scope, folder in _places(manager):
                links = _links(folder) if manager.kind is ManagerKind.SYSTEMD else {}
                present = set()
                for path in _files(folder, manager.kind):
                    present.add(path.name)
                    found = self._definition(manager.kind, scope, path, links.get(path.name, ()))
                    if found is None:
                        continue
                    profile = self._names.get(found.unit) or self._names.get(found.unit.replace(LABEL, UNIT))
                    if scope == USER and profile is not None and found.profile is None and not found.home_exists:
                        blockers[profile] = found
                    elif self._is_of_root(found):
                        definitions.append(found)
                if manager.kind is ManagerKind.SYSTEMD and scope == USER:
                    leftovers += self._leftovers(folder, links, present)
        home = self._context.layout.home
        clashes = {
            unit: tuple(sorted(several, key=lambda name: not home(name).is_symlink()))
            for unit, several in (self._units.items() if definitions else ())
            if len(several) > 1
        }
        return ServiceFiles(tuple(definitions), tuple(leftovers), blockers, clashes)

    def _is_of_root(self, definition: Definition) -> bool:
        return definition.profile is not None or self._owner(definition.home_text, "", USER).is_below

    def _definition(self, kind: ManagerKind, scope: str, path: Path, links: Sequence[Path]) -> Definition | None:
        content = _read(path)
        if content is None:
            return None
        ours = drop_in(path)
        parts = _drop_ins(path) if kind is ManagerKind.SYSTEMD else {}
        parsed = parse_definition(kind, content, tuple(parts.values()))
        if not _runs_gateway(path, content, parts):
            return None
        owner, home = self._owner(parsed.home, parsed.selected, scope), parsed.home
        if not owner.is_below and parsed.raw_home not in ("", parsed.home):
            owner, home = self._owner(parsed.raw_home, parsed.selected, scope), parsed.raw_home
        owners = {path: self._owner(path, "", scope) for path in parsed.overridden_homes}
        other_roots = tuple(path for path, other in owners.items() if not other.is_below)
        if not owner.is_below and any(other.is_below for other in owners.values()):
            other_roots, owner = (parsed.home,), next(other for other in owners.values() if other.is_below)
        name = path.name.removesuffix(_ENDINGS[kind])
        named = self._names.get(name) if scope == USER and not parsed.program and not parsed.home else None
        if named is not None:  # an emptied or broken file: only its name says whose it is
            home = str(self._context.layout.home(named))
            owner = _HomeOwner(named, is_below=True, exists=True)
        own = self._context.system.service_name(owner.profile) if owner.profile is not None else None
        removable = [path, *links] + ([ours] if ours in parts else [])
        return Definition(
            manager=kind,
            scope=scope,
            unit=name,
            path=path,
            profile=owner.profile,
            home_text=home or str(self._context.user_home / ROOT_FOLDER),
            home_exists=owner.exists,
            is_own_name=own is not None and name in (own.unit, own.label),
            is_ours=ours in parts or has_mark(content) or MARK.encode() in content,
            parsed=parsed,
            works={program: self._runs(program) for program in _programs(parsed)},
            directory_exists=self._is_folder(parsed.directory),
            files=tuple((file, seen) for file in removable if (seen := _signature(file)) is not None),
            enabled=bool(links) if kind is ManagerKind.SYSTEMD else True,
            other_roots=other_roots,
            contents={path: content, **parts},
        )

    def _owner(self, home: str, selected: str, scope: str) -> _HomeOwner:
        """Return the owner of the home that a service runs. Arguments override HERMES_HOME (SERVICES.md 1.5)."""
        if not home and scope == SYSTEM:  # the home of an unknown account
            return _HomeOwner(None, is_below=False, exists=True)
        given = os.path.realpath(home or self._context.user_home / ROOT_FOLDER)
        if selected:
            root = os.path.dirname(os.path.dirname(given)) if _is_profile_path(given) else given
            given = root if selected == DEFAULT else os.path.realpath(os.path.join(root, PROFILES_FOLDER, selected))
        profile = self._homes.get(given)
        if profile is not None:
            return _HomeOwner(profile, is_below=True, exists=True)
        exists = not _is_gone(given)
        if os.path.dirname(given) == os.path.join(self._root, PROFILES_FOLDER):
            return _HomeOwner(os.path.basename(given), is_below=True, exists=exists)
        return _HomeOwner(None, is_below=given.startswith(self._root + "/"), exists=exists)

    def _leftovers(
        self, folder: Path, links: Mapping[str, Sequence[Path]], present: set[str]
    ) -> Iterator[ServiceLeftover]:
        for name, paths in sorted(links.items()):
            match = _NAMED.fullmatch(name.removesuffix(".service"))
            if match is None or name in present:
                continue
            for path in paths:
                seen = _signature(path)
                if seen is not None and not os.path.exists(path):  # a link to an existing unit is a service
                    yield ServiceLeftover(match[0], self._names.get(match[0]), path, seen, is_link=True)
        for name in _list(folder):
            match = _NAMED.fullmatch(name.removesuffix(".service.d"))
            ours = drop_in(folder / name.removesuffix(".d"))
            if match is None or not name.endswith(".service.d") or name.removesuffix(".d") in present:
                continue
            content, seen = _read(ours), _signature(ours)
            if content is None or seen is None or _signature(folder / name.removesuffix(".d")) is not None:
                continue
            parsed = parse_definition(ManagerKind.SYSTEMD, content)
            owner = self._owner(parsed.home, parsed.selected, USER)
            if owner.is_below:
                yield ServiceLeftover(match[0], owner.profile, ours, seen, is_link=False)

    def _runs(self, program: str) -> bool:
        if program not in self._works:
            self._works[program] = is_executable(program)
        return self._works[program]

    def _is_folder(self, path: str) -> bool:
        """Return whether a folder exists. A path that only the manager can expand (`~`, `%h`) counts as existing."""
        if not path.startswith("/") or "%" in path:
            return True
        if path not in self._folders:
            self._folders[path] = not _is_gone(path)
        return self._folders[path]


def with_status(definition: Definition, statuses: Mapping[str, ServiceStatus]) -> Definition:
    """Return a definition with its status from `statuses` (by unit)."""
    status = statuses.get(definition.unit)
    if status is None:
        return definition
    return definition._replace(status=status, enabled=status.enabled)


def service_of(definition: Definition) -> Service:
    """Return the service to query in a manager. It is named by unit, since a profile can have several services."""
    match = _NAMED.fullmatch(definition.unit)
    suffix = (match[1] or "") if match is not None else definition.unit
    return Service(definition.unit, ServiceName(suffix, suffix), definition.path)


def is_executable(path: str) -> bool:
    """Return whether a path is a regular file that this user can execute."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def can_be_queried(definition: Definition) -> bool:
    """Return whether a manager can be queried for this service by name."""
    return definition.scope == USER and _NAMED.fullmatch(definition.unit) is not None


def _places(manager: Manager) -> Iterator[tuple[str, Path]]:
    """Yield (scope, folder) of the definition folders of a manager."""
    yield from ((USER, folder) for folder in manager.folders())
    system = manager.system_path(manager.service(ServiceName("", ""), DEFAULT))
    if system is not None:
        yield SYSTEM, system.parent


def _files(folder: Path, kind: ManagerKind) -> Iterator[Path]:
    for name in _list(folder):
        if name == f"{AWAKE_UNIT}.service":
            continue
        if name.startswith(_BEGINNINGS[kind]) and name.endswith(_ENDINGS[kind]):
            yield folder / name


def _list(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _links(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Return unit → links in `.wants` and `.requires` folders."""
    found: dict[str, tuple[Path, ...]] = {}
    for wants in _list(folder):
        if wants.endswith((".wants", ".requires")):
            for name in _list(folder / wants):
                if name.startswith("hermes"):
                    found[name] = (*found.get(name, ()), folder / wants / name)
    return found


def _drop_ins(unit: Path) -> dict[Path, bytes]:
    """Return the drop-ins of a unit in the order of systemd."""
    folder = unit.with_name(unit.name + ".d")
    paths = (folder / name for name in _list(folder) if name.endswith(".conf"))
    return {path: content for path in paths if (content := _read(path)) is not None}


def _runs_gateway(path: Path, content: bytes, parts: Mapping[Path, bytes]) -> bool:
    """Return whether a file defines a gateway, by its name or its content."""
    name = path.name.rpartition(".")[0]
    return _NAMED.fullmatch(name) is not None or any(b"gateway" in text for text in (content, *parts.values()))


def _programs(parsed: ParsedDefinition) -> Iterator[str]:
    """Yield the programs that a definition names with absolute paths."""
    hermes = parsed.hermes.command("ExecStart")[:1] if parsed.hermes is not None else ()
    programs = (parsed.program, parsed.helper, *hermes)
    yield from (program for program in programs if program.startswith("/") and "%" not in program)


def _is_profile_path(home: str) -> bool:
    return os.path.basename(os.path.dirname(home)) == PROFILES_FOLDER


def _is_gone(path: str) -> bool:
    """Return whether a path certainly does not exist. A path without permission counts as existing."""
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return None


def _signature(path: Path) -> Signature | None:
    try:
        return Signature.of(os.lstat(path))
    except OSError:
        return None
