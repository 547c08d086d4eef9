"""Runs `fleet_faults` in namespaces of its own, on a small file system that can be filled.

By hand, as root: `python tests/support/fleet_faults_run.py systemd|supervisor RESULTS [FAULT…]`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from command_runner import REPOSITORY
from fleet_walk_run import run_fleet

_PROGRAM = REPOSITORY / "tests" / "support" / "fleet_faults.py"


def inject(manager: str, results: Path, *names: str) -> dict[str, Any]:
    """Return what was seen of the faults under a manager; skips where they cannot be injected."""
    return run_fleet(manager, _PROGRAM, str(results), *names, label=manager)


if __name__ == "__main__":
    sys.exit(bool(inject(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])["wrong"]))
