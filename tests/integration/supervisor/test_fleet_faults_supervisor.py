"""Faults injected into twelve real gateways under the embedded supervisord: each has its event, alert and recovery."""

from __future__ import annotations

from pathlib import Path

import pytest
from fleet_faults_run import inject, stay_calm

pytestmark = [pytest.mark.judge, pytest.mark.nightly]

HOUR = 3600


def test_each_fault_has_one_event_one_alert_and_one_recovery_under_supervisord(tmp_path: Path) -> None:
    assert inject("supervisor", tmp_path / "rows.json")["wrong"] == []


def test_hour_of_restarts_and_stops_sends_no_alert_under_supervisord() -> None:
    seen = stay_calm("supervisor", HOUR, 4)
    assert (seen["sent"], seen["unexpected"]) == ({"whole": [], "usual": []}, [])
