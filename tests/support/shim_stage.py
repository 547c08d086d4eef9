"""A user with real Hermes on PATH, with and without the shim: outputs on the same files."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from command_runner import REPOSITORY
from hermes_judge import environment
from real_hermes import hermes_python

# Update checks and provider queries are refused: no connection leaves the machine.
_NOBODY = "http://127.0.0.1:9"
NO_NETWORK = {"HTTPS_PROXY": _NOBODY, "HTTP_PROXY": _NOBODY, "ALL_PROXY": _NOBODY, "NO_PROXY": "127.0.0.1,localhost"}
TOKEN = "7000000001:CANARY-telegram-token-CANARY-token"


class Output(NamedTuple):
    """The output of a command without times, pids and durations."""

    code: int
    out: str
    err: str


_CHANGES = (
    (re.compile(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d)?([.,]\d+)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d:\d\d([.,]\d+)?"), "TIME"),
    (re.compile(r"(?i)\b(pids?|process)([:= (]+)\d+(, \d+)*"), r"\1\2PID"),
    (re.compile(r"\b\d+(\.\d+)? ?(ms|s|MB|KB|GB|B)\b"), "AMOUNT"),
)


def normalised(text: str) -> str:
    """Return a text without parts that differ between runs."""
    for pattern, replacement in _CHANGES:
        text = pattern.sub(replacement, text)
    return text


class Stage:
    """The user; `reset` restores `home`, and the shim is outside it."""

    def __init__(self, folder: Path) -> None:
        self.python = hermes_python()
        self.home, self.data, self._kept = folder / "home", folder / "data", folder / "kept"
        self.hermes = Path(self.python).parent / "hermes"
        self.shim = self.data / "hermes-profiles" / "shim" / "hermes"
        self._make()
        shutil.copytree(self.home, self._kept, symlinks=True)
        done = self.ours("shim", "install")
        assert done.returncode == 0, done.stderr
        shutil.copytree(self.home, self._kept, symlinks=True, dirs_exist_ok=True)

    def _make(self) -> None:
        for name in ("", "profiles/work"):
            home = self.home / ".hermes" / name
            home.mkdir(parents=True)
            (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\nOPENROUTER_API_KEY=sk-CANARY-or-0123456789\n")
            (home / "config.yaml").write_text("model:\n  default: anthropic/claude\n  provider: openrouter\n")
            (home / "SOUL.md").write_text(f"You are {home.name}.\n")

    def reset(self) -> None:
        """Restore the home."""
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home, symlinks=True)

    def environment(self, *, shimmed: bool, **more: str) -> dict[str, str]:
        """Return the variables exported by a shell of this user."""
        path = f"{self.hermes.parent}:/usr/bin:/bin"
        return environment(
            self.home, PATH=f"{self.shim.parent}:{path}" if shimmed else path, XDG_DATA_HOME=str(self.data),
            NO_COLOR="1", COLUMNS="120", LANG="C.UTF-8", HERMES_PROFILES_MANAGER="supervisor",
            HERMES_ALLOW_ROOT_GATEWAY="1", PYTHONPATH=str(REPOSITORY), **NO_NETWORK, **more,
        )  # fmt: skip

    def ours(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run `hermes-profiles` as this user."""
        return subprocess.run(
            [sys.executable, "-m", "hermes_profiles.cli", *words], env=self.environment(shimmed=False),
            cwd=self.home, capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def run(
        self, *words: str, shimmed: bool = True, typed: str = "", more: Mapping[str, str] | None = None,
        command: Sequence[str] = ("hermes",),
    ) -> Output:  # fmt: skip
        """Run `hermes …`, found on PATH like in a shell."""
        env = self.environment(shimmed=shimmed, **(more or {}))
        program = shutil.which(command[0], path=env["PATH"])
        assert program is not None
        done = subprocess.run(
            [program, *command[1:], *words], env=env, cwd=self.home, input=typed, capture_output=True, text=True,
            check=False, timeout=120,
        )  # fmt: skip
        return Output(done.returncode, normalised(done.stdout), normalised(done.stderr))

    def show(self, *words: str, shimmed: bool) -> Output:
        """Run `hermes …` in a terminal; returns its output."""
        env = self.environment(shimmed=shimmed, TERM="xterm")
        del env["NO_COLOR"]
        program = str(shutil.which("hermes", path=env["PATH"]))
        main, side = pty.openpty()
        process = subprocess.Popen(
            [program, *words], env=env, cwd=self.home, stdin=side, stdout=side, stderr=side, start_new_session=True
        )
        os.close(side)
        seen = b""
        try:
            while chunk := os.read(main, 65536):
                seen += chunk
        except OSError:  # the other end is closed
            pass
        os.close(main)
        return Output(process.wait(60), normalised(seen.decode(errors="replace")), "")
