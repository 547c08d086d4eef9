"""The multiplexer and back under a real `systemd --user`: services, files and settings are restored."""

from __future__ import annotations

import pytest
from command_runner import REPOSITORY
from systemd_live import answer_under_systemd, live_home

pytestmark = pytest.mark.systemd
STORY = REPOSITORY / "tests" / "support" / "team_mode_story.py"


def test_run_mode_story_passes_under_systemd() -> None:
    with live_home() as home:
        seen = answer_under_systemd(STORY, home, timeout=400)
    units = ["hermes-gateway-anna.service", "hermes-gateway-bob.service", "hermes-gateway-carl.service"]
    assert seen["before"] == {
        "hermes-gateway.service": ["active", "enabled"], units[0]: ["active", "enabled"],
        units[1]: ["active", "enabled"], units[2]: ["enabled", "inactive"],
    }  # fmt: skip
    for states, services in seen["there"]:
        assert states == {"default": "running", "anna": "served", "bob": "served", "carl": "served"}
        assert services == {
            "hermes-gateway.service": ["active", "enabled"], **{unit: ["disabled", "inactive"] for unit in units},
        }  # fmt: skip
    assert len(seen["same"]) >= 3 and seen["same"] == [[True, True]] * len(seen["same"])
    code, message, same_units, same_files = seen["refused"]
    assert code == 1 and "anna is not served; the former state was restored" in message and same_units and same_files
