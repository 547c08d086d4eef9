"""A move between two roots, complete or cut off at every point: never two copies may start; the next run repairs it."""

from __future__ import annotations

import contextlib
import errno
import io
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from nightly import NIGHTLY
from two_places import AdoptingEngine, Gate, GatedSide, Killed, TwoPlaces, contents

from hermes_profiles.changes import filesystem
from hermes_profiles.changes.apply import recover
from hermes_profiles.changes.receive_tree import receive_tree
from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused
from hermes_profiles.moves.mover import MoveUnclear
from hermes_profiles.profiles.host_options import is_parked
from hermes_profiles.profiles.placement import read_placement
from hermes_profiles.profiles.profile import environment_of


def test_move_takes_every_byte_and_the_way_back_is_a_move(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    before = contents(world.home.home("family"))
    (moved,) = world.move()
    assert moved.outcome == "moved" and moved.running and moved.bytes > 100
    assert world.holder() is world.vps and not world.home.home("family").exists()
    assert contents(world.vps.home("family")) == before
    assert moved.assigned == {"API_SERVER_PORT": moved.assigned["API_SERVER_PORT"], "HERMES_TIMEZONE": "Europe/Berlin"}
    environment = environment_of(world.vps.home("family"))
    assert environment["API_SERVER_PORT"] == moved.assigned["API_SERVER_PORT"] != "18647"
    assert read_placement(world.vps.home("family")).epoch == 1
    (again,) = world.move()
    assert again.outcome == "already-moved"
    (back,) = world.move(back=True)
    assert back.outcome == "moved" and world.holder() is world.home
    assert read_placement(world.home.home("family")).epoch == 2
    assert contents(world.home.home("family")) == before


def test_new_profile_with_the_name_of_one_that_moved_is_another(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    world.move()
    home = world.home.home("family")
    home.mkdir()
    (home / ".env").write_text("TELEGRAM_BOT_TOKEN=7100000088:CANARYnewCANARYnewCANARYnewCANARYnew88\n")
    assert world.home.source.ask("state", {"name": "family"})["state"] == ""
    (home / ".env").write_bytes((world.vps.home("family") / ".env").read_bytes())
    assert world.home.source.ask("state", {"name": "family"})["state"] == "moved", "a copy of the one that moved"


def _gated(monkeypatch: pytest.MonkeyPatch, gate: Gate) -> None:
    monkeypatch.setattr(filesystem.Files, "operation", gate)


def _restarted(world: TwoPlaces) -> None:
    """Do what the next command on each root does first."""
    for place in (world.home, world.vps):
        recover(place.layout)


def _points(folder: Path, monkeypatch: pytest.MonkeyPatch, adopting: tuple[str, ...] = ()) -> list[int]:
    """Return where to end a move: at each verb, and at every operation on files, by day at some of them."""
    world = TwoPlaces(folder, adopting=adopting)
    with monkeypatch.context() as patch:
        _gated(patch, world.gate)
        world.move()
    shutil.rmtree(folder)
    points = range(1, world.gate.count + 1, 1 if NIGHTLY else 9)
    assert len(world.gate.verbs) > 20 and world.gate.count > 200
    return sorted({*points, *world.gate.verbs})


@pytest.mark.parametrize("then", ["move", "take-back"])
def test_killed_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: str) -> None:
    for at in _points(tmp_path / "all", monkeypatch):
        folder = tmp_path / str(at)
        world = TwoPlaces(folder)
        before = contents(world.home.home("family"))
        world.gate.at = at
        with monkeypatch.context() as patch:
            _gated(patch, world.gate)
            with pytest.raises(Killed):
                world.move()
        world.gate.at = -1
        world.check_never_two()
        _restarted(world)
        world.check_never_two()
        if then == "take-back":
            with contextlib.suppress(Refused):  # it has arrived: the same words again finish
                world.take_back()
            world.check_never_two()
        if then == "move" or "family" not in world.pollers or world.vps.may_start("family"):
            world.move()
        holder = world.holder()
        assert then == "take-back" or holder is world.vps, at
        assert contents(holder.home("family")) == before, at
        shutil.rmtree(folder)


def move_while_a_file_changes(world: TwoPlaces) -> None:
    """Move `family` while another program writes in its home: the move is refused and taken back."""
    mover = world.mover(world.home, world.vps)

    def write(_: str, step: str) -> None:
        if step == "verify":
            (world.home.home("family") / "state.db").write_text("more")

    mover.on_step = write
    with pytest.raises(Failed, match="changed while they were copied"):
        mover.run(("family",))


HOSTS = (("home", "vps"), ("vps",), ("home",))


@pytest.mark.parametrize("adopting", HOSTS, ids=["both", "target", "source"])
def test_one_gateway_serves_it_at_one_end_only(tmp_path: Path, adopting: tuple[str, ...]) -> None:
    world = TwoPlaces(tmp_path, adopting=adopting)
    before = contents(world.home.home("family"))
    (moved,) = world.move()
    assert moved.outcome == "moved" and world.holder() is world.vps
    assert world.vps.engine.services == ({} if "vps" in adopting else {"family": None if "home" in adopting else True})
    (back,) = world.move(back=True)
    assert back.outcome == "moved" and world.holder() is world.home
    assert contents(world.home.home("family")) == before


def test_profile_that_was_parked_stays_parked(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path, adopting=("home", "vps"))
    world.home.engine.stop("family")
    world.vps.engine.connects = False
    world.move()
    assert is_parked(world.vps.home("family")) and world.pollers == []
    world.move(back=True)
    assert is_parked(world.home.home("family")) and world.pollers == []


@pytest.mark.parametrize("was", ["served", "parked", "down"])
def test_take_back_leaves_the_marker_as_it_was(tmp_path: Path, was: str) -> None:
    world = TwoPlaces(tmp_path, adopting=("home", "vps"))
    if was == "parked":
        world.home.engine.stop("family")
    elif isinstance(world.home.engine, AdoptingEngine) and was == "down":
        world.home.engine.end()
    move_while_a_file_changes(world)
    assert is_parked(world.home.home("family")) is (was == "parked")
    assert world.pollers == (["family"] if was == "served" else [])


@pytest.mark.parametrize("adopting", HOSTS, ids=["both", "target", "source"])
def test_killed_anywhere_beside_a_gateway_that_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adopting: tuple[str, ...]
) -> None:
    step = 1 if NIGHTLY else 23
    for at in _points(tmp_path / "all", monkeypatch, adopting)[::step]:
        folder = tmp_path / str(at)
        world = TwoPlaces(folder, adopting=adopting)
        before = contents(world.home.home("family"))
        world.gate.at = at
        with monkeypatch.context() as patch:
            _gated(patch, world.gate)
            with pytest.raises(Killed):
                world.move()
        world.gate.at = -1
        _restarted(world)
        for search in world.gate.searches:
            search()
        world.check_never_two()
        world.move()
        assert world.holder() is world.vps and contents(world.vps.home("family")) == before, at
        shutil.rmtree(folder)


SOURCE = ("state", "freeze", "verify", "hand-over", "commit")
TARGET = ("receive", "adopt", "arm", "start")


@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", [f"source {verb}" for verb in SOURCE] + [f"target {verb}" for verb in TARGET])
def test_link_is_cut(tmp_path: Path, verb: str, is_done: bool) -> None:
    world = TwoPlaces(tmp_path)
    before = contents(world.home.home("family"))
    where, _, word = verb.partition(" ")
    side = world.home.source if where == "source" else world.vps.target
    cut = Cut(side, word, is_done=is_done)
    with contextlib.suppress(HermesProfilesError):
        world.move()
    world.check_never_two()
    cut.heal()
    world.move()
    assert world.holder() is world.vps and contents(world.vps.home("family")) == before


class Cut:
    """A side that is silent from one verb on; `is_done`: that verb is still carried out."""

    def __init__(self, side: GatedSide, verb: str, *, is_done: bool) -> None:
        self._side, self._ask, self._receive = side, side.ask, side.receive
        self.is_cut = False

        def answer(word: str, call: Callable[[], dict[str, Any]]) -> dict[str, Any]:
            if self.is_cut or (word == verb and not is_done):
                self.is_cut = True
                raise Failed("no answer", code="place-silent")
            found = call()
            if word == verb:
                self.is_cut = True
                raise Failed("no answer", code="place-silent")
            return found

        side.ask = lambda word, request: answer(word, lambda: self._ask(word, request))  # type: ignore[method-assign]
        side.receive = lambda request, stream: answer(  # type: ignore[method-assign]
            "receive", lambda: self._receive(request, stream)
        )

    def heal(self) -> None:
        self._side.ask, self._side.receive = self._ask, self._receive  # type: ignore[method-assign]


def test_unclear_hand_over_leaves_it_fenced_and_the_message_says_how(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    cut = Cut(world.vps.target, "arm", is_done=True)
    with pytest.raises(MoveUnclear) as caught:
        world.move()
    hint = caught.value.problem.hint or ""
    assert "move family --to vps" in hint and "--source-is-dead family" in hint
    assert not world.home.may_start("family") and world.pollers == []
    with pytest.raises(MoveUnclear):
        world.take_back()
    cut.heal()
    with pytest.raises(Refused, match="has arrived in vps"):
        world.take_back()
    world.move()
    assert world.holder() is world.vps


def test_gateway_that_does_not_connect_comes_back(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    before = contents(world.home.home("family"))
    world.vps.engine.connects = False
    with pytest.raises(Failed, match="is not connected"):
        world.move()
    assert world.holder() is world.home and contents(world.home.home("family")) == before
    assert world.home.engine.services == {"family": True} and world.vps.engine.services == {}
    assert not world.vps.home("family").exists()
    world.vps.engine.connects = True
    world.move()
    assert world.holder() is world.vps


def test_full_disk_at_the_target_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world = TwoPlaces(tmp_path)

    def full(_: object, name: str, path: str) -> None:
        if name == "write" and "/v/" in path and "memories" in path:
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(filesystem.Files, "operation", full)
        with pytest.raises(Failed, match=r"(?i)no space"):
            world.move()
    assert world.holder() is world.home
    assert not [each for each in (world.vps.layout.state / "moves").iterdir() if each.is_dir()]
    world.move()
    assert world.holder() is world.vps


def test_files_that_change_during_the_copy_stop_the_move(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    move_while_a_file_changes(world)
    assert world.holder() is world.home


def test_second_command_takes_over_and_the_first_one_cannot_go_on(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    first = world.mover(world.home, world.vps)

    def overtake(_: str, step: str) -> None:
        if step == "hand-over":
            first.on_step = lambda *_: None
            world.move()

    first.on_step = overtake
    with pytest.raises(Refused) as caught:
        first.run(("family",))
    problem = caught.value.problem
    assert (problem.code, problem.hint) == ("move-taken-over", "see `hermes-gateways status family`")
    assert world.holder() is world.vps


def test_team_moves_as_one(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path, "lead", "mum", "dad")
    for name in ("mum", "dad"):
        (world.home.home(name) / "skills/notes/SKILL.md").unlink()
        (world.home.home(name) / "skills/notes/SKILL.md").symlink_to(world.home.home("lead") / "skills/notes/SKILL.md")
    world.vps.engine.connects = False
    with pytest.raises(Failed):
        world.move()
    assert [world.holder(name) for name in world.names] == [world.home] * 3
    world.vps.engine.connects = True
    assert [each.outcome for each in world.move()] == ["moved"] * 3
    for name in world.names:
        assert world.holder(name) is world.vps
        assert (world.vps.home(name) / "skills/notes/SKILL.md").read_text() == "take notes\n"
    assert str(world.home.user) not in (world.vps.home("mum") / "skills/notes/SKILL.md").readlink().as_posix()


def test_stream_that_names_a_path_outside_is_refused(tmp_path: Path) -> None:
    for name, kind in (("home/../../x", tarfile.REGTYPE), ("/etc/x", tarfile.REGTYPE), ("home/pipe", tarfile.FIFOTYPE)):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w|") as tar:
            top = tarfile.TarInfo("home")
            top.type = tarfile.DIRTYPE
            tar.addfile(top)
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
        stream.seek(0)
        with pytest.raises(Failed, match="not whole"):
            receive_tree(stream, tmp_path / "in" / "new")
        assert not (tmp_path / "in" / "new").exists() and list(tmp_path.iterdir()) == [tmp_path / "in"]


def test_no_secret_is_written_outside_the_homes(tmp_path: Path) -> None:
    world = TwoPlaces(tmp_path)
    world.move()
    for path in tmp_path.rglob("*"):
        if path.is_file() and b"CANARY" in path.read_bytes():
            inside = str(path.relative_to(tmp_path))
            assert inside.startswith("v/.hermes/profiles/family/") or "/trash/" in inside, inside
            assert path.stat().st_mode & 0o077 == 0
