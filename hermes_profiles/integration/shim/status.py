"""The state of the shim: its path and content, and the user's start files of shells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.changes.signature import Signature, signature
from hermes_profiles.gateways.installation.hermes_on_path import LARGEST
from hermes_profiles.gateways.installation.shim_header import Recorded, is_shim, recorded_in
from hermes_profiles.model.layout import Layout, shim_folder
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular

from .script import is_current
from .shell_rc import SHELLS, start_file


class Shim(NamedTuple):
    """The state of the shim. `raw` None: missing; `is_ours`: the file is a shim of ours."""

    path: Path
    seen: Signature | None
    raw: bytes | None
    is_ours: bool
    is_current: bool
    recorded: Recorded | None

    def __repr__(self) -> str:
        return f"Shim({self.path})"

    @property
    def installed(self) -> bool:
        """Return whether an executable shim exists."""
        return self.is_ours and os.access(self.path, os.X_OK)


def find_shim(layout: Layout, environment: Mapping[str, str]) -> Shim:
    """Return the shim of this user, installed or not. Raises OSError when its path cannot be read."""
    path = shim_folder(environment, user_home=layout.user_home) / "hermes"
    seen = signature(path)
    try:
        raw = read_regular(path, LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return Shim(path, seen, None, is_ours=False, is_current=False, recorded=None)
    return Shim(path, seen, raw, is_shim(raw), is_current(raw), recorded_in(raw))


def start_files(layout: Layout, environment: Mapping[str, str]) -> dict[str, Path]:
    """Return the start file of each shell."""
    return {shell: start_file(shell, layout.user_home, environment, layout.platform) for shell in SHELLS}


def own_shells(layout: Layout, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the shells this user has set up: the login shell, and each with a start file.

    For fish, a folder for its configuration counts.
    """
    files = start_files(layout, environment)
    login = os.path.basename(environment.get("SHELL", ""))
    return tuple(
        shell
        for shell, path in files.items()
        if shell == login or (path.parent.parent if shell == "fish" else path).exists()
    )
