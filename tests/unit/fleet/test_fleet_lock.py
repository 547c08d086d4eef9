"""One command at a time on a fleet, and a restart that another process completes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hermes_profiles.fleet.fleet_lock import FleetLock, command_of
from hermes_profiles.fleet.restart_record import forget_restart, note_restart, unfinished_restart, without_profiles
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.model.errors import Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.successor import Successor

_HOLDER = """
import sys, time
from pathlib import Path
from hermes_profiles.fleet.fleet_lock import FleetLock
from hermes_profiles.gateways.processes import LinuxProcesses
from hermes_profiles.model.layout import Layout
root = Path(sys.argv[1])
layout = Layout.from_environment({"HERMES_HOME": str(root)}, user_home=root.parent, platform="linux")
with FleetLock(layout, LinuxProcesses()):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    root = tmp_path / ".hermes"
    root.mkdir()
    return Layout.from_environment({"HERMES_HOME": str(root)}, user_home=tmp_path, platform="linux")


def _holder(layout: Layout) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", _HOLDER, str(layout.root)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_lock_is_free_after_a_killed_holder_and_leaves_no_file(layout: Layout) -> None:
    holder = _holder(layout)
    try:
        waits: list[str] = []
        with pytest.raises(Refused) as error, FleetLock(layout, LinuxProcesses(), on_wait=waits.append, wait=0.1):
            pass
        assert waits == [f"process {holder.pid}"] and f"process {holder.pid}" in error.value.problem.message
        assert error.value.problem.code == "busy"
    finally:
        holder.kill()
        holder.communicate()
    with FleetLock(layout, LinuxProcesses(), wait=5.0) as lock:
        assert not lock.waited
    assert os.listdir(layout.root) == []


def test_lock_is_held_until_its_outermost_user_ends(layout: Layout) -> None:
    processes = LinuxProcesses()
    with FleetLock(layout, processes):
        with FleetLock(layout, processes, wait=0.1) as inner:
            assert not inner.waited
        processes.gateways()
        assert processes.lock_owner(layout.root) == os.getpid()
    processes.gateways()
    assert processes.lock_owner(layout.root) is None


@pytest.mark.parametrize(
    ("argv", "command"),
    [
        (("python3", "-m", "hermes_profiles.cli.gateways", "restart", "work"), "hermes-gateways restart"),
        (("/usr/bin/python3", "/home/a/.local/bin/hermes-profiles", "--json", "repair"), "hermes-profiles repair"),
        (("vim", "notes"), ""),
    ],
)
def test_command_of_a_holder_is_shown_without_arguments(argv: tuple[str, ...], command: str) -> None:
    assert command_of(argv) == command


def test_record_of_a_restart_loses_the_profiles_that_are_stopped(layout: Layout) -> None:
    assert unfinished_restart(layout) is None
    note_restart(layout, ("aa", "bb"), owners=("bb",))
    found = unfinished_restart(layout)
    assert found is not None and (found.profiles, found.owners, found.pid) == (("aa", "bb"), ("bb",), os.getpid())
    without_profiles(layout, ("aa", "cc"))
    found = unfinished_restart(layout)
    assert found is not None and found.profiles == ("bb",)
    without_profiles(layout, ("bb",))
    assert unfinished_restart(layout) is None
    forget_restart(layout)


_WORKER = """
import sys, time
from hermes_profiles.services.successor import Successor
with Successor(("/bin/sh", "-c", 'echo ran >"$1"', "sh", sys.argv[1]), {"PATH": "/usr/bin:/bin"}) as other:
    print("ready", flush=True)
    if sys.argv[2] == "done":
        other.dismiss()
    else:
        time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_successor_runs_its_command_after_any_end(tmp_path: Path, number: signal.Signals) -> None:
    place = tmp_path / "ran"
    words = [sys.executable, "-c", _WORKER, str(place), "wait"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    assert not place.exists()
    process.send_signal(number)
    process.communicate()
    deadline = time.monotonic() + 10
    while not place.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert place.exists()


def test_dismissed_successor_runs_nothing(tmp_path: Path) -> None:
    place = tmp_path / "ran"
    subprocess.run([sys.executable, "-c", _WORKER, str(place), "done"], check=True, stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    assert not place.exists()


def test_successor_that_cannot_be_started_does_not_stop_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(11, "no more processes")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with Successor(("/bin/true",), {}) as other:
        other.dismiss()
    assert other.is_dismissed
