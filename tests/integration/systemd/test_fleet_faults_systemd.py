"""Faults injected into twelve real gateways under a real `systemd --user`: each has its event, alert and recovery."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_faults_run import inject, stay_calm

pytestmark = [pytest.mark.judge, pytest.mark.systemd, pytest.mark.nightly]

HOUR = 3600


def test_each_fault_has_one_event_one_alert_and_one_recovery_under_systemd(tmp_path: Path) -> None:
    assert inject("systemd", tmp_path / "rows.json")["wrong"] == []


def test_hour_of_restarts_and_stops_sends_no_alert_under_systemd() -> None:
    seen = stay_calm("systemd", HOUR, 4)
    assert (seen["sent"], seen["unexpected"]) == ({"whole": [], "usual": []}, [])
