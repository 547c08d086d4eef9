"""The one service of the newest Hermes under a real `systemd --user`."""

from __future__ import annotations

import os

import pytest
from command_runner import REPOSITORY
from newest_service_checks import faults_of_service_story
from real_hermes import newest_python
from systemd_live import answer_under_systemd, live_home

pytestmark = [pytest.mark.systemd, pytest.mark.newest]


def test_one_service_serves_parks_restarts_and_stops_all_profiles() -> None:
    python = newest_python()
    if os.geteuid() != 0:
        pytest.skip("NO SYSTEMD: the story needs namespaces of its own")
    with live_home() as home:
        story = REPOSITORY / "tests" / "support" / "newest_service_story.py"
        seen = answer_under_systemd(story, home, python, "systemd", timeout=500, offline=True)
        assert faults_of_service_story(seen) == []
