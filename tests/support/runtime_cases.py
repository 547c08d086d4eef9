"""Cases of leftover files, databases and logs, without live gateways."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from doctor_root import Case, DoctorRoot

# Higher than any pid of Linux.
NOBODY = 4_194_304 - 1


def pid_record(pid: int, started: float = 1.0) -> str:
    return json.dumps(
        {"pid": pid, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"], "start_time": started}
    )


def aged(path: Path, seconds: float) -> Path:
    """Set the age of a file in seconds."""
    then = time.time() - seconds
    os.utime(path, (then, then))
    return path


def database(path: Path, rows: int = 200, *, wal: bool = False) -> Path:
    """Create a healthy database with some pages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as made:
        if wal:
            made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE messages (id INTEGER PRIMARY KEY, content TEXT)")
        made.executemany("INSERT INTO messages (content) VALUES (?)", [("CANARY of a chat " * 20,)] * rows)
        made.execute("CREATE INDEX by_content ON messages (content)")
        made.commit()
    return path


def responses(path: Path, *values: str) -> Path:
    """Create the response store of the API server as Hermes 0.19.0 does (gateway/platforms/api_server.py)."""
    with closing(sqlite3.connect(path)) as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute(
            "CREATE TABLE responses (response_id TEXT PRIMARY KEY, data TEXT NOT NULL, accessed_at REAL NOT NULL)"
        )
        made.execute("CREATE TABLE conversations (name TEXT PRIMARY KEY, response_id TEXT NOT NULL)")
        made.executemany(
            "INSERT INTO responses VALUES (?, ?, 1.0)", [(f"r{n}", value) for n, value in enumerate(values)]
        )
        made.commit()
    path.chmod(0o600)
    return path


def _gone(world: DoctorRoot) -> None:
    world.write("work", "gateway.pid", pid_record(NOBODY), mode=0o755)
    world.write("work", "gateway.lock", pid_record(NOBODY))


def _gone_of_an_old_hermes(world: DoctorRoot) -> None:
    world.write("default", "gateway.pid", f"{NOBODY}\n", mode=0o755)


def _given_to_another(world: DoctorRoot) -> None:
    world.write("work", "gateway.pid", pid_record(os.getpid()))


def _garbage(world: DoctorRoot) -> None:
    world.write("family", "gateway.pid", b"\xff\x00{CANARY" * 300_000)


def _half_written(world: DoctorRoot) -> None:
    world.write("family", "gateway.pid", '{"pid": 12, "ki')


def _folder_as_pid_file(world: DoctorRoot) -> None:
    world.write("family", "gateway.pid/something", "left here\n")


def _fifo_as_pid_file(world: DoctorRoot) -> None:
    os.mkfifo(world.home("family") / "gateway.pid")


def _link_to_nothing(world: DoctorRoot) -> None:
    (world.home("family") / "gateway.pid").symlink_to("nowhere")


def _folder_as_lock(world: DoctorRoot) -> None:
    (world.home("work") / "gateway.lock").mkdir()


def _fifo_as_lock(world: DoctorRoot) -> None:
    os.mkfifo(world.home("work") / "gateway.lock")


def _old_stop(world: DoctorRoot) -> None:
    for name in (".gateway-planned-stop.json", ".gateway-takeover.json", ".update_exit_code"):
        aged(world.write("work", name, '{"target_pid": 12}'), 2 * 86400)


def _old_drain(world: DoctorRoot) -> None:
    aged(world.write("work", ".drain_request.json", '{"action": "drain"}'), 3600)


def _half_written_drain(world: DoctorRoot) -> None:
    aged(world.write("default", ".drain_request.json", '{"action": "dr'), 3600)


def _drain_of_an_earlier_boot(world: DoctorRoot) -> None:
    aged(world.write("work", ".drain_request.json", '{"epoch": "another:1"}'), 3600)


def _old_notice(world: DoctorRoot) -> None:
    aged(world.write("work", ".restart_notify.json", '{"platform": "telegram"}'), 3 * 86400)


def _storm(world: DoctorRoot) -> None:
    lines = [f"{time.time() - ago!r}\n" for ago in (9000, 100, 80, 60, 40, 20, 1)]
    world.write("work", "gateway-starts.log", "".join(lines) + "not a time\n")


def _large_log(world: DoctorRoot) -> None:
    _sparse(world.write("work", "logs/gateway-exit-diag.log", ""), 1024**3)


def _one_log(world: DoctorRoot) -> None:
    _sparse(world.write("default", "logs/gateway.error.log", ""), 60 * 1024**2)


def _many_logs(world: DoctorRoot) -> None:
    for name in ("agent.log", "agent.log.1", "gateway.error.log"):
        _sparse(world.write("family", f"logs/{name}", ""), 40 * 1024**2)


def _sparse(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def _no_database(world: DoctorRoot) -> None:
    world.write("work", "state.db", "CANARY not a database\n" * 50)


def _cut_off(world: DoctorRoot) -> None:
    path = database(world.home("work") / "state.db")
    _sparse(path, path.stat().st_size - 5000)


def _overwritten(world: DoctorRoot) -> None:
    path = database(world.home("work") / "cron" / "executions.db")
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\x5a" * 8192
    path.write_bytes(content)


def _damaged_in_wal_mode(world: DoctorRoot) -> None:
    path = database(world.home("work") / "memory_store.db", wal=True)
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\x5a" * 8192
    path.write_bytes(content)


def _fifo_as_database(world: DoctorRoot) -> None:
    os.mkfifo(world.home("work") / "state.db")


def _no_json(world: DoctorRoot) -> None:
    responses(world.home("work") / "response_store.db", '{"ok": NaN}', "{}", '{"CANARY": "cut of')


def _no_json_for_a_chat(world: DoctorRoot) -> None:
    path = database(world.home("work") / "state.db")
    with closing(sqlite3.connect(path)) as made:
        made.execute("CREATE TABLE gateway_routing (scope TEXT, session_key TEXT, entry_json TEXT NOT NULL)")
        made.execute("INSERT INTO gateway_routing VALUES ('', 'a', '{}'), ('', 'b', 'CANARY'), ('', 'c', '')")
        made.commit()


def _cut_short(world: DoctorRoot) -> None:
    """Write the journal of a change interrupted by a kill."""
    world.runner.ok("use", "work", env=world.environment)
    (path,) = (world.state / "journal").glob("*.json")
    path.write_text(path.read_text().replace('"status": "done"', '"status": "begun"'))
    path.chmod(0o600)


def _half_an_entry(world: DoctorRoot) -> None:
    """Cut a journal entry short, as a bad disk leaves it."""
    world.runner.ok("use", "work", env=world.environment)
    (path,) = (world.state / "journal").glob("*.json")
    path.write_bytes(path.read_bytes()[:200])


RUNTIME_CASES: tuple[Case, ...] = (
    Case("runtime.stale-pid", _gone, ("work",), fixed=True, severity="warning"),
    Case("runtime.stale-pid", _gone_of_an_old_hermes, ("default",), fixed=True),
    Case("runtime.reused-pid", _given_to_another, ("work",), fixed=True, severity="warning"),
    Case("runtime.bad-pid-file", _garbage, ("family",), fixed=True, severity="warning"),
    Case("runtime.bad-pid-file", _half_written, ("family",), fixed=True),
    Case("runtime.bad-pid-file", _folder_as_pid_file, ("family",), fixed=True, severity="error"),
    Case("runtime.bad-pid-file", _fifo_as_pid_file, ("family",), fixed=True, severity="warning"),
    Case("runtime.bad-pid-file", _link_to_nothing, ("family",), fixed=True, severity="warning"),
    Case("runtime.stale-lock", _folder_as_lock, ("work",), fixed=True, severity="error"),
    Case("runtime.stale-lock", _fifo_as_lock, ("work",), fixed=True),
    Case("runtime.stale-marker", _old_stop, ("work",), fixed=True, severity="info"),
    Case("runtime.stale-marker", _old_drain, ("work",), fixed=True, severity="warning"),
    Case("runtime.stale-marker", _half_written_drain, ("default",), fixed=True, severity="warning"),
    Case("runtime.stale-marker", _drain_of_an_earlier_boot, ("work",), fixed=True, severity="info"),
    Case("runtime.stale-marker", _old_notice, ("work",), fixed=True, severity="warning"),
    Case("runtime.start-storm", _storm, ("work",)),
    Case("runtime.logs", _large_log, ("work",)),
    Case("runtime.logs", _one_log, ("default",)),
    Case("runtime.logs", _many_logs, ("family",)),
    Case("runtime.database", _no_database, ("work",), severity="error"),
    Case("runtime.database", _cut_off, ("work",)),
    Case("runtime.database", _overwritten, ("work",)),
    Case("runtime.database", _damaged_in_wal_mode, ("work",)),
    Case("runtime.database", _fifo_as_database, ("work",)),
    Case("runtime.database-rows", _no_json, ("work",), severity="warning"),
    Case("runtime.database-rows", _no_json_for_a_chat, ("work",)),
    Case("runtime.journal-interrupted", _cut_short, ()),
    Case("runtime.journal-unreadable", _half_an_entry, (), severity="warning"),
)
