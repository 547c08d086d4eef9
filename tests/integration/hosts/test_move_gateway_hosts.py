"""Three real gateways move between two booted hosts, from systemd to systemd over real sshd, and back."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from command_runner import REPOSITORY
from hosts import HostBed, missing_reason

pytestmark = [pytest.mark.nightly, pytest.mark.skipif(missing_reason() is not None, reason=str(missing_reason()))]
STORY = REPOSITORY / "tests" / "support" / "move_hosts_story.py"


def test_each_bot_is_polled_in_one_place_at_a_time() -> None:
    folder = Path(tempfile.mkdtemp(prefix="hp-", dir="/tmp"))
    paths = f"{REPOSITORY}:{REPOSITORY / 'tests' / 'support'}"
    try:
        with HostBed(folder, "one", "two", with_hermes=True) as bed:
            words = [sys.executable, str(STORY), str(bed.client / "ssh"), str(folder / "id"), bed["two"].address]
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": paths}
            done = bed.call(words, check=False, env=environment, limit=900.0)
            assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
            assert done.stdout.splitlines()[-1] == "told"
            print(done.stdout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
