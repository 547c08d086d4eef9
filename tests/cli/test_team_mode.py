"""team run-mode: there, back, ten times, refused, gone wrong, killed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_runner import Runner
from gateway_world import until
from multiplex_world import MultiplexWorld


@pytest.fixture
def team(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexWorld]:
    """A user with a default profile and two members, nothing installed."""
    monkeypatch.setattr("hermes_profiles.fleet.actions.DWELL", 0.1)
    world = MultiplexWorld(runner)
    world.member("anna")
    world.member("bob")
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def test_it_says_which_it_is(team: MultiplexWorld) -> None:
    data = team.moded()
    assert data["mode"] == "processes" and data["unfinished"] is False
    assert [row["served_by"] for row in data["profiles"]] == [None, None, None]
    assert [row["team"] for row in data["profiles"]] == [None, "weixin", "weixin"]


def test_there_and_back(team: MultiplexWorld) -> None:
    team.gok("install", "--start")
    files, services = team.kept(), team.services()
    assert services == dict.fromkeys(("default", "anna", "bob"), (True, True, True))
    data = team.moded("multiplex")
    assert data["mode"] == "multiplex" and data["changed"] is True
    assert team.states() == {"default": "running", "anna": "served", "bob": "served"}
    assert team.services() == {
        "default": (True, True, True), "anna": (True, False, False), "bob": (True, False, False)
    }  # fmt: skip
    assert {row["profile"]: row["served_by"] for row in team.moded()["profiles"]} == dict.fromkeys(
        files and services, "default"
    ) | {"default": "default"}
    back = team.moded("processes")
    assert back["mode"] == "processes" and team.services() == services and team.kept() == files
    assert team.states() == dict.fromkeys(services, "running")


def test_ten_times_there_and_back_leave_all_as_it_was(team: MultiplexWorld) -> None:
    config = "# mine\nmodel:   gpt-5  # the big one\nplatforms: {telegram: {enabled: false}}\nx: 1"
    (team.root / "config.yaml").write_text(config)  # no line end at its end
    (team.home("default") / ".env").write_text("GATEWAY_ALLOW_ALL_USERS=true\nWEIXIN_ALLOWED_USERS=boss")
    team.approve("anna", "carla")
    team.member("zoe", config="platforms:\n  weixin: {enabled: true, extra: {dm_policy: pairing}}\n")
    team.gok("install", "--start")
    team.gok("stop", "zoe")
    team.gok("install", "bob", "--no-enable")
    files, services = team.kept(), team.services()
    for _ in range(10):
        team.moded("multiplex")
        assert team.states()["zoe"] == "served" and team.kept() != files
        team.moded("processes")
        assert team.kept() == files
        assert team.services() == services
        assert team.states() == {"default": "running", "anna": "running", "bob": "running", "zoe": "stopped"}
    assert (team.root / "config.yaml").read_text() == config
