"""The configuration folder of this program: what a user declares for all roots."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path


def user_config_folder(environment: Mapping[str, str]) -> Path:
    """Return the configuration folder of this program, which need not exist.

    On Linux platformdirs uses the XDG rule, repeated here without the library because every command needs the path.
    """
    if sys.platform == "linux":
        home = Path(environment.get("HOME") or os.path.expanduser("~"))
        return Path(environment.get("XDG_CONFIG_HOME", "").strip() or home / ".config") / "hermes-profiles"
    import platformdirs

    return Path(platformdirs.user_config_dir("hermes-profiles", appauthor=False))
