from __future__ import annotations

import sys
from pathlib import Path

import pytest
from command_runner import Runner
from doctor_world import DoctorWorld

# The helpers of the services' and the command's tests serve here too.
sys.path[:0] = [str(Path(__file__).parent.parent / room) for room in ("services", "cli")]


@pytest.fixture
def world(runner: Runner) -> DoctorWorld:
    """A user with three healthy profiles: default, work, family."""
    return DoctorWorld(runner)
