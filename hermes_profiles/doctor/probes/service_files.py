"""The definitions of gateway services that lie on this machine, under every manager, whoever wrote them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import Signature
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.services import SYSTEM, USER, Definition, Leftover, ServiceFiles
from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.service_names import LABEL, LEGACY_LABEL, UNIT
from hermes_profiles.model.names import DEFAULT
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
_NAMED = re.compile(rf"(?:{re.escape(UNIT)}|{re.escape(LABEL)})(?:-([a-z0-9][a-z0-9_-]*))?")


class _HomeOwner(NamedTuple):
    """Whose a home is: `profile` of this root; `is_below`: in the root; `is_there`: not gone."""

    profile: str | None
    is_below: bool
    is_there: bool


class Search:
    """One search through the folders of all managers."""

    def __init__(self, around: DoctorContext, profiles: Sequence[str]) -> None:
        self._around = around
        self._profiles = profiles
        self._root = os.path.realpath(around.layout.root)
        self._works: dict[str, bool] = {}
        self._folders: dict[str, bool] = {}

    @cached_property
    def _homes(self) -> dict[str, str]:
        return {os.path.realpath(self._around.layout.home(name)): name for name in self._profiles}

    @cached_property
    def _units(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in self._profiles:
            unit = self._around.world.service_name(name).unit
            found[unit] = (*found.get(unit, ()), name)
        return found

    @cached_property
    def _names(self) -> dict[str, str]:
        return {unit: several[0] for unit, several in self._units.items()}

    def run(self) -> ServiceFiles:
        """Return what lies there."""
        definitions: list[Definition] = []
        leftovers: list[Leftover] = []
        blockers: dict[str, Definition] = {}
        for manager in self._around.managers:
            for scope, folder in _places(manager):
                links = _links(folder) if manager.kind is ManagerKind.SYSTEMD else {}
                present = set()
                for path in _files(folder, manager.kind):
                    present.add(path.name)
                    found = self._definition(manager.kind, scope, path, links.get(path.name, ()))
                    if found is None:
                        continue
                    meant = self._names.get(found.unit) or self._names.get(found.unit.replace(LABEL, UNIT))
                    if scope == USER and meant is not None and found.profile is None and not found.has_home:
                        blockers[meant] = found
                    elif self._is_of_root(found):
                        definitions.append(found)
                if manager.kind is ManagerKind.SYSTEMD and scope == USER:
                    leftovers += self._leftovers(folder, links, present)
        home = self._around.layout.home
        clashes = {
            unit: tuple(sorted(several, key=lambda name: not home(name).is_symlink()))
            for unit, several in (self._units.items() if definitions else ())
            if len(several) > 1
        }
        return ServiceFiles(tuple(definitions), tuple(leftovers), blockers, clashes)

    def _is_of_root(self, found: Definition) -> bool:
        return found.profile is not None or self._owner(found.home_text, "", USER).is_below

    def _definition(self, kind: ManagerKind, scope: str, path: Path, links: Sequence[Path]) -> Definition | None:
        content = _read(path)
        if content is None:
            return None
        ours = drop_in(path)
        parts = _drop_ins(path) if kind is ManagerKind.SYSTEMD else {}
        said = parse_definition(kind, content, tuple(parts.values()))
        if not _runs_gateway(path, content, parts):
            return None
        owner, home = self._owner(said.home, said.selected, scope), said.home
        if not owner.is_below and said.spelled not in ("", said.home):
            owner, home = self._owner(said.spelled, said.selected, scope), said.spelled
        homes = {each: self._owner(each, "", scope) for each in said.others}
        strangers = tuple(each for each, whose in homes.items() if not whose.is_below)
        if not owner.is_below and any(whose.is_below for whose in homes.values()):
            strangers, owner = (said.home,), next(whose for whose in homes.values() if whose.is_below)
        own = self._around.world.service_name(owner.profile) if owner.profile is not None else None
        name = path.name.removesuffix(_ENDINGS[kind])
        going = [path, *links] + ([ours] if ours in parts else [])
        return Definition(
            manager=kind,
            scope=scope,
            unit=name,
            path=path,
            profile=owner.profile,
            home_text=home or str(self._around.user_home / ROOT_FOLDER),
            has_home=owner.is_there,
            is_own_name=own is not None and name in (own.unit, own.label),
            is_ours=ours in parts or has_mark(content) or MARK.encode() in content,
            said=said,
            works={each: self._runs(each) for each in _programs(said)},
            has_directory=self._is_folder(said.directory),
            files=tuple((each, seen) for each in going if (seen := _signature(each)) is not None),
            enabled=bool(links) if kind is ManagerKind.SYSTEMD else True,
            strangers=strangers,
            contents={path: content, **parts},
        )

    def _owner(self, home: str, selected: str, scope: str) -> _HomeOwner:
        """Return whose gateway a service runs: words count more than HERMES_HOME (SERVICES.md 1.5)."""
        if not home and scope == SYSTEM:  # some account's own
            return _HomeOwner(None, is_below=False, is_there=True)
        given = os.path.realpath(home or self._around.user_home / ROOT_FOLDER)
        if selected:
            root = os.path.dirname(os.path.dirname(given)) if _is_profile_path(given) else given
            given = root if selected == DEFAULT else os.path.realpath(os.path.join(root, PROFILES_FOLDER, selected))
        profile = self._homes.get(given)
        if profile is not None:
            return _HomeOwner(profile, is_below=True, is_there=True)
        is_there = not _is_gone(given)
        if os.path.dirname(given) == os.path.join(self._root, PROFILES_FOLDER):
            return _HomeOwner(os.path.basename(given), is_below=True, is_there=is_there)
        return _HomeOwner(None, is_below=given.startswith(self._root + "/"), is_there=is_there)

    def _leftovers(self, folder: Path, links: Mapping[str, Sequence[Path]], present: set[str]) -> Iterator[Leftover]:
        for name, paths in sorted(links.items()):
            match = _NAMED.fullmatch(name.removesuffix(".service"))
            if match is None or name in present:
                continue
            for path in paths:
                seen = _signature(path)
                if seen is not None and not os.path.exists(path):  # a link to a unit elsewhere is a service
                    yield Leftover(match[0], self._names.get(match[0]), path, seen, is_link=True)
        for name in _list(folder):
            match = _NAMED.fullmatch(name.removesuffix(".service.d"))
            ours = drop_in(folder / name.removesuffix(".d"))
            if match is None or not name.endswith(".service.d") or name.removesuffix(".d") in present:
                continue
            content, seen = _read(ours), _signature(ours)
            if content is None or seen is None or _signature(folder / name.removesuffix(".d")) is not None:
                continue
            said = parse_definition(ManagerKind.SYSTEMD, content)
            owner = self._owner(said.home, said.selected, USER)
            if owner.is_below:
                yield Leftover(match[0], owner.profile, ours, seen, is_link=False)

    def _runs(self, program: str) -> bool:
        if program not in self._works:
            self._works[program] = is_program(program)
        return self._works[program]

    def _is_folder(self, path: str) -> bool:
        """Return whether a folder is there; what only the manager can tell (`~`, `-…`, `%h`) counts as there."""
        if not path.startswith("/") or "%" in path:
            return True
        if path not in self._folders:
            self._folders[path] = not _is_gone(path)
        return self._folders[path]


def with_status(found: Definition, statuses: Mapping[str, ServiceStatus]) -> Definition:
    """Return a definition with what its manager says of it: `statuses` by unit."""
    status = statuses.get(found.unit)
    if status is None:
        return found
    return found._replace(status=status, enabled=status.enabled)


def service_of(found: Definition) -> Service:
    """Return what a manager is asked by; the unit stands for the profile, which may have several."""
    match = _NAMED.fullmatch(found.unit)
    suffix = (match[1] or "") if match is not None else found.unit
    return Service(found.unit, ServiceName(suffix, suffix), found.path)


def is_program(path: str) -> bool:
    """Return whether a path is that of a program which can be run."""
    return os.path.isfile(path) and os.access(path, os.X_OK)


def can_be_asked(found: Definition) -> bool:
    """Return whether a manager knows the service by its name and file."""
    return found.scope == USER and _NAMED.fullmatch(found.unit) is not None


def _places(manager: Manager) -> Iterator[tuple[str, Path]]:
    """Yield (scope, folder) of the folders in which definitions of a manager lie."""
    service = manager.service(ServiceName("", ""), DEFAULT)
    yield USER, service.path.parent
    system = manager.system_path(service)
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
    """Return unit → links that have it started with something else."""
    found: dict[str, tuple[Path, ...]] = {}
    for wants in _list(folder):
        if wants.endswith((".wants", ".requires")):
            for name in _list(folder / wants):
                if name.startswith("hermes"):
                    found[name] = (*found.get(name, ()), folder / wants / name)
    return found


def _drop_ins(unit: Path) -> dict[Path, bytes]:
    """Return the drop-ins of a unit, in the order in which systemd reads them."""
    folder = unit.with_name(unit.name + ".d")
    paths = (folder / name for name in _list(folder) if name.endswith(".conf"))
    return {path: content for path in paths if (content := _read(path)) is not None}


def _runs_gateway(path: Path, content: bytes, parts: Mapping[Path, bytes]) -> bool:
    """Return whether a file defines a gateway: by its name, exactly, or because it says so."""
    name = path.name.rpartition(".")[0]
    return _NAMED.fullmatch(name) is not None or any(b"gateway" in each for each in (content, *parts.values()))


def _programs(said: ParsedDefinition) -> Iterator[str]:
    """Yield the programs that a definition names by their whole path."""
    hermes = said.hermes.command("ExecStart")[:1] if said.hermes is not None else ()
    yield from (each for each in (said.program, said.helper, *hermes) if each.startswith("/") and "%" not in each)


def _is_profile_path(home: str) -> bool:
    return os.path.basename(os.path.dirname(home)) == PROFILES_FOLDER


def _is_gone(path: str) -> bool:
    """Return whether a path is certainly not there: one that may not be looked at is."""
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
