"""Processes that look like gateways: arguments, environment, files and a port."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from doctor_root import DoctorRoot

# Listens on the given port, itself or by a child, until it is ended.
PROGRAM = r"""
import os, socket, subprocess, sys, time
place, child = os.environ.pop("TEST_LISTEN", ""), os.environ.pop("TEST_CHILD", "")
if child:
    subprocess.Popen([sys.executable, "-c", open(__file__).read()], env={**os.environ, "TEST_LISTEN": child})
if place:
    host, _, port = place.rpartition(":")
    made = socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
if os.environ.get("TEST_READY") and (place or not child):
    open(os.environ["TEST_READY"], "w").close()
parent = os.getppid()
while os.getppid() == parent:
    time.sleep(0.05)
"""


class LiveGateways:
    """Gateways of a test root; all are ended with the test."""

    def __init__(self, world: DoctorRoot) -> None:
        self.world = world
        self.running: list[subprocess.Popen[bytes]] = []

    def start(
        self, home: Path, *, words: tuple[str, ...] = (), environment: Mapping[str, str] | None = None,
        platforms: Mapping[str, str] | None = None,
    ) -> int:  # fmt: skip
        """Start a gateway for a home, wait until it is up, and write its files; returns its pid."""
        program = self.world.user / "bin" / "hermes"
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM)
        ready = self.world.user / f"ready-{len(self.running)}"
        process = subprocess.Popen(
            [sys.executable, str(program), *words, "gateway", "run"],
            env={
                "HOME": str(self.world.user), "HERMES_HOME": str(home), "TEST_READY": str(ready), **(environment or {})
            },
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.running.append(process)
        deadline = time.monotonic() + 20
        while not ready.exists():
            assert process.poll() is None and time.monotonic() < deadline, "the gateway did not start in time"
            time.sleep(0.01)
        me = {"pid": process.pid, "kind": "hermes-gateway", "argv": ["hermes"], "start_time": started(process.pid)}
        home.mkdir(parents=True, exist_ok=True)
        (home / "gateway.pid").write_text(json.dumps(me))
        channels = {name: {"state": state} for name, state in (platforms or {}).items()}
        state = {**me, "gateway_state": "running", "platforms": channels}
        (home / "gateway_state.json").write_text(json.dumps(state))
        return process.pid

    def lock(self, identity: str, pid: int, *, start: int | None = None, scope: str = "telegram-bot-token") -> Path:
        """Write Hermes' lock of an identity for a process."""
        folder = self.world.user / ".local" / "state" / "hermes" / "gateway-locks"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{scope}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.lock"
        record = {"pid": pid, "kind": "hermes-gateway", "scope": scope, "start_time": start or started(pid)}
        path.write_text(json.dumps(record))
        return path

    def end(self) -> None:
        """End all gateways and their children."""
        for process in self.running:
            process.kill()
            process.wait(10)


def started(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
