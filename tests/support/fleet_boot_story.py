"""Gateways started without a command: by their manager, by systemctl, after a crash.

Run as a program with the arguments: the Python of real Hermes, `install` or `boot`, the URL of the Bot API stand-in.
HOME belongs to the fleet.
The last line printed is JSON.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import Any

from fleet_story import HERMES, command, eventually, rows, write_profile
from free_ports import free_port

NAMES = ("one", "two")
UNITS = [f"hermes-gateway-{name}.service" for name in NAMES]


def systemctl(*words: str) -> None:
    subprocess.run(["systemctl", "--user", *words], check=True, timeout=60)


def up(before: dict[str, int] | None = None) -> dict[str, Any]:
    """Return the status once both gateways run with new pids."""

    def seen() -> Any:
        found = rows()
        new = all(found[name]["pid"] != (before or {}).get(name) for name in NAMES)
        return found if new and {found[name]["state"] for name in NAMES} == {"running"} else None

    found: dict[str, Any] = eventually(seen, "both gateways running")
    return found


def summary(found: dict[str, Any]) -> dict[str, Any]:
    return {name: {"pid": found[name]["pid"], "masked": found[name]["masked_channels"]} for name in NAMES}


def install(url: str) -> list[Any]:
    shared = free_port()
    for name in NAMES:
        write_profile(name, shared, url=url, webhook=free_port())
    command("install", *NAMES, "--python", HERMES)
    return []


def boot() -> list[Any]:
    """Check services started by the manager, restarted by systemctl, and killed together."""
    found = [summary(up())]
    for number in range(2):
        pids = {name: row["pid"] for name, row in found[-1].items()}
        if number:
            for pid in pids.values():
                os.kill(pid, signal.SIGKILL)
        else:
            systemctl("restart", "--no-block", *reversed(UNITS))
        found.append(summary(up(pids)))
        time.sleep(3)
    command("uninstall", "--yes")
    return found


if __name__ == "__main__":
    print(json.dumps(install(sys.argv[3]) if sys.argv[2] == "install" else boot()))
