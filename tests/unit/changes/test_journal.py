"""The journal stays readable, and the lock is released."""

from __future__ import annotations

import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sample_root import NOON, PLANS, Killing, SampleRoot, do, noon, run_killed

from hermes_profiles.changes.apply import undo
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.changes.journal import Journal, Status
from hermes_profiles.changes.lock import StateLock
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.model.secret import Secret


def plan_use(world: SampleRoot, name: str) -> ChangePlan:
    path = world.layout.active_profile
    step = ReplaceFile(path, Secret(name.encode()), 0o644, world.signature(path))
    return ChangePlan(("use", name), f"use {name}", (step,), 0, (name,))


def test_entries_are_newest_first_also_within_one_second(world: SampleRoot) -> None:
    for number in range(5):
        do(world, plan_use(world, f"p{number}"))
    entries = Journal(world.layout.state).entries()
    assert [entry.summary for entry in entries] == [f"use p{number}" for number in (4, 3, 2, 1, 0)]
    assert entries[0].started == "2026-03-01T12:00:00+00:00" == entries[0].ended


def test_ids_grow_when_the_clock_goes_back_and_when_a_second_is_full(world: SampleRoot) -> None:
    journal = Journal(world.layout.state)
    first = do(world, plan_use(world, "p"))
    assert journal.fresh_id(NOON - timedelta(days=1)) > first
    folder = Path(journal.folder)
    (folder / "20260301T120000Z-ffff.json").write_bytes(b"{}")
    assert journal.fresh_id(NOON) == "20260301T120001Z-0000"
    assert journal.fresh_id(datetime(2026, 3, 2, tzinfo=UTC)).startswith("20260302T000000Z-")


@pytest.mark.parametrize(
    "garbage", [b"", b"{", b"[]", b"null", b"\xff\x00", b'{"schema": "other/9"}', b'{"status": "begun"}', b"[" * 9999]
)
def test_an_unreadable_entry_is_a_warning(garbage: bytes, world: SampleRoot) -> None:
    do(world, plan_use(world, "p"))
    folder = world.layout.state / "journal"
    bad = folder / "20250101T000000Z-0000.json"
    bad.write_bytes(garbage)
    (folder / "notes.txt").write_bytes(b"mine")
    (folder / "notes.json").write_bytes(b"mine")
    (folder / "20250101T000000Z-0001.json").mkdir()
    os.mkfifo(folder / "20250101T000000Z-0002.json")
    journal = Journal(world.layout.state)
    assert [entry.summary for entry in journal.entries()] == ["use p"]
    assert len(journal.problems()) == 3
    assert all(problem.hint for problem in journal.problems())
    do(world, plan_use(world, "q"))
    undo(world.layout, now=noon)
    assert world.layout.active_profile.read_bytes() == b"p"
    assert (folder / "notes.json").exists()


REASONS = {
    b'{"schema": "hermes-profiles-journal/99"}': "its schema is hermes-profiles-journal/99, of another version",
    b'{"schema": "something else"}': "it is not an entry of this journal",
    b'{"schema": "hermes-profiles-journal/2"}': "it is not an entry of this journal",
    b"{": "it is not JSON",
    b"\xff": "it is not JSON",
    b"": "it is not JSON",
}


@pytest.mark.parametrize("content", REASONS)
def test_unreadable_entry_has_a_reason_in_plain_words(content: bytes, world: SampleRoot) -> None:
    do(world, plan_use(world, "p"))
    (world.layout.state / "journal" / "20990101T000000Z-0000.json").write_bytes(content)
    (problem,) = Journal(world.layout.state).problems()
    assert REASONS[content] in problem.message and "Error" not in problem.message


@pytest.mark.parametrize("content", REASONS)
def test_undo_of_an_unreadable_entry_does_not_say_that_there_is_none(content: bytes, world: SampleRoot) -> None:
    bad = world.layout.state / "journal" / "20990101T000000Z-0000.json"
    bad.parent.mkdir(parents=True)
    bad.write_bytes(content)
    with pytest.raises(Failed, match="cannot be read") as caught:
        undo(world.layout, "20990101T000000Z-0000", now=noon)
    assert REASONS[content] in caught.value.problem.message and str(bad) in (caught.value.problem.hint or "")


def test_undo_does_not_guess_when_the_newest_entry_cannot_be_read(world: SampleRoot) -> None:
    change_id = do(world, plan_use(world, "p"))
    (world.layout.state / "journal" / "20990101T000000Z-0000.json").write_bytes(b"{")
    with pytest.raises(Refused, match="newest change is not known") as caught:
        undo(world.layout, now=noon)
    assert change_id in (caught.value.problem.hint or "")
    undo(world.layout, change_id, now=noon)


def test_prune_keeps_the_newest_and_the_interrupted_changes(world: SampleRoot) -> None:
    operations = 60
    run_killed(lambda: do(world, PLANS["publish"](world), Killing(operations)))
    journal = Journal(world.layout.state)
    (begun,) = journal.begun()
    for number in range(5):
        path = world.layout.state / "journal" / f"2025010{number + 1}T000000Z-0000.json"
        text = Path(journal.path(begun.id)).read_text().replace(begun.id, path.stem)
        path.write_text(text.replace('"begun"', '"done"'))
        (path.with_suffix("")).mkdir()
    assert journal.prune(keep=2) == 3
    left = journal.entries()
    assert [entry.id[:8] for entry in left[1:]] == ["20250105", "20250104"]
    assert left[0].status is Status.BEGUN
    assert not (world.layout.state / "journal" / "20250101T000000Z-0000").exists()
    assert journal.prune(keep=0) == 2
    assert [entry.id for entry in journal.entries()] == [begun.id]


def test_a_failed_change_is_in_the_journal_as_rolled_back(world: SampleRoot) -> None:
    class Full(Files):
        def replace(self, source: str, target: str) -> None:
            if target.endswith("active_profile"):
                raise OSError(28, "No space left on device", target)
            super().replace(source, target)

    with pytest.raises(Exception, match="no space left"):
        do(world, plan_use(world, "p"), Full())
    (entry,) = Journal(world.layout.state).entries()
    assert entry.status is Status.ROLLED_BACK
    assert not entry.can_be_undone


def test_the_lock_names_its_holder_and_ends_with_it(world: SampleRoot) -> None:
    ready, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        with StateLock(world.layout.state):
            os.write(writer, b"x")
            time.sleep(60)
        os._exit(0)
    os.read(ready, 1)
    started = time.monotonic()
    with pytest.raises(Refused, match=f"process {pid} ") as caught, StateLock(world.layout.state, wait=0.2):
        pass
    assert caught.value.problem.code == "busy"
    assert 0.2 <= time.monotonic() - started < 5
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with StateLock(world.layout.state, wait=5):
        assert (world.layout.state / "lock").read_text() == f"{os.getpid()}\n"
    os.close(ready)
    os.close(writer)


def test_the_lock_makes_a_private_folder(tmp_path: Path) -> None:
    state = tmp_path / "root" / "profiles" / ".hermes-profiles"
    with StateLock(state):
        assert [each.stat().st_mode & 0o777 for each in (state, state.parent, state.parent.parent)] == [0o700] * 3
    state.chmod(0o755)
    with StateLock(state):
        assert state.stat().st_mode & 0o777 == 0o700


def test_a_state_folder_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").symlink_to(tmp_path)
    with pytest.raises(Refused, match="is not a folder"), StateLock(tmp_path / "state"):
        pass
