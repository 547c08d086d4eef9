"""A change of 200 steps, such as the repair of a fleet, is applied, recovered and undone as one."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from nightly import sample
from sample_root import (
    CANARY,
    NOON,
    Breaking,
    Counting,
    Killing,
    Picture,
    SampleRoot,
    do,
    heal,
    noon,
    run_killed,
    set_mode,
    strays,
    without_times,
)

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.journal import Journal, Status
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import Signature
from hermes_profiles.changes.trash import steps_to_trash_files, trash_entries
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.secret import Secret

PROFILES = 20
OLD_NS = 1_650_000_000_111_222_333


def make_fleet(world: SampleRoot) -> ChangePlan:
    """Create twenty profiles and return the plan that repairs them in 200 steps."""
    steps: list[Step] = []
    trash_id = Journal(world.layout.state).fresh_id(NOON)
    for number in range(PROFILES):
        name = f"p{number:02}"
        home = world.layout.home(name)
        for path in (".env", "config.yaml", "auth.json", "a.db", "b.db", "weixin/one.json", "x/y.json", "z/a", "z/b"):
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_bytes(CANARY + path.encode())
            (home / path).chmod(0o644)
            os.utime(home / path, ns=(OLD_NS, OLD_NS))
        away = [home / each for each in ("weixin", "x/y.json", "z/a", "z/b")]
        steps += steps_to_trash_files(
            world.layout, name, away, trash_id=trash_id, deleted_at=NOON, reason="copied from default"
        )  # fmt: skip
        for path in (".env", "config.yaml"):
            steps.append(ReplaceFile(home / path, Secret(b"new\n"), 0o600, Signature.of(os.lstat(home / path))))
        steps += [set_mode(world, home / path, 0o600) for path in ("auth.json", "a.db", "b.db")]
    assert len(steps) == 200
    names = tuple(f"p{number:02}" for number in range(PROFILES))
    return ChangePlan(("repair",), "repair 20 profiles", tuple(steps), 100, names)


def phases(seen: list[tuple[str, str]], journal: str) -> dict[str, int]:
    """Return the operation (from 1) in the middle of each phase of a run."""
    written = [number for number, (name, path) in enumerate(seen, 1) if name == "replace" and path.startswith(journal)]
    begun, ready, done = written
    return {
        "before anything": 1, "as it is begun": begun, "begun": begun + 1, "staging": (begun + ready) // 2,
        "as it is ready": ready, "ready": ready + 1, "the first steps": ready + 12,
        "before the middle": ready + (done - ready) * 2 // 5, "after the middle": ready + (done - ready) * 3 // 5,
        "the last steps": done - 8, "as it is done": done, "done": done + 1,
    }  # fmt: skip


PHASES = list(phases([("replace", "j")] * 3, "j"))
TAKEN_BACK = PHASES[: PHASES.index("after the middle")]


def measured(world: SampleRoot) -> tuple[dict[str, int], Picture]:
    plan, files = make_fleet(world), Counting()
    do(world, plan, files)
    return phases(files.seen, f"{world.layout.state}/journal/"), relative(world)


def relative(world: SampleRoot) -> Picture:
    shown = without_times(world.picture())
    return {path.removeprefix(f"{world.user_home}/"): what for path, what in shown.items()}


@pytest.mark.parametrize("phase", sample(PHASES, 2))
def test_a_change_killed_in_any_phase_is_applied_whole_or_not_at_all(phase: str, worlds: Iterator[SampleRoot]) -> None:
    at, new = measured(next(worlds))
    world = next(worlds)
    plan = make_fleet(world)
    before, old = world.picture(), relative(world)
    assert run_killed(lambda: do(world, plan, Killing(at[phase]))) == -9
    sentences = heal(world)
    assert not any("not touched" in sentence for sentence in sentences)
    assert relative(world) == (old if phase in TAKEN_BACK else new)
    assert len(trash_entries(world.layout)) == (0 if phase in TAKEN_BACK else PROFILES)
    assert strays(world) == []
    if phase in TAKEN_BACK:
        assert world.picture() == before
        do(world, make_plan_again(world, plan))
        assert relative(world) == new
    undo(world.layout, now=noon)
    assert world.picture() == before
    assert strays(world) == [] == list(world.layout.trash.glob("*"))


def make_plan_again(world: SampleRoot, plan: ChangePlan) -> ChangePlan:
    """Return the plan for files after a rollback, which has created some of them again with another inode."""
    steps = tuple(
        ReplaceFile(step.path, step.content, step.mode, Signature.of(os.lstat(step.path)))
        if isinstance(step, ReplaceFile) and step.expected is not None
        else step
        for step in plan.steps
    )
    return ChangePlan(plan.command, plan.summary, steps, plan.commit, plan.profiles)


@pytest.mark.parametrize("phase", sample(PHASES, 2))
def test_an_undo_killed_in_any_phase_is_whole_or_not_at_all(phase: str, worlds: Iterator[SampleRoot]) -> None:
    world = next(worlds)
    do(world, make_fleet(world))
    files = Counting()
    undo(world.layout, files=files, now=noon)
    written = [
        (name, path) for name, path in files.seen if name == "replace" and path.startswith(f"{world.layout.state}/jour")
    ]
    # An undo also marks the change it undoes: four writes instead of three.
    assert len(written) == 4
    marked = files.seen.index(written[2])
    files.seen[marked] = ("marked", written[2][1])
    at = phases(files.seen, f"{world.layout.state}/journal/")
    world = next(worlds)
    plan = make_fleet(world)
    before = world.picture()
    do(world, plan)
    new = relative(world)
    assert run_killed(lambda: undo(world.layout, files=Killing(at[phase]), now=noon)) == -9
    heal(world)
    statuses = {entry.status for entry in Journal(world.layout.state).entries()}
    assert Status.BEGUN not in statuses
    if Status.UNDONE not in statuses:
        assert relative(world) == new
        undo(world.layout, now=noon)
    assert world.picture() == before
    assert strays(world) == []


def test_a_fault_in_the_last_step_rolls_all_steps_back(worlds: Iterator[SampleRoot]) -> None:
    at, _ = measured(next(worlds))
    world = next(worlds)
    plan = make_fleet(world)
    before = world.picture()
    with pytest.raises(Failed):
        do(world, plan, Breaking(at["as it is done"] - 3, errno.EIO))
    assert world.picture() == before
    assert strays(world) == []


def test_no_value_is_in_the_journal_and_all_of_it_is_private(world: SampleRoot) -> None:
    do(world, make_fleet(world))
    for path in Path(Journal(world.layout.state).folder).rglob("*"):
        assert path.stat().st_mode & 0o077 == 0
        assert path.suffix != ".json" or CANARY not in path.read_bytes()
