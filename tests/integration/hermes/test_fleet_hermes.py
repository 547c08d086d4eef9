"""The fleet story with five real gateways, under real systemd and the embedded supervisord."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from bot_api import BotApi
from command_runner import REPOSITORY
from real_hermes import judge_with_telegram
from systemd_live import answer_under_systemd, live_home, run_under_systemd

BOOT_STORY = REPOSITORY / "tests" / "support" / "fleet_boot_story.py"
STORY = REPOSITORY / "tests" / "support" / "fleet_story.py"

pytestmark = pytest.mark.judge


@pytest.mark.systemd
def test_fleet_story_passes_under_systemd() -> None:
    python = judge_with_telegram()
    with live_home() as home:
        done = run_under_systemd(STORY, home, python, timeout=540)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert done.stdout.splitlines()[-1] == "told"


@pytest.mark.nightly
def test_fleet_story_passes_under_embedded_supervisord() -> None:
    python = judge_with_telegram()
    with live_home() as home:
        environment = {
            "HOME": str(home), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "HERMES_PROFILES_MANAGER": "supervisor",
            "PYTHONPATH": os.pathsep.join((str(REPOSITORY), str(REPOSITORY / "tests"))),
        }  # fmt: skip
        done = subprocess.run(
            [sys.executable, str(STORY), python], env=environment, cwd=home, capture_output=True, text=True,
            timeout=540, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        assert done.stdout.splitlines()[-1] == "told"


@pytest.mark.systemd
def test_services_started_by_their_manager_share_no_bot() -> None:
    """Two gateways with one bot start with their manager, are restarted by systemctl, and killed together."""
    python = judge_with_telegram()
    with live_home() as home, BotApi() as api:
        answer_under_systemd(BOOT_STORY, home, python, "install", api.url, timeout=120)
        assert api.polls.total() == 0, "nothing was started"
        observed = answer_under_systemd(BOOT_STORY, home, python, "boot", api.url, timeout=240)
        assert len(observed) == 3
        for found in observed:
            assert sorted(map(len, (row["masked"] for row in found.values()))) == [0, 2], found
        assert observed[0]["two"]["masked"] == ["api_server", "telegram"], (
            "of two starting gateways the first in the list gets the bot"
        )
        assert api.polls.total() > 0 and (api.conflicts, api.most_at_once) == (0, 1)


@pytest.mark.nightly
def test_demo_runs_real_gateways_and_leaves_nothing(isolated: Path) -> None:
    python = judge_with_telegram()
    script = "import sys; from hermes_profiles.cli.profiles import run; run(['demo', '--json'])"
    environment = {"HOME": str(isolated), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONPATH": str(REPOSITORY)}
    needs = [python, "-c", "import hermes_profiles.cli.framework.app, supervisor"]
    if subprocess.run(needs, env=environment, check=False).returncode:
        pytest.skip(f"NO JUDGE: {python} has Hermes, and not what hermes-profiles needs beside it")
    done = subprocess.run(
        [python, "-c", script], env=environment, cwd=isolated, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    fleet = json.loads(done.stdout)["data"]["fleet"]
    assert [row["state"] for row in fleet["after"]["gateways"]] == ["running"] * 3
    assert [row["masked_channels"] for row in fleet["after"]["gateways"]] == [[], ["telegram"], []]
    assert fleet["pollers"] == ["family"] and {row["outcome"] for row in fleet["stopped"]} == {"stopped"}
    pids = [row["pid"] for row in fleet["after"]["gateways"]]
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]
