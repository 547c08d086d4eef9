"""Which `hermes` a shell finds: shims of ours told from the real one."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

from hermes_profiles.profiles.regular_file import read_regular

from .shim_header import is_shim, recorded_in

LARGEST = 64 * 1024


def commands_on_path(environment: Mapping[str, str]) -> Iterator[str]:
    """Yield every `hermes` on PATH, as a shell would find it, first one first. An empty entry is the folder we are
    in."""
    seen = set()
    path = environment.get("PATH", "")
    for folder in path.split(os.pathsep) if path else ():
        place = os.path.join(folder or ".", "hermes")
        if place not in seen and os.path.isfile(place) and os.access(place, os.X_OK):
            seen.add(place)
            yield place


def is_shim_file(path: str) -> bool:
    """Return whether a command is a shim of ours, this one or another copy."""
    try:
        return is_shim(read_regular(path, 256))
    except OSError:  # what can be run but not read is no script of ours
        return False


def real_hermes(environment: Mapping[str, str]) -> str | None:
    """Return the `hermes` that a shim would hand to: the first on PATH that is none, else the one that the first shim
    on PATH knows; None when there is neither."""
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
