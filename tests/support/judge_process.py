"""A process of real Hermes that stays: it has imported what a reading needs, and reads each home in a child of its own.

Real Hermes takes more than a second to start.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

# READER stands for the code of a reader. The first child reads an empty home: what it imports, the process imports for
# all others.
_PROCESS = r"""
import contextlib, gc, importlib, io, json, logging, os, shutil, sys, time
sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
out = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
READER
def become(asked):
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
def answer_of(asked, row, imported=frozenset()):
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            become(asked)
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                answer = read(row)
            if imported:
                answer = sorted(set(sys.modules) - imported)
        except BaseException:
            import traceback
            answer = {"error": traceback.format_exc()}
        with os.fdopen(writing, "w") as file:
            json.dump(answer, file, default=str)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as file:
        answer = json.load(file)
    os.waitpid(child, 0)
    return answer
for line in sys.stdin:
    asked = json.loads(line)
    if "first" in asked:
        found = answer_of(asked, asked["first"], frozenset(sys.modules))
        for name in found if isinstance(found, list) else ():
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        gc.collect()
        gc.freeze()
    print(json.dumps([answer_of(asked, row) for row in asked["rows"]]), file=out, flush=True)
shutil.rmtree(os.getcwd(), ignore_errors=True)
"""
_PATIENCE = 900
_FEW = 4  # a process for so few homes starts without the first child


def environment(user_home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a judge: only PATH is inherited."""
    return {
        "HOME": str(user_home),
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
        "HERMES_DISABLE_LAZY_INSTALLS": "1",
        "HERMES_GATEWAY_LOCK_DIR": str(user_home / "locks"),
        "TZ": "UTC",
        "PYTHONDONTWRITEBYTECODE": "1",
        **more,
    }


class Reader(NamedTuple):
    """`code`: the imports of a reading and a function `read(row)`; `row`: makes the row of an empty home."""

    code: str
    row: Callable[[str], Any]


def read_homes(
    reader: Reader, rows: Sequence[Any], folder: Path, *, python: str, inherited: Mapping[str, str]
) -> list[Any]:
    """Return the reader's answer for each row. `folder`: HOME and the working folder of the reading."""
    if inherited:  # they are also those of the imports
        process = HermesProcess(reader, python, **inherited)
        try:
            return process.read(rows, folder, **inherited)
        finally:
            process.end()
    return _kept(reader, python).read(rows, folder)


class HermesProcess:
    """The process. It ends with its standard input, and removes its home."""

    def __init__(self, reader: Reader, python: str, **inherited: str) -> None:
        self._reader, self._is_warm = reader, False
        self._home = home = Path(tempfile.mkdtemp(prefix="judge-"))
        command = [python, "-c", _PROCESS.replace("READER", reader.code, 1)]
        with (home / "errors").open("wb") as errors:
            self._process = subprocess.Popen(
                command, env=environment(home, **inherited), cwd=home, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, text=True,
            )  # fmt: skip

    def read(self, rows: Sequence[Any], folder: Path, **inherited: str) -> list[Any]:
        """Return the answer for each row; an error of a child fails."""
        asked: dict[str, Any] = {"rows": rows, "folder": str(folder), "environment": environment(folder, **inherited)}
        if not self._is_warm and len(rows) > _FEW:
            self._is_warm = True
            (self._home / "empty").mkdir()
            asked["first"] = self._reader.row(str(self._home / "empty"))
        sent, found = self._process.stdin, self._process.stdout
        assert sent is not None and found is not None
        sent.write(json.dumps(asked) + "\n")
        sent.flush()
        line = found.readline() if select.select([found], [], [], _PATIENCE)[0] else ""
        if not line:
            raise AssertionError(f"no answer: {(self._home / 'errors').read_text(errors='replace')[-2000:]}")
        answers: list[Any] = json.loads(line)
        for answer in answers:
            assert "error" not in answer, answer["error"]
        return answers

    def end(self) -> None:
        with self._process:
            assert self._process.stdin is not None
            self._process.stdin.close()


@cache
def _kept(reader: Reader, python: str) -> HermesProcess:
    return HermesProcess(reader, python)
