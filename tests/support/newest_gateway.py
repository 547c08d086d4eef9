"""Gateways of the newest Hermes in namespaces of their own: no process and no address outside can be reached.

`hermes gateway restart --all` of that release signals every gateway of the account, and its host lock belongs to the
account. So the first process of a PID and network namespace runs this file as a program: it starts gateways, commands
of Hermes and of ours, and a stand-in for Telegram. The files are shared with the test, the process numbers are not.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from command_runner import REPOSITORY, Done, assert_no_canary
from real_hermes import newest_python

_OURS = {"profiles": "hermes_profiles.cli", "gateways": "hermes_profiles.cli.gateways"}
_UNSHARE = ("unshare", "--net", "--pid", "--fork", "--mount-proc", "--kill-child")
UP = ("running", "degraded")


def token(number: int) -> str:
    """Return a bot token; the stand-in accepts any number."""
    return f"71000000{number:02}:CANARYtelegramCANARYtelegramCANARY{number:02}"


def namespaces() -> list[str]:
    """Return the words before a program that runs in namespaces of its own; skips where they cannot be made."""
    mapped = () if os.geteuid() == 0 else ("--map-current-user",)
    words = [*_UNSHARE, *mapped]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*words, "true"], check=False, stderr=subprocess.DEVNULL).returncode
    ):
        pytest.skip("NO NAMESPACES: this account may not make a PID and a network namespace")
    return words


class NewestGateways:
    """A user with a root, whose gateways run in namespaces of their own; a context manager.

    `user`: the user's home, whose path must be short enough for a socket; `root`: the root of the profiles; `python`:
    of another release of Hermes.
    """

    def __init__(self, user: Path, python: str | None = None) -> None:
        self.user = user
        self.root = user / ".hermes"
        self.python = python or newest_python()
        self.locks = user / ".local/state/hermes/gateway-locks"
        binaries = Path(self.python).parent
        self.environment = {
            "HOME": str(user), "PATH": f"{binaries}:/usr/bin:/bin", "TZ": "UTC", "COLUMNS": "80", "NO_COLOR": "1",
            "LANG": "C.UTF-8", "TMPDIR": str(user / "tmp"), "XDG_STATE_HOME": str(user / ".local/state"),
            "XDG_CONFIG_HOME": str(user / ".config"), "XDG_RUNTIME_DIR": str(user / ".run"), "NO_PROXY": "*",
            "HERMES_DISABLE_LAZY_INSTALLS": "1", "HERMES_ALLOW_ROOT_GATEWAY": "1", "PYTHONDONTWRITEBYTECODE": "1",
            "TELEGRAM_FALLBACK_IPS": "149.154.167.220", "HERMES_TELEGRAM_DISABLE_FALLBACK_IPS": "1",
        }  # fmt: skip
        self._inside: subprocess.Popen[str] | None = None
        self._bots = ""

    def __enter__(self) -> NewestGateways:
        (self.user / "tmp").mkdir(parents=True, exist_ok=True)
        self.root.mkdir(exist_ok=True)
        command = [*namespaces(), sys.executable, __file__]
        paths = os.pathsep.join((str(Path(__file__).parent), str(REPOSITORY)))
        self._inside = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
        )
        self._bots = self.ask(do="bots")["url"]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._inside is not None:
            self._inside.kill()  # its child ends with it, and with that all processes of the namespace
            self._inside.communicate()

    def ask(self, **request: Any) -> dict[str, Any]:
        """Return the answer of the process inside to one request."""
        assert self._inside is not None and self._inside.stdin is not None and self._inside.stdout is not None
        self._inside.stdin.write(json.dumps(request) + "\n")
        self._inside.stdin.flush()
        answer: dict[str, Any] = json.loads(self._inside.stdout.readline() or '{"error": "the namespace ended"}')
        assert "error" not in answer, answer["error"]
        return answer

    # -- profiles

    def home(self, name: str) -> Path:
        """Return the home of a profile."""
        return self.root if name == "default" else self.root / "profiles" / name

    def profile(
        self, name: str, *, bot: str | None = None, env: str = "", config: Mapping[str, Any] | None = None
    ) -> Path:
        """Make a profile; `bot`: the token of its Telegram bot, which the stand-in serves."""
        home = self.home(name)
        home.mkdir(parents=True, exist_ok=True)
        given: dict[str, Any] = {"model": {"default": "none/none"}, **(config or {})}
        if bot is not None:
            env = f"TELEGRAM_BOT_TOKEN={bot}\n{env}"
            telegram = {"extra": {"base_url": f"{self._bots}/{name}/bot"}}
            given["platforms"] = {"telegram": telegram, **given.get("platforms", {})}
        (home / ".env").write_text(env)
        (home / "config.yaml").write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in given.items()))
        (home / "SOUL.md").write_text("You are helpful.\n")
        return home

    def polls(self) -> dict[str, int]:
        """Return profile → how often its bot has been polled so far."""
        return dict(self.ask(do="polls")["polls"])

    def platform(self, name: str, mode: str) -> None:
        """Have Telegram answer a profile's gateway in a mode (bot_api.py), "" as usual."""
        self.ask(do="mode", name=name, mode=mode)

    # -- programs

    def run(self, *argv: str, env: Mapping[str, str] | None = None, timeout: float = 180.0, typed: str = "") -> Done:
        """Run a program inside and return what it printed."""
        environment = {**self.environment, **(env or {})}
        done = self.ask(do="run", argv=argv, env=environment, cwd=str(self.user), timeout=timeout, typed=typed)
        return Done(done["code"], done["out"], done["err"])

    def hermes(self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 180.0) -> Done:
        """Run `hermes` of the newest release inside."""
        return self.run(self.python, "-m", "hermes_cli.main", *words, env=env, timeout=timeout)

    def ours(
        self, *words: str, program: str = "gateways", env: Mapping[str, str] | None = None, typed: str = ""
    ) -> Done:
        """Run `hermes-gateways` (or with `program` "profiles" the other program) inside."""
        given = {"PYTHONPATH": str(REPOSITORY), "HERMES_PROFILES_MANAGER": "supervisor", **(env or {})}
        done = self.run(sys.executable, "-m", _OURS[program], *words, env=given, typed=typed)
        assert_no_canary(done.stdout + done.stderr, " ".join(words))
        return done

    def start(
        self, *words: str, profile: str | None = None, env: Mapping[str, str] | None = None, argv: tuple[str, ...] = ()
    ) -> int:
        """Start `hermes [-p PROFILE] gateway run WORDS` inside and return its pid there, without waiting."""
        chosen = ("-p", profile) if profile is not None else ()
        given = argv or (self.python, "-m", "hermes_cli.main", *chosen, "gateway", "run", *words)
        log = str(self.user / f"gateway-{profile or 'default'}.log")
        environment = {**self.environment, **(env or {})}
        pid: int = self.ask(do="spawn", argv=given, env=environment, cwd=str(self.user), log=log)["pid"]
        return pid

    def up(self, *words: str, profile: str | None = None, env: Mapping[str, str] | None = None) -> int:
        """Start a gateway as `start` does, and wait until it has reported running."""
        pid = self.start(*words, profile=profile, env=env)
        home = profile or "default"
        self.wait(lambda: self.state(home).get("pid") == pid and self.state(home).get("gateway_state") in UP, pid)
        return pid

    def stop(self, pid: int, number: int = signal.SIGTERM, timeout: float = 60.0) -> int | None:
        """Signal a process inside, wait for its end, and return its exit code; None for a process of another parent."""
        code: int | None = self.ask(do="stop", pid=pid, signal=int(number), timeout=timeout)["code"]
        return code

    def exit_code(self, pid: int) -> int | None:
        """Return the exit code of a started program, None while it runs."""
        code: int | None = self.ask(do="poll", pid=pid)["code"]
        return code

    def processes(self) -> dict[int, list[str]]:
        """Return pid → command line of the gateways that run inside, by their command lines alone."""
        found = self.ask(do="processes")["processes"]
        return {int(pid): argv for pid, argv in found.items() if "gateway" in argv and "run" in argv}

    def get(self, url: str, key: str = "") -> tuple[int, str]:
        """Return (status, body) of an HTTP request inside; status 0 where nothing answers."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        answer = self.ask(do="get", url=url, headers=headers)
        return answer["status"], answer["body"]

    # -- what gateways write

    def state(self, profile: str) -> dict[str, Any]:
        """Return the content of a profile's gateway_state.json, {} without one."""
        return self._json(self.home(profile) / "gateway_state.json")

    def host_record(self) -> dict[str, Any]:
        """Return the host record, {} without one."""
        return self._json(self.locks / "host-gateway.json")

    def control(self, profile: str, verb: str) -> dict[str, Any]:
        """Return the answer of a gateway's control socket, {} where it does not answer."""
        script = "import json, sys; from gateway.control_socket import query_gateway_control as ask\n"
        script += "print(json.dumps(ask(sys.argv[1], sys.argv[2]) or {}))"
        done = self.run(self.python, "-c", script, str(self.home(profile)), verb)
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def log(self, profile: str = "default") -> str:
        """Return the end of what a gateway printed."""
        path = self.user / f"gateway-{profile}.log"
        return path.read_text(errors="replace")[-4000:] if path.exists() else ""

    def wait(self, until: Callable[[], object], pid: int | None = None, timeout: float = 90.0) -> None:
        """Wait until a condition holds; fails with the logs when `pid` ends before or the time is over."""
        deadline = time.monotonic() + timeout
        while not until():
            ended = pid is not None and self.exit_code(pid) is not None
            if ended or time.monotonic() > deadline:
                logs = "\n".join(path.read_text(errors="replace")[-3000:] for path in self.user.glob("gateway-*.log"))
                pytest.fail(f"{'the gateway ended' if ended else 'timeout'}\n{logs}")
            time.sleep(0.1)

    @staticmethod
    def _json(path: Path) -> dict[str, Any]:
        try:
            data = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return data if isinstance(data, dict) else {}


class _Inside:
    """The first process of the namespace: it answers one JSON line by one JSON line."""

    def __init__(self) -> None:
        from bot_api import BotApi

        self._started: dict[int, subprocess.Popen[bytes]] = {}
        self._api = BotApi()

    def serve(self) -> None:
        """Answer requests until the input ends."""
        with self._api:
            for line in sys.stdin:
                self._reap()
                try:
                    request = json.loads(line)
                    answer = getattr(self, f"do_{request.pop('do')}")(**request)
                except Exception as error:
                    answer = {"error": repr(error)}
                sys.stdout.write(json.dumps(answer) + "\n")
                sys.stdout.flush()

    def _reap(self) -> None:
        """Collect orphans that ended: a zombie would be taken for a process."""
        for entry in os.listdir("/proc"):
            if entry.isdecimal() and int(entry) not in self._started:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(int(entry), os.WNOHANG)

    def do_bots(self) -> dict[str, Any]:
        return {"url": self._api.url}

    def do_polls(self) -> dict[str, Any]:
        return {"polls": dict(self._api.polls), "conflicts": self._api.conflicts}

    def do_mode(self, name: str, mode: str) -> dict[str, Any]:
        self._api.modes[name] = mode
        return {}

    def do_run(self, argv: list[str], env: dict[str, str], cwd: str, timeout: float, typed: str) -> dict[str, Any]:
        done = subprocess.run(argv, env=env, cwd=cwd, input=typed.encode(), capture_output=True, timeout=timeout)
        return {"code": done.returncode, "out": _text(done.stdout), "err": _text(done.stderr)}

    def do_spawn(self, argv: list[str], env: dict[str, str], cwd: str, log: str) -> dict[str, Any]:
        with open(log, "ab") as output:
            process = subprocess.Popen(
                argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        self._started[process.pid] = process
        return {"pid": process.pid}

    def do_stop(self, pid: int, signal: int, timeout: float) -> dict[str, Any]:
        os.kill(pid, signal)
        if pid in self._started:
            return {"code": self._started[pid].wait(timeout)}
        deadline = time.monotonic() + timeout
        while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.05)
        return {"code": None}

    def do_poll(self, pid: int) -> dict[str, Any]:
        return {"code": self._started[pid].poll()}

    def do_processes(self) -> dict[str, Any]:
        found = {}
        for entry in filter(str.isdecimal, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                argv = Path(f"/proc/{entry}/cmdline").read_bytes()
                if argv and int(entry) != os.getpid():
                    found[entry] = os.fsdecode(argv).rstrip("\0").split("\0")
        return {"processes": found}

    def do_get(self, url: str, headers: dict[str, str]) -> dict[str, Any]:
        from urllib.error import HTTPError
        from urllib.request import Request, urlopen

        try:
            with urlopen(Request(url, headers=headers), timeout=10) as answer:
                return {"status": answer.status, "body": _text(answer.read())}
        except HTTPError as error:
            return {"status": error.code, "body": _text(error.read())}
        except OSError as error:
            return {"status": 0, "body": str(error)}


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def bring_loopback_up() -> None:
    """Switch on the loopback device of a new network namespace."""
    import fcntl
    import socket
    import struct

    get, change, is_up = 0x8913, 0x8914, 1  # SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP
    with socket.socket() as opened:
        answer = fcntl.ioctl(opened, get, struct.pack("16sh22x", b"lo", 0))
        flags = struct.unpack("16sh22x", answer)[1]
        fcntl.ioctl(opened, change, struct.pack("16sh22x", b"lo", flags | is_up))


if __name__ == "__main__":
    bring_loopback_up()
    _Inside().serve()
