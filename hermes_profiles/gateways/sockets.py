"""Reads the TCP sockets of processes from the kernel of Linux: listening ports, and when data arrived on a link last.

One request answers for all processes, without a privilege (sock_diag(7), NETLINK_SOCK_DIAG). Other systems, and
processes in another network namespace, have no answer: nothing is known of their sockets.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterator, Sequence

from hermes_profiles.model.named_tuple import NamedTuple

from .model import Link, ProcessSockets

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY
_DUMP = 0x301  # NLM_F_REQUEST | NLM_F_DUMP
_ERROR, _DONE = 2, 3  # NLMSG_ERROR, NLMSG_DONE
_TCP = 6
_INFO = 2  # INET_DIAG_INFO: an attribute with `struct tcp_info`
_ESTABLISHED, _LISTEN = 1, 10
_HEADER = struct.Struct("=IHHII")
_REQUEST = struct.Struct("=BBBBI48x")
_ATTRIBUTE = struct.Struct("=HH")
# Offsets in `struct inet_diag_msg` and `struct tcp_info` (linux/inet_diag.h, linux/tcp.h).
_MESSAGE, _INODE = 72, 68
_LAST_SENT, _LAST_RECEIVED, _BYTES_RECEIVED = 44, 52, 128
_BUFFER = 1 << 16
_TIMEOUT = 1.0


class _Socket(NamedTuple):
    state: int
    port: int
    remote_port: int
    silent_for: float | None
    is_waiting: bool


def linux_sockets(pids: Sequence[int]) -> dict[int, ProcessSockets]:
    """Return pid → its TCP sockets, for the processes whose sockets this user can read."""
    namespace = _namespace("self")
    own = {pid: inodes for pid in pids if _namespace(pid) == namespace and (inodes := _inodes(pid)) is not None}
    if not own or namespace is None:
        return {}
    try:
        table = dict(row for family in (socket.AF_INET, socket.AF_INET6) for row in _dump(family))
    except (OSError, struct.error):  # a sandbox without netlink
        return {}
    return {pid: _of_process([table[inode] for inode in inodes if inode in table]) for pid, inodes in own.items()}


def _of_process(rows: Sequence[_Socket]) -> ProcessSockets:
    listens = frozenset(each.port for each in rows if each.state == _LISTEN)
    opened = (each for each in rows if each.state == _ESTABLISHED and each.port not in listens)
    return ProcessSockets(listens, tuple(Link(*each[2:]) for each in opened))


def _namespace(pid: int | str) -> str | None:
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


def _inodes(pid: int) -> list[int] | None:
    """Return the inodes of the sockets of a process, None where they cannot be read."""
    folder, found = f"/proc/{pid}/fd", []
    try:
        names = os.listdir(folder)
    except OSError:
        return None
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:  # closed since then
            continue
        if target.startswith("socket:["):
            found.append(int(target[8:-1]))
    return found


def _dump(family: int) -> Iterator[tuple[int, _Socket]]:
    """Yield (inode, socket) of every listening and established TCP socket of this network namespace."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as opened:
        opened.settimeout(_TIMEOUT)
        body = _REQUEST.pack(family, _TCP, 1 << (_INFO - 1), 0, 1 << _ESTABLISHED | 1 << _LISTEN)
        opened.send(_HEADER.pack(_HEADER.size + len(body), _BY_FAMILY, _DUMP, 1, 0) + body)
        while True:
            data, at = opened.recv(_BUFFER), 0
            while at < len(data):
                size, kind, *_ = _HEADER.unpack_from(data, at)
                if kind == _DONE:
                    return
                if kind == _ERROR or size < _HEADER.size:
                    raise OSError("the kernel refuses to list sockets")
                yield _socket(data[at + _HEADER.size : at + size])
                at += (size + 3) & ~3


def _socket(message: bytes) -> tuple[int, _Socket]:
    port, remote = struct.unpack_from(">HH", message, 4)
    (inode,) = struct.unpack_from("=I", message, _INODE)
    return inode, _Socket(message[1], port, remote, *_silence(message))


def _silence(message: bytes) -> tuple[float | None, bool]:
    """Return (seconds since the other side sent data last, None where it never did; whether this side sent last)."""
    at = _MESSAGE
    while at + _ATTRIBUTE.size <= len(message):
        size, kind = _ATTRIBUTE.unpack_from(message, at)
        if size < _ATTRIBUTE.size:
            break
        info = message[at + _ATTRIBUTE.size : at + size]
        if kind == _INFO and len(info) >= _BYTES_RECEIVED + 8:
            (milliseconds,) = struct.unpack_from("=I", info, _LAST_RECEIVED)
            (sent,) = struct.unpack_from("=I", info, _LAST_SENT)
            (received,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
            return (milliseconds / 1000, sent <= milliseconds) if received else (None, True)
        at += (size + 3) & ~3
    return None, True
