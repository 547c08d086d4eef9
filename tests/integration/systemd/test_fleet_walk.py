"""A random walk over ten real gateways under a real `systemd --user`, judged by everything but our own code."""

from __future__ import annotations

import pytest
from fleet_walk_run import walk

pytestmark = [pytest.mark.judge, pytest.mark.systemd, pytest.mark.nightly]

STEPS = 500


def test_no_step_makes_two_pollers_or_a_false_status_under_systemd() -> None:
    result = walk("systemd", STEPS)
    assert (result["faults"], result["steps"]) == ([], result["wanted"]), f"seed {result['seed']}: {result['kinds']}"
