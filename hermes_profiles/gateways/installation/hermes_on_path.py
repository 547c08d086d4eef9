"""Finds the real `hermes` on PATH, past the shims of this project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hermes_profiles.profiles.regular_file import read_regular

from .shim_header import is_shim, recorded_in

LARGEST = 64 * 1024


def commands_on_path(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield every `hermes` on PATH in the order of a shell. An empty entry is the current folder."""
    seen = set()
    path = environment.get("PATH", "")
    for folder in path.split(os.pathsep) if path else ():
        place = os.path.join(folder or ".", "hermes")
        if place not in seen and os.path.isfile(place) and os.access(place, os.X_OK):
            seen.add(place)
            yield place


def is_shim_file(path: str) -> bool:
    """Return whether a command is a shim of this project."""
    try:
        return is_shim(read_regular(path, 256))
    except OSError:  # an unreadable program is not a shim
        return False


def real_hermes(environment: Mapping[str, str]) -> str | None:
    """Return the real `hermes`: the first on PATH that is not a shim, else the one that the first shim records.

    None without either.
    """
    recorded = None
    for path in commands_on_path(environment):
        if not is_shim_file(path):
            return path
        if recorded is None:
            recorded = _recorded_hermes(path)
    return recorded


def _recorded_hermes(shim: str) -> str | None:
    try:
        known = recorded_in(read_regular(shim, LARGEST))
    except OSError:
        return None
    place = known.hermes if known is not None else None
    return place if place and os.access(place, os.X_OK) and not is_shim_file(place) else None
