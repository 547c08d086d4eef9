"""Default does not leave a root whose one gateway is for others too (Hermes from 0.21.4)."""

from __future__ import annotations

from pathlib import Path

import pytest

from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.moves.move_engine import FleetEngine


@pytest.mark.parametrize(("one", "named"), [
    (OneGateway("default", 42), ""),
    (OneGateway("default", 42, members=frozenset({"kid"}), served=frozenset({"kid"})), "kid"),
    (OneGateway("default", None, members=frozenset({"mum"})), "mum"),
    (OneGateway("work", 42, members=frozenset({"default"})), "work"),
])  # fmt: skip
def test_one_gateway_for_default_and_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: OneGateway, named: str
) -> None:
    session = FleetSession(environment={"HOME": str(tmp_path), "PATH": str(tmp_path)})
    monkeypatch.setattr(FleetSession, "one_gateway", lambda _: one)
    problem = FleetEngine(session)._of_default()
    assert (problem is not None) is bool(named)
    if problem is not None:
        assert f"default and {named}" in problem.message and "run-mode processes --standalone" in (problem.hint or "")
