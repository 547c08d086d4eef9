"""A tunnel by which a booted host reaches a stand-in on its own loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from bot_api import BotApi


@contextmanager
def tunnel(ssh: str, host: str, api: BotApi, port: int) -> Iterator[None]:
    """Let a host reach a stand-in on this port until the end of the block. `ssh`: the program that reaches the host."""
    words = [ssh, "-N", "-o", "ExitOnForwardFailure=yes", "-R", f"127.0.0.1:{port}:127.0.0.1:{api.port}", host]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.terminate()
        process.wait(10)
