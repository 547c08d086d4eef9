"""A healthy root for the doctor, cases that break it, and snapshots of its files."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from command_runner import Done, Runner

ENV = "OPENAI_API_KEY=sk-CANARY-{name}-0123456789abcdef\n"
CONFIG = "# the persona\nmodel:\n  default: gpt-5\n  provider: openai\n"
NAMES = ("default", "work", "family")


class DoctorRoot:
    """A user with three healthy profiles, and a runner for commands."""

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self.user = runner.user_home
        self.root = runner.user_home / ".hermes"
        self.environment: dict[str, str] = {}
        for name in NAMES:
            self.profile(name)

    @property
    def state(self) -> Path:
        return self.root / "profiles" / ".hermes-profiles"

    def home(self, name: str) -> Path:
        return self.root if name == "default" else self.root / "profiles" / name

    def profile(self, name: str, env: str = "", config: str = "") -> Path:
        """Create a healthy profile, or create it again with more content."""
        home = self.home(name)
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.write(name, ".env", ENV.format(name=name) + env, mode=0o600)
        self.write(name, "config.yaml", CONFIG + config, mode=0o600)
        self.write(name, "SOUL.md", "You are helpful.\n")
        return home

    def write(self, name: str, path: str, content: str | bytes, *, mode: int = 0o644) -> Path:
        """Write a file of a profile and set its mode."""
        target = self.home(name) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        target.chmod(mode)
        return target

    def add(self, name: str, path: str, text: str) -> Path:
        """Append text to a file of a profile."""
        target = self.home(name) / path
        target.write_text(target.read_text() + text)
        return target

    def doctor(self, *arguments: str) -> Done:
        return self.runner.call("doctor", *arguments, env=self.environment)

    def findings(self, *arguments: str) -> list[dict[str, Any]]:
        """Return all findings of the doctor."""
        found: list[dict[str, Any]] = self.doctor("--json", *arguments).data["findings"]
        return found

    def picture(self) -> dict[str, tuple[Any, ...]]:
        """Return path → mode and content that undo must restore, without the state folder."""
        found: dict[str, tuple[Any, ...]] = {}
        for folder, folders, files in os.walk(self.user):
            if Path(folder) == self.state:
                folders.clear()
                continue
            for name in (*folders, *files):
                path = Path(folder) / name
                status = path.lstat()
                kind, mode = stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode)
                if path == self.state or self.user / "tmp" in path.parents:
                    continue
                if path.is_symlink():
                    found[str(path)] = (kind, os.readlink(path))
                elif path.is_file():
                    content = path.read_bytes() if status.st_size < 1024**2 else status.st_size
                    found[str(path)] = (kind, mode, status.st_mtime_ns, content)
                else:
                    found[str(path)] = (kind, mode)
        return found


class Case(NamedTuple):
    """One way to break a healthy root.

    `check`: id of the expected finding; `profiles`: its profiles, sorted; `fixed`: whether `--fix` repairs it; `also`:
    ids of other checks that report the same fault.
    """

    check: str
    plant: Callable[[DoctorRoot], None]
    profiles: tuple[str, ...]
    fixed: bool = False
    also: frozenset[str] = frozenset()
    severity: str | None = None
    environment: Mapping[str, str] = {}

    def __str__(self) -> str:
        return f"{self.check}-{self.plant.__name__}"
