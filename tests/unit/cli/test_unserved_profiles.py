"""Profiles that the one gateway of a root does not serve: exit codes, the last line of `status`, and the doctor."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot

from hermes_profiles.hermes.files import IDENTITY_FILES

CHECK = "services.skipped-by-multiplexer"


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """One gateway, which serves anna and leaves out bob; Hermes is 0.22.2."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    world = MultiplexRoot(runner)
    world.update_hermes()
    for name in ("anna", "bob"):
        world.member(name)
    (world.root / "config.yaml").write_text("gateway:\n  multiplex_profiles: true\n")
    (world.root / "leaves-out").write_text("bob")
    world.gok("install", "default", "--start", "--timeout", "8")
    settle(world)
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def settle(team: MultiplexRoot) -> None:
    """Make all homes older than the time in which the gateway takes in a new profile."""
    old = time.time() - 3600
    for name in ("anna", "bob"):
        home = team.home(name)
        for path in (home, *(home / each for each in IDENTITY_FILES)):
            if path.exists():
                os.utime(path, (old, old))


def unserved(team: MultiplexRoot) -> tuple[list[str], list[str]]:
    """Return the profiles that `status` calls unserved, and those of the doctor's check."""
    rows = team.gateways("status", "--json").data["gateways"]
    findings = team.call("doctor", "--json", "--only", CHECK).data["findings"]
    return [row["profile"] for row in rows if row["unserved"]], [name for row in findings for name in row["profiles"]]


def last_line(team: MultiplexRoot) -> str:
    lines = team.gateways("status").stdout.splitlines()
    return next(line for line in lines if "multiplex" in line)


def test_unserved_profile_is_a_negative_answer(team: MultiplexRoot) -> None:
    assert team.gateways("status").code == 3 and team.gateways("status", "anna").code == 0
    assert team.gateways("list").code == 0
    assert unserved(team) == (["bob"], ["bob"])
    assert last_line(team) == "one gateway, that of default, serves every profile but 1 (multiplex)"
    (finding,) = team.call("doctor", "--json", "--only", CHECK).data["findings"]
    assert finding["severity"] == "error" and finding["fix"]["command"] == "hermes-gateways start bob"
    team.gok("disable", "bob")
    assert team.gateways("status").code == 0 and unserved(team)[1] == []


def test_parked_profile_is_no_negative_answer(team: MultiplexRoot) -> None:
    (team.home("bob") / "gateway.parked").write_text("")
    settle(team)
    assert team.gateways("status").code == 0
    assert unserved(team) == ([], [])
    wanted = "one gateway, that of default, serves every profile (multiplex); parked or standalone: 1"
    assert last_line(team) == wanted


def test_standalone_profile_without_a_gateway_is_a_negative_answer(team: MultiplexRoot) -> None:
    (team.home("bob") / "config.yaml").write_text("gateway:\n  standalone: true\n")
    settle(team)
    assert team.gateways("status").code == 3
    assert unserved(team) == (["bob"], ["bob"])
    assert last_line(team).endswith("serves every profile (multiplex); parked or standalone: 1")
    (finding,) = team.call("doctor", "--json", "--only", CHECK).data["findings"]
    assert finding["fix"]["command"] == "hermes-gateways install bob --start"


def test_profile_that_is_taken_in_soon_is_not_unserved(team: MultiplexRoot) -> None:
    os.utime(team.home("bob"))
    assert team.gateways("status").code == 0 and unserved(team) == ([], [])
