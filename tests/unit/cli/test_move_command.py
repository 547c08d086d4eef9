"""`hermes-gateways move` between two roots with gateways under supervisord: the words, the refusals, the way back."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_runner import Runner
from gateway_root import GatewayRoot, end_processes_of
from place_hosts import PlaceHosts

from hermes_profiles.operations.moves import move_look
from hermes_profiles.profiles.placement import read_placement

TOKEN = "7100000078:CANARYmovecmdCANARYmovecmdCANARYmovecmd"
OF_DEFAULT = "7100000079:CANARYmovedefCANARYmovedefCANARYmovedef79"
FAMILY = {
    ".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n",
    "config.yaml": "model: gpt-5\n",
    "SOUL.md": "kind\n",
    "memories/MEMORY.md": "Rex\n",
    "platforms": json.dumps({"telegram": {"state": "connected"}}),
}


@pytest.fixture
def world(runner: Runner) -> Iterator[GatewayRoot]:
    found = GatewayRoot(runner)
    found.make("default", {"config.yaml": "model: gpt-5\n", ".env": ""})
    found.make("family", FAMILY)
    other = found.user / "v" / ".hermes"
    other.mkdir(parents=True)
    (other / "config.yaml").write_text("model: gpt-5\n")
    (other / ".env").write_text("")
    found.gok("place", "add", "vps", "--local", str(other))
    yield found
    end_processes_of(found.user)


def there(world: GatewayRoot) -> Path:
    return world.user / "v" / ".hermes" / "profiles" / "family"


def test_move_and_way_back_with_running_gateways(world: GatewayRoot) -> None:
    world.gok("install", "family", "--start")
    planned = world.untouched_by("move", "family", "--to", "vps", "--dry-run", "--json")
    (row,) = planned.data["profiles"]
    assert (planned.code, row["outcome"], row["running"]) == (0, "would-move", True)
    assert row["channels"] == ["telegram"]
    text = world.untouched_by("move", "family", "--to", "vps", "--dry-run").stdout
    assert text.startswith("family: would move (here to vps, ")
    assert "installed and started (vps), and watched until telegram is connected" in text
    done = world.gateways("move", "family", "--to", "vps", "--json")
    (row,) = done.data["profiles"]
    assert done.code == 0, done
    assert (row["outcome"], row["running"], row["channels"]) == ("moved", True, ["telegram"]) and row["bytes"] > 50
    assert not world.home("family").exists() and (there(world) / "memories/MEMORY.md").read_text() == "Rex\n"
    pid = json.loads((there(world) / "gateway.pid").read_text())["pid"]
    assert Path(f"/proc/{pid}").exists(), "it runs there"
    other = {"HERMES_HOME": str(there(world).parent.parent)}
    changes = world.call("undo", "--list", "--json", env=other).data["changes"]
    (arrival,) = [each["id"] for each in changes if each["summary"].startswith("family moved here")]
    refused = world.call("undo", arrival, "--json", env=other)
    assert (refused.code, refused.problem["code"]) == (6, "moved")
    refused = world.call("restore", "family", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "moved")
    assert world.gateways("move", "family", "--to", "vps", "--json").data["profiles"][0]["outcome"] == "already-moved"
    back = world.gateways("move", "family", "--to", "local")
    assert back.code == 0 and "  connected (here): telegram\n" in back.stdout, back
    assert world.pid("family") is not None and not there(world).exists()
    assert world.rows()["family"]["service"]["installed"]


def test_refusals_come_before_anything_is_touched(world: GatewayRoot) -> None:
    (world.home("family") / "skills").symlink_to(world.user)
    there(world).mkdir(parents=True)
    (there(world) / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    (there(world) / "config.yaml").write_text("model: x\n")
    done = world.untouched_by("move", "family", "--to", "vps", "--json")
    assert done.code == 6
    assert {each["code"] for each in done.json["errors"]} == {"links-out", "exists", "bot-elsewhere"}
    assert [each["outcome"] for each in done.data["profiles"]] == ["refused"]
    assert world.untouched_by("move", "family", "--to", "nowhere", "--json").code == 5
    assert world.untouched_by("move", "nobody", "--to", "vps", "--json").code == 5
    assert world.untouched_by("move", "family", "--json").code == 2
    assert world.untouched_by("move", "family", "--to", "local", "--json").code in (2, 5)


def test_what_ties_default_to_its_root_is_said_before_it_moves(world: GatewayRoot) -> None:
    words = ("move", "default", "--to", "vps", "--as", "ada", "--dry-run", "--json")
    world.make("default", {
        **FAMILY, ".env": f"TELEGRAM_BOT_TOKEN={OF_DEFAULT}\n", "auth.json": "{}", "kanban.db": "no database",
        "config.yaml": f"terminal:\n  cwd: {world.root}/workspace\n  tool: {world.root}/bin/x\n",
    })  # fmt: skip
    planned = world.untouched_by(*words)
    assert planned.code == 0 and planned.data["profiles"][0]["as"] == "ada"
    assert {each["code"] for each in planned.json["warnings"]} == {"stays-in-root", "logins-leave", "source-path"}
    (path,) = [each["message"] for each in planned.json["warnings"] if each["code"] == "source-path"]
    assert path.startswith("default/config.yaml:2: terminal.cwd leads to a file of default")
    link = world.home("family") / "skills"
    link.symlink_to(world.root / "memories")
    assert world.untouched_by(*words).problem["code"] == "links-in"
    link.unlink()
    taken = [each if each != "ada" else "family" for each in words]
    assert world.untouched_by(*taken).problem["code"] == "exists"
    tool = world.root / "my tools" / "hermes_profiles"
    with pytest.MonkeyPatch.context() as machine:
        machine.setattr(move_look.sys, "prefix", str(tool))
        refused = world.untouched_by(*words)
        assert (refused.problem["code"], str(tool) in refused.problem["message"]) == ("default-profile", True)
    with (world.root / ".env").open("a") as env:
        env.write("GATEWAY_MULTIPLEX_PROFILES=true\n")
    refused = world.untouched_by(*words)
    assert (refused.code, refused.problem["code"]) == (6, "gateway"), refused
    assert "`hermes-profiles team run-mode processes`" in refused.problem["hint"]


def test_default_moves_with_a_name_and_its_root_stays(world: GatewayRoot) -> None:
    world.make("default", {**FAMILY, "SOUL.md": "mine\n", ".env": f"TELEGRAM_BOT_TOKEN={OF_DEFAULT}\n"})
    world.gok("install", "default", "family", "--start")
    refused = world.untouched_by("move", "default", "--to", "vps", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "default-profile")
    assert "`hermes-gateways move default --to vps --as NAME`" in refused.problem["hint"]
    for words in (("family", "--to", "vps"), ("default", "family", "--to", "vps"), ("default", "--take-back")):
        assert world.untouched_by("move", *words, "--as", "ada", "--json").code == 2
    assert world.untouched_by("move", "default", "--to", "vps", "--as", "default", "--json").code == 2
    planned = world.untouched_by("move", "default", "--to", "vps", "--as", "ada", "--dry-run").stdout
    assert planned.startswith("default: would move (here to vps as ada, ")
    done = world.gateways("move", "default", "--to", "vps", "--as", "ada", "--json")
    assert done.code == 0, done
    (row,) = done.data["profiles"]
    assert (row["profile"], row["as"], row["outcome"], row["running"]) == ("default", "ada", "moved", True)
    other = there(world).parent
    assert (other / "ada/SOUL.md").read_text() == "mine\n" and not (other / "family").exists()
    assert not (world.root / ".env").exists() and not (world.root / "SOUL.md").exists()
    rows = world.rows()
    assert rows["family"]["state"] == "running" and not rows["default"]["service"]["installed"]
    (entry,) = world.call("trash", "list", "--json").data["trash"]
    changes = world.call("undo", "--list", "--json").data["changes"]
    (departure,) = [each["id"] for each in changes if each["command"][:2] == ["delete", "default"]]
    for words in (("restore", entry["id"]), ("undo", departure)):
        again = world.call(*words, "--json")
        assert (again.code, again.problem["code"]) == (6, "moved"), again
    done = world.gateways("move", "default", "--to", "vps", "--as", "ada", "--json")
    assert done.data["profiles"][0]["outcome"] == "already-moved"
    back = world.gateways("move", "ada", "--to", "local")
    assert back.code == 0 and (world.home("ada") / "SOUL.md").read_text() == "mine\n", back
    assert world.pid("ada") is not None and not (other / "ada").exists()


def test_lost_place_gives_default_back_from_the_trash(world: GatewayRoot) -> None:
    world.make("default", {**FAMILY, "SOUL.md": "mine\n", ".env": f"TELEGRAM_BOT_TOKEN={OF_DEFAULT}\n"})
    world.gateways("move", "default", "--to", "vps", "--as", "ada", "--json")
    shutil.rmtree(world.user / "v")
    (entry,) = world.call("trash", "list", "--json").data["trash"]
    kept = world.root / "profiles/.hermes-profiles/trash" / entry["id"] / "files"
    shutil.copytree(kept, world.root, dirs_exist_ok=True)
    (found,) = world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"]
    assert found["profiles"] == ["default"] and "lives in the place vps as ada" in found["message"]
    assert world.gateways("start", "default", "--json").code != 0
    for each in kept.iterdir():
        copy = world.root / each.name
        shutil.rmtree(copy) if copy.is_dir() else copy.unlink()
    dead = world.gateways("move", "default", "--source-is-dead", "default", "--json")
    assert dead.code == 0 and dead.data["awaited"], dead
    assert world.call("restore", entry["id"], "--json").code == 0
    assert (world.root / "SOUL.md").read_text() == "mine\n" and read_placement(world.root).epoch == 2
    assert world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"] == []
    world.gok("install", "default", "--start")


def test_gateway_that_does_not_connect_there_runs_here_again(world: GatewayRoot) -> None:
    world.gok("install", "family", "--start")
    # The fake gateway copies `platforms` into its state: there it is not what the source saw connected.
    state = json.loads((world.home("family") / "gateway_state.json").read_text())
    assert state["platforms"]["telegram"]["state"] == "connected"
    (world.home("family") / "platforms").write_text(json.dumps({"telegram": {"state": "retrying"}}))
    done = world.gateways("move", "family", "--to", "vps", "--timeout", "3", "--json")
    assert done.code == 1 and "did not connect" in done.json["errors"][0]["message"], done
    assert world.pid("family") is not None and not there(world).exists()
    assert world.rows()["family"]["service"]["enabled"]
    assert world.gateways("move", "family", "--take-back", "--json").data["profiles"][0]["outcome"] == "taken-back"


def test_move_over_ssh_has_no_secret_in_its_words(world: GatewayRoot) -> None:
    hosts = PlaceHosts(world.runner)
    folder = hosts.host("server")
    (folder / "run").mkdir(mode=0o700)
    (folder / "bin" / "hermes").symlink_to(world.python.parent / "hermes")
    world.gok("place", "add", "server", "--ssh", "ada@server")
    done = world.gateways("move", "family", "--to", "server", "--json")
    assert done.code == 0, done
    arrived = folder / ".hermes" / "profiles" / "family"
    assert TOKEN in (arrived / ".env").read_text() and not world.home("family").exists()
    words = (hosts.folder / "arguments").read_text()
    assert "move-side" in words and "CANARY" not in words
    back = world.gateways("move", "family", "--to", "local", "--json")
    assert back.code == 0 and (world.home("family") / "memories/MEMORY.md").read_text() == "Rex\n", back
    assert "CANARY" not in (hosts.folder / "arguments").read_text()
