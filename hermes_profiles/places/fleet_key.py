"""The key of a fleet: one for all places of a user, so that fingerprints are equal everywhere. Every file is 0600."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.fingerprint_key import fleet_key
from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret, fingerprint
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.user_config import user_config_folder

SIZE = 32


def own_key_file(environment: Mapping[str, str]) -> Path:
    """Return the file of the key on the machine that manages places, beside `places.toml`."""
    return user_config_folder(environment) / "fleet.key"


def own_key(environment: Mapping[str, str]) -> Secret[bytes] | None:
    """Return the key of the user's fleet, None before the first place was added. Raises Failed for a damaged file."""
    path = own_key_file(environment)
    try:
        key = read_regular(path, SIZE + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _damaged(path, "cannot be read") from error
    if len(key) != SIZE:
        raise _damaged(path, f"is damaged: it has {SIZE} bytes")
    return Secret(key)


def keep_own_key(environment: Mapping[str, str], key: Secret[bytes]) -> None:
    """Write the key of the user's fleet. Raises Failed."""
    write_state_file(own_key_file(environment), key.reveal())


def random_key() -> Secret[bytes]:
    """Return another key."""
    return Secret(os.urandom(SIZE))


def take_key(layout: Layout, key: Secret[bytes]) -> None:
    """Write the key of the fleet into the state of a root. Raises Failed."""
    Files().private_folder(str(layout.state))
    write_state_file(layout.fleet_key, key.reveal())


def root_key(layout: Layout) -> Secret[bytes] | None:
    """Return the key of the fleet that a root belongs to, None without one. Raises Failed."""
    key = fleet_key(layout)
    return Secret(key) if key is not None else None


def key_id(key: Secret[bytes]) -> str:
    """Return what names a key in messages and answers; the key cannot be found from it."""
    return fingerprint("fleet", key.reveal())


def key_text(key: Secret[bytes]) -> str:
    """Return the key as text for a stream. Review every call: it is the secret itself."""
    return base64.b64encode(key.reveal()).decode()


def key_of(text: str) -> Secret[bytes] | None:
    """Return the key of a text, None for another text."""
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return Secret(key) if len(key) == SIZE else None


def _damaged(path: Path, why: str) -> Failed:
    return Failed(
        f"the key of the fleet, {path}, {why}",
        target=str(path),
        code="bad-fleet-key",
        hint=f"move it away with `mv {quote(str(path))} {quote(f'{path}.old')}`",
    )
