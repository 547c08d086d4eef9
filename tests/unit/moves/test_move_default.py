"""The default profile moves under a name: alone, ended at every point, and the old root stays one that works."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from nightly import NIGHTLY
from two_places import AWAY, OF_THE_ROOT, TOKEN, DefaultMoves, Killed, contents, own_contents

from hermes_profiles.changes import filesystem
from hermes_profiles.changes.apply import recover
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.moves import source_side
from hermes_profiles.moves.source_side import kept_of
from hermes_profiles.profiles.placement import PlaceState, elsewhere, read_placement, record_of


def test_default_arrives_with_a_name_and_comes_back_with_it(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    before, root = own_contents(world.home.home(DEFAULT)), world.of_the_root()
    assert root == OF_THE_ROOT and "memories/MEMORY.md" in before
    (moved,) = world.move()
    assert (moved.name, moved.as_name, moved.outcome, moved.running) == (DEFAULT, AWAY, "moved", True)
    assert world.holder() is world.vps and contents(world.vps.home(AWAY)) == before
    assert world.of_the_root() == root
    left = {each.name for each in world.home.layout.root.iterdir()}
    assert left == {path.partition("/")[0] for path in OF_THE_ROOT}
    assert not world.home.may_start(DEFAULT) and elsewhere(world.home.layout, DEFAULT, catalog=load_catalog) is None
    (again,) = world.move()
    assert (again.outcome, again.as_name) == ("already-moved", AWAY)
    known = record_of(world.home.layout, AWAY)
    assert known is not None and (known.state, known.place, known.was) == (PlaceState.MOVED, "vps", DEFAULT)
    (back,) = world.move(back=True)
    assert back.outcome == "moved" and world.holder() is world.home
    assert contents(world.home.home(AWAY)) == before and read_placement(world.home.home(AWAY)).epoch == 2
    assert world.of_the_root() == root and not world.vps.home(AWAY).exists()


def test_nothing_else_of_the_root_travels(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    world.move()
    arrived = [path for path in world.vps.user.rglob("*") if path.is_file()]
    assert any(TOKEN.encode() in path.read_bytes() for path in arrived)
    assert not [path for path in arrived if b"CANARY-root" in path.read_bytes() or b"CANARYkid" in path.read_bytes()]
    for path in tmp_path.rglob("*"):
        if path.is_file() and TOKEN.encode() in path.read_bytes():
            inside = str(path.relative_to(tmp_path))
            assert inside.startswith(f"v/.hermes/profiles/{AWAY}/") or "/trash/" in inside, inside
            assert path.stat().st_mode & 0o077 == 0


def test_links_into_the_old_root_lead_into_the_new_home(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    root = world.home.layout.root
    (root / "skills/我的").symlink_to(root / "skills/notes/SKILL.md")
    (root / "skills/up").symlink_to("../SOUL.md")
    (root / "skills/root").symlink_to(root)
    world.move()
    there = world.vps.home(AWAY)
    assert (there / "skills/我的").readlink() == there / "skills/notes/SKILL.md"
    assert (there / "skills/up").resolve() == there / "SOUL.md" and (there / "skills/root").resolve() == there


@pytest.mark.parametrize("then", ["move", "take-back"])
def test_killed_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    for at in _points(tmp_path / "all", monkeypatch):
        folder = tmp_path / str(at)
        world = DefaultMoves(folder)
        before, root = own_contents(world.home.home(DEFAULT)), world.of_the_root()
        world.gate.at = at
        with monkeypatch.context() as patch:
            patch.setattr(filesystem.Files, "operation", world.gate)
            with pytest.raises(Killed):
                world.move()
        world.gate.at = -1
        world.check_never_two()
        for place in (world.home, world.vps):
            recover(place.layout)
        world.check_never_two()
        if then == "take-back":
            with contextlib.suppress(Refused):  # it has arrived: the same words again finish
                world.take_back()
            world.check_never_two()
        if then == "move" or AWAY not in world.pollers or world.vps.may_start(AWAY):
            world.move()
        holder = world.holder()
        assert then == "take-back" or holder is world.vps, at
        home = holder.home(AWAY) if holder is world.vps else holder.home(DEFAULT)
        assert own_contents(home) == before and world.of_the_root() == root, at
        assert (holder is world.vps) != (world.home.home(DEFAULT) / "SOUL.md").exists(), at
        shutil.rmtree(folder)


def _points(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    world = DefaultMoves(folder)
    with monkeypatch.context() as patch:
        patch.setattr(filesystem.Files, "operation", world.gate)
        world.move()
    shutil.rmtree(folder)
    assert len(world.gate.verbs) > 20 and world.gate.count > 200
    return sorted({*range(1, world.gate.count + 1, 1 if NIGHTLY else 23), *world.gate.verbs[:: 1 if NIGHTLY else 2]})


def test_killed_after_the_files_are_in_the_trash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the root names the move any more but what was kept of it; the words without the name finish it."""
    world = DefaultMoves(tmp_path)

    def end(_: Path) -> None:
        raise Killed("forget")

    with monkeypatch.context() as patch:
        patch.setattr(source_side, "remove_state_file", end)
        with pytest.raises(Killed):
            world.move()
    assert read_placement(world.home.layout.root).id == "" and kept_of(world.home.layout, DEFAULT) is not None
    (again,) = world.mover(world.home, world.vps).run((DEFAULT,))
    assert (again.outcome, again.as_name) == ("already-moved", AWAY)
    assert world.holder() is world.vps and kept_of(world.home.layout, DEFAULT) is None


def test_gateway_that_does_not_connect_comes_back_as_default(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    before = own_contents(world.home.home(DEFAULT))
    world.vps.engine.connects = False
    with pytest.raises(Failed, match="is not connected"):
        world.move()
    assert world.holder() is world.home and own_contents(world.home.home(DEFAULT)) == before
    assert world.home.engine.services == {DEFAULT: True} and not world.vps.home(AWAY).exists()
    world.vps.engine.connects = True
    world.move()
    assert world.holder() is world.vps


def test_old_copy_of_default_does_not_start(tmp_path: Path) -> None:
    """Files that come back from the trash are known by their epoch, an older copy by its bot."""
    world = DefaultMoves(tmp_path)
    old = tmp_path / "old.env"
    shutil.copy(world.home.home(DEFAULT) / ".env", old)
    world.move()
    root = world.home.layout.root
    shutil.copy(old, root / ".env")
    found = elsewhere(world.home.layout, DEFAULT, catalog=load_catalog)
    assert found is not None and "lives in the place vps as ada" in found.reason
    assert "`hermes-gateways move ada --to local`" in found.hint
    (root / ".env").unlink()
    (entry,) = trash_entries(world.home.layout)
    assert (entry.kind, entry.name) == ("files", DEFAULT) and ".env" in entry.paths and "SOUL.md" in entry.paths
    shutil.copytree(entry.home, root, dirs_exist_ok=True)
    found = elsewhere(world.home.layout, DEFAULT, catalog=load_catalog)
    assert found is not None and not found.is_under_way
    world.check_never_two()


def test_new_default_in_the_old_root_is_another_profile(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    world.move()
    root = world.home.layout.root
    (root / ".env").write_text("TELEGRAM_BOT_TOKEN=7100000088:CANARYnewCANARYnewCANARYnewCANARYnew88\n")
    assert world.home.may_start(DEFAULT)
    state = world.home.source.ask("state", {"name": DEFAULT, "as": AWAY})
    assert (state["state"], state["exists"]) == ("", True)


def test_default_does_not_leave_without_a_name(tmp_path: Path) -> None:
    world = DefaultMoves(tmp_path)
    mover = world.mover(world.home, world.vps)
    with pytest.raises(Refused) as caught:
        mover.run((DEFAULT,))
    assert caught.value.problem.code == "default-profile" and world.holder() is world.home
