"""The only printer. stdout is the answer; stderr is progress, warnings, hints and prompts."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Sequence

from hermes_profiles.model.result import Problem, Result


def write_result(result: Result, *, as_json: bool, text: Callable[[], Iterable[str]] | None = None) -> None:
    """Print one command's answer: the envelope with `as_json`, otherwise the lines of `text` and the messages."""
    if as_json:
        _out(json.dumps(result.envelope(), indent=2, ensure_ascii=False))
        return
    if text is not None and not (result.errors and not result.data):
        for line in text():
            _out(line)
    for warning in result.warnings:
        _problem("warning", warning)
    for error in result.errors:
        _problem("error", error)


def write_lines(lines: Iterable[str]) -> None:
    """Print bare lines to stdout, such as names for a shell to read."""
    for line in lines:
        _out(line)


def note(text: str) -> None:
    """Print a remark to stderr."""
    _err(text)


def ask(question: str) -> str:
    """Return the answer typed by the user; the question goes to stderr so that stdout stays the answer."""
    sys.stderr.write(question)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def is_interactive() -> bool:
    """Return whether somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; full width when piped, so that nothing is cut or wrapped."""
    from rich.console import Console
    from rich.table import Table

    width = None if sys.stdout.isatty() else 10_000
    console = Console(width=width, markup=False, highlight=False, emoji=False, soft_wrap=True)
    drawn = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for header in headers:
        drawn.add_column(header, overflow="fold")
    for row in rows:
        drawn.add_row(*(_plain(cell) for cell in row))
    with console.capture() as capture:
        console.print(drawn)
    return [line.rstrip() for line in capture.get().splitlines()]


class Progress:
    """Says on stderr how far a long copy has come: a live line on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._shown = time.monotonic()
        self._live = sys.stderr.isatty()
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Tell that `done` of `total` bytes are there."""
        now = time.monotonic()
        if now - self._started < 1 or now - self._shown < (0.2 if self._live else 10):
            return
        self._shown = now
        share = f"{100 * done // total}%" if total else f"{done} bytes"
        line = f"{self._what}: {share} of {total / 1e6:.0f} MB"
        self._drawn = True
        sys.stderr.write(f"\r{line}" if self._live else f"{line}\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Finish the live line."""
        if self._live and self._drawn:
            sys.stderr.write("\n")


def _problem(kind: str, problem: Problem) -> None:
    _err(f"{kind}: {problem.message}")
    if problem.hint:
        _err(f"hint: {problem.hint}")


def _plain(text: str) -> str:
    """Return text without control characters: a profile's description must not move the cursor."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _out(line: str) -> None:
    _write(sys.stdout, line)


def _err(line: str) -> None:
    _write(sys.stderr, line)


def _write(stream: object, line: str) -> None:
    data = line + "\n"
    try:
        stream.write(data)  # type: ignore[attr-defined]
    except UnicodeEncodeError:
        stream.write(data.encode("ascii", "backslashreplace").decode("ascii"))  # type: ignore[attr-defined]


def close_quietly() -> None:
    """Flush both streams; a reader that went away (`| head`) is no error."""
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
