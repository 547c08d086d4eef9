"""Reads the scripts that start a profile: aliases, and services written by the user."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from hermes_profiles.doctor.facts.files import Script
from hermes_profiles.hermes.service_names import LABEL, LAUNCH_AGENTS, LEGACY_LABEL, USER_UNITS
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.alias import aliases_of
from hermes_profiles.profiles.listing import alias_target
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.naming import AWAKE_LABEL

from .homes import file_fact

_LARGEST = 256 * 1024
_MOST = 5000
# HERMES_HOME as units and property lists set it.
_HOME = lazy_pattern(rb"""HERMES_HOME(?:=|</key>\s*<string>)["']?([^"'\n<,]+?)/*["']?\s*(?=[\n<,]|$)""")


def alias_scripts(layout: Layout) -> Iterator[Script]:
    """Yield the scripts of the alias folder that start a profile."""
    exact: dict[str, Collection[Path]] = {}
    for entry in _scan(layout.alias_folder) if layout.is_ours else ():
        target = alias_target(entry)
        fact = file_fact(entry.path) if target is not None else None
        if target is None or fact is None:
            continue
        if target not in exact:
            exact[target] = aliases_of(layout, target) if not layout.home(target).is_dir() else ()
        yield Script(fact, target, _text(entry.path), is_alias=True, exact=fact.path in exact[target])


def handmade_services(layout: Layout, profiles: Collection[str]) -> Iterator[Script]:
    """Yield services of the user that run Hermes under another name. `probes/service_files.py` finds the others."""
    homes: dict[bytes, str] = {}
    for path in _handmade(layout):
        fact, text = file_fact(path), _text(path)
        if fact is None or b"hermes" not in text.lower():
            continue
        homes = homes or {os.fsencode(layout.home(name)): name for name in profiles}
        home = _HOME.search(text)
        if home is None or home[1] in homes:
            yield Script(fact, homes[home[1]] if home is not None else None, text)


def _handmade(layout: Layout) -> Iterator[str]:
    for entry in _scan(layout.user_home / USER_UNITS):
        if entry.name.startswith("hermes"):
            continue
        if entry.name.endswith(".service"):
            yield entry.path
        elif entry.name.endswith(".service.d"):
            yield from (part.path for part in _scan(entry.path) if part.name.endswith(".conf"))
    for entry in _scan(layout.user_home / LAUNCH_AGENTS):
        if entry.name.endswith(".plist") and not entry.name.startswith((LABEL, AWAKE_LABEL, LEGACY_LABEL)):
            yield entry.path


def _scan(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as scan:
            return sorted(scan, key=lambda entry: entry.name)[:_MOST]
    except OSError:
        return []


def _text(path: str) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return b""
