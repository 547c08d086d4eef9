"""Switches a team to the multiplexer and back under a live `systemd --user`; prints JSON.

Run as a program under a live manager. HOME belongs to a user with the multiplexing stand-in of Hermes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from command_runner import Runner
from multiplex_root import MultiplexRoot
from nightly import NIGHTLY

HOME = Path(os.environ["HOME"])

TIMES = 10 if NIGHTLY else 3


def units() -> dict[str, tuple[str, str, bytes]]:
    """Return unit → (enabled, active, definition and drop-in) of systemd and the disk."""
    folder = HOME / ".config/systemd/user"
    found = {}
    for path in sorted(folder.glob("hermes-gateway*.service")):
        shown = subprocess.run(
            ["systemctl", "--user", "show", path.name, "-p", "UnitFileState,ActiveState", "--value"],
            capture_output=True, text=True, check=True,
        ).stdout.split()  # fmt: skip
        texts = b"".join(each.read_bytes() for each in (path, *sorted(folder.glob(f"{path.name}.d/*"))))
        found[path.name] = (*sorted(shown), texts)
    return found


def main() -> dict[str, Any]:
    bus = {name: value for name, value in os.environ.items() if name in ("XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")}
    world = MultiplexRoot(Runner(HOME, {"HERMES_PROFILES_MANAGER": "systemd", "PATH": os.environ["PATH"], **bus}))
    for name in ("anna", "bob", "carl"):
        world.member(name)
    (world.root / ".env").write_text("GATEWAY_ALLOW_ALL_USERS=true\n")
    world.approve("bob", "dora")
    world.gok("install", "--start")
    world.gok("stop", "carl")
    files, before = world.kept(), units()
    seen: dict[str, Any] = {"before": {name: row[:2] for name, row in before.items()}, "there": [], "same": []}
    for _ in range(TIMES):
        world.moded("multiplex")
        seen["there"].append([world.states(), {name: row[:2] for name, row in units().items()}])
        world.moded("processes")
        seen["same"].append([units() == before, world.kept() == files])
    (world.root / "leaves-out").write_text("anna")
    done = world.mode("multiplex", "--json", "--timeout", "3")
    seen["refused"] = [done.code, done.problem["message"], units() == before, world.kept() == files]
    world.gok("uninstall", "--yes")
    return seen


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
