"""A cache of the secrets of all profiles: a secret of one profile can be in the log of another."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.files import (
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    OP_ENV_FILE,
    WEIXIN_ACCOUNTS_FOLDER,
)
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.redact import Redactor, former_secrets, secrets_of

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog

_FILES = (ENV_FILE, OP_ENV_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE, AUTH_FILE, WEIXIN_ACCOUNTS_FOLDER)
_SECONDS = 1.0
_Seen = tuple[tuple[int, int, int] | None, ...]


class SecretCache:
    """The secrets of every profile of a root. Removed secrets stay: old log lines still contain them."""

    def __init__(self, layout: Layout, catalog: Catalog | None = None) -> None:
        self._layout = layout
        self._catalog = catalog
        self._seen: dict[str, _Seen] = {}
        self._secrets: dict[str, str] = {}
        self._redactor: Redactor | None = None
        self._refreshed = 0.0

    @property
    def redactor(self) -> Redactor:
        """Return the redactor; the files are checked for changes once a second."""
        now = time.monotonic()
        if not self._refreshed or now - self._refreshed >= _SECONDS:
            self.refresh()
            self._refreshed = now
        if self._redactor is None:
            self._redactor = Redactor(self._secrets)
        return self._redactor

    def refresh(self) -> None:
        """Read the secrets of files that have changed."""
        before = len(self._secrets)
        if not self._seen:
            self._secrets = dict(former_secrets(self._layout, self._catalog))
        for profile in profile_names(self._layout):
            home = self._layout.home(profile)
            seen = tuple(_signature(home / name) for name in _FILES)
            if self._seen.get(profile) != seen:
                self._seen[profile] = seen
                self._secrets = {**secrets_of(home, self._catalog), **self._secrets}
        if len(self._secrets) != before:
            self._redactor = None


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns
