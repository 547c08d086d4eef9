"""Ports for gateways of tests that run in parallel."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterable


def free_port() -> int:
    """Return a free port, chosen at random because tests run in parallel.

    It is below the ephemeral ports: the kernel could give one of those to a connection before the gateway listens.
    """
    while True:
        port = random.randrange(17_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Return a free port for each name; all are different."""
    found: dict[str, int] = {}
    for name in names:
        while (port := free_port()) in found.values():
            continue
        found[name] = port
    return found
