"""Who polls which bot: a Bot API stand-in that tells pollers apart by their processes, not by their addresses."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from pathlib import Path
from typing import Any

from bot_api import BotApi


def pid_of_peer(port: int, server: int) -> int:
    """Return the process with the connection from `port` to `server` on this host, 0 without one."""
    inode = ""
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[1].endswith(f":{port:04X}") and fields[2].endswith(f":{server:04X}"):
            inode = fields[9]
    for entry in filter(str.isdecimal, os.listdir("/proc")) if inode else ():
        with contextlib.suppress(OSError):
            for link in os.scandir(f"/proc/{entry}/fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(link.path) == f"socket:[{inode}]":
                        return int(entry)
    return 0


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class ProcessPolls(BotApi):
    """The stand-in; `pollers`: token → pid of the last poll; `doubles`: each time two processes polled one token."""

    def __init__(self) -> None:
        super().__init__()
        self.pollers: dict[str, int] = {}
        self.doubles: list[tuple[str, int, int]] = []

    def caller(self, port: int) -> int:
        """Return the process of a new connection: at its last call it can be gone."""
        return pid_of_peer(port, self._server.server_address[1])

    def answer(
        self, gateway: str, token: str, method: str, arguments: dict[str, Any], peer: int = 0
    ) -> tuple[int, Any]:
        """Return (status, result) of one call; the gateway of a poll is its process."""
        refused = self.refusal(gateway, method)
        if refused is not None:
            return refused
        if method == "getUpdates":
            pid, gateway = peer, str(peer)
            with self._lock:
                others = {int(one) for one in self._polling.get(token, ()) if one != gateway}
                # A killed process leaves its poll behind for a second.
                if pid:  # a connection that was closed before it was looked up has no process
                    self.doubles += [(token, pid, other) for other in others if other and is_alive(other)]
                self._polling[token] = [one for one in self._polling.get(token, ()) if is_alive(int(one))]
                self.pollers[token] = pid
        return super().answer(gateway, token, method, arguments)

    def polled(self, tokens: dict[str, str]) -> dict[str, int]:
        """Return profile → pid that polled its token last, of the processes that live."""
        with self._lock:
            return {
                name: pid for name, token in tokens.items() if (pid := self.pollers.get(token, 0)) and is_alive(pid)
            }

    def forget(self) -> Counter[str]:
        """Forget who polled so far, and return the number of polls up to now."""
        with self._lock:
            self.pollers.clear()
            return Counter(self.polls)
