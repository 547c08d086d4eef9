"""Ports that the profiles of a root declare, and the choice of a free port."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.patterns import lazy_pattern

from .regular_file import read_regular

# Broad on purpose: a number that only looks like a port is avoided as well.
_DECLARED = lazy_pattern(rb"(?i)port[\w]*['\"]?\s*[:=]\s*['\"]?(\d{2,5})\b")
_FIRST = 8643
_LARGEST = 16 * 1024 * 1024


def declared_ports(homes: Iterable[Path]) -> frozenset[int]:
    """Return every port that the environment files and configurations of these homes name."""
    return frozenset(port for home in homes for port in _ports_of(home))


def _ports_of(home: Path) -> Iterator[int]:
    for name in (ENV_FILE, OP_ENV_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE):
        try:
            content = read_regular(home / name, _LARGEST)
        except OSError:
            continue
        yield from (int(match) for match in _DECLARED.findall(content.replace(b"\x00", b"")))


def default_ports(catalog: Catalog) -> frozenset[int]:
    """Return the ports that channels use by default (8642, 8644, …)."""
    return frozenset(port.default for channel in catalog.channels.values() for port in channel.ports)


def is_free(port: int) -> bool:
    """Return whether nothing listens on the port now, on any address of this machine."""
    import socket

    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_STREAM) as probe:
                if family == socket.AF_INET6:
                    probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                probe.bind((address, port))
        except OSError as error:
            if family == socket.AF_INET6 and not _address_taken(error):
                continue  # no IPv6 on this machine
            return False
    return True


def _address_taken(error: OSError) -> bool:
    import errno

    return error.errno in (errno.EADDRINUSE, errno.EACCES)


def is_taken(port: int, bind: str, *, platform: str = sys.platform) -> bool:
    """Return whether a gateway could not listen on this port and host: another process has the address.

    Hermes listens with asyncio, which binds each address of the host, and `::` without IPv4.
    """
    import socket

    try:
        found = socket.getaddrinfo(
            None if bind == "*" else bind, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except (OSError, UnicodeError):
        return False  # no address of this machine: the start of the channel reports it
    return any(_is_taken(family, address, platform) for family, _, _, _, address in found)


def _is_taken(family: int, address: tuple[object, ...], platform: str) -> bool:
    import errno
    import socket

    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            if platform != "linux":  # there a bind also fails for a minute after the last listener
                probe.settimeout(1.0)
                return probe.connect_ex(address) == 0
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind(address)
    except OSError as error:
        return error.errno == errno.EADDRINUSE
    return False


def free_port(claimed: frozenset[int], *, is_free: Callable[[int], bool] = is_free) -> int:
    """Return the lowest port from 8643 on that is not claimed and not in use.

    Raises Failed when no port below 65536 is free.
    """
    for port in range(_FIRST, 65536):
        if port not in claimed and is_free(port):
            return port
    raise Failed("no free port for the API server", hint="leave the API server off with `--no-api-server`")
