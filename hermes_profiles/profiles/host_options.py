"""What a named profile says about the one gateway that serves all: parked, or standalone."""

from __future__ import annotations

import os
from pathlib import Path

from hermes_profiles.hermes.files import CONFIG_FILE, PARKED_MARKER
from hermes_profiles.model.truthy import is_truthy

from .home_files import HomeFiles

_KEY = b"standalone"  # as YAML writes it, unless with escapes


def is_parked(home: Path) -> bool:
    """Return whether the gateway for all profiles does not serve this one: its content does not matter.

    Source: Hermes 0.21.5, hermes_cli/profiles.py, `profile_is_parked`.
    """
    return os.path.exists(os.path.join(home, PARKED_MARKER))


def is_standalone(home: Path) -> bool:
    """Return whether config.yaml asks for a gateway of the profile's own (`gateway.standalone`).

    Source: Hermes 0.21.5, hermes_cli/profiles.py, `profile_is_standalone`; earlier releases do not read the setting.
    """
    files = HomeFiles(home)
    raw = files.raw(CONFIG_FILE)
    if not raw or not (_KEY in raw or b"\\" in raw):  # most fleets have no such profile, and parsing takes longest
        return False
    gateway = files.sections(CONFIG_FILE, ("gateway",)).get("gateway")
    return isinstance(gateway, dict) and is_truthy(gateway.get("standalone"))
