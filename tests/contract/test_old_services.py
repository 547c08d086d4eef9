"""Services, shim and module paths of version 0.1.0 work with the present code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import installed
import pytest
from fakes import script
from recorder import Sandbox, parse_step

_REPOSITORY = Path(__file__).resolve().parents[2]
_SUPERVISOR = f"{installed.OURS}/supervisor"
_DAEMON = "hermes_profiles.services.managers.supervisor_daemon"

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="recorded on Linux")


class Old:
    """A home with two profiles, and the commands of the present code."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.sandbox = Sandbox(home, code=str(_REPOSITORY))
        installed.build(home)

    def run(self, line: str, *, code: int | None = 0) -> Any:
        """Run a command as `recorder.parse_step` reads it and return its data."""
        step = parse_step(line)
        done = self.sandbox.start(step.program, step.arguments, step.environment, step.stdin)
        assert code is None or done.returncode == code, done
        return json.loads(done.stdout)["data"] if step.show == "json" else done.stdout.decode()

    def output(self, *words: str) -> str:
        """Run the interpreter to its end and return its standard output; the exit code must be 0."""
        done = subprocess.run(
            [sys.executable, *words], cwd=self.home, env=self.sandbox.environment, stdin=subprocess.DEVNULL,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done
        return done.stdout.decode()

    def gateway_pid(self, profile: str) -> int | None:
        """Return the pid of the running gateway of a profile."""
        home = self.home / ".hermes" if profile == "default" else self.home / ".hermes/profiles" / profile
        try:
            return int(json.loads((home / "gateway.pid").read_text())["pid"])
        except FileNotFoundError:
            return None


@pytest.fixture
def old(short_folder: Path) -> Iterator[Old]:
    old = Old(short_folder)
    yield old
    old.sandbox.end()


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "the condition is not met in time"
        time.sleep(0.05)


@pytest.mark.parametrize("manager", installed.MANAGERS)
def test_installed_services_are_accepted_and_uninstalled(old: Old, manager: str) -> None:
    files = installed.write(manager, old.home)
    rows = old.run(f"g status --manager {manager}", code=3)["gateways"]
    for row in rows:
        assert row["service"]["installed"] and row["service"]["enabled"] and not row["disagreement"], row
    findings = old.run(f"p doctor --only services --manager {manager}")["findings"]
    assert {row["check"] for row in findings} == {"services.not-running"}
    outcomes = old.run(f"g install --manager {manager}")["outcomes"]
    assert {row["outcome"] for row in outcomes} == {"already-installed"}
    is_awake = manager != "supervisor"
    if is_awake:
        assert old.run(f"g awake status --manager {manager}", code=None)["on"]
        assert old.run(f"g awake on --manager {manager}", code=None)["outcome"] == "already-on"
    for name, content in files.items():
        if not name.endswith("supervisord.conf"):
            assert (old.home / name).read_bytes() == content, name
    if is_awake:
        assert old.run(f"g awake off --manager {manager}", code=None)["on"] is False
    outcomes = old.run(f"g uninstall --yes --manager {manager}")["outcomes"]
    assert {row["outcome"] for row in outcomes} == {"uninstalled"}
    assert not [name for name in files if os.path.lexists(old.home / name)]


def test_changed_file_is_reported_as_hand_edited(old: Old) -> None:
    files = installed.write("systemd", old.home)
    name = next(name for name in files if name.endswith("work.service.d/50-hermes-profiles.conf"))
    (old.home / name).write_bytes(files[name] + b"Nice=5\n")
    findings = old.run("p doctor --only services --manager systemd")["findings"]
    assert {row["check"] for row in findings} == {"services.not-running", "services.hand-edited"}


def test_supervised_services_start_and_stop(old: Old) -> None:
    installed.write("supervisor", old.home)
    outcomes = old.run("g start")["outcomes"]
    assert {row["profile"]: row["outcome"] for row in outcomes} == {"default": "started", "work": "started"}
    pids = {name: old.gateway_pid(name) for name in ("default", "work")}
    assert all(pids.values())
    assert {row["state"] for row in old.run("g status")["gateways"]} == {"running"}
    outcomes = old.run("g stop")["outcomes"]
    assert {row["outcome"] for row in outcomes} == {"stopped"}
    assert not any(old.gateway_pid(name) for name in pids)
    assert {row["outcome"] for row in old.run("g uninstall --yes")["outcomes"]} == {"uninstalled"}


def test_daemon_started_by_its_old_path_with_its_old_configuration_runs_gateways(old: Old) -> None:
    installed.write("supervisor", old.home)
    conf = old.home / _SUPERVISOR / "supervisord.conf"
    assert "hermes_profiles.services.managers.supervisor_fleet:make_fleet" in conf.read_text()
    socket = installed.socket_of(old.home)
    socket.parent.mkdir(mode=0o700)
    assert f"file={socket}\n" in conf.read_text()
    before = conf.read_bytes()
    environment = {k: v for k, v in old.sandbox.environment.items() if k != "PYTHONWARNINGS"}  # as a client starts it
    subprocess.run(
        [sys.executable, "-P", "-X", "utf8", "-m", _DAEMON, "-c", conf], cwd="/", env=environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True, timeout=60,
    )  # fmt: skip
    pid_file = old.home / _SUPERVISOR / "supervisord.pid"
    _until(lambda: socket.exists() and pid_file.exists() and pid_file.read_text())
    pid = int(pid_file.read_text())
    assert {row["outcome"] for row in old.run("g start work")["outcomes"]} == {"started"}
    assert old.gateway_pid("work")
    assert {row["outcome"] for row in old.run("g restart work")["outcomes"]} == {"restarted"}
    assert {row["outcome"] for row in old.run("g stop work")["outcomes"]} == {"stopped"}
    assert int(pid_file.read_text()) == pid, "the same daemon runs"
    assert conf.read_bytes() == before


def test_prestart_runs_by_its_old_path(old: Old) -> None:
    root = old.home / ".hermes"
    old.output("-m", "hermes_profiles.cli.gateways", "prestart", "work", "--home", str(root), "--boot-delay", "1")
    assert (old.home / installed.OURS / "overlays/work/masks.json").exists()


def test_awake_hold_runs_by_its_old_path(old: Old) -> None:
    script(old.home / "fake/caffeinate", f"#!{sys.executable} -IS\nimport time\ntime.sleep(5)\n")
    words = (sys.executable, "-m", "hermes_profiles.cli.gateways", "awake-hold", "--idle", "--grace", "30")
    process = subprocess.Popen(
        words, cwd=old.home, env=old.sandbox.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _until(lambda: _catches(process.pid, signal.SIGTERM) or process.poll() is not None)
    process.terminate()
    # It ends by itself where no gateway of this user runs.
    assert process.wait(timeout=60) in (0, 128 + signal.SIGTERM)


def _catches(pid: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler of a signal."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next((line.split()[1] for line in lines if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.parametrize(
    "code",
    [
        "from hermes_profiles.cli.profiles import main",
        "from hermes_profiles.cli.gateways import main",
        "from hermes_profiles.cli.hermes_plugin import register",
        f"from {_DAEMON} import main",
        "from hermes_profiles.services.managers.supervisor_fleet import make_fleet",
    ],
)
def test_old_paths_are_imported(old: Old, code: str) -> None:
    old.output("-c", f"{code}\nassert callable({code.rpartition(' ')[2]})")


@pytest.mark.parametrize(("module", "key"), [("profiles", "profiles"), ("gateways", "gateways")])
def test_console_entry_points_run_by_their_old_path(old: Old, module: str, key: str) -> None:
    code = f"import sys\nsys.argv = ['x', 'list', '--json']\nfrom hermes_profiles.cli.{module} import main\nmain()"
    assert json.loads(old.output("-c", code))["data"][key]


def test_hermes_plugin_hands_over_by_its_old_path(old: Old) -> None:
    code = """
import sys
sys.argv = ["hermes", "profiles", "list", "--json"]
sys.orig_argv = [sys.executable, *sys.argv]
from hermes_profiles.cli import hermes_plugin
class Context:
    found = {}
    def register_cli_command(self, name, summary, setup, handler, *more):
        self.found[name] = handler
hermes_plugin.register(Context())
assert set(Context.found) == {"profiles", "gateways"}
Context.found["profiles"](None)
"""
    assert [row["name"] for row in json.loads(old.output("-c", code))["data"]["profiles"]] == ["default", "work"]


def test_arguments_of_shim_and_completion_scripts_are_accepted(old: Old) -> None:
    answer = json.loads(old.output("-m", "hermes_profiles.cli", "from-hermes", "", "profile", "list", "--json"))
    assert answer["command"] == ["list"]
    assert old.output("-m", "hermes_profiles.cli", "__complete", "bash", "profile", "w").split() == ["work"]
    assert "work" in old.output("-m", "hermes_profiles.cli.gateways", "__complete", "zsh", "profile", "w").split()


def test_installed_shim_is_current_runs_and_is_removed(old: Old) -> None:
    files = installed.write("shim", old.home)
    shim = old.home / ".local/share/hermes-profiles/shim/hermes"
    path = f"{shim.parent}:{old.sandbox.environment['PATH']}"
    status = old.run(f"@PATH={path} p shim status")
    assert status["installed"] and status["current"] and status["in_effect"]
    done = subprocess.run(
        ["/bin/sh", shim, "profile", "list", "--json"], env={**old.sandbox.environment, "PATH": path},
        capture_output=True, check=True,
    )  # fmt: skip
    assert [row["name"] for row in json.loads(done.stdout)["data"]["profiles"]] == ["default", "work"]
    assert old.run(f"@PATH={path} p shim install --shell-setup")["changed"] is False
    assert {name: (old.home / name).read_bytes() for name in files} == files
    old.run(f"@PATH={path} p shim remove")
    assert not shim.parent.parent.exists()
    assert (old.home / ".bashrc").read_text() == "# mine\n"
    assert "hermes -p work" in (old.home / ".local/bin/work").read_text()
