"""Run an interactive program of Hermes at the terminal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any


def in_foreground(
    words: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    folder: str | None = None,
    stdout: int | None = None,
) -> tuple[int, bool]:
    """Run an interactive program; return (exit code, whether Ctrl-C was pressed).

    The exit code is negative for a signal. `environment`, `folder`, `stdout`: those of this process without them.
    Ctrl-C reaches both processes, and the program decides; SIGTERM is passed on, and ends this process after it. The
    terminal is restored afterwards. Raises OSError.
    """
    import signal
    import subprocess

    pressed: list[int] = []
    ended: list[int] = []
    running: list[subprocess.Popen[bytes]] = []

    def pass_on(number: int, _frame: object) -> None:
        ended.append(number)
        for process in running:
            process.send_signal(number)

    modes = _terminal()
    # As an exception in the middle of `wait` it would lose the exit code of a child that has just ended.
    interrupt = signal.getsignal(signal.SIGINT)
    if interrupt is not signal.SIG_IGN:  # a caller that ignores it passes that on to the program
        signal.signal(signal.SIGINT, lambda number, _frame: pressed.append(number))
    terminate = signal.signal(signal.SIGTERM, pass_on)  # before there is a child: it would outlive us otherwise
    try:
        sys.stderr.flush()
        given = dict(environment) if environment is not None else None
        with subprocess.Popen(list(words), env=given, cwd=folder, stdout=stdout) as process:
            running.append(process)
            for number in ended:
                process.send_signal(number)
            code = process.wait()
    finally:
        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, terminate)
        _restore(modes)
    if ended:
        raise SystemExit(128 + ended[-1])
    return code, bool(pressed)


def _terminal() -> list[Any] | None:
    import termios

    try:
        return termios.tcgetattr(sys.stdin.fileno())
    except (termios.error, OSError, ValueError):
        return None


def _restore(modes: list[Any] | None) -> None:
    import termios

    if modes is None:
        return
    try:
        termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, modes)
    except (termios.error, OSError):  # the terminal is gone
        pass
