"""The random key of fingerprints, one per root, and the key of the fleet that answers use where there is one."""

from __future__ import annotations

import os
import stat
from shlex import quote

from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.text import system_reason

from .errors import error_text
from .filesystem import Files

_SIZE = 32
_TRIES = 3
_DAMAGED = "bad-fingerprint-key"


def fingerprint_key(layout: Layout, *, make: bool) -> bytes | None:
    """Return the key of the root; None when it does not exist and `make` is False.

    With `make` a missing key is created by one exclusive rename, so that two concurrent runs get the same key. Raises
    Failed when the file is not a regular file of 32 bytes (links are not followed), or cannot be read or created.
    """
    path, files = str(layout.fingerprint_key), Files()
    key = _read(path)
    for _ in range(_TRIES):
        if key is not None or not make:
            return key
        try:
            _make(layout, files)
        except FileNotFoundError:  # another run removed our draft together with those of killed runs
            continue
        except OSError as error:
            raise Failed(
                f"cannot create the key of fingerprints: {error_text(error)}",
                target=path,
                code="no-fingerprint-key",
                hint=f"see the folder with `ls -ld {quote(os.path.dirname(path))}`",
            ) from error
        key = _read(path)
    return key


def fleet_key(layout: Layout) -> bytes | None:
    """Return the key of the fleet that the root belongs to, None without one. Raises Failed for a damaged file."""
    return _read(str(layout.fleet_key))


def answer_key(layout: Layout) -> bytes:
    """Return the key for fingerprints in answers: of the fleet where there is one, else `any_key`.

    Fingerprints that are kept and compared later use `any_key`: the key of the fleet can change. Raises Failed.
    """
    return fleet_key(layout) or any_key(layout)


def any_key(layout: Layout) -> bytes:
    """Return the key of the root, or a random key for this run where none can be created.

    Fingerprints of a random key compare within one result only. Raises Failed for a damaged key.
    """
    try:
        key = fingerprint_key(layout, make=True)
    except HermesProfilesError as error:
        if error.problem.code == _DAMAGED:
            raise
        key = None
    return key or os.urandom(_SIZE)


def _read(path: str) -> bytes | None:
    """Return the key in the file, None if it does not exist. Raises Failed for another content or kind of file."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _damaged(path, f"cannot be read: {system_reason(error)}") from error
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise _damaged(path, "is not a regular file")
        key = os.read(fd, _SIZE + 1)
    finally:
        os.close(fd)
    if len(key) != _SIZE:
        raise _damaged(path, f"is damaged: a key has {_SIZE} bytes")
    return key


def _damaged(path: str, why: str) -> Failed:
    return Failed(
        f"the key of fingerprints, {path}, {why}",
        target=path,
        code=_DAMAGED,
        hint=f"move it away with `mv {quote(str(path))} {quote(str(path))}.old`: the next command creates another key",
    )


def _make(layout: Layout, files: Files) -> None:
    """Create a key unless another process has done so. Raises OSError, Refused for a bad state folder."""
    state = str(layout.state)
    files.private_folder(state)
    files.private_folder(f"{state}/staging")
    draft = f"{state}/staging/key-{os.urandom(8).hex()}"  # the next change removes the draft of a killed run
    try:
        files.write_new(draft, os.urandom(_SIZE), mode=0o600, owner=files.owner_below(state))
        files.rename_new(draft, str(layout.fingerprint_key))
    except Refused as error:
        if error.problem.code != "exists":
            raise
    finally:
        files.unlink(draft)
