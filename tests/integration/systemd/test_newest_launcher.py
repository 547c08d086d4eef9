"""An installation by git of the newest Hermes under a real `systemd --user`: its launcher is what services run."""

from __future__ import annotations

import os
import shutil
from typing import Any

import pytest
from command_runner import REPOSITORY
from once import once
from real_hermes import newest_python
from systemd_live import answer_under_systemd, live_home

pytestmark = [pytest.mark.systemd, pytest.mark.newest, pytest.mark.nightly]
STORY = REPOSITORY / "tests" / "support" / "launcher_story.py"


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return once(tmp_path_factory, "newest-launcher", lambda _: _seen())


def _seen() -> dict[str, Any]:
    newest = newest_python()
    if shutil.which("unshare") is None or shutil.which("git") is None or os.geteuid() != 0:
        pytest.skip("NO SYSTEMD: the story needs git and namespaces of its own")
    with live_home() as home:
        return answer_under_systemd(STORY, home, newest, timeout=600, offline=True)


def kinds(outcomes: dict[str, list[str]]) -> dict[str, str]:
    return {name: kind for name, (kind, _) in outcomes.items()}


def test_one_service_runs_the_launcher_and_serves_both(seen: dict[str, Any]) -> None:
    assert kinds(seen["install"]) == {"default": "started", "anna": "started"}
    assert seen["units"] == ["hermes-gateway.service", "hermes-gateway.service.d/50-hermes-profiles.conf"]
    assert seen["launcher"] in seen["program"] and "python" not in seen["program"]
    assert seen["status"] == {"default": "running", "anna": "served"}


def test_stale_restarts_after_a_new_commit_alone(seen: dict[str, Any]) -> None:
    assert kinds(seen["current"]) == {"default": "skipped", "anna": "skipped"}
    assert kinds(seen["planned"]) == {"default": "would-restart", "anna": "would-restart"}
    assert "it was started before its Hermes changed to commit " in seen["planned"]["default"][1]
    assert kinds(seen["stale"]) == {"default": "restarted", "anna": "restarted"}
    assert kinds(seen["again"]) == {"default": "skipped", "anna": "skipped"}


def test_unit_that_hermes_wrote_again_is_no_drift(seen: dict[str, Any]) -> None:
    assert kinds(seen["drift"]) == {"default": "already-installed", "anna": "skipped"}


def test_stop_and_uninstall_leave_nothing(seen: dict[str, Any]) -> None:
    assert kinds(seen["stop"]) == {"default": "stopped", "anna": "stopped"}
    assert seen["stopped"] == {"default": "stopped", "anna": "stopped"}
    assert kinds(seen["uninstall"])["default"] == "uninstalled" and seen["left"] == []
    assert seen["doubles"] == []
