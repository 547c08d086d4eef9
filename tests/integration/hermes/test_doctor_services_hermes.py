"""The doctor on services that real Hermes 0.19.0 writes, rewrites at starts, and leaves."""

from __future__ import annotations

import pytest
from command_runner import REPOSITORY
from systemd_live import answer_under_systemd, live_home
from test_conflict_gateways import judge_with_telegram

STORY = REPOSITORY / "tests" / "support" / "doctor_services_story.py"
ALL = ["default", "one", "two"]

pytestmark = [pytest.mark.judge, pytest.mark.systemd]


@pytest.mark.nightly
def test_services_written_by_hermes_are_at_most_info() -> None:
    python = judge_with_telegram()
    with live_home() as home:
        seen = answer_under_systemd(STORY, home, python, timeout=500)
    adopt = ["services.not-adopted", "info", ALL]
    assert seen["idle"] == [adopt, *(["services.not-running", "warning", [name]] for name in ALL)]
    assert seen["by hermes"] == [adopt]
    assert seen["sticky"] == [adopt, ["services.sticky-redirect", "error", ["default", "one"]]]
    assert seen["adopted"] == []
    assert seen["booted"] == [], "units that Hermes rewrites at a start are not drift"
    assert seen["deleted"] == [["services.orphan", "warning", ["two"]]], "Hermes leaves the folder of drop-ins"
    assert seen["fixed"] == ["services.orphan"]
    assert seen["left"] == [[], []]
