"""Rename, delete, restore, create and undo while a live gateway of the newest Hermes serves all profiles."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from newest_gateway import NewestGateways, token

pytestmark = pytest.mark.newest


@pytest.fixture
def world() -> Iterator[NewestGateways]:
    with tempfile.TemporaryDirectory(prefix="hpl-", dir="/tmp") as folder, NewestGateways(Path(folder)) as world:
        yield world


def served(world: NewestGateways) -> list[str]:
    return sorted(world.control("default", "identify").get("served_profiles", []))


def route(world: NewestGateways, profile: str) -> None:
    """Insert a routing row and a heartbeat of a profile, as its gateway does for a chat."""
    with sqlite3.connect(world.root / "state.db") as db:
        row = (f"agent:{profile}:telegram:dm:1", "{}", 1.0)
        columns = [line[1] for line in db.execute("PRAGMA table_info(gateway_routing)")]
        given = dict(zip(("session_key", "entry_json", "updated_at"), row, strict=True)) | {"scope": "gateway"}
        names = [name for name in columns if name in given]
        marks = ",".join("?" * len(names))
        db.execute(f"INSERT INTO gateway_routing ({','.join(names)}) VALUES ({marks})", [given[n] for n in names])


def keys(world: NewestGateways) -> list[str]:
    with sqlite3.connect(world.root / "state.db") as db:
        return sorted(row[0] for row in db.execute("SELECT session_key FROM gateway_routing"))


@pytest.mark.nightly
def test_changes_need_no_restart(world: NewestGateways) -> None:
    world.profile("default", bot=token(1))
    world.profile("work", bot=token(2))
    world.profile("night", bot=token(3))
    pid = world.up()
    world.wait(lambda: served(world) == ["default", "night", "work"], pid)
    route(world, "work")

    renamed = world.ours("rename", "work", "office", "--json", program="profiles")
    assert renamed.code == 0, renamed
    assert renamed.data["multiplexer"] == {"profile": "default", "pid": pid, "restarted": False}
    assert renamed.data["identity"] == "moved"
    assert served(world) == ["default", "night", "office"]
    assert keys(world) == ["agent:office:telegram:dm:1"]
    assert "previous_names:\n  - work\n" in (world.home("office") / "profile.yaml").read_text()

    if world.home("work").exists():  # the gateway wrote a log there before it saw the rename; as the hint of undo says
        world.home("work").rename(world.home("work").with_name(".left"))
    undone = world.ours("undo", "--json", program="profiles")
    assert undone.code == 0, undone
    assert served(world) == ["default", "night", "work"] and keys(world) == ["agent:work:telegram:dm:1"]
    assert not world.home("office").exists() and not (world.home("work") / "profile.yaml").exists()

    deleted = world.ours("delete", "work", "--yes", "--json", program="profiles")
    assert deleted.code == 0 and deleted.data["identity"] == "purged", deleted
    assert served(world) == ["default", "night"] and keys(world) == []

    back = world.ours("restore", "work", "--json", program="profiles")
    assert back.code == 0 and back.json["warnings"] == [], back
    assert served(world) == ["default", "night", "work"]
    assert world.hermes("-p", "work", "profile", "show", "work").code == 0

    made = world.ours("clone", "default", "twin", program="profiles")
    assert made.code == 0 and "the gateway of default serves it within 30 s" in made.stdout, made
    assert "hermes-gateways status twin" in made.stdout and "hermes-gateways install" not in made.stdout
    world.wait(lambda: "twin" in served(world), pid, timeout=40)

    taken = world.ours("undo", "--json", program="profiles")
    assert taken.code == 0 and "twin" not in served(world), taken
    assert not world.home("twin").exists(), "the gateway makes no folder of a profile that is gone"
    assert world.state("default")["pid"] == pid, "the gateway ran all the time"


def test_rows_are_moved_by_hermes_while_no_gateway_runs(world: NewestGateways) -> None:
    world.profile("default")
    world.profile("work")
    store = "from hermes_state import SessionDB; SessionDB().close()"
    assert world.run(world.python, "-c", store).code == 0, "it makes state.db"
    route(world, "work")
    renamed = world.ours("rename", "work", "office", "--json", program="profiles")
    assert renamed.code == 0 and renamed.data["identity"] == "moved", renamed
    assert keys(world) == ["agent:office:telegram:dm:1"]
    assert world.ours("undo", program="profiles").code == 0 and keys(world) == ["agent:work:telegram:dm:1"]
    assert world.ours("delete", "work", "--yes", program="profiles").code == 0 and keys(world) == []


def test_deleted_name_lives_again_for_hermes(world: NewestGateways) -> None:
    world.profile("default")
    assert world.hermes("profile", "create", "work").code == 0
    assert world.hermes("profile", "delete", "work", "-y").code == 0
    assert (world.root / "profiles/.deleted/work").exists()
    assert world.ours("clone", "default", "work", program="profiles").code == 0
    assert world.hermes("profile", "show", "work").code == 0
    assert world.ours("delete", "work", "--yes", program="profiles").code == 0
    gone = world.hermes("profile", "show", "work")
    assert gone.code != 0 and (world.root / "profiles/.deleted/work").exists()
    assert world.ours("restore", "work", program="profiles").code == 0
    assert world.hermes("profile", "show", "work").code == 0
    (world.root / "profiles/ghost/cron").mkdir(parents=True)
    ours = [row["name"] for row in world.ours("list", "--json", program="profiles").data["profiles"]]
    listed = world.hermes("profile", "list").stdout
    assert ours == ["default", "work"] and "ghost" not in listed and "work" in listed


@pytest.mark.nightly
def test_plugin_folder_works_beside_the_newest(world: NewestGateways) -> None:
    world.profile("default")
    world.profile("work")
    assert "profiles" not in world.hermes("profiles", "list").stdout.splitlines()[:1]
    put = world.ours("shim", "plugin", "default", "work", "--json", program="profiles")
    assert put.code == 0, put
    for chosen in ((), ("-p", "work")):
        done = world.hermes(*chosen, "profiles", "list", "--json")
        assert done.code == 0, done
        assert [row["name"] for row in done.data["profiles"]] == ["default", "work"]
    status = world.hermes("-p", "work", "gateways", "status", "--json")
    assert [row["profile"] for row in status.data["gateways"]] == ["work"]
    assert world.ours("shim", "plugin", "--remove", "default", "work", program="profiles").code == 0
    assert world.hermes("profiles", "list", "--json").code != 0
