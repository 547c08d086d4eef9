"""Finds the enabled systemd units that run the gateway of a home, under any name, instances of templates included."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.regular_file import read_regular

from .manager import ManagerKind

_LARGEST = 64 * 1024
_ENDING = ".service"


class EnabledUnit(NamedTuple):
    """An enabled unit that runs a gateway of `home`; `folder`: where it is enabled."""

    name: str
    folder: Path
    home: str


def units_of_home(home: Path, user_home: Path, folders: Iterable[Path]) -> tuple[EnabledUnit, ...]:
    """Return the enabled units that run the gateway of a home."""
    real = os.path.realpath(home)
    found = (each for folder in folders for each in _gateways(folder, user_home))
    return tuple(each for each in found if each.home == real)


def _gateways(folder: Path, user_home: Path) -> Iterator[EnabledUnit]:
    """Yield the enabled units of a folder that run a gateway; of a template, its enabled instances."""
    from .parse_definition import parse_definition

    for name, link in _links(folder):
        stem, at, instance = name.removesuffix(_ENDING).partition("@")
        source = folder / (f"{stem}@{_ENDING}" if at else name)
        content = _read(folder / name) or _read(source) or _read(link)
        if content is None or b"gateway" not in content:
            continue
        for letter, value in ((b"%i", instance), (b"%I", instance), (b"%h", str(user_home))):
            content = content.replace(letter, os.fsencode(value))
        parsed = parse_definition(ManagerKind.SYSTEMD, content)
        given = os.path.realpath(parsed.home or user_home / ROOT_FOLDER)
        if parsed.selected:
            is_profile = os.path.basename(os.path.dirname(given)) == PROFILES_FOLDER
            root = os.path.dirname(os.path.dirname(given)) if is_profile else given
            given = (
                root if parsed.selected == DEFAULT else os.path.realpath(f"{root}/{PROFILES_FOLDER}/{parsed.selected}")
            )
        yield EnabledUnit(name, folder, given)


def _links(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield (name, link) of the units that a folder enables."""
    for wants in _entries(folder):
        if wants.endswith((".wants", ".requires")):
            for name in _entries(folder / wants):
                if name.endswith(_ENDING):
                    yield name, folder / wants / name


def _entries(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read(path: Path) -> bytes | None:
    try:
        return read_regular(Path(os.path.realpath(path)), _LARGEST)
    except OSError:
        return None
