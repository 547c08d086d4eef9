"""Reads which libraries are installed beside Hermes, from the names of their folders; nothing is imported."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .hermes_install import installation

_DISTRIBUTION = lazy_pattern(r"([A-Za-z0-9][A-Za-z0-9._]*)-[0-9][^-]*\.dist-info")


class HermesLibraries(NamedTuple):
    """The environment of Hermes: its interpreter, its folder of packages, the normalised names of what is in it."""

    python: Path
    folder: Path
    names: frozenset[str]


def installed_libraries(layout: Layout, environment: Mapping[str, str]) -> HermesLibraries | None:
    """Return the libraries beside the Hermes that serves this root, None where they cannot be found."""
    found = installation(layout, environment)
    if found is None or found.code is None:
        return None
    for venv in (found.python.parent.parent, found.code / "venv", found.code / ".venv"):
        for folder in sorted(venv.glob("lib/python3*/site-packages")):
            names = frozenset(_names(folder))
            # An interpreter of a store or of the system has no Hermes beside it.
            if folder == found.code or any(name.startswith("hermes-agent") for name in names):
                return HermesLibraries(venv / "bin" / "python", folder, names)
    return None


def _names(folder: Path) -> Iterator[str]:
    try:
        entries = os.listdir(folder)
    except OSError:
        return
    for entry in entries:
        match = _DISTRIBUTION.fullmatch(entry)
        if match is not None:
            yield re.sub(r"[-_.]+", "-", match[1]).lower()
