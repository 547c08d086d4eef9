"""Profiles that one gateway of the newest Hermes serves move to another root and back; both gateways go on running."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from newest_gateway import NewestGateways, token

pytestmark = [pytest.mark.newest, pytest.mark.nightly]


@pytest.fixture
def world() -> Iterator[NewestGateways]:
    with tempfile.TemporaryDirectory(prefix="hpv-", dir="/tmp") as folder, NewestGateways(Path(folder)) as world:
        yield world


class Vps:
    """The second root: its default profile, and the gateway that serves its profiles."""

    def __init__(self, world: NewestGateways) -> None:
        self.world, self.root = world, world.user / "vps" / ".hermes"
        self.root.mkdir(parents=True)
        for name in (".env", "config.yaml", "SOUL.md"):
            (self.root / name).write_bytes((world.root / name).read_bytes())
        env = (self.root / ".env").read_text().replace(token(1), token(9))
        (self.root / ".env").write_text(env)

    def served(self) -> list[str]:
        try:
            state = json.loads((self.root / "gateway_state.json").read_bytes())
        except (OSError, ValueError):
            return []
        return sorted(state.get("served_profiles") or [])


def ok(world: NewestGateways, *words: str, program: str = "gateways") -> Any:
    done = world.ours(*words, "--json", program=program)
    assert done.code == 0, done
    return done.data


def served(world: NewestGateways) -> list[str]:
    return sorted(world.control("default", "identify").get("served_profiles", []))


def polls_again(world: NewestGateways, name: str) -> None:
    before = world.polls().get(name, 0)
    world.wait(lambda: world.polls().get(name, 0) > before + 2, timeout=30)


def test_served_profile_moves_and_comes_back(world: NewestGateways) -> None:
    for number, name in enumerate(("default", "work", "night"), 1):
        world.profile(name, bot=token(number))
    (world.home("work") / "memories").mkdir()
    (world.home("work") / "memories" / "MEMORY.md").write_text("the dog is called Rex\n")
    vps = Vps(world)
    ok(world, "place", "add", "vps", "--local", str(vps.root))
    ok(world, "install", "--start")
    world.wait(lambda: served(world) == ["default", "night", "work"])
    refused = world.ours("move", "work", "--to", "vps", "--json")
    assert refused.code == 6 and refused.problem["code"] == "no-server", refused
    ok(world, "install", "default", "--home", str(vps.root))
    ok(world, "start", "default", "--force", "--home", str(vps.root))
    pid = world.state("default")["pid"]
    polls_again(world, "work")

    moved = ok(world, "move", "work", "--to", "vps")["profiles"][0]
    assert (moved["outcome"], moved["running"], moved["channels"]) == ("moved", True, ["telegram"])
    assert served(world) == ["default", "night"] and world.state("default")["pid"] == pid
    assert "work" in vps.served() and not world.home("work").exists()
    there = vps.root / "profiles" / "work"
    assert (there / "memories" / "MEMORY.md").read_text() == "the dog is called Rex\n"
    assert not (there / "gateway.parked").exists()
    polls_again(world, "work")

    there_pid = json.loads((vps.root / "gateway_state.json").read_bytes())["pid"]
    back = ok(world, "move", "work", "--to", "local")["profiles"][0]
    assert back["outcome"] == "moved" and served(world) == ["default", "night", "work"]
    assert json.loads((vps.root / "gateway_state.json").read_bytes())["pid"] == there_pid
    assert world.state("default")["pid"] == pid
    polls_again(world, "work")

    ok(world, "stop", "night")
    parked = ok(world, "move", "night", "--to", "vps")["profiles"][0]
    assert (parked["outcome"], parked["running"]) == ("moved", False)
    assert (vps.root / "profiles" / "night" / "gateway.parked").exists() and "night" not in vps.served()
    ok(world, "start", "night", "--place", "vps")
    polls_again(world, "night")
    assert world.ask(do="polls")["conflicts"] == 0, "two pollers of one bot"
