"""The client of our supervisord: its files, its socket, and one call."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.changes.lock import lock_holder
from hermes_profiles.model.text import system_reason
from hermes_profiles.services.manager import ManagerError

# Names in the folder `supervisor` of our state.
CONF = "supervisord.conf"
LOG = "supervisord.log"
PROGRAMS = "programs"
SOCKET = "socket"  # a text: the path of the socket
LOCK = "daemon.lock"  # held by the daemon while it runs
DESIRED = "meant.json"  # programs that were started and not stopped; only a running daemon writes it
DISABLED = "disabled.json"  # programs that do not start with the daemon; read when it starts

# sun_path has 103 bytes on macOS and 107 on Linux, and supervisord first binds a name with its pid appended.
_LONGEST = 95
_SECONDS = 10.0
_LOOK = 1.0  # after so long without an answer it is looked whether the daemon is suspended
_WRONG_DAEMON, _SHUTDOWN = 10, 6  # supervisor.xmlrpc.Faults BAD_NAME and SHUTDOWN_STATE


class DaemonNotRunning(Exception):
    """No daemon of ours listens on the socket, or it is ending."""


class WrongDaemon(DaemonNotRunning):
    """A daemon of another path listens on the socket: the root was copied, or moved while its daemon ran."""


def daemon_id(folder: Path) -> str:
    """Return the id of the daemon of a folder: 16 hex digits."""
    import hashlib  # loads OpenSSL, which a user of systemd does not need

    return hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:16]


def choose_socket(folder: Path, environment: Mapping[str, str], uid: int) -> Path:
    """Return the socket of a daemon for `folder`: in XDG_RUNTIME_DIR if this user owns it, else in /tmp."""
    name = f"{daemon_id(folder)}.sock"
    given = environment.get("XDG_RUNTIME_DIR", "")
    path = Path(given) / "hermes-profiles" / name
    if given.startswith("/") and given.isprintable() and len(os.fsencode(path)) <= _LONGEST and _owner(given) == uid:
        return path
    return Path(f"/tmp/hermes-profiles-{uid}") / name  # noqa: S108  (its owner is checked before it is used)


def _owner(folder: str) -> int | None:
    try:
        return os.stat(folder).st_uid
    except OSError:
        return None


def file_state(path: str) -> tuple[int, ...] | None:
    """Return inode, size and modification time of a file, None when it is missing; they differ after an edit."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def names_in(path: Path) -> set[str]:
    """Return the names in one of our lists; none when it cannot be read."""
    try:
        with open(path, "rb") as file:
            found = json.loads(file.read())
    except (OSError, ValueError):
        return set()
    return {name for name in found if isinstance(name, str)} if isinstance(found, list) else set()


def log_hint(folder: Path) -> str:
    """Return the hint to read the log of the daemon."""
    from shlex import quote

    return f"read its log with `tail -n 50 {quote(str(folder / LOG))}`"


def call(folder: Path, method: str, names: Sequence[str]) -> Any:
    """Return the result of `fleet.<method>` of the daemon of `folder`.

    The request is written by hand: loading xmlrpc.client takes 28 ms of CPU time, twice a bare Python, in every
    `status`, and it has no timeout. Raises DaemonNotRunning, or ManagerError for a daemon that hangs or fails.
    """
    try:
        with open(folder / SOCKET, "rb") as file:
            path = os.fsdecode(file.read())
    except (FileNotFoundError, NotADirectoryError) as error:
        path = _unnamed_socket(folder)
        if not path:
            raise DaemonNotRunning from error
    except OSError as error:
        raise ManagerError(
            f"cannot read {folder / SOCKET}: {system_reason(error)}",
            target=str(folder),
            hint=f"see the path with `ls -ld {quote(str(folder / SOCKET))}`; supervisord writes it at its start",
        ) from error
    argument = json.dumps({"daemon": daemon_id(folder), "names": list(names)})
    body = (
        f"<?xml version='1.0'?><methodCall><methodName>fleet.{method}</methodName><params><param><value><string>"
        f"{argument.replace('&', '&amp;').replace('<', '&lt;')}</string></value></param></params></methodCall>"
    ).encode()
    request = b"POST /RPC2 HTTP/1.0\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    try:
        head, _, answer = _exchange(path, request, folder).partition(b"\r\n\r\n")
    except (FileNotFoundError, ConnectionError, NotADirectoryError) as error:
        raise DaemonNotRunning from error
    except TimeoutError as error:
        raise ManagerError(
            f"supervisord did not answer within {_SECONDS:g} s on {path}",
            target=path,
            code="manager-timeout",
            hint=log_hint(folder),
        ) from error
    except OSError as error:
        raise ManagerError(f"cannot reach supervisord on {path}: {error.strerror or error}", target=path) from error
    return _answer(head.decode("ascii", "replace"), answer.decode("utf-8", "replace"), folder)


def _unnamed_socket(folder: Path) -> str:
    """Return the socket of a running daemon whose file that names it was removed, "" without one."""
    if not lock_holder(folder / LOCK):
        return ""
    path = choose_socket(folder, os.environ, os.getuid())
    return str(path) if _owner(str(path.parent)) == os.getuid() and path.exists() else ""


def _exchange(path: str, request: bytes, folder: Path) -> bytes:
    import socket

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_LOOK)
        try:
            connection.connect(path)
        except BlockingIOError:  # its queue is full: it accepts nothing
            _refuse_suspended(folder)
            raise
        connection.sendall(request)
        parts: list[bytes] = []
        tries = 1
        while True:
            try:
                part = connection.recv(1 << 16)
            except TimeoutError:
                _refuse_suspended(folder)
                if tries * _LOOK >= _SECONDS:
                    raise
                tries += 1
                continue
            if not part:
                return b"".join(parts)
            parts.append(part)


def listener_of(path: Path) -> int | None:
    """Return the process that listens on a socket, None without one or where the system reports none."""
    import socket
    import struct

    if not hasattr(socket, "SO_PEERCRED"):  # macOS
        return None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_LOOK)
        try:
            connection.connect(str(path))
            found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
    pid: int = struct.unpack("3i", found)[0]
    return pid or None


def _refuse_suspended(folder: Path) -> None:
    """Raise ManagerError where the daemon of a folder is suspended (SIGSTOP): no wait makes it answer."""
    pid = lock_holder(folder / LOCK)
    if not pid or not pid.isdecimal():
        return
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            state = file.read().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):  # gone, or a system without /proc
        return
    if state in (b"T", b"t"):
        raise ManagerError(
            f"supervisord (process {pid}) is suspended: it starts and stops no gateway, and restarts none that ends",
            target=str(folder),
            code="manager-timeout",
            hint=f"continue it with `kill -CONT {pid}`",
        )


def _answer(head: str, body: str, folder: Path) -> Any:
    begin, end = body.find("<string>"), body.rfind("</string>")
    if not head:  # it ended before it answered
        raise DaemonNotRunning
    if " 200 " not in head.partition("\r\n")[0] + " " or begin < 0 or end < 0:
        raise ManagerError(
            f"supervisord failed: {head.partition(chr(13))[0]}",
            target=str(folder),
            hint=log_hint(folder),
        )
    text = body[begin + len("<string>") : end].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    if "<fault>" in body:
        if f"<int>{_WRONG_DAEMON}</int>" in body:
            raise WrongDaemon
        if f"<int>{_SHUTDOWN}</int>" in body:
            raise DaemonNotRunning
        raise ManagerError(
            f"supervisord refused: {text}",
            target=str(folder),
            hint=log_hint(folder),
        )
    return json.loads(text)
