"""A profile that lives in another place: its copies here are recognised, refused and reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_runner import Runner
from gateway_root import GatewayRoot, until

from hermes_profiles.credentials.catalog.catalog import Catalog, load_catalog
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways import prestart
from hermes_profiles.profiles.placement import (
    Elsewhere,
    Placement,
    PlaceState,
    Record,
    bots_of,
    elsewhere,
    forget_record,
    placements_file,
    read_placement,
    read_records,
    with_placement,
    write_record,
)

TOKEN = "7100000044:CANARYplacementCANARYplacementCANARY"
BOT = {".env": f"TELEGRAM_BOT_TOKEN={TOKEN}\n", "config.yaml": "model: gpt-5\n", "SOUL.md": "me\n"}
ID = "p-00112233aabbccdd"


@pytest.fixture
def world(runner: Runner) -> GatewayRoot:
    found = GatewayRoot(runner)
    found.make("default", {"config.yaml": "model: gpt-5\n", ".env": "", "SOUL.md": "x\n"})
    found.make("family", BOT)
    return found


def catalog() -> Catalog:
    return load_catalog()


def layout_of(world: GatewayRoot) -> Layout:
    return Layout(world.root, world.user)


def record(world: GatewayRoot, state: PlaceState, *, epoch: int = 2, bots: bool = True) -> Record:
    found = bots_of(layout_of(world), world.home("family"), catalog(), make=True) if bots else ()
    return Record(ID, "family", epoch, state, "vps", "2026-11-29T10:00:00Z", "m1", found)


def place(world: GatewayRoot, epoch: int, name: str = "family") -> None:
    path = world.home(name) / "profile.yaml"
    raw = path.read_bytes() if path.exists() else b""
    path.write_bytes(with_placement(raw, Placement(ID, epoch), path=str(path)))


def judged(world: GatewayRoot, name: str = "family", home: Path | None = None) -> Elsewhere | None:
    return elsewhere(layout_of(world), name, catalog=catalog, home=home)


def test_placement_is_kept_beside_the_keys_of_others(tmp_path: Path) -> None:
    raw = b"# mine\ndescription: the family\ndisabled: true\n"
    placed = with_placement(raw, Placement(ID, 3), path="profile.yaml")
    assert placed.startswith(raw)
    (tmp_path / "profile.yaml").write_bytes(placed)
    assert read_placement(tmp_path) == Placement(ID, 3)
    assert with_placement(placed, None, path="profile.yaml") == raw


@pytest.mark.parametrize(
    ("state", "record_epoch", "epoch", "refused"),
    [
        (PlaceState.HERE, 2, 2, False),
        (PlaceState.HERE, 2, 1, True),
        (PlaceState.HERE, 2, 3, False),
        (PlaceState.MOVED, 2, 1, True),
        (PlaceState.MOVED, 2, 2, True),
        (PlaceState.MOVED, 2, 3, False),
        (PlaceState.LEAVING, 2, 1, True),
        (PlaceState.HANDED_OVER, 2, 1, True),
        (PlaceState.ARRIVING, 2, 2, True),
    ],
)
def test_epoch_decides_which_copy_may_start(
    world: GatewayRoot, state: PlaceState, record_epoch: int, epoch: int, refused: bool
) -> None:
    write_record(layout_of(world), record(world, state, epoch=record_epoch))
    place(world, epoch)
    assert (judged(world) is not None) is refused
    forget_record(layout_of(world), ID)
    assert judged(world) is None


def test_copy_from_before_the_first_move_is_known_by_its_bot(world: GatewayRoot) -> None:
    write_record(layout_of(world), record(world, PlaceState.MOVED))
    assert judged(world) is not None
    world.make("other-name", BOT)
    assert judged(world, "other-name") is not None, "its name does not matter"
    world.make("family", {".env": "TELEGRAM_BOT_TOKEN=7100000045:CANARYanotherCANARYanotherCANARYa\n"})
    assert judged(world) is None, "a new profile of the old name with a bot of its own"


def test_profile_without_a_bot_is_known_by_its_name(world: GatewayRoot) -> None:
    world.make("plain", {"config.yaml": "model: x\n", ".env": ""})
    write_record(layout_of(world), record(world, PlaceState.MOVED, bots=False)._replace(name="plain"))
    assert judged(world, "plain") is not None
    assert judged(world, "default") is None


def test_damaged_record_stops_everything(world: GatewayRoot) -> None:
    placements_file(layout_of(world)).parent.mkdir(parents=True)
    placements_file(layout_of(world)).write_text("{")
    with pytest.raises(Failed, match="moved to other places"):
        read_records(layout_of(world))


def test_clone_does_not_inherit_it_and_rename_keeps_it(world: GatewayRoot) -> None:
    place(world, 4)
    world.ok("clone", "family", "copy")
    assert read_placement(world.home("copy")) == Placement()
    world.ok("rename", "family", "kin")
    assert read_placement(world.home("kin")) == Placement(ID, 4)


def test_restore_and_undo_do_not_bring_it_back(world: GatewayRoot) -> None:
    place(world, 1)
    moved = record(world, PlaceState.MOVED)
    world.ok("delete", "family", "--yes")
    write_record(layout_of(world), moved)
    for words in (("restore", "family"), ("restore", "family", "--as", "kin"), ("undo",)):
        done = world.unchanged_by(*words, "--json", code=6)
        assert done.problem["code"] == "moved"
        assert "vps" in done.problem["message"] and "move " in done.problem["hint"]
    write_record(layout_of(world), moved._replace(state=PlaceState.HERE, epoch=1))
    world.ok("undo")


def test_start_install_and_repair_refuse_it(world: GatewayRoot) -> None:
    try:
        world.gok("install", "--start")
        place(world, 1)
        write_record(layout_of(world), record(world, PlaceState.MOVED))
        shown = world.gateways("status", "--json")
        assert any("lives in the place vps" in text for text in shown.data["gateways"][1]["disagreement"])
        found = world.call("doctor", "--only", "conflicts.moved", "--json")
        (finding,) = found.data["findings"]
        assert found.code == 3 and "its gateway runs (PID" in finding["message"]
        assert finding["fix"]["command"] == "hermes-gateways stop family"
        assert world.gateways("restart", "family").code == 6
        world.gok("stop", "family")
        done = world.gateways("start", "family", "--json")
        assert done.code == 6 and done.data["outcomes"][0]["outcome"] == "refused"
        assert world.gateways("install", "family", "--start").code == 6
        done = world.gateways("start", "--json")
        assert world.outcomes(done) == {"family": "skipped", "default": "already-running"}
        done = world.unchanged_by("repair", "family", "--yes", "--json", code=6)
        assert done.problem["code"] == "moved"
        (finding,) = world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"]
        assert "move family --source-is-dead family" in finding["fix"]["text"]
        world.ok(*finding["fix"]["command"].split()[1:], "--yes")
        assert world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"] == []
    finally:
        world.end()


def test_step_before_a_start_does_not_end_while_it_lives_elsewhere(
    world: GatewayRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(world, 1)
    write_record(layout_of(world), record(world, PlaceState.MOVED))
    session = FleetSession(str(world.root), environment={**world.runner.environment})
    told: list[str] = []

    class Clock:
        now = 0.0

        def monotonic(self) -> float:
            return self.now

        def sleep(self, seconds: float) -> None:
            self.now += seconds
            if self.now > 100:
                write_record(layout_of(world), record(world, PlaceState.HERE, epoch=1))

    monkeypatch.setattr(prestart, "time", Clock())
    prestart._wait_while_elsewhere(session, "family", told.append)
    assert len(told) == 2 and "lives in the place vps" in told[0]
    write_record(layout_of(world), record(world, PlaceState.MOVED))
    monkeypatch.setattr(prestart.os, "getppid", iter(range(9)).__next__)
    with pytest.raises(Refused):  # the manager gave the start up
        prestart._wait_while_elsewhere(session, "family", told.append)


def test_gateway_started_by_hand_is_named(world: GatewayRoot) -> None:
    place(world, 1)
    write_record(layout_of(world), record(world, PlaceState.MOVED))
    process = world.by_hand("family")
    try:
        until(lambda: (world.home("family") / "gateway.pid").exists())
        (finding,) = world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"]
        assert f"PID {process.pid}" in finding["message"] and finding["severity"] == "error"
    finally:
        process.terminate()
        process.wait()


def test_copy_becomes_the_profile_where_its_place_is_gone(world: GatewayRoot) -> None:
    place(world, 1)
    write_record(layout_of(world), record(world, PlaceState.MOVED))
    assert world.gateways("move", "family", "--source-is-dead", "famly").code == 6
    planned = world.gateways("move", "family", "--source-is-dead", "family", "--dry-run", "--json")
    assert planned.data["epoch"] == 3 and judged(world) is not None
    done = world.gok("move", "family", "--source-is-dead", "family", "--json")
    assert done.data["lost_place"] == "vps" and judged(world) is None
    assert read_placement(world.home("family")) == Placement(ID, 3)
    again = world.gateways("move", "family", "--source-is-dead", "family", "--json")
    assert (again.code, again.problem["code"]) == (5, "not-moved")
    place(world, 2)
    found = judged(world)
    assert found is not None and "old copy of family" in found.reason
    world.gok("move", "family", "--source-is-dead", "family")
    assert judged(world) is None


def test_trash_gives_it_back_where_its_place_is_gone(world: GatewayRoot) -> None:
    place(world, 1)
    moved = record(world, PlaceState.MOVED)
    world.ok("delete", "family", "--yes")
    write_record(layout_of(world), moved)
    done = world.gok("move", "family", "--source-is-dead", "family", "--json")
    assert done.data["awaited"] is True
    world.ok("restore", "family")
    assert read_placement(world.home("family")) == Placement(ID, 3)
    assert read_records(layout_of(world))[ID].state is PlaceState.HERE and judged(world) is None


def test_doctor_does_not_advise_to_delete_what_is_being_moved(world: GatewayRoot) -> None:
    place(world, 1)
    write_record(layout_of(world), record(world, PlaceState.LEAVING))
    (finding,) = world.call("doctor", "--only", "conflicts.moved", "--json").data["findings"]
    assert finding["fix"]["command"] == "hermes-gateways move family --to vps"
    assert "--take-back" in finding["fix"]["text"]


def test_new_profile_gets_no_name_by_which_a_moved_one_is_recognised(world: GatewayRoot) -> None:
    layout = layout_of(world)
    world.make("plain", {"config.yaml": "model: gpt-5\n"})
    write_record(layout, record(world, PlaceState.MOVED, bots=False)._replace(name="kid"))
    for words in (("create", "kid"), ("clone", "plain", "kid"), ("rename", "plain", "kid")):
        refused = world.call(*words, "--json")
        assert (refused.code, refused.problem["code"]) == (6, "moved") and "choose another name" in refused.problem[
            "hint"
        ]
    write_record(layout, record(world, PlaceState.MOVED)._replace(name="kid"))
    assert world.call("clone", "plain", "kid", "--json").code == 0
    assert judged(world, "kid") is None, "it has none of the bots that moved"
