"""Asks a running gateway over its control socket, and has it serve a profile or stop serving it.

Facts (Hermes 0.20.6 and later, gateway/control_socket.py): a Unix socket `gateway.sock` in the home; where that path is
longer than 100 bytes, `gateway.sock.path` names another. One JSON line is answered by one JSON line. `identify` and
`status` exist from the start, `rescan-profiles` from 0.21.3, `serve-profile` and `unserve-profile` from 0.21.5.
"""

from __future__ import annotations

import json
import os
import stat
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.files import CONTROL_SOCKET_FILE, CONTROL_SOCKET_POINTER
from hermes_profiles.model.errors import Failed
from hermes_profiles.profiles.regular_file import read_regular

IDENTIFY = "identify"
STATUS = "status"
RESCAN = "rescan-profiles"
SERVE = "serve-profile"
UNSERVE = "unserve-profile"
MIGRATE_IDENTITY = "migrate-profile-identity"
PURGE_IDENTITY = "purge-profile-identity"
_PROTOCOL = 1
_LARGEST = 512 * 1024


def socket_of(home: Path) -> Path | None:
    """Return the control socket of a gateway, None without one; a file of another user or type does not count."""
    own = home / CONTROL_SOCKET_FILE
    if _is_own_socket(own):
        return own
    try:
        given = read_regular(home / CONTROL_SOCKET_POINTER, 4096).decode(errors="replace").strip()
    except OSError:
        return None
    return Path(given) if given.startswith("/") and _is_own_socket(Path(given)) else None


def _is_own_socket(path: Path) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISSOCK(status.st_mode) and status.st_uid == os.getuid()


def ask(home: Path, verb: str, params: Mapping[str, Any] | None = None, *, timeout: float = 2.0) -> Mapping[str, Any]:
    """Return the answer of the gateway of `home` to a verb; `timeout`: seconds for the whole exchange.

    Raises Failed without a socket, for a refusal, and for an answer that cannot be read.
    """
    path = socket_of(home)
    if path is None:
        raise Failed(f"{home} has no control socket", target=str(home), code="no-socket")
    request = {"verb": verb, "id": 1, "protocol": _PROTOCOL, **({"params": dict(params)} if params else {})}
    try:
        raw = _exchange(path, json.dumps(request).encode() + b"\n", timeout)
        answer = json.loads(raw)
    except (OSError, ValueError, RecursionError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "it gave no valid answer"
        raise Failed(
            f"the gateway does not answer on {path}: {reason.lower()}", target=str(path), code="no-answer"
        ) from None
    result = answer.get("result") if isinstance(answer, dict) else None
    if not isinstance(result, dict) or answer.get("ok") is not True:
        refusal = answer.get("error") if isinstance(answer, dict) else None
        raise Failed(f"the gateway refuses {verb}: {refusal or 'no reason given'}", target=str(path), code="refused")
    return result


def _exchange(path: Path, request: bytes, timeout: float) -> bytes:
    import socket

    deadline = time.monotonic() + timeout
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        connection.connect(str(path))
        connection.sendall(request)
        received = b""
        while b"\n" not in received:
            connection.settimeout(max(0.01, deadline - time.monotonic()))
            part = connection.recv(65536)
            received += part
            if not part or len(received) > _LARGEST:
                break
    return received.partition(b"\n")[0]
