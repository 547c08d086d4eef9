"""Runs `hermes-profiles` and `hermes-gateways`, and searches their output and files for canaries.

Every secret of a fixture contains CANARY. A canary in an answer, a message, the journal or the arguments of a
started program fails the test.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CANARY = "CANARY"
REPOSITORY = Path(__file__).resolve().parents[2]
JOURNALS = "profiles/.hermes-profiles/journal/*.json"
COMMAND = (sys.executable, "-m", "hermes_profiles.cli")
GATEWAYS = (sys.executable, "-m", "hermes_profiles.cli.gateways")


@dataclass(frozen=True)
class Done:
    """The result of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        return json.loads(self.stdout)

    @property
    def data(self) -> Any:
        return self.json["data"]

    @property
    def problem(self) -> Any:
        """Return the only error of an envelope."""
        (error,) = self.json["errors"]
        return error


class LeakedCanary(AssertionError):
    """A secret of a fixture was printed or logged."""


def assert_no_canary(text: str | bytes, where: str) -> None:
    found = text.find(CANARY) if isinstance(text, str) else text.find(CANARY.encode())
    if found >= 0:
        raise LeakedCanary(f"a secret in {where}: {text[max(0, found - 60) : found + 40]!r}")


class Runner:
    """Runs the commands as one user. `environment` is the complete environment."""

    def __init__(self, user_home: Path, environment: Mapping[str, str] | None = None) -> None:
        self.user_home = user_home
        (user_home / "tmp").mkdir(exist_ok=True)
        self.environment = {
            "HOME": str(user_home), "PATH": "/usr/bin:/bin", "TZ": "UTC", "COLUMNS": "80", "NO_COLOR": "1",
            "LANG": "C.UTF-8", "HERMES_PROFILES_MANAGER": "supervisor", "XDG_RUNTIME_DIR": str(user_home / "run"),
            "PYTHONPATH": str(REPOSITORY), "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONWARNINGS": "error", "TMPDIR": str(user_home / "tmp"), **(environment or {}),
        }  # fmt: skip

    def process(
        self, *arguments: str, env: Mapping[str, str] | None = None, command: Sequence[str] = COMMAND, **options: Any
    ) -> subprocess.Popen[bytes]:
        """Start the real command; stdout and stderr are pipes by default."""
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL} | options
        options = {"cwd": self.user_home, "env": {**self.environment, **(env or {})}} | options
        return subprocess.Popen([*command, *arguments], **options)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, **options: Any) -> Done:
        """Run the real command in a separate process."""
        with self.process(*arguments, env=env, **options) as process:
            out, err = process.communicate(timeout=120)
        done = Done(process.returncode, (out or b"").decode(errors="replace"), (err or b"").decode(errors="replace"))
        return self._checked(done, arguments)

    def call(self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
        """Run `hermes-profiles` inside this process, which is faster. `typed` is its standard input."""
        from hermes_profiles.cli.profiles import run

        return self._inside(run, arguments, env, typed)

    def gateways(self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
        """Run `hermes-gateways` inside this process. `typed` is its standard input."""
        from hermes_profiles.cli.gateways import run

        return self._inside(run, arguments, env, typed)

    def _inside(
        self, program: Callable[[Sequence[str]], None], arguments: Sequence[str], env: Mapping[str, str] | None,
        typed: str = "",
    ) -> Done:  # fmt: skip
        out, err = _stream(), _stream()
        stdin, sys.stdin = sys.stdin, io.StringIO(typed)
        with contextlib.ExitStack() as stack:
            stack.enter_context(_environment({**self.environment, **(env or {})}))
            stack.enter_context(_folder(self.user_home))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            tempfile.tempdir = None  # drops the cached folder
            try:
                program(list(arguments))
            except SystemExit as end:
                code = end.code
            finally:
                sys.stdin, tempfile.tempdir = stdin, None
        assert isinstance(code, int)
        return self._checked(Done(code, _text(out), _text(err)), arguments)

    def ok(self, *arguments: str, env: Mapping[str, str] | None = None, typed: str = "") -> Done:
        """Run the command inside this process; it must succeed."""
        done = self.call(*arguments, env=env, typed=typed)
        assert done.code == 0, done
        return done

    def _checked(self, done: Done, arguments: Sequence[str]) -> Done:
        words = " ".join(arguments)
        assert_no_canary(done.stdout, f"stdout of {words}")
        assert_no_canary(done.stderr, f"stderr of {words}")
        for path in self.user_home.rglob(JOURNALS):
            assert_no_canary(path.read_bytes(), f"the journal after {words}")
        if "HERMES_PROFILES_DEBUG" not in self.environment:
            assert "Traceback" not in done.stderr, done.stderr
        return done


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True)


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    buffer = stream.buffer
    assert isinstance(buffer, io.BytesIO)
    return buffer.getvalue().decode()


@contextlib.contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(wanted)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextlib.contextmanager
def _folder(path: Path) -> Iterator[None]:
    before = os.getcwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
