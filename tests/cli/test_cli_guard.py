"""A running gateway is never pulled away from under its process, and what would outlive a profile is named."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cli_world import World


@contextmanager
def process(home: Path | None) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that stands for a gateway of this home (None: of nobody's)."""
    environment = {"PATH": "/usr/bin:/bin"} | ({"HERMES_HOME": str(home)} if home else {})
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], env=environment) as running:
        while not Path(f"/proc/{running.pid}/environ").read_bytes():  # it is still being started
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
def work(world: World) -> World:
    world.make("work", {".env": ""})
    return world


GUARDED = [("delete", "work", "--yes"), ("rename", "work", "office"), ("delete", "work", "--dry-run")]


@pytest.mark.parametrize("given", GUARDED, ids=" ".join)
def test_a_running_gateway_is_refused(work: World, given: tuple[str, ...]) -> None:
    with process(work.home("work")) as running:
        write_pid(work.home("work"), running.pid)
        done = work.unchanged_by(*given, "--json")
        assert done.code == 6 and done.problem["code"] == "running" and str(running.pid) in done.problem["message"]
        assert "`hermes -p work gateway stop`" in done.problem["hint"]
        assert work.listed("work")["gateway"] == {"state": "running", "pid": running.pid}
        assert running.poll() is None, "nothing may be signalled"


def test_a_gateway_started_from_the_root_counts_for_its_profile(work: World) -> None:
    with process(work.root) as running:
        write_pid(work.home("work"), running.pid)
        assert work.call("delete", "work", "--yes").code == 6


def test_a_live_pid_that_nothing_proves_is_refused_too(work: World) -> None:
    with process(None) as running:
        (work.home("work") / "gateway.pid").write_text(f"{running.pid}\n")
        assert work.call("delete", "work", "--yes").code == 6
        assert work.listed("work")["gateway"]["state"] == "unknown"


@pytest.mark.parametrize("how", ["reused", "elsewhere", "dead", "garbage", "zombie", "nothing"])
def test_a_stale_pid_file_stops_nothing(work: World, how: str) -> None:
    home = work.home("work")
    with process(work.home("other") if how == "elsewhere" else home) as running:
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


def test_a_clone_takes_no_pid_file_along(work: World) -> None:
    with process(work.home("work")) as running:
        write_pid(work.home("work"), running.pid)
        work.ok("clone", "work", "twin", "--clone-all")
        assert not (work.home("twin") / "gateway.pid").exists()
        assert work.listed("twin")["gateway"] == {"state": "stopped", "pid": None}


@pytest.mark.parametrize("given", [("rename", "work", "office"), ("delete", "work", "--yes")], ids=" ".join)
def test_a_service_that_is_left_is_named_with_the_command_that_removes_it(work: World, given: tuple[str, ...]) -> None:
    units = work.user / ".config" / "systemd" / "user"
    units.mkdir(parents=True)
    for name in ("work", "work-2", "other"):
        (units / f"hermes-gateway-{name}.service").write_text("[Service]\n")
    before = work.picture(units)
    for extra in (("--dry-run",), ()):
        done = work.ok(*given, *extra, "--json")
        (warning,) = done.json["warnings"]
        assert warning["code"] == "service-left"
        assert f"{units}/hermes-gateway-work.service" in warning["message"]
        assert "systemctl --user disable --now hermes-gateway-work.service && rm " in warning["hint"]
    assert work.picture(units) == before
