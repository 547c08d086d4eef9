"""Ports for gateways of tests that run side by side."""

from __future__ import annotations

import random
import socket


def free_port() -> int:
    """Return a port that nobody listens on. Below those the kernel gives to connections: one of these may be taken
    again before the gateway listens on it. At random, for many tests ask at the same time."""
    while True:
        port = random.randrange(17_000, 32_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
