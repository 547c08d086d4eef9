"""The one service of the newest Hermes under the bundled supervisord, in namespaces of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from newest_gateway import namespaces
from newest_service_checks import faults_of_service_story
from nightly import SWITCH
from real_hermes import newest_python

pytestmark = [pytest.mark.newest, pytest.mark.nightly]


def test_one_program_serves_parks_restarts_and_stops_all_profiles(short_folder: Path) -> None:
    python, support = newest_python(), REPOSITORY / "tests" / "support"
    command = [*namespaces(), sys.executable, str(support / "newest_service_story.py"), python, "supervisor"]
    environment = {
        "HOME": str(short_folder), "PATH": "/usr/bin:/bin", "TMPDIR": str(short_folder), "TZ": "UTC",
        "PYTHONPATH": f"{REPOSITORY}{os.pathsep}{support}", "PYTHONDONTWRITEBYTECODE": "1",
        "XDG_RUNTIME_DIR": str(short_folder / ".run"), SWITCH: os.environ.get(SWITCH, ""),
    }  # fmt: skip
    done = subprocess.run(
        command, env=environment, cwd=short_folder, capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr[-6000:]
    assert faults_of_service_story(json.loads(done.stdout.splitlines()[-1])) == []
