"""Finds the enabled units of systemd and agents of launchd that run the gateway of a home, under any name.

Instances of templates are included.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from hermes_profiles.hermes.files import PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.regular_file import read_regular

from .hermes_command import homes_in_command, selected_profile, shell_words
from .manager import ManagerKind
from .systemd.unit_file import parse_unit

_LARGEST = 64 * 1024
_ENDING, _PLIST = ".service", ".plist"


class EnabledUnit(NamedTuple):
    """An enabled unit, or the label of an agent, that runs a gateway of `home`; `folder`: where it is enabled."""

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
    for name, link in _links(folder):
        stem, at, instance = name.removesuffix(_ENDING).partition("@")
        source = folder / (f"{stem}@{_ENDING}" if at else name)
        content = _read(folder / name) or _read(source) or _read(link)
        if content is None or b"gateway" not in content:
            continue
        for letter, value in ((b"%i", instance), (b"%I", instance), (b"%h", str(user_home))):
            content = content.replace(letter, os.fsencode(value))
        words = shell_words(parse_unit(content).command("ExecStart"))
        yield EnabledUnit(name, folder, _home(ManagerKind.SYSTEMD, content, words, user_home))


def agents_of_home(
    home: Path, user_home: Path, folders: Iterable[Path], disabled: Collection[str] = ()
) -> tuple[EnabledUnit, ...]:
    """Return the agents and daemons of launchd that run the gateway of a home; `disabled`: labels that do not count."""
    real = os.path.realpath(home)
    found = (each for folder in folders for each in _agents(folder, user_home, disabled))
    return tuple(each for each in found if each.home == real)


def _agents(folder: Path, user_home: Path, disabled: Collection[str]) -> Iterator[EnabledUnit]:
    """Yield the property lists of a folder that run a gateway, by their labels."""
    from .launchd.render import parse_plist

    for name in _entries(folder):
        content = _read(folder / name) if name.endswith(_PLIST) else None
        if content is None or b"gateway" not in content:
            continue
        try:
            job = parse_plist(content)
        except Failed:
            continue
        label, given = job.get("Label"), job.get("ProgramArguments")
        if not isinstance(label, str) or label in disabled or job.get("Disabled") is True:
            continue
        words = shell_words([word for word in given if isinstance(word, str)] if isinstance(given, list) else [])
        if ("gateway", "run") in pairwise(words):
            yield EnabledUnit(label, folder, _home(ManagerKind.LAUNCHD, content, words, user_home))


def _home(kind: ManagerKind, content: bytes, words: tuple[str, ...], user_home: Path) -> str:
    """Return the home in which the command of a definition works, with links followed."""
    from .parse_definition import parse_definition

    in_command = homes_in_command(words, user_home)
    given = os.path.realpath(
        in_command[-1] if in_command else parse_definition(kind, content).home or user_home / ROOT_FOLDER
    )
    selected = selected_profile(words)[0]
    if not selected:
        return given
    is_profile = os.path.basename(os.path.dirname(given)) == PROFILES_FOLDER
    root = os.path.dirname(os.path.dirname(given)) if is_profile else given
    return root if selected == DEFAULT else os.path.realpath(f"{root}/{PROFILES_FOLDER}/{selected}")


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
