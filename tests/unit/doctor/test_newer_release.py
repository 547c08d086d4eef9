"""The remark of the doctor about a release of Hermes that this program does not know."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from command_root import CommandRoot
from command_runner import Runner
from doctor_root import DoctorRoot
from hermes_release import write_release
from newer_hermes import NEWER, write_newer_hermes
from team_cases import approvals_of_a_process, everybody_by_the_default

REMARK = "runtime.unknown-release"


def remarks(runner: Runner, **written: object) -> list[dict[str, object]]:
    world = CommandRoot(runner)
    world.make()
    write_newer_hermes(world.root, **written)  # type: ignore[arg-type]
    return [row for row in world.call("doctor", "--json").data["findings"] if row["check"] == REMARK]


@pytest.mark.parametrize("markers", [True, False])
def test_newer_release_is_a_note(runner: Runner, markers: bool) -> None:
    (row,) = remarks(runner, markers=markers)
    assert row["severity"] == "info"
    assert str(row["message"]).startswith(f"Hermes {NEWER} is newer than every release this program knows")
    assert ("does not show" in str(row["message"])) == (not markers)


@pytest.mark.parametrize("version", ["0.19.0", "0.22.2", "0.22.2.post9"])
def test_known_release_is_no_note(runner: Runner, version: str) -> None:
    assert remarks(runner, version=version) == []


@pytest.mark.parametrize(("version", "fires"), [((0, 21, 0), True), ((0, 21, 3), False)])
@pytest.mark.parametrize(("check", "plant"), [
    ("teams.inherited-access", everybody_by_the_default), ("teams.unread-approvals", approvals_of_a_process),
])  # fmt: skip
def test_access_is_compared_only_where_default_gives_it(
    world: DoctorRoot, check: str, plant: Callable[[DoctorRoot], None], version: tuple[int, int, int], fires: bool
) -> None:
    plant(world)
    write_release(world.root / "hermes-agent", version)
    assert bool(world.findings("--only", check)) is fires
