"""The fold killed in the middle, under a real `systemd --user`: our switch, then the migration of Hermes itself."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from command_runner import REPOSITORY
from real_hermes import hermes_python, newest_python
from systemd_live import answer_under_systemd, live_home

pytestmark = [pytest.mark.systemd, pytest.mark.newest, pytest.mark.nightly]
STORY = REPOSITORY / "tests" / "support" / "killed_fold_story.py"
MEMBERS = ["p01", "p02"]


@pytest.fixture(scope="module", params=["finish", "back"])
def seen(request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    old, newest = hermes_python(), newest_python()
    if shutil.which("unshare") is None or os.geteuid() != 0:
        pytest.skip("NO SYSTEMD: the story needs namespaces of its own")
    with live_home() as home:
        answer = answer_under_systemd(STORY, home, old, newest, "3", request.param, timeout=900, offline=True)
        yield {**answer, "way": request.param}


def test_our_killed_switch_is_named_and_leaves_no_trace_after_undo(seen: dict[str, Any]) -> None:
    assert seen["ours"] == -signal.SIGKILL and "team run-mode processes" in seen["unfinished"]
    assert seen["undone"] == seen["before"] and seen["doubles"] == []


def test_killed_migration_of_hermes_is_found_and_ended(seen: dict[str, Any]) -> None:
    assert seen["hermes"] == -signal.SIGKILL and seen["manifest"] and seen["found"]
    assert seen["manifest_after"] is False
    services = [each for each in seen["ended"] if each.endswith(".service")]
    names = [f"hermes-gateway-{name}.service" for name in MEMBERS] if seen["way"] == "back" else []
    assert services == [*names, "hermes-gateway.service"]
