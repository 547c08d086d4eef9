"""Whose gateway a process is: proven by pid, start time and home together, or it is not signalled."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import plistlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from command_runner import Runner
from hermes_services_text import hermes_services

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.fleet.backend import ServiceBackend
from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.outcomes import OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.gateways.hermes_files import PidRecord
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import observe_one, survey
from hermes_profiles.gateways.processes import (
    LinuxProcesses,
    Process,
    PsutilProcesses,
    gateway_subcommand,
    home_of,
    processes_of,
    profile_argument,
    same_start,
    starts_gateway,
)
from hermes_profiles.gateways.proof import ProcessMatch, match_process
from hermes_profiles.gateways.system import SystemContext
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.signals import end_process

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="/proc is Linux's")

# -- words


@pytest.mark.parametrize("words", [
    "/v/bin/python -m hermes_cli.main gateway run",
    "/v/bin/python -m hermes_cli.main --profile work gateway run",
    "/v/bin/python3.11 /v/hermes_cli/main.py -p work gateway run --replace",
    "/v/bin/python -X utf8 -I -u -m hermes_cli.main gateway run",
    "/v/bin/python -IS /v/bin/python -m hermes_cli.main -p work gateway run",
    "/Library/Python.framework/Python -m hermes_cli.main gateway run",
    "/v/bin/python /v/bin/hermes gateway run",
    "/bin/sh /home/u/.local/bin/hermes gateway run",
    "hermes gateway run",
    "hermes gateway",
    "hermes -p gateway gateway run",
    "hermes gateway run -p gateway",
    "hermes --profile=x gateway run",
    "hermes -p=x gateway",
    "/v/bin/hermes-gateway",
    "python /src/gateway/run.py",
    "python -m gateway.run",
])  # fmt: skip
def test_starts_gateway_accepts_gateway_commands(words: str) -> None:
    assert starts_gateway(tuple(words.split()))
    assert gateway_subcommand(tuple(words.split())) == "run"


@pytest.mark.parametrize("words", ["python -um hermes_cli.main gateway", "python -Xutf8 -mhermes_cli.main gateway"])
def test_starts_gateway_accepts_joined_python_options(words: str) -> None:
    assert starts_gateway(tuple(words.split()))


@pytest.mark.parametrize("words", [
    "", "python", "python -m", "hermes", "hermes chat", "python -m http.server", "python -m tui_gateway",
    "hermes -p gateway chat", "hermes -p gateway", "vim gateway/run.py", "less /src/gateway/run.py",
    "journalctl --user -fu hermes-gateway", "systemctl --user status hermes-gateway", "tail -f logs/hermes-gateway",
    "grep -r hermes gateway run", "man hermes gateway", "python -m pytest /src/gateway/run.py",
    "python -c code 42 -m hermes_cli.main gateway run", "python -ccode hermes gateway run",
    "/bin/sh -c wrapper hermes-gateway /v/bin/python -m hermes_cli.main -p work gateway run",
    "bash -lc x hermes gateway run", "tmux new hermes gateway run", "sudo -u x hermes gateway run",
])  # fmt: skip
def test_starts_gateway_rejects_lookalikes(words: str) -> None:
    """What the search finds is stopped: a pager or a wrapper in a shell with HERMES_HOME set is no gateway."""
    assert not starts_gateway(tuple(words.split()))


@pytest.mark.parametrize(("words", "word"), [
    ("hermes gateway status", "status"), ("hermes gateway stop", "stop"), ("hermes gateway restart", "restart"),
    ("hermes -p work gateway list", "list"), ("python -m hermes_cli.main gateway install", "install"),
])  # fmt: skip
def test_subcommand_of_other_gateway_commands(words: str, word: str) -> None:
    argv = tuple(words.split())
    assert gateway_subcommand(argv) == word
    assert Process(1, 1.0, "S", 1, argv, {}).is_gateway is starts_gateway(argv) is (word == "restart")


@pytest.mark.parametrize(("words", "name"), [
    ("hermes -p ops gateway run", "ops"), ("hermes -p ops-2 gateway run", "ops-2"), ("hermes gateway run", None),
    ("hermes --profile=ops gateway", "ops"), ("hermes -p=ops gateway", "ops"), ("hermes --profile OPS", "ops"),
    ("hermes gateway run --profile ops", "ops"), ("hermes gateway -p", None), ("hermes --profiles ops gateway", None),
])  # fmt: skip
def test_profile_argument_of_a_command_line(words: str, name: str | None) -> None:
    assert profile_argument(tuple(words.split())) == name


@pytest.mark.parametrize(("words", "variables", "home"), [
    ("hermes -p ops gateway run", {"HERMES_HOME": "/h/.hermes"}, "/h/.hermes/profiles/ops"),
    ("hermes -p ops gateway run", {"HERMES_HOME": "/h/.hermes/profiles/ops-2"}, "/h/.hermes/profiles/ops"),
    ("hermes -p ops gateway run", {"HOME": "/h"}, "/h/.hermes/profiles/ops"),
    ("hermes -p ops gateway run", {}, "/h/.hermes/profiles/ops"),
    ("hermes -p ops gateway run", {"HERMES_HOME": "/h/.hermes/scratch"}, "/h/.hermes/profiles/ops"),
    ("hermes -p ops gateway run", {"HERMES_HOME": "/opt/data"}, "/opt/data/profiles/ops"),
    ("hermes -p ops gateway run", {"HERMES_HOME": "/opt/data/profiles/x"}, "/opt/data/profiles/ops"),
    ("hermes -p default gateway run", {"HERMES_HOME": "/h/.hermes/profiles/x"}, "/h/.hermes"),
    ("hermes gateway run", {"HERMES_HOME": "/h/.hermes/profiles/ops"}, "/h/.hermes/profiles/ops"),
    ("hermes gateway run", {"HERMES_HOME": " /h/.hermes/profiles/ops "}, "/h/.hermes/profiles/ops"),
    ("hermes gateway run", {"HERMES_HOME": "/h/.hermes"}, None),
    ("hermes gateway run", {"HOME": "/h"}, None),
    ("hermes gateway run", {}, None),
    ("hermes -p ops gateway run", None, None),
])  # fmt: skip
def test_home_of_a_process(words: str, variables: Mapping[str, str] | None, home: str | None) -> None:
    found = home_of(Process(1, 1.0, "S", 1, tuple(words.split()), variables), user_home=Path("/h"))
    assert found == (Path(home) if home else None)


# -- a /proc of our own


class Proc:
    """A folder like /proc."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "proc"
        self.path.mkdir()
        self.table = LinuxProcesses(self.path)

    def add(
        self, pid: int = 42, words: str = "hermes -p work gateway run", *, started: int = 1000, state: str = "S",
        parent: int = 1, **variables: str,
    ) -> None:  # fmt: skip
        place = self.path / str(pid)
        place.mkdir(exist_ok=True)
        after = [state, str(parent), *["0"] * 17, str(started), *["0"] * 20]
        (place / "stat").write_text(f"{pid} (a name) with ) in it) {' '.join(after)}\n")
        (place / "cmdline").write_bytes("".join(f"{word}\0" for word in words.split()).encode())
        (place / "environ").write_bytes(
            "".join(f"{k}={v}\0" for k, v in {"PATH": "/bin", **variables}.items()).encode()
        )

    def lock(self, path: Path, pid: int | None) -> None:
        status = os.stat(path)
        device = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"
        lines = ["1: POSIX  ADVISORY  READ 7 fe:00:1 128 128", "2: -> FLOCK  ADVISORY  WRITE 8 fe:00:1 0 EOF"]
        lines += [f"3: FLOCK  ADVISORY  WRITE {pid} {device} 0 EOF"] if pid else []
        (self.path / "locks").write_text("\n".join(lines) + "\n")


class Root:
    """A root with profiles, seen through a process table."""

    def __init__(self, user_home: Path, proc: Proc, *profiles: str) -> None:
        self.layout = Layout(user_home / ".hermes", user_home)
        for name in profiles:
            self.layout.home(name).mkdir(parents=True, exist_ok=True)
        self.proc = proc
        self.world = SystemContext(self.layout, None, proc.table)

    def record(
        self, profile: str = "work", pid: int = 42, started: float | None = 1000, file: str = "gateway.pid"
    ) -> None:
        content = {"pid": pid, "kind": "hermes-gateway"} | ({} if started is None else {"start_time": started})
        (self.layout.home(profile) / file).write_text(json.dumps(content))

    def prove(self, profile: str = "work", pid: int = 42, started: float | None = 1000) -> str:
        proof = match_process(self.layout.home(profile), self.world, PidRecord(pid, started))
        found = [name for name, value in zip(ProcessMatch._fields, proof, strict=True) if value is not None]
        return " ".join(found) or "nobody"

    def home(self, profile: str = "work") -> str:
        return str(self.layout.home(profile))


@pytest.fixture
def root(isolated: Path) -> Root:
    return Root(isolated, Proc(isolated), "default", "work", "ops", "ops-2")


def test_match_needs_pid_start_time_and_home(root: Root) -> None:
    root.proc.add(HERMES_HOME=root.home())
    assert root.prove() == "process"


@pytest.mark.parametrize(
    ("started", "proof"), [(1001, "other_program"), (999, "other_program"), (1000, "process"), (1000.0, "process")]
)
def test_reused_pid_is_another_program(root: Root, started: float, proof: str) -> None:
    root.proc.add(HERMES_HOME=root.home())
    assert root.prove(started=started) == proof


@pytest.mark.parametrize("words", ["hermes gateway run", "hermes -p work gateway run", "hermes -p ops-2 gateway run"])
def test_same_command_with_another_home_is_another_gateway(root: Root, words: str) -> None:
    root.proc.add(words=words, HERMES_HOME="/srv/other/profiles/ops")
    assert root.prove("ops") == "other_program"
    assert root.prove("work") == "other_program"


def test_profile_ops_does_not_match_ops_2(root: Root) -> None:
    root.proc.add(words="hermes -p ops-2 gateway run", HERMES_HOME=str(root.layout.root))
    assert (root.prove("ops"), root.prove("ops-2")) == ("other_program", "process")
    assert set(_running(root)) == {"ops-2"}


def _running(root: Root) -> dict[str, Gateway]:
    seen = survey(root.world, ("default", "work", "ops", "ops-2"))
    return {name: gateway for name, gateway in seen.items() if gateway.process is not None}


def test_gateway_without_pid_file_is_found_by_command_line(root: Root) -> None:
    root.proc.add(words="hermes -p ops gateway run", HERMES_HOME=str(root.layout.root))
    assert {name: each.pid for name, each in _running(root).items()} == {"ops": 42}


def test_gateway_of_another_user_is_ignored(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.proc.add(words="hermes -p ops gateway run", HERMES_HOME=str(root.layout.root))
    monkeypatch.setattr(os, "getuid", lambda: os.stat(root.proc.path).st_uid + 1)
    assert _running(root) == {}


def test_own_process_is_not_a_gateway(root: Root) -> None:
    root.proc.add(os.getpid(), words="hermes -p ops gateway run", HERMES_HOME=str(root.layout.root))
    assert _running(root) == {}


@pytest.mark.parametrize("words", [
    "journalctl -fu hermes-gateway", "vim gateway/run.py", "hermes gateway status",
    "/bin/sh -c wrapper hermes-gateway python -m hermes_cli.main -p work gateway run",
])  # fmt: skip
def test_lookalike_with_the_home_is_not_a_gateway(root: Root, words: str) -> None:
    root.proc.add(words=words, HERMES_HOME=root.home())
    assert _running(root) == {}
    root.record(started=999)
    assert _running(root) == {}


def test_launch_agent_wrapper_is_not_a_second_gateway(root: Root) -> None:
    root.proc.add(41, "/bin/sh -c wrapper hermes-gateway python -m hermes_cli.main -p work gateway run")
    root.proc.add(42, "python -m hermes_cli.main -p work gateway run", parent=41, HERMES_HOME=root.home())
    root.record()
    assert observe_one(root.world, "work").disagreement == ()


@pytest.mark.parametrize("state", ["Z", "X"])
def test_zombie_is_not_a_gateway(root: Root, state: str) -> None:
    root.proc.add(state=state, HERMES_HOME=root.home())
    root.record()
    assert root.proc.table.find(42) is None and root.proc.table.gateways() == ()
    assert observe_one(root.world, "work").state is GatewayState.STALE


@pytest.mark.parametrize(("words", "started", "proof"), [
    ("hermes -p work gateway run", 1000, "unverified"), ("hermes -p work gateway run", None, "unverified"),
    ("", 1000, "unverified"), ("vim notes", 1000, "other_program"), ("vim notes", None, "other_program"),
    ("hermes -p work gateway run", 1001, "other_program"),
])  # fmt: skip
def test_unreadable_environment_is_unverified(root: Root, words: str, started: float | None, proof: str) -> None:
    root.proc.add(words=words)
    (root.proc.path / "42" / "environ").unlink()
    assert root.prove(started=started) == proof


def test_unverified_process_is_unknown_and_gets_no_signal(root: Root, monkeypatch: pytest.MonkeyPatch) -> None:
    root.proc.add()
    (root.proc.path / "42" / "environ").unlink()
    root.record()
    gateway = observe_one(root.world, "work")
    assert (gateway.state, gateway.pid, gateway.process) == (GatewayState.UNKNOWN, 42, None)
    sent: list[int] = []
    monkeypatch.setattr("hermes_profiles.fleet.backend.end_process", lambda pid, *_, **__: sent.append(pid))
    hands = ServiceBackend(root.world, None, lambda names: dict.fromkeys(names, StartDecision()), load_catalog())
    hands.announce_stop(gateway)
    hands.end(gateway, kill=False)
    hands.end(gateway, kill=True)
    assert sent == [] and not (root.layout.home("work") / ".gateway-planned-stop.json").exists()


@pytest.mark.parametrize(
    ("words", "proof"), [("hermes -p work gateway run", "unverified"), ("vim notes", "other_program")]
)
def test_pid_file_without_start_time_is_unverified(root: Root, words: str, proof: str) -> None:
    root.proc.add(words=words, HERMES_HOME=root.home())
    assert root.prove(started=None) == proof


def test_lock_holder_is_the_gateway(root: Root) -> None:
    lock = root.layout.home("work") / "gateway.lock"
    lock.touch()
    root.proc.add(words="strange words")
    (root.proc.path / "42" / "environ").unlink()
    root.proc.lock(lock, 42)
    assert root.prove() == root.prove(started=None) == "process"
    assert root.prove(started=999) == "other_program"
    assert root.prove("ops") == "other_program"


@pytest.mark.parametrize("holder", [None, 8, 43])
def test_lock_of_another_process_proves_nothing(root: Root, holder: int | None) -> None:
    lock = root.layout.home("work") / "gateway.lock"
    lock.touch()
    root.proc.add(words="vim notes", HERMES_HOME=root.home())
    root.proc.lock(lock, holder)
    assert root.prove() == "other_program"
    assert root.proc.table.lock_owner(lock) == (holder if holder == 43 or holder == 8 else None)


def test_lock_file_replaces_a_missing_pid_file(root: Root) -> None:
    root.proc.add(words="hermes gateway run", HERMES_HOME=str(root.layout.root))
    root.record(file="gateway.lock")
    (root.proc.path / "locks").write_text("")
    assert {name: each.pid for name, each in _running(root).items()} == {"work": 42}


def test_each_scan_reads_the_locks_again(root: Root) -> None:
    lock = root.layout.home("work") / "gateway.lock"
    lock.touch()
    root.proc.lock(lock, 42)
    observe_one(root.world, "work")
    assert root.proc.table.lock_owner(lock) == 42
    root.proc.lock(lock, None)
    observe_one(root.world, "work")
    assert root.proc.table.lock_owner(lock) is None


def test_sticky_profile_is_proven_by_its_record(root: Root) -> None:
    """`hermes gateway run` with the root as home serves the sticky profile: its words name none."""
    root.proc.add(words="hermes gateway run", HERMES_HOME=str(root.layout.root))
    root.record("ops")
    assert root.prove("ops") == "process"
    root.proc.add(words="hermes gateway run", HERMES_HOME="/srv/another/root")
    assert root.prove("ops") == "other_program"


def test_copied_pid_file_adds_no_gateway(root: Root) -> None:
    """`cp -r` of a home takes its pid file along."""
    root.proc.add(words="hermes gateway run", HERMES_HOME=str(root.layout.root))
    root.record("ops")
    root.record("work")
    assert root.prove("ops") == root.prove("work") == "unverified"
    lock = root.layout.home("ops") / "gateway.lock"
    lock.touch()
    root.proc.lock(lock, 42)
    observe_one(root.world, "ops")
    assert (root.prove("ops"), root.prove("work")) == ("process", "unverified")


def test_copied_pid_file_of_a_named_gateway_is_another_program(root: Root) -> None:
    root.proc.add(words="hermes -p ops gateway run", HERMES_HOME=str(root.layout.root))
    root.record("ops")
    root.record("work")
    assert set(_running(root)) == {"ops"}
    assert observe_one(root.world, "work").state is GatewayState.STALE


def test_linked_home_is_resolved(root: Root, isolated: Path) -> None:
    (isolated / "link").symlink_to(root.layout.root)
    root.proc.add(words="hermes gateway run", HERMES_HOME=str(isolated / "link" / "profiles" / "work"))
    root.record()
    assert root.prove() == "process"


@pytest.mark.parametrize("broken", [b"", b"42", b"42 (x) S 1", b"nonsense"])
def test_empty_proc_entry_is_no_process(root: Root, broken: bytes) -> None:
    root.proc.add()
    (root.proc.path / "42" / "stat").write_bytes(broken)
    assert root.proc.table.find(42) is None and root.prove() == "nobody"


@pytest.mark.parametrize(
    "line", ["x", "1: FLOCK ADVISORY WRITE 42 zz 0 EOF", "1: FLOCK ADVISORY WRITE 42 <none>:0 0 EOF"]
)
def test_unparsable_lock_line_is_skipped(root: Root, line: str) -> None:
    lock = root.layout.home("work") / "gateway.lock"
    lock.touch()
    (root.proc.path / "locks").write_text(line + "\n")
    assert root.proc.table.lock_owner(lock) is None


def test_usage_is_read_from_proc(root: Root) -> None:
    root.proc.add(started=1000)
    place = root.proc.path / "42"
    (place / "statm").write_text("1000 250 10 1 0 1 0")
    (place / "fd").mkdir()
    for name in "012":
        (place / "fd" / name).touch()
    (place / "limits").write_text(
        "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024   4096   files\n"
    )
    (root.proc.path / "uptime").write_text("70.0 1.0\n")
    (root.proc.path / "stat").write_text("cpu 1\nbtime 1700000000\n")
    process = root.proc.table.find(42)
    assert process is not None
    ticks = os.sysconf("SC_CLK_TCK")
    usage = root.proc.table.usage(process)
    assert usage[:4] == (250 * os.sysconf("SC_PAGE_SIZE"), 3, 1024, 70.0 - 1000 / ticks)
    assert root.proc.table.epoch(process) == 1700000000 + 1000 / ticks


def test_unreadable_usage_is_none(root: Root) -> None:
    root.proc.add()
    process = root.proc.table.find(42)
    assert process is not None
    assert root.proc.table.usage(process)[:4] == (None,) * 4
    assert root.proc.table.epoch(process) is None


def test_start_times_are_exact_on_linux_only() -> None:
    assert same_start(1000, 1000.0, platform="linux") and not same_start(1000, 1001, platform="linux")
    assert same_start(1000, 1100, platform="darwin") and not same_start(1000, 1101, platform="darwin")
    assert not same_start(None, 1000, platform="linux") and not same_start(1000, None, platform="darwin")


# -- real processes

_SLEEP = "import signal, sys, time\nfor n in {ignored}: signal.signal(n, signal.SIG_IGN)\n"
_SLEEP += "{lock}print('ready', flush=True)\nwhile True: time.sleep(0.2)\n"
_LOCK = "import fcntl; file = open({path!r}, 'a+'); fcntl.flock(file, fcntl.LOCK_EX)\n"
Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a program that has the words of a gateway and does nothing; all are ended afterwards."""
    running: list[subprocess.Popen[bytes]] = []

    def begin(
        *words: str, home: Path | None, ignored: tuple[int, ...] = (), lock: Path | None = None
    ) -> subprocess.Popen[bytes]:
        script = tmp_path / "bin" / "hermes"
        script.parent.mkdir(exist_ok=True)
        locking = _LOCK.format(path=str(lock)) if lock else ""
        script.write_text(_SLEEP.format(ignored=[int(each) for each in ignored], lock=locking))
        environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ["HOME"]}
        environment |= {"HERMES_HOME": str(home)} if home else {}
        process = subprocess.Popen(
            [sys.executable, "-IS", str(script), *words], env=environment, stdout=subprocess.PIPE, cwd="/"
        )
        running.append(process)
        assert process.stdout is not None and process.stdout.readline() == b"ready\n"
        return process

    yield begin
    for process in running:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


class Real:
    """A root whose processes are real."""

    def __init__(self, user_home: Path) -> None:
        self.layout = Layout(user_home / ".hermes", user_home)
        for name in ("default", "work", "ops", "ops-2"):
            self.layout.home(name).mkdir(parents=True, exist_ok=True)
            (self.layout.home(name) / "config.yaml").write_text("model: m\n")
        self.world = SystemContext(self.layout, None, processes_of(sys.platform))
        self.hands = ServiceBackend(
            self.world, None, lambda names: dict.fromkeys(names, StartDecision()), load_catalog()
        )

    def record(
        self, profile: str, process: subprocess.Popen[bytes], *, off: float = 0, file: str = "gateway.pid"
    ) -> None:
        seen = self.world.processes.find(process.pid)
        assert seen is not None
        content = {"pid": process.pid, "kind": "hermes-gateway", "start_time": seen.started + off}
        (self.layout.home(profile) / file).write_text(json.dumps(content))

    def stop(self, *profiles: str, stop: float = 1.0) -> dict[str, OutcomeKind]:
        pace = RunOptions(stop=stop)
        done = FleetExecutor(Verb.STOP, self.hands, pace).run(profiles, survey(self.world, profiles))
        return {each.profile: each.outcome for each in done}


@pytest.fixture
def real(isolated: Path) -> Real:
    return Real(isolated)


def is_alive(process: subprocess.Popen[bytes]) -> bool:
    return process.poll() is None


def wait_for(what: Callable[[], Any], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


def decoys(real: Real, start: Start, other: Path) -> dict[str, subprocess.Popen[bytes]]:
    """Start processes that the pid files of `work` and `ops` could be thought to mean, one kind each."""
    (other / "profiles" / "work").mkdir(parents=True)
    found = {
        "same words, another home": start("gateway", "run", home=other / "profiles" / "work"),
        "same words and profile, another root": start("-p", "work", "gateway", "run", home=other),
        "a name that begins alike": start("-p", "ops-2", "gateway", "run", home=real.layout.root),
        "a command about gateways": start("-p", "work", "gateway", "status", home=real.layout.root),
        "a recycled pid": start("-p", "ops", "chat", home=real.layout.root),
    }
    real.record("work", found["same words, another home"])
    real.record("work", found["same words and profile, another root"], file="gateway.lock")
    real.record("ops", found["a recycled pid"], off=-500)
    real.record("ops", found["a name that begins alike"], file="gateway.lock")
    return found


@linux
def test_stop_of_the_fleet_spares_decoys(real: Real, start: Start, isolated: Path) -> None:
    found = decoys(real, start, isolated / "other")
    seen = survey(real.world, ("work", "ops"))
    assert {name: gateway.state for name, gateway in seen.items()} == {
        "work": GatewayState.STALE, "ops": GatewayState.STALE
    }  # fmt: skip
    for gateway in seen.values():
        real.hands.announce_stop(gateway)
        real.hands.end(gateway, kill=False)
        real.hands.end(gateway, kill=True)
    assert real.stop("work", "ops") == {"work": OutcomeKind.ALREADY_STOPPED, "ops": OutcomeKind.ALREADY_STOPPED}
    time.sleep(0.2)
    assert {name for name, process in found.items() if not is_alive(process)} == set()
    assert not list(real.layout.root.rglob(".gateway-planned-stop.json"))


@linux
def test_delete_spares_decoys(real: Real, start: Start, isolated: Path, runner: Runner) -> None:
    found = decoys(real, start, isolated / "other")
    for name in ("work", "ops"):
        assert runner.ok("delete", name, "--yes", "--json").data["gateway_stopped"] is False
        assert not real.layout.home(name).exists()
    assert {name for name, process in found.items() if not is_alive(process)} == set()


@linux
def test_delete_ends_only_the_gateway_of_the_profile(real: Real, start: Start, runner: Runner) -> None:
    own = start("-p", "ops", "gateway", "run", home=real.layout.root)
    other = start("-p", "ops-2", "gateway", "run", home=real.layout.root)
    real.record("ops", own)
    real.record("ops-2", other)
    assert runner.ok("delete", "ops", "--yes", "--json").data["gateway_stopped"] is True
    wait_for(lambda: not is_alive(own))
    assert is_alive(other)


@linux
def test_stop_ends_a_gateway_started_by_hand(real: Real, start: Start) -> None:
    process = start("-p", "ops", "gateway", "run", home=real.layout.root)
    real.record("ops", process)
    gateway = observe_one(real.world, "ops")
    assert (gateway.state, gateway.pid) == (GatewayState.UNSUPERVISED, process.pid)
    real.hands.end(gateway, kill=False)
    wait_for(lambda: not is_alive(process))
    assert process.returncode == -signal.SIGTERM


@linux
def test_stop_kills_after_the_stop_time(real: Real, start: Start) -> None:
    process = start("-p", "ops", "gateway", "run", home=real.layout.root, ignored=(signal.SIGTERM,))
    real.record("ops", process)
    assert real.stop("ops", stop=2.5) == {"ops": OutcomeKind.STOPPED}
    assert process.wait(5) == -signal.SIGKILL


@linux
def test_suspended_process_is_reported(real: Real, start: Start) -> None:
    process = start("-p", "ops", "gateway", "run", home=real.layout.root)
    real.record("ops", process)
    process.send_signal(signal.SIGSTOP)
    wait_for(lambda: (seen := real.world.processes.find(process.pid)) is not None and seen.state == "T")
    assert "suspended" in observe_one(real.world, "ops").detail


@linux
def test_real_lock_holder_is_proven(real: Real, start: Start) -> None:
    lock = real.layout.home("work") / "gateway.lock"
    lock.touch()
    process = start("chat", home=None, lock=lock)
    (real.layout.home("work") / "gateway.pid").write_text(str(process.pid))  # the old form: no start time
    gateway = observe_one(real.world, "work")
    assert gateway.process is not None and gateway.process.pid == process.pid
    with open(lock) as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@linux
def test_observation_takes_no_lock(real: Real, start: Start) -> None:
    lock = real.layout.home("work") / "gateway.lock"
    lock.touch()
    observe_one(real.world, "work")
    with open(lock) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert LinuxProcesses().lock_owner(lock) == os.getpid()


@linux
def test_real_zombie_is_no_process(real: Real) -> None:
    process = subprocess.Popen([sys.executable, "-IS", "-c", "pass"], env={})
    try:
        stat = Path(f"/proc/{process.pid}/stat")
        wait_for(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
        assert real.world.processes.find(process.pid) is None
    finally:
        process.wait(10)


@pytest.mark.parametrize("kill", [False, True])
def test_signal_needs_the_matching_start_time(start: Start, tmp_path: Path, kill: bool) -> None:
    process = start("gateway", "run", home=tmp_path)
    seen = processes_of(sys.platform).find(process.pid)
    assert seen is not None
    for wrong in (seen.started - 1000, seen.started + 1000, 0.0):
        assert end_process(process.pid, wrong, kill=kill) is False
    if sys.platform.startswith("linux"):
        assert end_process(process.pid, seen.started + 1, kill=kill) is False
    time.sleep(0.1)
    assert is_alive(process)
    assert end_process(process.pid, seen.started, kill=kill) is True
    assert process.wait(10) == (-signal.SIGKILL if kill else -signal.SIGTERM)
    assert end_process(process.pid, seen.started, kill=kill) is False


@pytest.mark.parametrize("refusal", [PermissionError, ProcessLookupError])
def test_forbidden_signal_does_not_end_the_command(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: type[OSError]
) -> None:
    process = start("gateway", "run", home=tmp_path)
    seen = processes_of(sys.platform).find(process.pid)
    assert seen is not None

    def refused(*_: object) -> None:
        raise refusal

    monkeypatch.setattr(signal, "pidfd_send_signal", refused, raising=False)
    assert end_process(process.pid, seen.started, kill=False) is False
    assert is_alive(process)


@linux
def test_kernel_without_pidfd_ends_the_matching_process(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    process = start("gateway", "run", home=tmp_path)
    seen = processes_of(sys.platform).find(process.pid)
    assert seen is not None

    def absent(_: int) -> int:
        raise OSError(errno.ENOSYS, "function not implemented")

    monkeypatch.setattr(os, "pidfd_open", absent)
    assert end_process(process.pid, seen.started + 1, kill=False) is False
    assert is_alive(process)
    assert end_process(process.pid, seen.started, kill=False) is True
    assert process.wait(10) == -signal.SIGTERM


def test_psutil_agrees_with_proc(start: Start, real: Real) -> None:
    process = start("-p", "ops", "gateway", "run", home=real.layout.root)
    table = PsutilProcesses()
    seen = table.find(process.pid)
    assert seen is not None and seen.is_gateway and seen.variables is not None
    assert seen.variables["HERMES_HOME"] == str(real.layout.root)
    assert process.pid in {each.pid for each in table.gateways()}
    assert abs((table.epoch(seen) or 0) - time.time()) < 60
    usage = table.usage(seen)
    assert usage.rss and usage.open_files and usage.uptime is not None
    process.kill()
    wait_for(lambda: table.find(process.pid) is None)
    process.wait(10)
    assert table.usage(seen) == (None,) * 5


def test_psutil_has_no_lock_owner_and_no_impossible_pid(tmp_path: Path) -> None:
    table = PsutilProcesses()
    assert table.lock_owner(tmp_path) is None
    assert table.find(10**30) is None


@linux
def test_killed_gateway_holds_no_lock(real: Real, start: Start) -> None:
    lock = real.layout.home("work") / "gateway.lock"
    lock.touch()
    process = start("-p", "work", "gateway", "run", home=real.layout.root, lock=lock)
    real.record("work", process)
    real.record("work", process, file="gateway.lock")
    assert observe_one(real.world, "work").process is not None
    assert real.world.processes.lock_owner(lock) == process.pid
    process.kill()
    process.wait(10)
    assert observe_one(real.world, "work").process is None
    assert real.world.processes.lock_owner(lock) is None


def test_stop_marker_has_the_start_time_of_hermes(real: Real) -> None:
    from hermes_profiles.fleet.backend import write_stop_marker

    for started, written in ((1000.0, 1000), (170000000012.9999, 170000000013)):
        write_stop_marker(real.world, "work", Process(42, started, "S", 1, (), {}))
        path = real.layout.home("work") / ".gateway-planned-stop.json"
        marker = json.loads(path.read_text())
        assert (marker["target_pid"], marker["target_start_time"]) == (42, written)
        assert marker["written_at"].endswith("+00:00") and path.stat().st_mode & 0o777 == 0o600


_SCRIPT = "import os, sys, runpy; sys.path.insert(0, '/x'); import hermes_bootstrap; "
_UNIT_SCRIPT = _SCRIPT + "runpy.run_module('hermes_cli.main', run_name='__main__', alter_sys=True)"
_LAUNCHER_SCRIPT = "import os, re, sys\nimport hermes_bootstrap\nfrom hermes_cli.main import main\nsys.exit(main())\n"


@pytest.mark.parametrize("script", [_UNIT_SCRIPT, _LAUNCHER_SCRIPT])
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("gateway", "run"), True),
        (("-p", "work", "gateway", "run"), True),
        (("--profile", "gateway", "chat"), False),
        (("gateway", "status"), False),
        (("--run-module", "gateway.cgroup_cleanup"), False),
    ],
)
def test_gateway_of_a_launcher_is_recognised(script: str, words: tuple[str, ...], expected: bool) -> None:
    argv = ("/root/tools/python-3.14/bin/python3", "-I", "-c", script, *words)
    assert starts_gateway(argv) is expected
    assert (gateway_subcommand(argv) in ("run", "restart")) is expected


def _of_the_launcher(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Return the command lines that a launcher has: as a shell script, then as the interpreter of the store."""
    return [("/bin/sh", *words), ("/r/tools/python-3.14/bin/python3", "-I", "-c", _LAUNCHER_SCRIPT, *words[1:])]


def test_stamping_wrapper_of_a_launcher_is_not_a_second_gateway() -> None:
    (text,) = [each.text for each in hermes_services("plist") if repr(each) == "0.22.2.post1-launcher"]
    agent = tuple(plistlib.loads(text.encode())["ProgramArguments"])
    (command,) = re.findall(r'system\("exec (.*?) >>', agent[-1])
    stamper = tuple(command.split())
    gateway = stamper[stamper.index("--") + 1 :]
    assert stamper[1] == "--run-module" and gateway[1:5] == ("--profile", "coder", "gateway", "run")
    for argv in (agent, stamper, *_of_the_launcher(stamper)):
        assert not starts_gateway(argv) and gateway_subcommand(argv) is None, argv
    for argv in (gateway, *_of_the_launcher(gateway)):
        assert starts_gateway(argv) and gateway_subcommand(argv) == "run", argv


def test_other_code_on_the_command_line_is_no_gateway() -> None:
    argv = ("/usr/bin/python3", "-I", "-c", "print('hermes_cli.main gateway run')", "gateway", "run")
    assert not starts_gateway(argv)


@pytest.mark.parametrize("words", ["hermes gateway run", "hermes -p aa gateway run"])
def test_home_that_is_a_link_keeps_its_root(tmp_path: Path, words: str) -> None:
    (tmp_path / "disk").mkdir()
    home = tmp_path / "root" / "profiles" / "aa"
    home.parent.mkdir(parents=True)
    home.symlink_to(tmp_path / "disk")
    (tmp_path / "link").symlink_to(tmp_path / "root")
    for given in (home, tmp_path / "link" / "profiles" / "aa"):
        process = Process(1, 1.0, "S", 1, tuple(words.split()), {"HERMES_HOME": str(given)})
        assert home_of(process, user_home=Path("/h")) == home
