"""team run-mode killed at any step: the next command names the recovery, in either direction."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot
from nightly import sample
from switch_killer import run_killed


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """A team of two with services, an approval to copy and a separate allow-list."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    world.member("anna")
    world.member("bob")
    (world.root / ".env").write_text("GATEWAY_ALLOW_ALL_USERS=true\n")
    world.approve("anna", "carla")
    world.gok("install", "--start")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def settled(team: MultiplexRoot, wanted: dict[str, str]) -> None:
    deadline = time.monotonic() + 10
    while team.states() != wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    assert team.states() == wanted


RUNNING = {"default": "running", "anna": "running", "bob": "running"}
SERVED = {"default": "running", "anna": "served", "bob": "served"}


@pytest.mark.parametrize("at", sample([0, 4, 2, 9, 6, 15, 12, 24, 19, 30], 4))
def test_killed_switch_to_multiplexer_is_recovered(team: MultiplexRoot, at: int, tmp_path: Path) -> None:
    files, services = team.kept(), team.services()
    was_killed = run_killed(team.runner, ("team", "run-mode", "multiplex", "--yes"), at, tmp_path)
    shown = team.mode("--json")
    if was_killed and shown.data["unfinished"]:
        assert shown.code == 3 and "team run-mode processes" in shown.problem["hint"]
        assert "interrupted" in team.gateways("status").stdout
    if at % 2:
        team.moded("multiplex", "--yes")
        settled(team, SERVED)
        assert not team.moded()["unfinished"]
    team.moded("processes", "--yes")
    settled(team, RUNNING)
    assert team.kept() == files and team.services() == services
    assert team.moded()["unfinished"] is False


@pytest.mark.parametrize("at", sample([0, 4, 2, 6, 11, 8, 18, 14, 23], 4))
def test_killed_switch_back_is_recovered(team: MultiplexRoot, at: int, tmp_path: Path) -> None:
    files, services = team.kept(), team.services()
    team.moded("multiplex")
    run_killed(team.runner, ("team", "run-mode", "processes", "--yes"), at, tmp_path)
    if at % 2:
        team.moded("multiplex", "--yes")
        settled(team, SERVED)
    team.moded("processes", "--yes")
    settled(team, RUNNING)
    assert team.kept() == files and team.services() == services
    assert team.moded()["unfinished"] is False


def test_second_concurrent_switch_waits_and_changes_nothing(team: MultiplexRoot) -> None:
    (team.root / "slow").write_text("1.5")
    first = team.process("team", "run-mode", "multiplex", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    path = team.state / "runmode.json"
    deadline = time.monotonic() + 20
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()
    second = team.mode("multiplex", "--json")
    assert first.wait(60) == 0
    assert second.code == 0 and second.data["mode"] == "multiplex"
    os.unlink(team.root / "slow")
    settled(team, SERVED)
