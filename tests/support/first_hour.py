"""A new user's first hour: a home with an installed and used Hermes, and the wheel of this package.

Every command is the real console script, run by a shell; its output is kept for the report.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from command_runner import REPOSITORY

TOKEN = "7000000001:CANARY-telegram-token"
KEY = "CANARY-api-key-0123456789abcdef"
# Files of an earlier Hermes user; the commands must not change them.
SHELL_FILES = {".bashrc": "alias ll='ls -l'\n", ".profile": "umask 027\n", ".zshrc": "bindkey -e\n"}
_OURS = ("hermes_profiles", "_editable_impl_hermes_profiles", "pip", "__pycache__")
_HERMES = "#!{python}\nimport sys\nfrom hermes_cli.main import main\nif __name__ == '__main__':\n    sys.exit(main())\n"


def wheel(folder: Path, judge: str) -> Path:
    """Return a wheel of the working tree, built without a network; skips without hatchling."""
    for python in (sys.executable, judge):
        words = [python, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
        done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode == 0:
            return next(folder.glob("*.whl"))
        if "No module named" not in done.stderr:
            raise AssertionError(done.stdout + done.stderr)
    pytest.skip("NO HATCHLING: it builds the wheel that is installed; `pip install '.[test]'` brings it")


def install_hermes(home: Path, judge: str) -> None:
    """Create a virtual environment with Hermes only; its libraries are links to the judge's."""
    venv = home / "venv"
    subprocess.run([judge, "-m", "venv", str(venv)], check=True, capture_output=True, timeout=120)
    where = "import sysconfig; print(sysconfig.get_path('purelib'))"
    libraries = [
        Path(subprocess.run([python, "-c", where], check=True, capture_output=True, text=True).stdout.strip())
        for python in (judge, str(venv / "bin/python"))
    ]
    for entry in libraries[0].iterdir():
        if not entry.name.startswith(_OURS) and entry.suffix != ".pth":
            target = libraries[1] / entry.name
            if not target.exists():
                target.symlink_to(entry)
    script = venv / "bin/hermes"
    script.write_text(_HERMES.format(python=venv / "bin/python"))
    script.chmod(0o755)


def write_home(home: Path, url: str, port: int) -> None:
    """Write a Hermes home: a default profile with a Telegram bot and an API server, and shell files.

    `url` is the stand-in of the Bot API: no connection leaves the machine.
    """
    for name, content in SHELL_FILES.items():
        (home / name).write_text(content)
    root = home / ".hermes"
    root.mkdir(mode=0o700)
    (root / ".env").touch(mode=0o600)
    (root / ".env").write_text(
        "# my keys\nOPENROUTER_API_KEY=sk-or-CANARY-0001\n"
        f"TELEGRAM_BOT_TOKEN={TOKEN}\nTELEGRAM_ALLOWED_USERS=4200000042\n"
        f"API_SERVER_ENABLED=true\nAPI_SERVER_PORT={port}\nAPI_SERVER_KEY={KEY}\n"
        "HERMES_DISABLE_LAZY_INSTALLS=1\nHERMES_TELEGRAM_DISABLE_FALLBACK_IPS=1\n"
        "TELEGRAM_FALLBACK_IPS=149.154.167.220\nNO_PROXY=*\n"
    )
    (root / "config.yaml").write_text(
        "model:\n  default: none/none  # the usual one\nplatforms:\n  telegram:\n    enabled: true\n"
        f"    extra:\n      base_url: {url}/default/bot\n"
    )
    (root / "SOUL.md").write_text("You are calm.\n")


@dataclass(frozen=True)
class Result:
    """The result of a command."""

    line: str
    code: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def data(self) -> Any:
        return json.loads(self.stdout)["data"]

    def __str__(self) -> str:
        answer = self.stdout if not self.stdout.startswith("{") else json.dumps(self.data)[:2000]
        streams = "".join(f"{stream.rstrip()}\n" for stream in (answer, self.stderr) if stream.strip())
        return f"$ {self.line}\n{streams}[exit {self.code}, {self.seconds:.1f} s]\n"


class User:
    """A user at a shell with a separate home. `results` has all results so far."""

    def __init__(self, home: Path, variables: dict[str, str]) -> None:
        self.home = home
        self.root = home / ".hermes"
        self.venv = home / "venv"
        self.results: list[Result] = []
        path = f"{self.venv}/bin:{home}/.local/bin:/usr/local/bin:/usr/bin:/bin"
        self.environment = {
            "HOME": str(home), "USER": "newcomer", "SHELL": "/bin/bash", "LANG": "C.UTF-8", "TZ": "UTC", "PATH": path,
            **variables,
        }  # fmt: skip

    def run(self, line: str, *, code: int = 0, prints: str = "", omits: str = "") -> Result:
        """Run a shell line; it must exit with `code` and print each text of `prints` (split at `|`)."""
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-c", line], env=self.environment, cwd=self.home,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        result = Result(line, done.returncode, done.stdout, done.stderr, time.monotonic() - started)
        self.results.append(result)
        both = result.stdout + result.stderr
        assert result.code == code, f"`{line}` should have ended with {code}, not {result.code}"
        assert "CANARY" not in both, f"`{line}` shows a secret"
        assert "Traceback" not in both, f"`{line}` fell over"
        for words in filter(None, prints.split("|")):
            assert words in both, f"`{line}` does not say {words!r}"
        for words in filter(None, omits.split("|")):
            assert words not in both, f"`{line}` says {words!r}"
        return result

    def run_hint(self, result: Result, start: str) -> Result:
        """Run the first command of a hint that begins with `start`."""
        found = re.search(rf"(?:`|: )({re.escape(start)}[^`\n]*)", result.stdout + result.stderr)
        assert found, f"`{result.line}` names no command that begins with `{start}`"
        return self.run(found[1].strip())

    def gateways(self, line: str = "hermes-gateways status --json", *, code: int = 0) -> dict[str, Any]:
        """Return profile → gateway row of status."""
        return {row["profile"]: row for row in self.run(line, code=code).data["gateways"]}

    def report(self) -> str:
        """Return all commands and their output."""
        return "\n".join(map(str, self.results))

    def end(self) -> None:
        """End all processes after a failure."""
        if (self.venv / "bin/hermes-gateways").exists():
            subprocess.run(
                [str(self.venv / "bin/hermes-gateways"), "uninstall", "--yes"], env=self.environment, cwd=self.home,
                check=False, capture_output=True, timeout=180,
            )  # fmt: skip

    def eventually(self, what: str, check: Callable[[], Any], patience: float = 30) -> Any:
        """Return the first true answer; a timeout fails and lists the running processes."""
        deadline = time.monotonic() + patience
        while not (found := check()):
            assert time.monotonic() < deadline, f"never happened: {what}; processes: {self.processes()}"
            time.sleep(0.2)
        return found

    def processes(self) -> dict[int, str]:
        """Return pid → arguments of every process with this home in arguments or environment."""
        found = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                words, variables = (entry / "cmdline").read_bytes(), (entry / "environ").read_bytes()
            except OSError:
                continue
            # The session bus starts with its first client and stays.
            if os.fsencode(self.home) in words + b"\0" + variables and b"dbus-daemon\0--session" not in words:
                found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        return found

    def files(self) -> dict[str, str]:
        """Return path → mode and digest, or link target, of the home without its virtual environment."""
        found = {}
        for folder, folders, files in os.walk(self.home):
            if Path(folder) == self.home and "venv" in folders:
                folders.remove("venv")
            for name in (*folders, *files):
                path = Path(folder, name)
                relative = str(path.relative_to(self.home))
                if path.is_symlink():
                    found[relative] = f"→ {os.readlink(path)}"
                elif path.is_dir():
                    found[relative] = "folder"
                elif path.is_file():
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    found[relative] = f"{path.stat().st_mode:o} {digest}"
                else:
                    found[relative] = "socket or pipe"
        return found

    def installed(self) -> set[str]:
        """Return the files of the virtual environment without bytecode."""
        return {
            os.path.relpath(os.path.join(folder, name), self.venv)
            for folder, _, names in os.walk(self.venv)
            for name in names
            if not folder.endswith("__pycache__")
        }


def quoted(path: Path) -> str:
    """Return a path quoted for the shell."""
    return shlex.quote(str(path))
