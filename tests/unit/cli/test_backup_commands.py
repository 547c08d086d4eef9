"""`backup`: encrypted copies of profiles, their retention, their check, and the way back."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from command_root import SOURCE, CommandRoot, picture
from command_runner import CANARY
from nightly import NIGHTLY
from written_database import assert_is_one_moment, written_database

from hermes_profiles.backups import schedule as schedules
from hermes_profiles.backups.schedule import BackupTimer, LastRun, Schedule, is_due, read_last, write_schedule
from hermes_profiles.backups.store import backups_in, beyond
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.placement import PlaceState, Record, write_record

pytest.importorskip("pyrage", reason="the extra `archives` is not installed")


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    for name in ("default", "work"):
        home = world.make(name, SOURCE)
        (home / "state.db").unlink()
        database = sqlite3.connect(home / "state.db")
        database.execute("CREATE TABLE messages (text)")
        database.execute(f"INSERT INTO messages VALUES ('of {name}')")
        database.commit()
        database.close()
        os.utime(home / "state.db", (10**9, 10**9))  # at rest: such a database is copied byte for byte
    (world.home("work") / "skills/shared").symlink_to("../../../skills/notify")
    return world


def _folder(world: CommandRoot) -> Path:
    return world.user / ".local/share/hermes-profiles/backups/hermes"


def _without_times(home: Path) -> dict[str, tuple[object, ...]]:
    found = picture(home, without=("profiles",))
    return {path: row for path, row in found.items() if path != ".env"}


def test_backup_is_complete_encrypted_checked_and_restored(work: CommandRoot) -> None:
    before = picture(work.root, without=(".hermes-profiles",))
    done = work.ok("backup", "create", "--all", "--json")
    assert [(row["profile"], row["outcome"]) for row in done.data["backups"]] == [
        ("default", "created"), ("work", "created"),
    ]  # fmt: skip
    assert picture(work.root, without=(".hermes-profiles",)) == before
    key = Path(done.data["key"])
    assert stat.S_IMODE(key.stat().st_mode) == 0o600 and "new-key" in {each["code"] for each in done.json["warnings"]}
    for file in _folder(work).iterdir():
        assert CANARY.encode() not in file.read_bytes() and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert work.ok("backup", "create", "work", "--to", str(work.user / "more"), "--json").json["warnings"] == []
    checked = work.ok("backup", "verify", "--json").data["backups"]
    assert {(row["profile"], row["ok"], row["databases"]) for row in checked} == {
        ("default", True, 1), ("work", True, 1),
    }  # fmt: skip
    (row,) = work.ok("backup", "list", "work", "--json").data["backups"]
    kept = _without_times(work.home("work"))
    (work.home("work") / "SOUL.md").write_text("changed\n")
    (work.home("work") / "more.txt").write_text("new\n")
    changed = picture(work.home("work"))
    planned = work.ok("backup", "restore", "work", "--dry-run", "--json")
    assert planned.data["dry_run"] and picture(work.home("work")) == changed
    restored = work.ok("backup", "restore", row["id"], "--json")
    assert _without_times(work.home("work")) == {
        path: (stat.S_IFREG | stat.S_IMODE(each[0]), each[1]) if stat.S_ISREG(each[0]) else each
        for path, each in kept.items()
    }
    assert os.readlink(work.home("work") / "skills/shared") == "../../../skills/notify"
    (trashed,) = work.ok("trash", "list", "--json").data["trash"]
    assert trashed["id"] == restored.data["trash_id"]
    work.ok("undo")
    assert picture(work.home("work")) == changed


@pytest.mark.parametrize("journal_mode", ["wal", "delete"])
def test_backups_of_a_database_under_write_load_restore_whole(work: CommandRoot, journal_mode: str) -> None:
    (work.home("work") / "state.db").unlink()
    with written_database(work.home("work") / "state.db", journal_mode):
        for number in range(100 if NIGHTLY else 2):
            (row,) = work.ok("backup", "create", "work", "--json").data["backups"]
            work.ok("backup", "restore", row["path"], "--as", f"copy{number}")
            assert_is_one_moment(work.home(f"copy{number}") / "state.db")
            assert not list(work.home(f"copy{number}").glob("state.db-*"))


def test_default_profile_is_restored_in_place_and_back(work: CommandRoot) -> None:
    before = _without_times(work.root)
    work.ok("backup", "create", "default")
    (work.root / "SOUL.md").write_text("changed\n")
    (work.root / "skills/extra").mkdir()
    (work.root / "hermes-agent").mkdir()
    changed = _without_times(work.root)
    work.ok("backup", "restore", "default")
    after = _without_times(work.root)
    assert after.pop("hermes-agent") and after == before
    assert work.home("work").is_dir()
    work.ok("undo")
    assert _without_times(work.root) == changed


def test_deleted_profile_comes_back_and_a_new_name_is_possible(work: CommandRoot) -> None:
    work.ok("backup", "create", "work")
    work.ok("backup", "restore", "work", "--as", "two")
    assert (work.home("two") / "SOUL.md").read_text() == SOURCE["SOUL.md"]
    work.ok("delete", "work", "--yes")
    work.ok("backup", "restore", "work")
    assert work.names() == ["default", "two", "work"]
    missing = work.call("backup", "restore", "nothing", "--json")
    assert missing.code == 5 and missing.problem["code"] == "no-such-backup"
    assert work.call("backup", "restore", "work", "--as", "two", "--json").problem["code"] == "exists"


def test_profile_that_lives_elsewhere_is_not_revived(work: CommandRoot) -> None:
    with open(work.home("work") / "profile.yaml", "w") as file:
        file.write("placement:\n  id: p-1\n  epoch: 1\n")
    work.ok("backup", "create", "work")
    write_record(Layout(work.root, work.user), Record("p-1", "work", 2, PlaceState.MOVED, "vps", "2026-11-01"))
    before = picture(work.home("work"))
    for words in (("backup", "restore", "work"), ("backup", "restore", "work", "--as", "two")):
        refused = work.call(*words, "--json")
        assert refused.code == 6 and refused.problem["code"] == "moved" and "vps" in refused.problem["message"]
    (file,) = _folder(work).glob("work-*")
    key = work.user / ".config/hermes-profiles/backup.key"
    taken = work.call("import", str(file), "--as", "three", "--key", str(key), "--json")
    assert taken.code == 6
    assert picture(work.home("work")) == before and not work.home("two").exists()


def test_damaged_backup_is_found_and_not_restored(work: CommandRoot) -> None:
    work.ok("backup", "create", "work")
    (file,) = _folder(work).iterdir()
    content = bytearray(file.read_bytes())
    content[-200] ^= 0x55
    file.write_bytes(content)
    found = work.call("backup", "verify", "--json")
    assert found.code == 1 and not found.data["backups"][0]["ok"]
    before = picture(work.home("work"))
    assert work.call("backup", "restore", "work", "--json").code == 6
    assert picture(work.home("work")) == before
    (work.user / ".config/hermes-profiles/backup.key").unlink()
    assert work.call("backup", "verify", "--json").problem["code"] == "locked"


def test_old_backups_go_only_after_a_new_one(work: CommandRoot) -> None:
    folder = _folder(work)
    folder.mkdir(parents=True)
    names = [f"work-2026010{day}T000000Z.tar.zst.age" for day in range(1, 6)]
    for name in (*names, "night-20260101T000000Z.tar.zst.age", "work-notes.txt"):
        (folder / name).write_bytes(b"old")
    assert [each.path.name for each in beyond(backups_in(folder, ("work",)), 3)] == names[1::-1]
    failed = work.call("backup", "create", "work", "--keep", "2", "--recipient", "age1broken", "--json")
    assert failed.code == 1 and len(list(folder.iterdir())) == 7
    work.ok("backup", "create", "work", "--keep", "2")
    left = sorted(each.name for each in folder.iterdir())
    assert len(left) == 4 and names[-1] in left and names[-2] not in left and "work-notes.txt" in left


def test_one_failure_does_not_stop_the_others(work: CommandRoot) -> None:
    (work.home("work") / "state.db").write_bytes(b"SQLite format 3\x00" + b"\xff" * 4096)
    done = work.call("backup", "create", "--all", "--json")
    assert done.code == 1 and done.json["status"] == "partial"
    assert {row["profile"]: row["outcome"] for row in done.data["backups"]} == {"default": "created", "work": "failed"}
    assert [each.name.partition("-")[0] for each in _folder(work).iterdir()] == ["default"]


def test_daily_time_is_due_once_a_day_and_after_a_missed_one() -> None:
    plan, day = Schedule("03:30"), datetime(2026, 3, 10, 12, 0).astimezone()
    morning = day.replace(hour=3, minute=30)
    set_at = (day - timedelta(days=5)).timestamp()
    assert is_due(plan, None, day, set_at=set_at)
    assert is_due(plan, LastRun((day - timedelta(days=1)).timestamp()), day, set_at=set_at)
    assert not is_due(plan, LastRun(morning.timestamp() + 1), day, set_at=set_at)
    assert not is_due(plan, None, day, set_at=day.timestamp())
    assert not is_due(plan, LastRun(morning.timestamp() - 60), morning.replace(minute=29), set_at=set_at)


def test_watcher_starts_the_daily_backup_and_keeps_its_result(
    work: CommandRoot, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout, reports, started = Layout(work.root, work.user), [], []

    class Child:
        def __init__(self, words: tuple[str, ...], **options: object) -> None:
            started.append(words)

        def poll(self) -> int | None:
            return 1 if len(started) else None

    monkeypatch.setattr(subprocess, "Popen", Child)
    timer, now = BackupTimer(layout, reports.append), datetime.now().astimezone()
    timer.step(now)
    assert started == []
    work.ok("backup", "timer", "on", "--keep", "3", "--at", "00:00", "--to", str(work.user / "b"))
    tomorrow = now + timedelta(days=1, hours=1)
    timer.step(tomorrow)
    assert len(started) == 1 and started[0][-5:] == ("--keep", "3", "--to", str(work.user / "b"), "--json")
    timer.step(tomorrow)
    assert len(started) == 1 and reports == [
        "the daily backup failed with exit code 1: see why with `hermes-profiles doctor`"
    ]
    last = read_last(layout)
    assert last is not None and last.code == 1
    shown = work.ok("backup", "timer", "--json")
    assert {each["code"] for each in shown.json["warnings"]} == {"not-watched", "backup-failed"}
    assert shown.data["at"] == "00:00" and shown.data["keep"] == 3
    assert work.ok("backup", "timer", "off", "--json").data["outcome"] == "off"
    write_schedule(layout, Schedule())
    schedules.schedule_file(layout).write_bytes(b"{}")
    timer.step(tomorrow + timedelta(days=1))
    assert "cannot make the daily backup" in reports[-1]
