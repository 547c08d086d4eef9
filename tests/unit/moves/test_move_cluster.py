"""A move to a place in a cluster and back, ended at every point: one copy may start, and the other profiles return."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import pytest
from cluster_place import PlaceAndCluster
from nightly import NIGHTLY
from two_places import Gate, Killed, contents

from hermes_profiles.changes.apply import recover
from hermes_profiles.kubernetes.volume_hold import HeldBy
from hermes_profiles.model.errors import Failed, HermesProfilesError, Refused
from hermes_profiles.places.transport import PlaceSilent


def test_move_there_and_back_leaves_the_cluster_as_it_was(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    before = contents(world.home.home("family"))
    (moved,) = world.move()
    assert (moved.outcome, moved.running) == ("moved", True)
    assert world.holder() is world.vps and contents(world.vps.home("family")) == before
    world.check_at_rest()
    assert world.claims == {"family"}
    assert [each.outcome for each in world.move()] == ["already-moved"]
    (back,) = world.move(back=True)
    assert (back.outcome, back.running) == ("moved", True), "it is seen as running before its pod stops"
    assert world.holder() is world.home and contents(world.home.home("family")) == before
    world.check_at_rest()


def test_files_arrive_while_no_gateway_of_the_place_runs(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    seen = []
    world.cluster.loader_side.target.gate = lambda *what: seen.append((what, world.cluster.has_pod))  # type: ignore[assignment]
    world.move()
    assert ("received",) in [what for what, _ in seen] and not any(has_pod for _, has_pod in seen)


@pytest.mark.parametrize(("way", "then"), [
    ("there", "move"), ("there", "take-back"), ("to-stopped", "move"), ("back", "move"),
])  # fmt: skip
def test_killed_anywhere(tmp_path: Path, way: str, then: str) -> None:
    for at in _points(tmp_path / "all", way):
        folder = tmp_path / str(at)
        world = _world(folder, way)
        before = contents(world.holder().home("family"))
        world.gate.count, world.gate.at = 0, at
        with pytest.raises(Killed):
            world.move(back=way == "back")
        world.gate.at = -1
        _restarted(world)
        if then == "take-back":
            with contextlib.suppress(Refused):  # it has arrived: the same words again finish
                world.take_back()
            world.check_never_two()
            if "family" in world.pollers and world.home.may_start("family"):
                world.check_at_rest()
        world.move(back=way == "back")
        assert world.holder() is (world.home if way == "back" else world.vps), at
        assert contents(world.holder().home("family")) == before, at
        world.check_at_rest()
        shutil.rmtree(folder)


def _points(folder: Path, way: str) -> list[int]:
    """Return where to end a move: at each verb and each request to the cluster; by day at every third of them."""
    world = _world(folder, way)
    world.gate.count, world.gate.verbs = 0, []
    world.move(back=way == "back")
    shutil.rmtree(folder)
    assert len(world.gate.verbs) > 25
    return world.gate.verbs[:: 1 if NIGHTLY else 3]


def _world(folder: Path, way: str) -> PlaceAndCluster:
    world = PlaceAndCluster(folder)
    if way == "to-stopped":
        world.cluster.scale(0, None)
        world.cluster.reconcile()
    if way == "back":
        world.move()
    return world


class CutOff(Gate):
    """Requests after the `at`th find no cluster."""

    def __call__(self, *what: object) -> None:
        self.count += 1
        if self.at >= 0 and self.count >= self.at:
            raise PlaceSilent("no answer")


@pytest.mark.parametrize("way", ["there", "back"])
def test_cluster_is_cut_off_anywhere(tmp_path: Path, way: str) -> None:
    last = 1000
    for at in range(1, last, 1 if NIGHTLY else 4):
        folder = tmp_path / str(at)
        world = _world(folder, way)
        gate = CutOff()
        gate.at = at
        world.cut(gate)
        with contextlib.suppress(HermesProfilesError):
            world.move(back=way == "back")
        gate.at, was_cut = -1, gate.count >= at
        _restarted(world)
        with contextlib.suppress(Failed):  # the source had taken it back: the words once more move it
            world.move(back=way == "back")
        world.move(back=way == "back")
        assert world.holder() is (world.home if way == "back" else world.vps), at
        world.check_at_rest()
        shutil.rmtree(folder)
        if not was_cut:
            return
    raise AssertionError("it was cut off at each request")


def _restarted(world: PlaceAndCluster) -> None:
    """Do what the cluster does without the mover, and what the next command on each root does first."""
    world.check_never_two()
    world.cluster.reconcile()
    for place in (world.home, world.vps):
        recover(place.layout)
    world.cluster.reconcile()
    world.check_never_two()


@pytest.mark.parametrize("fault", ["not-connected", "claimed-elsewhere", "full"])
def test_failure_brings_all_back(tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    world = PlaceAndCluster(tmp_path)
    before = contents(world.home.home("family"))
    if fault == "not-connected":
        world.cluster.pod_engine.connects = False
    elif fault == "claimed-elsewhere":
        world.claimed_elsewhere = True
    else:
        monkeypatch.setattr(world.cluster.loader_side.target.side, "receive", _full)
    with pytest.raises(HermesProfilesError) as caught:
        world.move()
    assert caught.value.exit_code == (6 if fault == "claimed-elsewhere" else 1)
    assert world.holder() is world.home and contents(world.home.home("family")) == before
    assert not world.vps.home("family").exists()
    world.check_at_rest()


def _full(*_: object) -> dict[str, object]:
    raise Failed("no space left on device")


def test_place_that_was_stopped_is_up_only_after_a_move(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    world.cluster.scale(0, None)
    world.cluster.pod_engine.connects = False
    with pytest.raises(Failed):
        world.move()
    assert (world.cluster.replicas, world.cluster.before, world.cluster.loader) == (0, None, "")
    world.cluster.pod_engine.connects = True
    world.move()
    world.check_at_rest()


def test_stopped_place_is_stopped_again_after_a_command_that_was_killed_and_one_that_failed(tmp_path: Path) -> None:
    world = _world(tmp_path, "to-stopped")
    scaled: list[str] = []

    def gate(what: str) -> None:
        scaled.extend([what] if what == "scaled" else [])
        if len(scaled) == 2:
            raise Killed(what)

    world.cluster.gate = gate  # type: ignore[assignment]
    with pytest.raises(Killed):
        world.move()
    assert (world.cluster.replicas, world.cluster.before) == (1, 0), "killed as soon as the pod was wanted"
    world.cluster.gate = world.gate
    world.cluster.pod_engine.connects = False
    _restarted(world)
    with pytest.raises(Failed):
        world.move()
    assert (world.cluster.replicas, world.cluster.before) == (0, None) and world.holder() is world.home


def test_claims_of_a_killed_command_go_when_the_profile_comes_back(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    world.gate.at = -1
    mover = world._mover(world.hold(), back=False)

    def on_step(_: str, step: str) -> None:
        if step == "commit":
            raise Killed(step)

    mover.on_step = on_step
    with pytest.raises(Killed):
        mover.run(world.names)
    assert world.claims == {"family"}
    world.cluster.pod_engine.connects = False
    _restarted(world)
    with pytest.raises(Failed):
        world.move()
    assert world.holder() is world.home
    world.check_at_rest()


def test_profile_that_did_not_run_starts_no_pod(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    world.home.engine.stop("family")
    world.ran = set()
    world.cluster.scale(0, None)
    assert not world.move()[0].running and world.cluster.replicas == 0


def test_loader_of_another_move_is_refused_and_named(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)
    world.cluster.scale(0, 1)
    world.cluster.loader = "server:/root"
    with pytest.raises(Refused, match="for the move of server:/root") as caught:
        world.move()
    assert "kubectl -n bots delete pod family-loader" in (caught.value.problem.hint or "")
    assert world.cluster.loader == "server:/root" and world.home.may_start("family")
    world.cluster.loader = "home:/h"  # left by a command of this root
    assert world.hold().held_by() is HeldBy.LOADER
    world.move()
    world.check_at_rest()


def test_of_two_movers_that_saw_no_loader_one_is_refused_and_leaves_it_alone(tmp_path: Path) -> None:
    world = PlaceAndCluster(tmp_path)

    def made_by_another(_: object) -> None:
        world.cluster.loader = "server:/root"

    world.cluster.create_loader = made_by_another  # type: ignore[method-assign]
    with pytest.raises(Refused, match="for the move of server:/root"):
        world.move()
    assert (world.cluster.loader, world.cluster.replicas, world.cluster.before) == ("server:/root", 0, 1)
    world.check_never_two()
    assert world.holder() is world.home
