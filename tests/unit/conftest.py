from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest
from command_runner import Runner
from gateway_root import GatewayRoot


@pytest.fixture
def fleet(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayRoot]:
    """A user with a fake Hermes and three profiles: default, work, night. Its daemon and gateways end with the test."""
    # The fake ends at once or not at all, so a short look is enough to call it up.
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    # Only the fake is there, even where real Hermes stands beside this package.
    find = importlib.util.find_spec
    hidden = ("hermes_cli",)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name in hidden else find(name, *more))
    fleet = GatewayRoot(runner)
    fleet.profile("default", "night", "work")
    yield fleet
    left = fleet.end()
    assert not left, f"processes of this test were left: {left}"
