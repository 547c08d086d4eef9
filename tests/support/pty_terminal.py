"""A program at a separate terminal: tests wait for its output and type answers."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

from command_runner import assert_no_canary

_CODES = re.compile(r"\x1b(\[[0-9;?]*[ -/]*[@-~]|[()][A-Z0-9]|[=>]|\][^\x07]*\x07)|\r")


def read_to_end(side: int) -> bytes:
    """Return what a program writes to the other side of a terminal until it ends; closes this side."""
    output = b""
    while True:
        try:
            part = os.read(side, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        output += part
    os.close(side)
    return output


class Terminal:
    """The terminal and its program, as a context manager. `stdout`: a file for the answer."""

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], folder: Path, *, stdout: int | None = None
    ) -> None:
        self._main, side = pty.openpty()
        self._seen = ""
        self._from = 0

        def take_terminal() -> None:
            os.setsid()
            import fcntl
            import termios

            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen(
            list(command), env={"TERM": "xterm", **environment}, cwd=folder, stdin=side, stderr=side,
            stdout=side if stdout is None else stdout, preexec_fn=take_terminal,
        )  # fmt: skip
        os.close(side)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        os.close(self._main)

    @property
    def text(self) -> str:
        """Return the output so far without cursor codes."""
        return _CODES.sub("", self._seen)

    @property
    def descriptor(self) -> int:
        """Return the file descriptor of the terminal, to read its modes."""
        return self._main

    def expect(self, words: str, *, patience: float = 60) -> None:
        """Wait for a text in the output after the previous match."""
        deadline = time.monotonic() + patience
        while (found := self.text.find(words, self._from)) < 0:
            assert time.monotonic() < deadline and self._read(deadline - time.monotonic()), (
                f"{words!r} was not shown:\n{self.text[self._from :]}"
            )
        self._from = found + len(words)

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def end(self, *, patience: float = 60) -> int:
        """Wait for the end, assert that no secret was shown, and return the exit code."""
        deadline = time.monotonic() + patience
        while self._read(max(0.0, deadline - time.monotonic())):
            assert time.monotonic() < deadline, self.text
        code = self.process.wait(max(1.0, deadline - time.monotonic()))
        assert_no_canary(self.text, "the terminal")
        return code

    def end_by(self, key: str) -> int:
        """Type a key until the program has ended; returns the exit code.

        Input is lost while a program changes the terminal modes.
        """
        for _ in range(20):
            self.type(key)
            until = time.monotonic() + 3
            while self._read(until - time.monotonic()):
                pass
            if self.process.poll() is not None:
                break
        return self.end()

    def _read(self, patience: float) -> bool:
        readable, _, _ = select.select([self._main], [], [], max(0.0, patience))
        if not readable:
            return False
        try:
            chunk = os.read(self._main, 65536)
        except OSError:  # the other end is closed
            return False
        self._seen += chunk.decode(errors="replace")
        return bool(chunk)
