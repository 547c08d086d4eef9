"""Three real gateways move between two roots under supervisord, with a stand-in that counts pollers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from real_hermes import judge_with_telegram
from systemd_live import live_home

STORY = REPOSITORY / "tests" / "support" / "move_story.py"


@pytest.mark.judge
@pytest.mark.nightly
def test_moves_have_no_two_pollers_and_lose_no_message() -> None:
    python = judge_with_telegram()
    with live_home() as home:
        environment = {
            "HOME": str(home), "PATH": f"{Path(python).parent}:/usr/bin:/bin", "LANG": "C.UTF-8",
            "HERMES_PROFILES_MANAGER": "supervisor", "HERMES_ALLOW_ROOT_GATEWAY": "1",
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests" / "support"))),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(STORY), python], env=environment, cwd=home, capture_output=True, text=True,
            timeout=540, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert done.stdout.splitlines()[-1] == "told"
