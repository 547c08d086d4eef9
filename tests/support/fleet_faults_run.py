"""Runs `fleet_faults` or `fleet_calm` in namespaces of its own, on a small file system that can be filled.

By hand, as root: `python tests/support/fleet_faults_run.py systemd|supervisor RESULTS [FAULT…]`, or
`python tests/support/fleet_faults_run.py systemd|supervisor calm SECONDS GATEWAYS`.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import Any

from command_runner import REPOSITORY
from fleet_walk_run import run_fleet

_FAULTS = REPOSITORY / "tests" / "support" / "fleet_faults.py"
_CALM = REPOSITORY / "tests" / "support" / "fleet_calm.py"


def inject(manager: str, results: Path, *names: str) -> dict[str, Any]:
    """Return what was seen of the faults under a manager; skips where they cannot be injected."""
    return run_fleet(manager, _FAULTS, str(results), *names, label=manager)


def stay_calm(manager: str, seconds: int, gateways: int) -> dict[str, Any]:
    """Return what went out while a fleet was restarted, stopped and changed on purpose."""
    seed = random.randrange(10**6)
    return run_fleet(manager, _CALM, str(seconds), str(gateways), str(seed), label=f"{manager}, seed {seed}")


if __name__ == "__main__":
    if sys.argv[2] == "calm":
        sys.exit(any(stay_calm(sys.argv[1], *map(int, sys.argv[3:5]))["sent"].values()))
    sys.exit(bool(inject(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])["wrong"]))
