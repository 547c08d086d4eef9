"""`hermes-gateways run`: gateways in the foreground, its signals, its exit codes, its work as process 1."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
from command_runner import REPOSITORY, assert_no_canary
from gateway_root import TOKEN, GatewayRoot, is_gone, until

from hermes_profiles.cli.commands.gateway.run import _Loop
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.model.errors import ExitCode
from hermes_profiles.operations.gateways import foreground_fleet
from hermes_profiles.operations.gateways.foreground_fleet import ForegroundFleet, ForegroundRequest
from hermes_profiles.services.manager import ManagerError


class Run:
    """A running `hermes-gateways run --json`, and the lines that it printed so far."""

    def __init__(self, fleet: GatewayRoot, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.process = fleet.gateways_process("run", "--json", *arguments, env=env)
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            assert_no_canary(line, "the stream of run")
            self.lines.append(json.loads(line))

    def own(self, text: str, profile: str | None = None) -> list[dict[str, Any]]:
        """Return the lines of the command itself that begin with a text."""
        seen = [each for each in self.lines if each["source"] == "run" and each["text"].startswith(text)]
        return [each for each in seen if profile is None or each["profile"] == profile]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, and return the exit code."""
        self.process.send_signal(number)
        return self.code()

    def code(self) -> int:
        """Wait for the end, and return the exit code."""
        code = int(self.process.wait(60))
        self._reader.join(10)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def started(fleet: GatewayRoot) -> Iterator[list[Run]]:
    """Yield a list of runs; those that still live are ended."""
    runs: list[Run] = []
    yield runs
    for each in runs:
        if each.process.poll() is None:
            each.end()


def get(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_run_starts_rereads_and_stops(fleet: GatewayRoot, started: list[Run]) -> None:
    (fleet.home("work") / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    (fleet.home("work") / "config.yaml").write_text("timezone: Asia/Tokyo\n")
    assert fleet.gateways("status", "--check").code == 3
    given = {
        "HERMES_TIMEZONE": "Europe/Berlin",
        "CHAT_PROXY": "one",
        "OTHER_TOKEN": "two",
        "HERMES_HOME": str(fleet.root),
    }
    run = Run(
        fleet, "--health", "0", "--except", "night", "--inherit", "HERMES_*", "--inherit", "CHAT_PROXY", env=given
    )
    started.append(run)
    until(lambda: run.own("started", "work") and run.own("started", "default"))
    answers = fleet.gateways("status", "--check", "--json")
    assert answers.code == 0 and answers.data["supervisor"]["pid"] == fleet.daemon()
    (own, shared) = (fleet.starts(name)[0][2] for name in ("work", "default"))
    assert own["CHAT_PROXY"] == shared["CHAT_PROXY"] == "one" and "OTHER_TOKEN" not in shared
    assert shared["HERMES_TIMEZONE"] == "Europe/Berlin", "the zone of the container"
    assert "HERMES_TIMEZONE" not in own, "its own config.yaml has a zone"
    assert own["HERMES_HOME"] == str(fleet.home("work")), "what the service sets itself is not overruled"
    (serving,) = run.own("serving")
    assert serving["profile"] is None
    assert get(serving["text"].split()[1]) == 200
    until(lambda: [each for each in run.lines if each["text"].startswith("hello from")])
    with (fleet.home("work") / "logs/gateway.log").open("a") as log:
        log.write(f"2026-11-21 17:20:44,138 INFO gateway.run: the token is {TOKEN}\n")
    until(lambda: [each for each in run.lines if each["text"].startswith("the token is <")])

    second = fleet.gateways("run", "--json")
    assert second.code == 6 and second.problem["code"] == "runs-in-foreground"

    fleet.profile("extra")
    run.process.send_signal(signal.SIGHUP)
    until(lambda: run.own("started", "extra"))
    fleet.gok("disable", "extra")
    run.process.send_signal(signal.SIGHUP)
    until(lambda: run.own("stopped", "extra"))
    until(lambda: not fleet.program("extra").exists())

    pids = [fleet.pid(name) for name in ("default", "work")]
    assert run.end() == 0 and run.own("stopped, exit code 0")
    assert all(pid is not None and is_gone(pid) for pid in pids)
    assert fleet.daemon() is None and not fleet.program("work").exists(), "nothing stays behind"


def test_gateway_that_gives_up_makes_exit_code_1_and_service_stays(fleet: GatewayRoot, started: list[Run]) -> None:
    fleet.gok("install", "work")
    (fleet.home("night") / "exits").write_text("78\n")
    by_hand = fleet.by_hand("default")
    try:
        run = Run(fleet, "--timeout", "5")
        started.append(run)
        until(lambda: run.own("started", "work") and run.own("failed", "night") and run.own("not started", "default"))
        assert run.end(signal.SIGINT) == 1
        assert fleet.program("work").exists() and not fleet.program("night").exists()
        assert not is_gone(by_hand.pid), "a gateway that this command did not start is left alone"
    finally:
        by_hand.kill()
        by_hand.wait()


def test_interrupted_start_keeps_what_it_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may arrive after the last outcome and before the start returns: nothing of it is lost."""
    states = {"night": GatewayState.FAILED, "work": GatewayState.RUNNING, "default": GatewayState.UNSUPERVISED}
    kinds = (OutcomeKind.FAILED, OutcomeKind.STARTED, OutcomeKind.ALREADY_RUNNING)
    session = SimpleNamespace(
        existing=(*states, "later"),
        disabled=(),
        selection=lambda *_: Selection((*states, "later"), named=False),
        exclusive=nullcontext,
        observe=lambda names: {name: Gateway(name, states[name]) for name in names},
    )

    def interrupted(*_: object) -> None:
        for name, kind in zip(states, kinds, strict=True):
            session.on_outcome(Outcome(name, kind))
        raise KeyboardInterrupt

    run = ForegroundFleet(session, ForegroundRequest(), lambda *_: None)  # type: ignore[arg-type]
    monkeypatch.setattr(run, "_fresh", lambda: session)
    monkeypatch.setattr(run, "_define", lambda *_: None)
    monkeypatch.setattr(foreground_fleet, "run_fleet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.start()
    assert run.bad == {"night": ExitCode.FAILED, "default": ExitCode.REFUSED}
    assert run.running == ("night", "work"), "a gateway of somebody else and one that was not begun are not stopped"


def test_run_with_nothing_left_ends_by_itself(fleet: GatewayRoot, started: list[Run]) -> None:
    by_hand = fleet.by_hand("work")
    try:
        run = Run(fleet, "work")
        started.append(run)
        assert run.code() == 6 and run.own("no gateway is left to run")
    finally:
        by_hand.kill()
        by_hand.wait()


def test_end_stops_no_profile_that_another_gateway_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Hermes 0.21.4 and later the stop of a served profile parks it, and the next start would be without it."""
    states = {"default": GatewayState.RUNNING, "work": GatewayState.SERVED, "night": GatewayState.FAILED}
    session = SimpleNamespace(existing=(*states,), observe=lambda names: {n: Gateway(n, states[n]) for n in names})
    run = ForegroundFleet(session, ForegroundRequest(), lambda *_: None, running=(*states, "gone"))  # type: ignore[arg-type]
    stopped: list[tuple[str, ...]] = []
    idle = SimpleNamespace(end_if_idle=lambda: True)
    monkeypatch.setattr(run, "_fresh", lambda: session)
    monkeypatch.setattr(run, "_manager", lambda _: idle)
    monkeypatch.setattr(run, "_stop", lambda names: stopped.append(names) or ExitCode.OK)
    assert run.stop() is ExitCode.OK and stopped == [("default", "night")]


# --- process 1 ---

# A subreaper gets orphans as process 1 does. The child makes an orphan and waits until it has been reaped.
INIT = """
import ctypes, os, signal, sys, time
from hermes_profiles.services.init_process import become_init
assert ctypes.CDLL(None).prctl(36, 1, 0, 0, 0) == 0  # PR_SET_CHILD_SUBREAPER
became = os.getpid()
become_init()
assert os.getppid() == became
signal.signal(signal.SIGTERM, lambda *_: os._exit(7))
reading, writing = os.pipe()
if os.fork() == 0:
    orphan = os.fork()
    if orphan:
        os.write(writing, str(orphan).encode())
        os._exit(0)
    while os.getppid() != became:
        time.sleep(0.01)
    os._exit(3)
os.wait()
orphan = int(os.read(reading, 20))
deadline = time.monotonic() + 20
while os.path.exists(f"/proc/{orphan}") and time.monotonic() < deadline:
    time.sleep(0.01)
print("reaped" if not os.path.exists(f"/proc/{orphan}") else "a zombie", flush=True)
time.sleep(30)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="process 1 of a container is Linux")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 7), (signal.SIGUSR1, 128 + signal.SIGUSR1)])
def test_init_passes_signals_on_and_reaps_orphans(number: int, code: int) -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    script = textwrap.dedent(INIT)
    with subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"reaped\n"
        process.send_signal(number)
        assert process.wait(20) == code


def test_logged_exit_code_of_a_failed_start_is_that_of_the_process() -> None:
    lines: list[str] = []

    def fail() -> None:
        raise ManagerError("supervisord does not start")

    fleet = SimpleNamespace(start=fail, stop=lambda: ExitCode.OK)
    stream = SimpleNamespace(is_broken=False, report=lambda _profile, _level, text: lines.append(text))
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        assert _Loop(fleet, stream).run() is ExitCode.MANAGER  # type: ignore[arg-type]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert lines == ["supervisord does not start", "stopping", "stopped, exit code 4"]
