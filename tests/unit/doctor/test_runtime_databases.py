"""Database checks: they create no file, change no byte, block no process and do not hang."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from doctor_root import DoctorRoot
from runtime_cases import database, responses

from hermes_profiles.doctor.facts.databases import DatabaseFacts
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.probes import databases
from hermes_profiles.doctor.probes.databases import KNOWN, probe_databases
from hermes_profiles.doctor.probes.homes import list_home
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.home_files import HomeFiles


def seen(home: Path, *, up: bool = False, name: str = "work") -> ProfileFacts:
    """Return a profile with a fresh listing of its home and a gateway that is up or down."""
    listing = {each.path.relative_to(home).as_posix(): each for each in list_home(home)}
    state = GatewayState.RUNNING if up else GatewayState.STOPPED
    gateway = Gateway(name, state, os.getpid() if up else None)
    files = HomeFiles(home, frozenset(), whole=True)
    return ProfileFacts(name, home, files, ClaimedResources(), listing, gateway=gateway)


def probe(home: Path, *, up: bool = False, budget: float = 5.0) -> DatabaseFacts:
    return probe_databases({"work": seen(home, up=up)}, budget=budget)


def picture(home: Path) -> dict[str, Any]:
    return {
        str(path.relative_to(home)): (path.lstat().st_mtime_ns, path.read_bytes())
        for path in sorted(home.rglob("*")) if path.is_file()
    }  # fmt: skip


def spoil(path: Path, start: int = 4096, length: int = 8192) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(b"\x5a" * length)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a database exclusively in another process."""
    script = (
        "import sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute('PRAGMA locking_mode=EXCLUSIVE'); c.execute('BEGIN EXCLUSIVE')\n"
        "c.execute('CREATE TABLE of_the_holder (a)')\n"
        "print('held', flush=True); sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout is not None and holder.stdout.readline() == b"held\n"
            yield
        finally:
            holder.kill()


def test_healthy_databases_are_not_changed(tmp_path: Path) -> None:
    for number, name in enumerate(KNOWN):
        if name == "response_store.db":
            responses(tmp_path / name, "{}", '{"a": [1, NaN]}')
        else:
            database(tmp_path / name, wal=bool(number % 2))
    (tmp_path / "empty").write_bytes(b"")
    before = picture(tmp_path)
    assert probe(tmp_path) == DatabaseFacts(
        in_wal_mode={"work": ("response_store.db", "projects.db", "cron/executions.db",
                              "gateway/discord_message_recovery.db")}
    )  # fmt: skip
    assert picture(tmp_path) == before


@pytest.mark.parametrize("wal", [True, False])
@pytest.mark.parametrize("up", [True, False])
def test_active_writer_is_not_blocked(tmp_path: Path, wal: bool, up: bool) -> None:
    """Uncommitted rows, the log and the files of a writer stay unchanged."""
    path = database(tmp_path / "state.db", wal=wal)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.executemany("INSERT INTO messages (content) VALUES (?)", [("new " * 100,)] * 500)
        writer.commit()
        writer.execute("INSERT INTO messages (content) VALUES ('not yet')")
        before = picture(tmp_path)
        assert probe(tmp_path, up=up)._replace(in_wal_mode={}) == DatabaseFacts()
        assert picture(tmp_path) == before
        writer.commit()
    with closing(sqlite3.connect(path)) as reader:
        assert reader.execute("SELECT count(*) FROM messages").fetchone() == (701,)


def test_database_readable_only_with_log_is_not_damaged(tmp_path: Path) -> None:
    """A gateway was killed during a checkpoint: half of the pages are new, and the log has all of them."""
    path = database(tmp_path / "state.db", wal=True)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("VACUUM")  # every page is in the log now
        spoil(path)
        up, down = probe(tmp_path, up=True), probe(tmp_path)
        assert up.damaged == () and up.unchecked == (), "with its locks and its log all is well"
        assert down.damaged == () and [each.suspect for each in down.unchecked] == [True]
        assert writer.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_damage_under_live_gateway_is_reported(tmp_path: Path) -> None:
    path = database(tmp_path / "state.db", wal=True)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("CREATE TABLE another (a)")
        writer.commit()
        spoil(path)
        names = sorted(each.name for each in tmp_path.iterdir())
        (damage,) = probe(tmp_path, up=True).damaged
        assert damage.how == "is damaged inside"
        assert sorted(each.name for each in tmp_path.iterdir()) == names


@pytest.mark.parametrize("wal", [True, False])
def test_locked_database_is_unchecked(tmp_path: Path, wal: bool) -> None:
    path = database(tmp_path / "state.db", wal=wal)
    with locked(path):
        names = sorted(each.name for each in tmp_path.iterdir())
        started = time.monotonic()
        found = probe(tmp_path, up=True)
        assert time.monotonic() - started < 2
        assert found.damaged == () and found.bad_rows == ()
        assert sorted(each.name for each in tmp_path.iterdir()) == names


def test_damage_behind_a_lock_is_unchecked(tmp_path: Path) -> None:
    path = database(tmp_path / "state.db")
    spoil(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode=EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        found = probe(tmp_path, up=True)
    assert found.damaged == () and [each.why for each in found.unchecked] == ["it is locked"]


@pytest.mark.parametrize("without", ["_interrupt", "_STEPS"])
def test_database_checks_stop_at_time_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str) -> None:
    """Progress handler and interrupt are both needed: each of them misses some cases."""
    if without == "_STEPS":
        monkeypatch.setattr(databases, "_STEPS", 10**9)
    else:
        monkeypatch.setattr(databases._DatabaseReader, "_interrupt", lambda self: None)
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=OFF")
        made.execute("PRAGMA synchronous=OFF")
        made.execute("CREATE TABLE t (a)")
        rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)"
        made.execute(f"INSERT INTO t {rows} SELECT hex(randomblob(900)) FROM n")
        made.execute("CREATE INDEX i ON t (a)")
        made.commit()
    found = probe(tmp_path, budget=0.01)
    assert found.damaged == ()
    assert [(each.file, each.suspect, each.why) for each in found.unchecked] == [
        ("state.db", False, "the time limit of 0.01 s was reached")
    ]


def test_small_databases_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order, examined = [], databases._DatabaseReader._read
    for rows, name in ((50, "state.db"), (500, "kanban.db"), (2, "projects.db")):
        database(tmp_path / name, rows=rows)

    def noted(self: Any, store: Any, how: str) -> Any:
        order.append((store.name, how))
        return examined(self, store, how)

    monkeypatch.setattr(databases._DatabaseReader, "_read", noted)
    assert probe(tmp_path) == DatabaseFacts()
    assert order == [(name, "immutable=1") for name in ("projects.db", "state.db", "kanban.db")]


def test_zero_time_limit_leaves_all_unchecked(tmp_path: Path) -> None:
    spoil(database(tmp_path / "state.db"))
    database(tmp_path / "projects.db")
    found = probe(tmp_path, budget=0.0)
    assert sorted(each.file for each in found.unchecked) == ["projects.db", "state.db"] and found.damaged == ()


@pytest.mark.parametrize(
    "header",
    [
        b"SQLite format 3\0", b"SQLi", b"x" * 4096, b"\0" * 4096,
        b"SQLite format 3\0" + (1000).to_bytes(2, "big") + bytes(982),
        b"SQLite format 3\0" + (256).to_bytes(2, "big") + bytes(238),
    ],
)  # fmt: skip
def test_broken_header_is_damage(tmp_path: Path, header: bytes) -> None:
    (tmp_path / "state.db").write_bytes(header)
    assert [each.file for each in probe(tmp_path, budget=0.0).damaged] == ["state.db"]


def test_truncated_database_is_damage(tmp_path: Path) -> None:
    """A truncated database is damage unless the missing pages can be in its log."""
    path = database(tmp_path / "state.db", wal=True)
    os.truncate(path, path.stat().st_size - 4096)
    assert [each.how for each in probe(tmp_path, budget=0.0).damaged] == ["is cut off"]
    assert probe(tmp_path, up=True, budget=0.0).damaged == ()
    (tmp_path / "state.db-wal").write_bytes(b"a log")
    found = probe(tmp_path)
    assert found.damaged == () and [each.suspect for each in found.unchecked] == [True]


def test_search_index_that_needs_write_access_is_not_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite 3.44 and later checks the index itself, which needs write access."""
    answers = [
        "unable to validate the inverted index for FTS5 table main.messages_fts: attempt to write",
        "row 3 missing",
    ]

    class Connection:
        def execute(self, query: str) -> Any:
            return self

        def fetchone(self) -> tuple[str]:
            return (answers.pop(0),)

    @contextmanager
    def connected(self: Any, path: Path, how: str) -> Iterator[Connection]:
        yield Connection()

    monkeypatch.setattr(databases._DatabaseReader, "_connected", connected)
    database(tmp_path / "projects.db")
    assert probe(tmp_path).damaged == ()
    assert len(probe(tmp_path).damaged) == 1


def test_damaged_schema_is_damage(tmp_path: Path) -> None:
    spoil(database(tmp_path / "state.db"), 100, 3000)
    assert [each.how for each in probe(tmp_path).damaged] == ["is damaged inside"]


@pytest.mark.parametrize("sign", ["log", "time", "fleet"])
def test_database_changed_during_check_is_unchecked(tmp_path: Path, sign: str) -> None:
    """Damage is reported only when no process can be writing."""
    path = database(tmp_path / "state.db", wal=True)
    spoil(path)
    profile = seen(tmp_path)
    if sign == "log":
        (tmp_path / "state.db-wal").write_bytes(b"a log")
    elif sign == "time":
        os.utime(path)
    else:
        profile.gateway = None  # the fleet could not be observed
    found = probe_databases({"work": profile})
    assert found.damaged == () and [each.suspect for each in found.unchecked] == [True]


def test_interrupted_transaction_is_not_rolled_back(tmp_path: Path) -> None:
    """The rollback journal is left to the next writer."""
    path = database(tmp_path / "before" / "state.db")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA cache_size=1")
        writer.execute("UPDATE messages SET content = content || 'more'")
        for name in ("state.db", "state.db-journal"):
            (tmp_path / name).write_bytes((tmp_path / "before" / name).read_bytes())
    spoil(tmp_path / "state.db")
    before = picture(tmp_path)
    found = probe(tmp_path)
    assert found.damaged == () and [each.suspect for each in found.unchecked] == [True]
    assert picture(tmp_path) == before


def test_other_files_are_ignored(tmp_path: Path) -> None:
    """Empty databases, files of other programs and links are ignored."""
    (tmp_path / "state.db").write_bytes(b"")
    (tmp_path / "thumbs.db").write_bytes(b"of another program")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "projects.db").symlink_to(tmp_path / "thumbs.db")
    assert probe(tmp_path) == DatabaseFacts()


def test_bad_rows_of_live_database_are_read_with_locks(tmp_path: Path) -> None:
    path = responses(tmp_path / "response_store.db", "{}", "CANARY")
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("DELETE FROM responses WHERE data = 'CANARY'")
        writer.commit()
        assert probe(tmp_path, up=True).bad_rows == (), "the row is gone, the log says"
        writer.execute("INSERT INTO responses VALUES ('x', 'CANARY', 1), ('y', '', 1)")
        writer.commit()
        writer.execute("PRAGMA wal_checkpoint")
        assert [each.number for each in probe(tmp_path, up=True).bad_rows] == [2]


def test_schema_of_another_release_is_not_damage(tmp_path: Path) -> None:
    database(tmp_path / "response_store.db")
    assert probe(tmp_path).bad_rows == () and probe(tmp_path).unchecked == ()


def test_task_board_is_shared_by_all_gateways(tmp_path: Path) -> None:
    root, work = tmp_path / "root", tmp_path / "work"
    for home in (root, work):
        spoil(database(home / "kanban.db", wal=True))
    profiles = {"default": seen(root, name="default"), "work": seen(work, up=True)}
    found = probe_databases(profiles, budget=5)
    assert [each.suspect for each in found.unchecked] == [True, True] and found.damaged == ()


def test_unchecked_databases_are_listed(world: DoctorRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hermes_profiles.doctor.probes.databases.probe_databases.__kwdefaults__", {"budget": 0.0})
    spoil(database(world.home("work") / "state.db"))
    database(world.home("family") / "state.db", rows=9000)
    (row,) = world.findings("--only", "runtime")
    assert (row["check"], row["severity"], row["profiles"]) == (
        "runtime.database-unchecked",
        "info",
        ["family", "work"],
    )
    assert row["message"].startswith("2 databases could not be checked: the largest is state.db of family, ")
    done = subprocess.run(["/bin/sh", "-c", row["fix"]["command"]], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n", "the command in the fix works"


def test_fix_moves_damaged_database_with_log(world: DoctorRoot) -> None:
    home = world.home("work")
    path = database(home / "memory_store.db")
    spoil(path)
    for side in ("memory_store.db-wal", "memory_store.db-shm"):
        world.write("work", side, "")
    (row,) = world.findings("--only", "runtime")
    stop, _, move = row["fix"]["command"].partition(" && ")
    assert stop == "hermes-gateways stop work"
    subprocess.run(["/bin/sh", "-c", move], check=True)
    moved = ["memory_store.db", "memory_store.db-shm", "memory_store.db-wal"]
    assert sorted(each.name for each in (home / "memory_store.db.damaged").iterdir()) == moved
    assert world.findings("--only", "runtime") == []


def test_suspect_database_is_a_warning(world: DoctorRoot) -> None:
    path = database(world.home("work") / "state.db", wal=True)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("CREATE TABLE another (a)")
        writer.commit()
        spoil(path)
        (row,) = world.findings("--only", "runtime")
    assert (row["check"], row["severity"]) == ("runtime.database-unchecked", "warning")


def test_damage_does_not_hide_other_databases(world: DoctorRoot) -> None:
    world.write("default", "state.db", b"\xff" * 5000)
    os.mkfifo(world.home("work") / "response_store.db")
    spoil(database(world.home("family") / "memory_store.db"))
    responses(world.home("default") / "response_store.db", "CANARY")
    world.write("default", "gateway.pid", b"\xff" * 2_000_000)
    os.mkfifo(world.home("work") / "gateway.pid")
    (world.home("family") / "logs").write_text("no folder\n")
    with locked(database(world.home("family") / "state.db")):
        started = time.monotonic()
        rows = world.findings("--only", "runtime")
        assert time.monotonic() - started < 5
    assert sorted((row["check"], *row["profiles"]) for row in rows) == [
        ("runtime.bad-pid-file", "default"), ("runtime.bad-pid-file", "work"),
        ("runtime.database", "default"), ("runtime.database", "family"), ("runtime.database", "work"),
        ("runtime.database-rows", "default"),
    ]  # fmt: skip


def test_hanging_disk_is_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hanging read cannot be stopped; the run continues and reports it."""
    database(tmp_path / "projects.db", rows=2)
    database(tmp_path / "state.db")
    examined = databases._DatabaseReader._read

    def hangs(self: Any, store: Any, how: str) -> Any:
        if store.name == "state.db":
            time.sleep(3)
        return examined(self, store, how)

    monkeypatch.setattr(databases, "_PATIENCE", 0.2)
    monkeypatch.setattr(databases._DatabaseReader, "_read", hangs)
    started = time.monotonic()
    found = probe(tmp_path, budget=0.1)
    assert time.monotonic() - started < 2
    assert [(each.file, each.why) for each in found.unchecked] == [("state.db", "the disk does not answer")]
