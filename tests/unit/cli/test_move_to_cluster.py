"""`hermes-gateways move` to a place in a cluster and back, with a stand-in `kubectl` whose pod runs real programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from command_runner import Runner
from gateway_root import GatewayRoot, end_processes_of, until
from kubernetes_pods import KubernetesPods

TOKEN = "7100000078:CANARYmovepodCANARYmovepodCANARYmovepod"
CONNECTED = json.dumps({"telegram": {"state": "connected"}})
FAMILY = {
    ".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n",
    "config.yaml": "model: gpt-5\nplatforms:\n  telegram:\n    enabled: true\n",
    "memories/MEMORY.md": "Rex\n",
    "platforms": CONNECTED,
}
CLAIM = "hermes-profiles.io/owner"


class World(GatewayRoot):
    """A user with the profile `family`, and a cluster whose place `prod` has `default` and `shop`."""

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self.make("default", {"config.yaml": "model: gpt-5\n", ".env": ""})
        self.make("family", FAMILY)
        self.pods = KubernetesPods(runner)
        self.there = self.pods.folder / "home/.hermes"
        (self.pods.folder / "home/bin/hermes").symlink_to(self.python.parent / "hermes")
        for home in (self.there, self.there / "profiles/shop"):
            home.mkdir(parents=True, exist_ok=True)
            (home / "config.yaml").write_text("model: gpt-5\n")
            (home / ".env").write_text("")
        places = self.user / ".config/hermes-profiles/places.toml"
        places.parent.mkdir(parents=True)
        places.write_text('[prod]\nkubernetes = { namespace = "bots", name = "family" }\n')


@pytest.fixture
def world(runner: Runner) -> Iterator[World]:
    found = World(runner)
    yield found
    end_processes_of(found.user)


@pytest.mark.nightly
def test_move_to_a_pod_and_back(world: World) -> None:
    world.gok("install", "family", "--start")
    world.pods.run()
    before = world.picture(world.root)
    planned = world.gateways("move", "family", "--to", "prod", "--dry-run", "--json")
    assert world.picture(world.root) == before
    assert (planned.code, planned.data["profiles"][0]["outcome"]) == (0, "would-move"), planned
    assert planned.data["stops"] == ["default", "shop"] and not world.pods.patches
    text = world.gateways("move", "family", "--to", "prod", "--dry-run").stdout
    assert "prod would stop for the move: default, shop start again after it" in text

    done = world.gateways("move", "family", "--to", "prod")
    assert done.code == 0, done
    assert "prod stops for the move" in done.stderr and "family starts there" in done.stderr
    arrived = world.there / "profiles/family"
    assert (arrived / "memories/MEMORY.md").read_text() == "Rex\n" and not world.home("family").exists()
    assert not world.pods.loader.exists()
    assert [each["spec"]["replicas"] for each in world.pods.patches] == [0, 1, 1]
    until(lambda: states(world) == dict.fromkeys(("default", "family", "shop"), "running"))
    (claim,) = (world.pods.folder / "configmaps").iterdir()
    assert json.loads(claim.read_text())["data"] == {"owner": "family", "profile": "family", "channel": "telegram"}
    assert world.call("restore", "family", "--json").problem["code"] == "moved"

    back = world.gateways("move", "family", "--to", "local", "--json")
    assert back.code == 0 and back.data["stops"] == ["default", "shop"], back
    assert (world.home("family") / "memories/MEMORY.md").read_text() == "Rex\n" and world.pid("family") is not None
    assert not arrived.exists() and not list((world.pods.folder / "configmaps").iterdir())
    until(lambda: states(world) == dict.fromkeys(("default", "shop"), "running"))


def states(world: World) -> dict[str, str]:
    rows = world.gok("status", "--place", "prod", "--json").data["gateways"]
    return {row["profile"]: row["state"] for row in rows}


def test_bot_of_another_place_in_the_cluster_is_refused_before_anything_stops(world: World) -> None:
    world.gok("place", "share-key", "prod")
    (world.there / "profiles/shop/.env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    (world.there / "profiles/shop/config.yaml").write_text(FAMILY["config.yaml"])
    world.gok("place", "claim", "prod")
    (path,) = (world.pods.folder / "configmaps").iterdir()
    document = json.loads(path.read_text())
    document["data"]["owner"] = document["metadata"]["labels"][CLAIM] = "other"
    path.write_text(json.dumps(document))
    (world.there / "profiles/shop/.env").write_text("")
    refused = world.gateways("move", "family", "--to", "prod", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "claimed-elsewhere"), refused
    assert "claimed by other/shop" in refused.problem["message"] and "delete configmap" in refused.problem["hint"]
    assert not world.pods.patches and world.home("family").exists()


def test_place_that_is_down_is_filled_by_the_loader(world: World) -> None:
    (warning,) = world.gok("move", "family", "--to", "prod", "--dry-run", "--json").json["warnings"]
    assert warning["code"] == "starts-there" and "`hermes-gateways disable family`" in warning["hint"]
    world.gok("disable", "family")
    assert world.gok("move", "family", "--to", "prod", "--dry-run", "--json").json["warnings"] == []
    (world.pods.folder / "up").unlink()
    world.pods.state({"phase": "Running"}, replicas=0)
    world.pods.kubectl("patch", "x", "-p", '{"metadata": {"annotations": {}}, "spec": {"replicas": 0}}')
    planned = world.gok("move", "family", "--to", "prod", "--dry-run", "--json")
    assert [each["code"] for each in planned.json["warnings"]] == ["place-silent"] and not world.pods.loader.exists()
    done = world.gok("move", "family", "--to", "prod", "--json")
    assert (world.there / "profiles/family/memories/MEMORY.md").exists() and not world.pods.loader.exists()
    codes = [each["code"] for each in done.json["warnings"]]
    assert codes == ["starts-there"], "the others of prod start with it"
    assert world.pods.patches[-1]["spec"] == {"replicas": 0}, "nothing that moved ran"


def test_loader_that_was_left_is_named_and_a_start_refused(world: World) -> None:
    world.pods.loader.write_text(json.dumps({"kind": "Pod", "metadata": {"name": "family-loader", "annotations": {
        "hermes-profiles.io/move": "server:/root/.hermes"}}, "status": {"phase": "Running"}}))  # fmt: skip
    found = world.gateways("place", "check", "prod", "--json").json["warnings"]
    (fault,) = [each for each in found if each["code"] == "place-loader"]
    assert "for a move of server:/root/.hermes" in fault["message"] and "delete pod family-loader" in fault["hint"]
    refused = world.gateways("start", "--place", "prod", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "loader-in-use"), refused
    refused = world.gateways("move", "family", "--to", "prod", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "loader-in-use"), refused
    assert world.pods.loader.exists()


def test_place_without_its_stateful_set_or_volume_is_refused(world: World) -> None:
    state = json.loads((world.pods.folder / "state.json").read_text())
    state["items"][0]["metadata"]["name"] = "else"
    (world.pods.folder / "state.json").write_text(json.dumps(state))
    refused = world.gateways("move", "family", "--to", "prod", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "no-stateful-set")
    assert "render kubernetes" in refused.problem["hint"]


@pytest.mark.nightly
@pytest.mark.parametrize("then", ["take-back", "move"])
def test_killed_while_the_loader_holds_the_volume(world: World, then: str) -> None:
    (world.there / "profiles/shop/config.yaml").touch()
    with world.gateways_process("move", "family", "--to", "prod", "--json") as process:
        until(world.pods.loader.exists)
        process.kill()
    found = world.gateways("place", "check", "prod", "--json").json
    assert "place-loader" in [each["code"] for each in found["errors"] + found["warnings"]]
    if then == "take-back":
        taken = world.gateways("move", "family", "--take-back", "--json")
        assert (taken.code, world.home("family").exists()) == (0, True), taken
        assert not world.pods.loader.exists() and not (world.there / "profiles/family").exists()
    done = world.gateways("move", "family", "--to", "prod", "--json")
    assert done.data["profiles"][0]["outcome"] == "moved", done
    assert not world.pods.loader.exists() and (world.there / "profiles/family/memories/MEMORY.md").exists()
    assert world.pods.patches[-1]["spec"] == {"replicas": 1}, "the place is up again"
    note = world.pods.patches[-1]["metadata"]["annotations"]
    assert set(note.values()) == {None}
