"""Logins that profiles of a root share on purpose."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from hermes_profiles.hermes.environment import HERMES_SHARED_AUTH_DIR
from hermes_profiles.hermes.files import NOUS_LOGIN_FILE
from hermes_profiles.model.layout import Layout

from .regular_file import read_regular

_LARGEST = 1024 * 1024


def shares_nous(layout: Layout, environment: Mapping[str, str]) -> bool:
    """Return whether profiles share their Nous login through the shared store.

    The store is locked during a rotation, and every copy is updated from it first (0.19.0, hermes_cli/auth.py,
    `_merge_shared_nous_oauth_state`).
    """
    folder = environment.get(HERMES_SHARED_AUTH_DIR) or os.fspath(layout.root / "shared")
    try:
        data = json.loads(read_regular(os.path.join(folder, NOUS_LOGIN_FILE), _LARGEST))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and bool(data.get("refresh_token"))
