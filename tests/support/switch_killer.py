"""Runs one of our commands in a program that kills itself before its n-th step: a file change or a manager call."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from command_runner import REPOSITORY, Runner

KILLER = """
import os, signal, sys
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.systemd.manager import SystemdManager
left = int(sys.argv.pop(1))

def counted(function):
    def wrapped(*words, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*words, **more)
    return wrapped

calls = ("start", "stop", "enable", "load", "unload")
for owner, names in (
    (Files, ("replace", "rename_new", "unlink")), (SupervisorManager, calls), (SystemdManager, calls)
):
    for name in names:
        setattr(owner, name, counted(getattr(owner, name)))
from hermes_profiles.cli.profiles import main
sys.argv[0] = "hermes-profiles"
main()
"""


def run_killed(runner: Runner, words: tuple[str, ...], at: int, folder: Path) -> bool:
    """Run `hermes-profiles` with `words` and kill it before its n-th step; returns whether it was killed.

    `folder`: where the program is written.
    """
    script = folder / "killer.py"
    script.write_text(KILLER)
    environment = {**runner.environment, "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, str(script), str(at), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode in (0, -signal.SIGKILL), done
    return done.returncode != 0
