"""caffeinate, held as long as a gateway lives: a fake one on PATH that writes down what it was asked for."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from command_runner import GATEWAYS, REPOSITORY

from hermes_profiles.awake.caffeinate import asserting, hold_caffeinate
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.run_command import Finished

# As the real one: -w ends with a process, -t after seconds; TERM ends it.
CAFFEINATE = """#!{python} -IS
import os, signal, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as file:
    file.write(f"{{os.getpid()}} {{' '.join(words)}}\\n")
if os.path.exists({broken!r}):
    sys.exit(64)
def alive(pid):
    try:
        return open(f"/proc/{{pid}}/stat").read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
until = time.monotonic() + (float(words[words.index("-t") + 1]) if "-t" in words else 1e9)
while time.monotonic() < until and ("-w" not in words or alive(int(words[words.index("-w") + 1]))):
    time.sleep(0.01)
"""


class Mac:
    """A folder with the fake, and gateways to start and end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log, self.broken = folder / "log", folder / "broken"
        program = folder / "bin/caffeinate"
        program.parent.mkdir()
        program.write_text(CAFFEINATE.format(python=sys.executable, log=str(self.log), broken=str(self.broken)))
        program.chmod(0o755)
        self.environment = {"PATH": f"{program.parent}:/usr/bin:/bin", "TELEGRAM_BOT_TOKEN": "CANARY"}
        self.started: list[subprocess.Popen[bytes]] = []
        self.holding: list[subprocess.Popen[bytes]] = []
        module = folder / "hermes_cli/main.py"
        module.parent.mkdir()
        (module.parent / "__init__.py").touch()  # a folder without it loses to a real Hermes that is installed
        module.write_text("import time; time.sleep(600)")

    def gateway(self) -> subprocess.Popen[bytes]:
        """Start what looks like `hermes gateway run` in the process table."""
        words = [sys.executable, "-m", "hermes_cli.main", "gateway", "run"]
        self.started.append(subprocess.Popen(words, cwd=self.folder))
        return self.started[-1]

    def hold(self, *words: str) -> subprocess.Popen[bytes]:
        """Start `hermes-gateways awake-hold`."""
        environment = {**self.environment, "HOME": str(self.folder), "PYTHONPATH": str(REPOSITORY)}
        process = subprocess.Popen([*GATEWAYS, "awake-hold", *words], env=environment, stderr=subprocess.PIPE)
        self.holding.append(process)
        return process

    def live(self) -> list[int]:
        """Return the live gateways, from /proc: `poll` calls a process alive while another thread waits for it."""
        return [each.pid for each in self.started if is_alive(each.pid)]

    @property
    def asked(self) -> list[str]:
        """Return the words of every caffeinate so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line.partition(" ")[2] for line in lines]

    def caffeinates(self) -> list[int]:
        """Return the pids of the fakes that are still there."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [pid for pid in (int(line.partition(" ")[0]) for line in lines) if is_alive(pid)]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def mac(tmp_path: Path) -> Iterator[Mac]:
    mac = Mac(tmp_path)
    yield mac
    for each in mac.started:
        each.kill()
        each.wait()
    for each in mac.holding:
        with each:  # its pipe is closed and it is waited for
            each.kill()
    left = mac.caffeinates()
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, "caffeinate was left behind"


def end(gateway: subprocess.Popen[bytes]) -> None:
    gateway.kill()
    gateway.wait()


def test_without_a_gateway_it_ends_at_once_and_holds_nothing(mac: Mac) -> None:
    hold_caffeinate(mac.live, ("-i",), mac.environment, grace=600)
    assert mac.asked == []


def test_it_holds_for_one_gateway_then_for_the_next_and_ends_after_the_last(mac: Mac) -> None:
    first, second = mac.gateway(), mac.gateway()
    thread = Thread(
        target=hold_caffeinate, args=(mac.live, ("-i", "-m"), mac.environment), kwargs={"grace": 1, "poll": 0.02}
    )
    thread.start()
    until(lambda: mac.asked == [f"-i -m -w {first.pid}"])
    end(first)
    until(lambda: f"-i -m -w {second.pid}" in mac.asked)
    until(lambda: len(mac.caffeinates()) == 1)
    end(second)
    thread.join(20)
    assert not thread.is_alive() and mac.caffeinates() == []
    # The one that bridges the two may be gone before it could write a word.
    assert [each for each in mac.asked if "-w" in each] == [f"-i -m -w {first.pid}", f"-i -m -w {second.pid}"]
    assert mac.asked[-1] == "-i -m -t 1"


def test_hold_waits_for_restarting_gateway(mac: Mac) -> None:
    first = mac.gateway()
    thread = Thread(
        target=hold_caffeinate, args=(mac.live, ("-i",), mac.environment), kwargs={"grace": 60, "poll": 0.02}
    )
    thread.start()
    until(lambda: len(mac.asked) == 1)
    end(first)
    until(lambda: mac.asked[1:] == ["-i -t 60"])
    time.sleep(0.2)
    assert thread.is_alive() and len(mac.caffeinates()) == 1
    again = mac.gateway()
    until(lambda: mac.asked[2:] == [f"-i -w {again.pid}"])
    until(lambda: len(mac.caffeinates()) == 1)
    end(again)
    until(lambda: len(mac.asked) == 4)
    until(lambda: mac.caffeinates())
    for pid in mac.caffeinates():  # the minute is over
        os.kill(pid, signal.SIGTERM)
    thread.join(20)
    assert not thread.is_alive()


def test_hold_fails_when_caffeinate_ends_at_once(mac: Mac) -> None:
    mac.gateway()
    mac.broken.touch()
    with pytest.raises(ManagerError, match=r"ends at once.*64"):
        hold_caffeinate(mac.live, ("-i",), mac.environment)
    assert len(mac.asked) == 1
    with pytest.raises(ManagerError, match="cannot run caffeinate"):
        hold_caffeinate(mac.live, ("-i",), {"PATH": str(mac.folder)})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_ends_the_command_and_its_caffeinate(mac: Mac, number: signal.Signals) -> None:
    gateway = mac.gateway()
    process = mac.hold("--idle", "--display")
    until(mac.caffeinates)
    # The process that it waits for may be a gateway of another test: every gateway of the account counts.
    assert mac.asked[0].rpartition(" -w ")[0] == "-i -d" and is_alive(gateway.pid)
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 128 + number and mac.caffeinates() == [] and b"Traceback" not in err


def test_the_secrets_of_the_caller_do_not_reach_it(mac: Mac) -> None:
    mac.gateway()
    process = mac.hold("--idle")
    until(mac.caffeinates)
    assert b"CANARY" not in Path(f"/proc/{mac.caffeinates()[0]}/environ").read_bytes()
    process.terminate()
    process.communicate(timeout=20)


def test_what_macos_heeds_is_read_from_pmset() -> None:
    said = (
        "Assertion status system-wide:\n   PreventUserIdleSystemSleep    1\nListed by owning process:\n"
        '   pid 612(caffeinate): [0x0001] 00:02:11 PreventUserIdleSystemSleep named: "caffeinate command-line tool"\n'
        '   pid 88(coreaudiod): [0x0002] 00:00:01 PreventUserIdleSystemSleep named: "audio"\n'
    )
    assert asserting({}, lambda *_: Finished(0, said, "")) == {612}
    assert asserting({}, lambda *_: Finished(1, "", "no")) is None

    def missing(*_: object) -> Finished:
        raise ManagerError("`pmset` is not on PATH")

    assert asserting({}, missing) is None
