"""Delete, rename and clone beside running gateways, stale pid files and other processes."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from command_root import CommandRoot


@contextmanager
def process(home: Path | None, *, words: str = "hermes_cli.main gateway run") -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that looks like a gateway of this home (None: no home); other `words` are another program."""
    environment = {"PATH": "/usr/bin:/bin"} | ({"HERMES_HOME": str(home)} if home else {})
    command = [sys.executable, "-c", "import time; time.sleep(120)", *words.split()]
    with subprocess.Popen(command, env=environment) as running:
        while not Path(f"/proc/{running.pid}/environ").read_bytes():  # before its exec
            pass
        try:
            yield running
        finally:
            running.kill()


def start_time(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def write_pid(home: Path, pid: int, **more: Any) -> None:
    record = {"pid": pid, "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"], "start_time": start_time(pid)}
    (home / "gateway.pid").write_text(json.dumps(record | more))


@pytest.fixture
def work(world: CommandRoot) -> CommandRoot:
    world.make("work", {".env": ""})
    return world


def test_delete_stops_running_gateway_first(work: CommandRoot) -> None:
    with process(work.home("work")) as running:
        write_pid(work.home("work"), running.pid)
        assert work.listed("work")["gateway"] == {"state": "unsupervised", "pid": running.pid}
        dry = work.unchanged_by("delete", "work", "--dry-run", "--json")
        assert dry.data["gateway_stopped"] is True and running.poll() is None
        assert work.ok("delete", "work", "--yes", "--json").data["gateway_stopped"] is True
        assert running.wait(10) == -signal.SIGTERM


def test_rename_stops_running_gateway_first(work: CommandRoot) -> None:
    with process(work.home("work")) as running:
        write_pid(work.home("work"), running.pid)
        work.ok("rename", "work", "office")
        assert running.wait(10) == -signal.SIGTERM


def test_gateway_started_from_root_belongs_to_its_profile(work: CommandRoot) -> None:
    with process(work.root) as running:
        write_pid(work.home("work"), running.pid)
        work.ok("delete", "work", "--yes")
        assert running.wait(10) == -signal.SIGTERM


@pytest.mark.parametrize("verb", [("delete", "work", "--yes"), ("rename", "work", "office")], ids=" ".join)
def test_process_of_another_home_gets_no_signal(work: CommandRoot, verb: tuple[str, ...]) -> None:
    with process(work.home("other")) as running:
        write_pid(work.home("work"), running.pid)
        work.ok(*verb)
        assert running.poll() is None


def test_unverified_live_pid_is_refused(work: CommandRoot) -> None:
    with process(None) as running:
        (work.home("work") / "gateway.pid").write_text(f"{running.pid}\n")
        assert work.call("delete", "work", "--yes").code == 6
        assert work.listed("work")["gateway"]["state"] == "unknown"


@pytest.mark.parametrize("how", ["reused", "elsewhere", "dead", "garbage", "zombie", "nothing"])
def test_stale_pid_file_blocks_no_delete(work: CommandRoot, how: str) -> None:
    home = work.home("work")
    words = "an editor" if how in ("reused", "garbage", "nothing") else "hermes_cli.main gateway run"
    with process(work.home("other") if how == "elsewhere" else home, words=words) as running:
        write_pid(home, running.pid, **({"start_time": start_time(running.pid) - 1} if how == "reused" else {}))
        if how == "dead":
            running.kill()
            running.wait()
        if how == "zombie":
            running.kill()
            while Path(f"/proc/{running.pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z":
                pass
        if how == "garbage":
            (home / "gateway.pid").write_text("{not json")
        if how == "nothing":
            (home / "gateway.pid").write_text('{"pid": -1}')
        assert work.listed("work")["gateway"] == {"state": "stale", "pid": None}
        work.ok("rename", "work", "office")
        work.ok("delete", "office", "--yes")


def test_clone_excludes_pid_file(work: CommandRoot) -> None:
    with process(work.home("work")) as running:
        write_pid(work.home("work"), running.pid)
        work.ok("clone", "work", "twin", "--clone-all")
        assert not (work.home("twin") / "gateway.pid").exists()
        assert work.listed("twin")["gateway"] == {"state": "stopped", "pid": None}
