"""The doctor and a real `systemd --user`: an orphan that loops with 200, a unit with 203, a loop with 1, drift."""

from __future__ import annotations

import pytest
from command_runner import REPOSITORY
from systemd_live import answer_under_systemd, live_home

pytestmark = pytest.mark.systemd
STORY = REPOSITORY / "tests" / "support" / "doctor_live_story.py"


def test_doctor_finds_fixes_and_undoes_faults_of_live_services() -> None:
    with live_home() as home:
        seen = answer_under_systemd(STORY, home, timeout=240)
    assert seen["healthy"] == []
    assert seen["codes"] == {"bad": "127", "ghost": "200", "plain": "203"}, "ours runs Python from a shell"
    assert seen["broken"] == [
        ["services.crash-loop", "error", ["loop"], False],
        ["services.drifted", "warning", ["drift"], True],
        ["services.no-interpreter", "error", ["bad"], True],
        ["services.no-interpreter", "error", ["plain"], False],
        ["services.orphan", "error", ["ghost"], True],
    ]
    assert seen["fixed"] == ["services.drifted", "services.no-interpreter", "services.orphan"]
    assert seen["ghost is"] == ["not-found", "inactive", False]
    # Like `status`: a gateway started after many retries counts as a loop for a minute.
    assert [row for row in seen["left"] if row[2] != ["bad"]] == [
        ["services.crash-loop", "error", ["loop"], False], ["services.no-interpreter", "error", ["plain"], False],
    ]  # fmt: skip
    assert seen["drifted is"] == "5min 30s"
    assert seen["ghost is back"] == ["loaded", "enabled", "no"]
    assert seen["back"] == ["services.drifted", "services.orphan"]
    assert seen["units left"] == []
