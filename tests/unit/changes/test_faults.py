"""Faults and kills at any operation leave the old state or the new state, and no temporary files."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from nightly import NIGHTLY, sample, up_to
from sample_root import (
    PLANS,
    Breaking,
    BreakingThenKilling,
    Counting,
    Killing,
    Picture,
    SampleRoot,
    do,
    heal,
    make_links,
    make_sample_root,
    noon,
    run_killed,
    strays,
    without_times,
)

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import ChangeEntry, Journal, Status
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import steps_from_trash_files, trash_entries
from hermes_profiles.model.errors import HermesProfilesError

FAULTS = [errno.ENOSPC, errno.EACCES, errno.EIO, KeyboardInterrupt]

Job = Callable[[SampleRoot, Files | None], object]


def _apply(kind: str) -> Job:
    return lambda world, files: do(world, PLANS[kind](world), files)


def _undo(world: SampleRoot, files: Files | None) -> object:
    return undo(world.layout, files=files, now=noon)


def _restore_files(world: SampleRoot, files: Files | None) -> object:
    (entry,) = trash_entries(world.layout)
    steps = steps_from_trash_files(entry, world.layout.home("anna"))
    return do(world, ChangePlan(("restore",), "restore files of anna", steps), files)


def _nothing(world: SampleRoot) -> None:
    pass


# What is broken: how the world is prepared, and the job that is then disturbed.
JOBS: dict[str, tuple[Callable[[SampleRoot], object], Job]] = {
    "publish": (_nothing, _apply("publish")),
    "delete": (_nothing, _apply("delete")),
    "rename": (_nothing, _apply("rename")),
    "modes": (_nothing, _apply("modes")),
    "files": (_nothing, _apply("files")),
    "links": (_nothing, _apply("links")),
    "copies": (make_links, _apply("copies")),
    "undo publish": (lambda world: do(world, PLANS["publish"](world)), _undo),
    "undo delete": (lambda world: do(world, PLANS["delete"](world)), _undo),
    "undo rename": (lambda world: do(world, PLANS["rename"](world)), _undo),
    "undo modes": (lambda world: do(world, PLANS["modes"](world)), _undo),
    "undo files": (lambda world: do(world, PLANS["files"](world)), _undo),
    "undo links": (lambda world: do(world, PLANS["links"](world)), _undo),
    "undo copies": (lambda world: (make_links(world), do(world, PLANS["copies"](world))), _undo),
    "restore files": (lambda world: do(world, PLANS["files"](world)), _restore_files),
}


def _measure(world: SampleRoot, job: str) -> tuple[int, Picture]:
    """Return the number of operations of a job and the state of the world after it."""
    prepare, run = JOBS[job]
    prepare(world)
    files = Counting()
    run(world, files)
    return len(files.seen), _relative(world)


def _relative(world: SampleRoot) -> Picture:
    shown = without_times(world.picture())
    return {path.removeprefix(f"{world.user_home}/"): what for path, what in shown.items()}


def _check_healthy(world: SampleRoot, before: Picture, old: Picture, new: Picture, job: str) -> None:
    """Check for the old or new state, no stray files and a readable journal; then run the job and undo it."""
    now = _relative(world)
    assert now in (old, new)
    assert strays(world) == []
    entries, problems = Journal(world.layout.state).read()
    assert problems == ()
    assert all(entry.status is not Status.BEGUN for entry in entries)
    _check_journal_tells_the_truth(entries, now == new, job)
    if now == old:
        JOBS[job][1](world, None)
        assert _relative(world) == new
    if not job.startswith("undo"):
        undo(world.layout, now=noon)
        assert world.picture() == before
    else:
        redo = next(entry for entry in Journal(world.layout.state).entries() if entry.status is Status.DONE)
        assert redo.level == 1
        undo(world.layout, redo.id, now=noon)
        assert _relative(world) == old
    assert strays(world) == []


def _check_journal_tells_the_truth(entries: tuple[ChangeEntry, ...], is_new: bool, job: str) -> None:
    made = [entry for entry in entries if entry.status is not Status.ROLLED_BACK]
    if job.startswith("undo"):
        assert [entry.status for entry in made] == ([Status.DONE, Status.UNDONE] if is_new else [Status.DONE])
    else:
        prepared = [Status.DONE] if job.startswith("restore") else []
        assert [entry.status for entry in made] == ([Status.DONE, *prepared] if is_new else prepared)


@pytest.mark.parametrize("fault", FAULTS, ids=["ENOSPC", "EACCES", "EIO", "interrupt"])
@pytest.mark.parametrize("job", JOBS)
def test_a_failure_of_any_operation_changes_nothing(
    job: str, fault: int | type[BaseException], worlds: Iterator[SampleRoot]
) -> None:
    operations, new = _measure(next(worlds), job)
    for at in up_to(operations, 17 if fault == errno.ENOSPC else 61, end=3):
        world = next(worlds)
        prepare, run = JOBS[job]
        prepare(world)
        old, before = _relative(world), world.picture()
        try:
            run(world, Breaking(at, fault))
        except HermesProfilesError as error:
            assert error.problem.hint, error
            assert str(world.user_home) in str(error)
            assert _relative(world) == old, at
        except KeyboardInterrupt:
            assert _relative(world) in (old, new), at
        else:
            assert _relative(world) == new, at
        assert strays(world) == [], at
        if fault == errno.ENOSPC or NIGHTLY:  # going on from here does not depend on the error's number
            _check_healthy(world, before, old, new, job)


@pytest.mark.parametrize("job", JOBS)
def test_the_next_run_recovers_from_a_disk_that_keeps_failing(job: str, worlds: Iterator[SampleRoot]) -> None:
    operations, new = _measure(next(worlds), job)
    for at in up_to(operations, 37):
        world = next(worlds)
        prepare, run = JOBS[job]
        prepare(world)
        old, before = _relative(world), world.picture()
        try:
            run(world, Breaking(at, errno.EROFS, forever=True))
        except HermesProfilesError as error:
            assert error.problem.hint
        heal(world)
        _check_healthy(world, before, old, new, job)


@pytest.mark.parametrize("job", JOBS)
def test_kill_at_any_operation_leaves_old_or_new_after_the_next_run(job: str, worlds: Iterator[SampleRoot]) -> None:
    operations, new = _measure(next(worlds), job)
    outcomes = set()
    for at in up_to(operations, 19, end=3):
        world = next(worlds)
        prepare, run = JOBS[job]
        prepare(world)
        old, before = _relative(world), world.picture()
        assert run_killed(lambda run=run, world=world, at=at: run(world, Killing(at))) == -9
        assert not any("not touched" in sentence for sentence in heal(world)), at
        assert heal(world) == ()
        outcomes.add(_relative(world) == new)
        _check_healthy(world, before, old, new, job)
    assert outcomes == {True, False}


@pytest.mark.parametrize("job", JOBS)
def test_recovery_can_be_killed(job: str, worlds: Iterator[SampleRoot]) -> None:
    operations, new = _measure(next(worlds), job)
    for at in range(3, operations + 1, 1 if NIGHTLY else 89):
        for again in range(1, 200, 1 if NIGHTLY else 45):
            world = next(worlds)
            prepare, run = JOBS[job]
            prepare(world)
            old, before = _relative(world), world.picture()
            run_killed(lambda run=run, world=world, at=at: run(world, Killing(at)))
            exit_code = run_killed(lambda world=world, again=again: heal(world, Killing(again)))
            heal(world)
            _check_healthy(world, before, old, new, job)
            if exit_code == 0:
                break


@pytest.mark.parametrize("job", JOBS)
def test_a_rollback_can_be_killed(job: str, worlds: Iterator[SampleRoot]) -> None:
    operations, new = _measure(next(worlds), job)
    # The last operations write that it is done: from then on it must not be taken back any more.
    last, others = range(operations, operations - 6, -1), range(operations - 6, 10, -1)
    for at in (*sample(last, 4), *sample(others, 127)):
        for later in range(1, 200, 1 if NIGHTLY else 37):
            world = next(worlds)
            prepare, run = JOBS[job]
            prepare(world)
            old, before = _relative(world), world.picture()
            files = BreakingThenKilling(at, later)
            exit_code = run_killed(lambda run=run, world=world, files=files: run(world, files))
            heal(world)
            _check_healthy(world, before, old, new, job)
            if exit_code != -9:
                break


def test_the_next_change_recovers_a_killed_one(worlds: Iterator[SampleRoot]) -> None:
    operations, _ = _measure(next(worlds), "publish")
    world = next(worlds)
    plan = PLANS["publish"](world)
    assert run_killed(lambda: do(world, plan, Killing(operations // 2))) == -9
    do(world, PLANS["publish"](world))
    assert (world.layout.home("bert") / "SOUL.md").read_bytes() == b"kind\n"
    assert strays(world) == []


def test_no_reader_sees_a_partial_profile(worlds: Iterator[SampleRoot], tmp_path: Path) -> None:
    whole = _measure(next(worlds), "publish")[1]
    expected = sorted(path for path in whole if path.startswith(".hermes/profiles/bert/"))

    class Watching(Files):
        def operation(self, name: str, path: str) -> None:
            home = world.layout.home("bert")
            seen = sorted(os.path.relpath(each, world.user_home) for each in home.rglob("*"))
            assert not home.exists() or seen == expected

    world = make_sample_root(tmp_path / "watched")
    do(world, PLANS["publish"](world), Watching())
    assert world.layout.home("bert").is_dir()


def test_a_file_changed_after_a_crash_is_not_touched(worlds: Iterator[SampleRoot]) -> None:
    operations, _ = _measure(next(worlds), "delete")
    sentences = []
    for at in range(1, operations + 1):
        world = next(worlds)
        plan = PLANS["delete"](world)
        run_killed(lambda world=world, plan=plan, at=at: do(world, plan, Killing(at)))
        if world.layout.active_profile.exists():
            world.layout.active_profile.write_bytes(b"another user\n")
        sentences += heal(world)
        if world.layout.active_profile.exists():
            assert world.layout.active_profile.read_bytes() == b"another user\n"
        assert strays(world) == []
    assert any("not touched" in sentence for sentence in sentences)
