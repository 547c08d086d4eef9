"""Lists the listening TCP sockets of this machine from the kernel tables, without opening a connection."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping

from hermes_profiles.doctor.facts.identities import Listener
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.ports import is_taken

_LISTENS = "0A"
_TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
_DEEPEST = 64
_SOCKET = lazy_pattern(r"socket:\[(\d+)\]")


def listeners_on(
    ports: Collection[int],
    gateways: Mapping[int, str],
    profile_of: Callable[[int], str | None],
    *,
    platform: str,
) -> tuple[Listener, ...]:
    """Return the listeners on these ports.

    `gateways`: pid → profile; `profile_of`: identifies a gateway of this root without a pid file by its arguments and
    home.
    """
    table = _linux(ports, gateways) if platform == "linux" else _elsewhere(ports)
    listeners = []
    for port, bind, pid in sorted(table, key=lambda row: (row[0], row[1], row[2] or 0)):
        profile = None
        if pid is not None:
            named = (gateways[ancestor] for ancestor in _line_of(pid, platform) if ancestor in gateways)
            profile = next(named, None) or profile_of(pid)
        listeners.append(Listener(port, bind, pid, profile, _program(pid, platform)))
    return tuple(listeners)


def _linux(ports: Collection[int], gateways: Collection[int]) -> set[tuple[int, str, int | None]]:
    sockets = {inode: (port, _host(bind, port)) for port, bind, inode in _open_sockets() if port in ports}
    owners = dict(_owners(set(sockets), map(str, gateways)))
    missing = set(sockets) - set(owners)
    if missing:  # scan all processes only for a port that no known gateway listens on
        owners |= dict(_owners(missing, _pids()))
    return {(port, bind, owners.get(inode)) for inode, (port, bind) in sockets.items()}


def _open_sockets() -> Iterator[tuple[int, str, str]]:
    """Yield (port, address, inode) of every listening TCP socket.

    Source: Linux, Documentation/networking/proc_net_tcp.rst.
    """
    for table in _TABLES:
        try:
            with open(table, encoding="ascii", errors="replace") as file:
                lines = file.readlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if len(fields) > 9 and fields[3] == _LISTENS:
                address, _, port = fields[1].rpartition(":")
                yield int(port, 16), _address(address), fields[9]


def _host(address: str, port: int) -> str:
    """Return an address, `*` for `::` with IPv4: the table does not say whether a socket is for IPv6 alone."""
    return "*" if address == "::" and is_taken(port, "0.0.0.0") else address  # noqa: S104  probed, never listened on


def _address(text: str) -> str:
    """Return an address of the kernel table, which holds 32-bit words in host byte order."""
    raw = b"".join(bytes.fromhex(text[at : at + 8])[::-1] for at in range(0, len(text), 8))
    if len(raw) == 16 and raw.startswith(b"\0" * 10 + b"\xff\xff"):
        raw = raw[12:]
    if len(raw) == 4:
        return ".".join(map(str, raw))
    import ipaddress

    return str(ipaddress.IPv6Address(raw))


def _owners(inodes: Collection[str], pids: Collection[str] | Iterator[str]) -> Iterator[tuple[str, int]]:
    left = set(inodes)
    for pid in pids:
        if not left:
            return
        try:
            names = os.listdir(f"/proc/{pid}/fd")
        except OSError:
            continue
        for name in names:
            try:
                match = _SOCKET.fullmatch(os.readlink(f"/proc/{pid}/fd/{name}"))
            except OSError:
                continue
            if match is not None and match[1] in left:
                left.discard(match[1])
                yield match[1], int(pid)


def _pids() -> Iterator[str]:
    try:
        names = os.listdir("/proc")
    except OSError:
        return
    yield from (name for name in names if name.isdecimal())


def _line_of(pid: int, platform: str) -> Iterator[int]:
    """Yield a process and those it descends from."""
    for _ in range(_DEEPEST):
        yield pid
        pid = _parent(pid, platform)
        if pid <= 1:
            return


def _parent(pid: int, platform: str) -> int:
    if platform != "linux":
        import psutil

        try:
            return int(psutil.Process(pid).ppid())
        except (psutil.Error, OSError):
            return 0
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def _program(pid: int | None, platform: str) -> str:
    """Return the name of a process, "" when it is unknown or has unprintable characters."""
    if pid is None or platform != "linux":
        return ""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="replace") as file:
            name = file.read(64).strip()
    except OSError:
        return ""
    return name if re.fullmatch(r"[A-Za-z0-9_.:/+ -]{1,15}", name) else ""


def _elsewhere(ports: Collection[int]) -> set[tuple[int, str, int | None]]:
    """Return the same without /proc. Some systems show other processes only to the superuser."""
    import psutil

    found = set()
    try:
        for row in psutil.net_connections(kind="tcp"):
            if row.status == psutil.CONN_LISTEN and row.laddr and row.laddr.port in ports:
                address = row.laddr.ip
                found.add((row.laddr.port, "*" if address == "::" else address, row.pid))
    except (psutil.Error, OSError):
        return set()
    return found
