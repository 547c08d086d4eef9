"""The folder in which a gateway works, when another one is in the place of its home."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hermes_profiles.gateways.displaced import DELETED, left_home
from hermes_profiles.gateways.processes import LinuxProcesses, Process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked at in /proc")
HOLDS_ITS_LOCK = """
import fcntl, time
file = open('gateway.lock', 'w')
fcntl.flock(file, fcntl.LOCK_EX)
print('up', flush=True)
time.sleep(60)
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def process(home: Path) -> Iterator[Process]:
    with subprocess.Popen([sys.executable, "-c", HOLDS_ITS_LOCK], cwd=home, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None and started.stdout.readline() == b"up\n"
        found = LinuxProcesses().find(started.pid)
        assert found is not None
        yield found
        started.kill()


def test_gateway_in_its_own_home(home: Path, process: Process) -> None:
    assert left_home(process, home, LinuxProcesses()) == ""
    home.with_name("link").symlink_to(home)
    assert left_home(process, home.with_name("link"), LinuxProcesses()) == ""


def test_home_that_was_deleted_and_made_again(home: Path, process: Process) -> None:
    shutil.rmtree(home)
    home.mkdir()
    assert left_home(process, home, LinuxProcesses()) == DELETED


def test_home_that_was_moved_away_and_made_again(home: Path, process: Process) -> None:
    old = home.with_name("old")
    home.rename(old)
    shutil.copytree(old, home)
    assert left_home(process, home, LinuxProcesses()) == str(old)


def test_folder_without_its_lock_is_no_home(home: Path, process: Process) -> None:
    (home / "gateway.lock").unlink()
    assert left_home(process, home.with_name("other"), LinuxProcesses()) == "", "it was started by hand in that folder"
