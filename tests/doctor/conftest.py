from __future__ import annotations

import pytest
from command_runner import Runner
from doctor_world import DoctorWorld


@pytest.fixture
def world(runner: Runner) -> DoctorWorld:
    """A user with three healthy profiles: default, work, family."""
    return DoctorWorld(runner)
