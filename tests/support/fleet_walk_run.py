"""Runs a random walk over real gateways in namespaces of its own, on a small file system that can be filled.

By hand, as root: `python tests/support/fleet_walk_run.py systemd|supervisor [GATEWAYS [SECONDS]]`.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY
from real_hermes import hermes_python
from systemd_live import launcher, live_home

SEED, STEPS = "HERMES_PROFILES_WALK_SEED", "HERMES_PROFILES_WALK_STEPS"
_SIZE = "600m"
_PROGRAM = REPOSITORY / "tests" / "support" / "fleet_walk.py"
_LOOPBACK = "from newest_gateway import bring_loopback_up; bring_loopback_up()"
# The shell is the first process of the namespace: it collects the processes whose parent has ended.
_SCRIPT = f"""
mount -t tmpfs -o size={_SIZE} none "$1" && cd "$1" && "$2" -c {_LOOPBACK!r} || exit 125
shift; shift; "$@" & wait $!
"""


def walk(manager: str, steps: int, gateways: int = 10, seconds: int = 20_000) -> dict[str, Any]:
    """Return the result of a walk under a manager; skips where it cannot be set up.

    The environment overrides the seed and the number of steps. After `seconds` no further step is taken.
    """
    seed = int(os.environ.get(SEED) or random.randrange(10**6))
    steps = int(os.environ.get(STEPS) or steps)
    return run_fleet(manager, _PROGRAM, str(seed), str(steps), str(gateways), str(seconds), label=f"seed {seed}")


def run_fleet(manager: str, program: Path, *arguments: str, label: str) -> dict[str, Any]:
    """Return the JSON in the last line of a program that drives real gateways under a manager.

    Its arguments are the Python of real Hermes, the manager and `arguments`. HOME is a small file system. Skips where
    it cannot be set up; `label`: names the run where it fails.
    """
    python = hermes_python()
    if os.geteuid() != 0:
        pytest.skip("NO NAMESPACES: the fleet needs a file system and namespaces of its own")
    given = [python, str(program), python, manager, *arguments]
    with live_home() as home:
        if manager == "systemd":
            before = ["unshare", "--net", "--mount", "--fork", "--kill-child"]
            given = [str(launcher()), "-H", str(home), "--", *given]
        else:
            before = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
        command = [*before, "bash", "-c", _SCRIPT, "fleet", str(home), sys.executable, *given]
        last = ""
        with subprocess.Popen(command, env=_environment(home), stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for last in process.stdout:
                print(last, end="", flush=True)
        if process.returncode == 125:
            pytest.skip("NO NAMESPACES: the fleet could not be set up here")
        assert process.returncode == 0, f"{label}: exit {process.returncode}: {last}"
        result: dict[str, Any] = json.loads(last)
        return result


def _environment(home: Path) -> dict[str, str]:
    paths = (REPOSITORY, REPOSITORY / "tests/support")
    return {
        "HOME": str(home), "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LANG": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": os.pathsep.join(map(str, paths)),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(bool(walk(sys.argv[1], 30, *map(int, sys.argv[2:]))["faults"]))
