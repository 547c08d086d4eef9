from __future__ import annotations

import importlib.util

import pytest
from command_runner import Runner
from doctor_root import DoctorRoot


@pytest.fixture
def world(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> DoctorRoot:
    """Return a user with three healthy profiles (default, work, family) and without a Hermes installation."""
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "hermes_cli" else find(name, *more)
    )
    return DoctorRoot(runner)
