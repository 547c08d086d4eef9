"""A user with a fake Hermes installation, so that `hermes-gateways` drives real processes under a real supervisord.

The fake is one script with the externally visible behaviour of `hermes gateway run`.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from command_root import CommandRoot
from command_runner import GATEWAYS, Done, Runner

# Files in the profile's home control it: `exits` has the exit codes of its next starts, one per line; with `deaf` it
# ignores SIGTERM and the stop marker; `slow` has its start-up time in seconds; `platforms` is copied to its state file;
# with `leak` it has nearly all files open that it may have, and 80 MB more memory.
GATEWAY = r"""#!{python} -IS
import fcntl, json, os, signal, sys, time

if sys.argv[1] == "-c":  # an installation asks where Hermes is
    print("/")
    sys.exit()
home = os.environ["HERMES_HOME"]
at = lambda name: os.path.join(home, name)
words = sys.argv[1:]
if words[:2] != ["-m", "hermes_cli.main"] or words[-2:] != ["gateway", "run"]:
    sys.exit(64)
with open(at("starts"), "a") as file:
    file.write(json.dumps([os.getpid(), words, dict(os.environ)]) + "\n")
print("hello from", os.getpid(), flush=True)
if os.path.exists(at("exits")):
    codes = open(at("exits")).read().split()
    if codes:
        open(at("exits"), "w").write("\n".join(codes[1:]))
        print("giving up with", codes[0], flush=True)
        sys.exit(int(codes[0]))
lock = open(at("gateway.lock"), "a+")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    sys.exit(1)
stat = open("/proc/self/stat", "rb").read()
me = {{"pid": os.getpid(), "kind": "hermes-gateway", "argv": ["hermes", "gateway", "run"],
      "start_time": int(stat.rpartition(b")")[2].split()[19])}}

def write(name, data):
    draft = at(name + ".draft")
    open(draft, "w").write(json.dumps(data))
    os.replace(draft, at(name))

if os.path.exists(at("leak")):
    import resource
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    leaked = [open(os.devnull) for _ in range(56)], b"x" * (80 << 20)
lock.truncate(0); lock.write(json.dumps(me)); lock.flush()
write("gateway.pid", me)
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
signal.signal(signal.SIGINT, lambda *_: told.append(0))

def state(word):
    platforms = json.load(open(at("platforms"))) if os.path.exists(at("platforms")) else {{}}
    write("gateway_state.json", {{**me, "gateway_state": word, "platforms": platforms, "exit_reason": None}})

def planned():
    try:
        marker = json.load(open(at(".gateway-planned-stop.json")))
    except (OSError, ValueError):
        return False
    return marker["target_pid"] == os.getpid()

state("starting")
ready = time.monotonic() + float(open(at("slow")).read() if os.path.exists(at("slow")) else 0)
while True:
    if ready is not None and time.monotonic() >= ready:
        state("running")
        ready = None
    if not os.path.exists(at("deaf")) and (told or planned()):
        break
    time.sleep(0.02)
code = 0 if planned() else told[-1]
if code == 0:
    state("stopped")
for name in ("gateway.pid", ".gateway-planned-stop.json"):
    if os.path.exists(at(name)):
        os.unlink(at(name))
sys.exit(code)
"""
DEADLINE = 20.0
TOKEN = "7100000009:CANARYgatewayCANARYgatewayCANARY09"


def until(what: Callable[[], object]) -> Any:
    """Return the first true answer; a timeout fails."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError("timed out")


class GatewayRoot(CommandRoot):
    """A user with a root and a fake Hermes, and both commands run as this user."""

    def __init__(self, runner: Runner, root: Path | None = None) -> None:
        super().__init__(runner, root)
        (self.user / "run").mkdir(mode=0o700)
        self.python = self.user / "hermes" / "venv" / "bin" / "python"
        self.python.parent.mkdir(parents=True)
        self.python.write_text(GATEWAY.format(python=sys.executable))
        self.python.chmod(0o755)
        (self.python.parent.parent / "pyvenv.cfg").write_text("home = /usr/bin\n")
        hermes = self.python.parent / "hermes"  # the console script on PATH
        hermes.write_text(f"#!{self.python}\n")
        hermes.chmod(0o755)
        self.runner.environment["PATH"] = f"{self.python.parent}:{self.runner.environment['PATH']}"

    def gateways(self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
        """Run `hermes-gateways` inside this process. `typed` is its standard input."""
        return self.runner.gateways(*arguments, env=env, typed=typed)

    def gok(self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
        """Run `hermes-gateways`; it must succeed."""
        done = self.gateways(*arguments, env=env, typed=typed)
        assert done.code == 0, done
        return done

    def gateways_process(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> Any:
        """Start the real `hermes-gateways` in a separate process."""
        return self.runner.process(*arguments, env=env, command=GATEWAYS, **options)

    def untouched_by(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done:
        """Run `hermes-gateways`, and assert that it changed no file of the user."""
        before = self.picture()
        done = self.gateways(*arguments, env=env)
        after = self.picture()
        changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        assert not changed, f"{arguments} changed {changed}"
        return done

    def profile(self, *names: str, **files: str) -> None:
        """Create profiles like Hermes; `files` by name with `_` for `.`: `env`, `config_yaml`."""
        known = {"env": ".env", "config_yaml": "config.yaml", "profile_yaml": "profile.yaml"}
        for name in names:
            self.make(name, {"config.yaml": "model: gpt-5\n"} | {known[key]: text for key, text in files.items()})

    def outcomes(self, done: Done) -> dict[str, str]:
        """Return profile → outcome of a JSON answer."""
        return {row["profile"]: row["outcome"] for row in done.data["outcomes"]}

    def rows(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """Return profile → row of `status --json`."""
        done = self.gateways("status", "--json", *arguments)
        return {row["profile"]: row for row in done.data["gateways"]}

    def program(self, name: str) -> Path:
        """Return the file that defines a profile's service for supervisord."""
        unit = "hermes-gateway" if name == "default" else f"hermes-gateway-{name}"
        return self.state / "supervisor" / "programs" / f"{unit}.conf"

    def pid(self, name: str) -> int | None:
        """Return the pid of a running fake gateway, or None."""
        try:
            pid = int(json.loads((self.home(name) / "gateway.pid").read_text())["pid"])
        except (FileNotFoundError, ValueError):
            return None
        return pid if not is_gone(pid) else None

    def starts(self, name: str) -> list[Any]:
        """Return [pid, arguments, environment] of every start of a fake gateway."""
        path = self.home(name) / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def by_hand(self, name: str) -> subprocess.Popen[bytes]:
        """Start a fake gateway outside any service, and wait until it is up."""
        environment = {**self.runner.environment, "HERMES_HOME": str(self.home(name))}
        words = [str(self.python), "-m", "hermes_cli.main", "-p", name, "gateway", "run"]
        process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
        until(lambda: self.pid(name) == process.pid and (self.home(name) / "gateway_state.json").exists())
        return process

    def daemon(self) -> int | None:
        """Return the pid of the supervisord of this root, or None."""
        try:
            pid = int((self.state / "supervisor" / "supervisord.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None
        return pid if not is_gone(pid) else None

    def known(self) -> dict[str, Any]:
        """Return the daemon's information on each of its programs."""
        from hermes_profiles.services.supervisor.client import call

        info = call(self.state / "supervisor", "getStatus", [])
        return dict(info["programs"])

    def end(self) -> list[int]:
        """End the daemon and its gateways; returns the other processes of the user, which are ended as well."""
        pid = self.daemon()
        if pid is not None:
            for folder in (self.root, *(self.root / "profiles").glob("*")):
                (folder / "deaf").unlink(missing_ok=True)
            os.kill(pid, signal.SIGTERM)
            until(lambda: self._wake() or is_gone(pid))
        left = until_none(lambda: processes_of(self.user))
        for each in left:
            os.kill(each, signal.SIGKILL)
        return left

    def _wake(self) -> None:
        """Wake the daemon: without another event it handles a signal only after a second."""
        from hermes_profiles.services.manager import ManagerError
        from hermes_profiles.services.supervisor.client import DaemonNotRunning

        try:
            self.known()
        except (DaemonNotRunning, ManagerError):
            pass


def is_gone(pid: int) -> bool:
    """Return whether a process has ended (a zombie counts as ended)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def end_processes_of(user: Path) -> None:
    """End the processes of a user; a supervisord that a command started ends its gateways."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in processes_of(user):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)
        until_none(lambda: processes_of(user))


def processes_of(user: Path) -> list[int]:
    """Return the pids of other processes whose environment or arguments contain this user's home."""
    needle, found = os.fsencode(user) + b"/", []
    for entry in os.listdir("/proc"):
        if not entry.isdecimal() or int(entry) == os.getpid():
            continue
        try:
            seen = Path(f"/proc/{entry}/environ").read_bytes() + Path(f"/proc/{entry}/cmdline").read_bytes()
        except OSError:
            continue
        if needle in seen + b"/" and not is_gone(int(entry)):
            found.append(int(entry))
    return found


def until_none(what: Callable[[], list[int]]) -> list[int]:
    """Return [] once the list is empty, else its content after two seconds."""
    deadline = time.monotonic() + 2.0
    while (left := what()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
