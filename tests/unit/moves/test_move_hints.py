"""A step of a move that comes out of turn says `run the command again`, and that command ends well."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

import pytest
from two_places import Killed, TwoPlaces

from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused
from hermes_profiles.profiles.placement import PlaceState, record_of, write_record

AGAIN = "run the command again"


@pytest.fixture
def world(tmp_path: Path) -> TwoPlaces:
    return TwoPlaces(tmp_path)


def broken(world: TwoPlaces, step: str, fault: Callable[[], object]) -> tuple[str, str | None]:
    """Move with a fault before a step; return the code and the hint of the error. The next move must arrive."""
    mover = world.mover(world.home, world.vps)
    mover.on_step = lambda _, now: fault() if now == step else None
    with pytest.raises(HermesProfilesError) as caught:
        mover.run(("family",))
    world.check_never_two()
    world.move()
    assert world.holder() is world.vps
    return caught.value.problem.code, caught.value.problem.hint


def stopped_before(world: TwoPlaces, step: str) -> None:
    """End the command before a step, as a killed one ends."""
    mover = world.mover(world.home, world.vps)

    def end(_: str, now: str) -> None:
        if now == step:
            raise Killed(step)

    mover.on_step = end
    with pytest.raises(Killed):
        mover.run(("family",))


def frozen(world: TwoPlaces) -> dict[str, Any]:
    """Return what the source keeps of the move, as a request."""
    (path,) = (world.home.layout.state / "moves").glob("family.json")
    return {**json.loads(path.read_text()), "root": str(world.home.layout.root)}


def test_stream_that_ends_early(world: TwoPlaces) -> None:
    side, receive = world.vps.target, world.vps.target.receive

    def cut(request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        side.receive = receive  # type: ignore[method-assign]
        return receive(request, io.BytesIO(stream.read()[:900]))

    side.receive = cut  # type: ignore[method-assign]
    assert broken(world, "", lambda: None) == ("broken-stream", AGAIN)


def test_move_that_another_command_took_back(world: TwoPlaces) -> None:
    assert broken(world, "adopt", world.take_back) == ("given-back", AGAIN)


def test_files_that_are_gone_from_the_target(world: TwoPlaces) -> None:
    def lose() -> None:
        shutil.rmtree(world.vps.home("family"))

    assert broken(world, "arm", lose) == ("not-arriving", AGAIN)


def test_profile_that_was_made_one_here_meanwhile(world: TwoPlaces) -> None:
    def adopt() -> None:
        known = record_of(world.home.layout, "family")
        assert known is not None
        write_record(world.home.layout, known._replace(state=PlaceState.HERE, place=""))

    assert broken(world, "hand-over", adopt) == ("not-moving", AGAIN)


def test_commit_and_way_back_out_of_turn(world: TwoPlaces) -> None:
    """The copy at the source stays, and the profile starts at one place."""
    stopped_before(world, "verify")
    with pytest.raises(Refused) as caught:
        world.home.source.ask("commit", frozen(world))
    assert (caught.value.problem.code, caught.value.problem.hint) == ("not-handed-over", AGAIN)
    stopped_before(world, "arm")
    with pytest.raises(Refused) as caught:
        world.home.source.ask("take-back", {"name": "family"})
    assert (caught.value.problem.code, caught.value.problem.hint) == ("handed-over", AGAIN)
    assert not world.home.may_start("family")
    assert world.take_back() == ["family"] and world.holder() is world.home


def test_move_that_the_target_gave_back(world: TwoPlaces) -> None:
    stopped_before(world, "arm")
    world.vps.target.ask("retire", frozen(world))
    with pytest.raises(Failed) as caught:
        world.move()
    assert (caught.value.problem.code, world.holder()) == ("taken-back", world.home)
    assert "`hermes-gateways move family --to vps`" in (caught.value.problem.hint or "")
    world.move()
    assert world.holder() is world.vps


def test_copy_at_the_source_that_is_not_in_the_trash_yet(world: TwoPlaces) -> None:
    world.home.source.silent["commit"] = False
    (moved,) = world.move()
    (warning,) = moved.warnings
    assert (warning.code, moved.outcome, world.home.home("family").is_dir()) == ("not-committed", "moved", True)
    assert "`hermes-gateways move family --to vps` again" in (warning.hint or "")
    assert world.holder() is world.vps
    world.home.source.silent.clear()
    world.move()
    assert world.holder() is world.vps and not world.home.home("family").exists()
