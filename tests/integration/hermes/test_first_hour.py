"""A new user's first hour with real Hermes, the wheel and its console scripts, and complete removal."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from first_hour import wheel
from systemd_live import live_home, run_under_systemd
from test_conflict_gateways import judge_with_telegram

STORY = REPOSITORY / "tests" / "support" / "first_hour_story.py"

pytestmark = pytest.mark.judge


def _told(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert done.stdout.splitlines()[-1] == "told"


def test_first_hour_story_passes_under_bundled_supervisord(tmp_path: Path) -> None:
    python = judge_with_telegram()
    package = wheel(tmp_path, python)
    with live_home() as home:
        # No service manager of this machine is reachable.
        environment = {
            "HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "XDG_RUNTIME_DIR": str(home / "nowhere"),
            "HERMES_PROFILES_MANAGER": "supervisor", "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / room) for room in ("", "tests/support")),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(STORY), python, str(package)], env=environment, cwd=home, capture_output=True,
            text=True, timeout=540, check=False,
        )  # fmt: skip
        _told(done)


@pytest.mark.nightly
@pytest.mark.systemd
def test_first_hour_story_passes_under_systemd(tmp_path: Path) -> None:
    python = judge_with_telegram()
    package = wheel(tmp_path, python)
    with live_home() as home:
        _told(run_under_systemd(STORY, home, python, str(package), timeout=540))
