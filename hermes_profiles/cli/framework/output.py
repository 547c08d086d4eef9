"""The only printer. stdout is the answer; stderr is progress, warnings, hints and prompts."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.model.text import system_reason

if TYPE_CHECKING:
    from .prose import Block
    from .screen import Screen
    from .secret_filter import SecretFilter

_PROBLEM_STYLES = {"warning": "yellow", "error": "bold red"}
_HARMLESS = "\u00a0\u200c\u200d\u3000"  # spaces, and joiners of Persian and of emoji


# Set for each command; help and version have none.
_filter: SecretFilter | None = None
_color = "auto"
_wide = False


def filter_secrets(with_filter: SecretFilter | None) -> None:
    """Hide in all output what this filter knows."""
    global _filter
    _filter = with_filter


def choose_view(*, color: str = "auto", wide: bool = False) -> None:
    """Set what the options of a command say about its view."""
    global _color, _wide
    _color, _wide = color, wide


def deliver(result: Result, *, as_json: bool, lines: Sequence[Block] = (), reveals: bool = False) -> int:
    """Print one command's answer and return its exit code: another one if the answer could not be written.

    `reveals`: the user asked for secrets, so the answer has them; messages never do. A reader that went away (`| head`)
    is not an error.
    """
    code = int(result.exit_code)
    try:
        write_result(result, as_json=as_json, lines=lines, reveals=reveals)
        sys.stdout.flush()
        sys.stderr.flush()
    except BrokenPipeError:
        close_quietly()
    except OSError as error:  # a full disk under `> file`: half an answer must not look like a whole one
        _silence(sys.stdout)
        note(f"error: cannot write the answer: {system_reason(error)}")
        code = code or int(ExitCode.FAILED)
    return code


def write_result(result: Result, *, as_json: bool, lines: Sequence[Block] = (), reveals: bool = False) -> None:
    """Print one command's answer: the envelope with `as_json`, otherwise the lines and the messages."""
    if as_json:
        _write(sys.stdout, _json(result, reveals=reveals))
        return
    if not (result.errors and not result.data):
        write_lines(lines, reveals=reveals)
    for warning in result.warnings:
        report_problem("warning", warning)
    for error in result.errors:
        report_problem("error", error)


def _json(result: Result, *, reveals: bool) -> str:
    """Return the envelope without secrets; escaped to ASCII where the stream cannot encode it."""
    envelope: Any = result.envelope()
    hidden = data_without_secrets(envelope)
    if hidden is not envelope:
        envelope = {**hidden, "data": envelope["data"]} if reveals else hidden
    text = json.dumps(envelope, indent=2, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return json.dumps(envelope, indent=2)
    return text


def write_lines(lines: Iterable[Block], *, reveals: bool = False) -> None:
    """Print the lines of an answer to stdout; on a terminal they are laid out for its width."""
    from .prose import changed, drawn

    shown = [*lines] if reveals else changed([*lines], without_secrets)
    for line in drawn(changed(shown, lambda texts: [*map(_plain, texts)]), screen()):
        _write(sys.stdout, line)


def show_now(lines: Iterable[Block]) -> None:
    """Print lines of an answer at once, while the command goes on; a reader that went away ends the command."""
    try:
        write_lines(lines)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`
        silence()
        raise SystemExit(int(ExitCode.OK)) from None


def screen() -> Screen:
    """Return what stdout can show, with the options of the command."""
    from .screen import screen_of

    return screen_of(sys.stdout, color=_color, wide=_wide)


def without_secrets(texts: Sequence[str]) -> Sequence[str]:
    """Return texts in which the secrets of the root are hidden."""
    return texts if _filter is None or not texts else _filter.hide_all(texts)


def data_without_secrets(data: Any) -> Any:
    """Return data for JSON in which the secrets of the root are hidden; the same object when it has none."""
    # Without `indent`, json uses its encoder in C, ten times as fast.
    return data if _filter is None else _filter.hide_data(data, json.dumps(data, ensure_ascii=False))


def note(text: str) -> None:
    """Print a remark to stderr."""
    _err(_hidden(text))


def ask(question: str) -> str:
    """Return the answer typed by the user; the question goes to stderr so that stdout stays the answer."""
    _write(sys.stderr, _hidden(question), end="")
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def is_interactive() -> bool:
    """Return whether a user at a terminal can answer a question."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], indent: int = 0) -> list[Block]:
    """Return a table whose columns are all shown, as the only part of a list."""
    from .table import Column, Table

    return [Table([Column(header) for header in headers], rows, indent=indent)]


class Progress:
    """Progress of a long copy on stderr: a live line on a terminal, a line every ten seconds elsewhere."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._started = self._shown = time.monotonic()
        self._live = sys.stderr.isatty()
        self._drawn = False

    def __call__(self, done: int, total: int) -> None:
        """Show that `done` of `total` bytes are copied."""
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


class LiveLines:
    """A line on the terminal for each task, redrawn in place; elsewhere only the final line."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()
        self._lines: dict[str, str] = {}
        self._drawn = 0

    def show(self, lines: Mapping[str, str]) -> None:
        """Show what each task is doing."""
        if not self._is_terminal:
            return
        self._lines.update(lines)
        self._draw()

    def drop(self, name: str, words: str) -> None:
        """Print the final line of a task and remove its live line."""
        self._erase()
        note(words)
        self._lines.pop(name, None)
        self._draw()

    def end(self) -> None:
        """Remove all live lines."""
        self._lines.clear()
        self._erase()

    def _draw(self) -> None:
        self._erase()
        if not self._lines:
            return
        from .text_width import shortened

        size = os.get_terminal_size(sys.stderr.fileno())
        shown = list(self._lines.items())[: max((size.lines or 24) - 2, 1)]
        for name, words in shown:
            sys.stderr.write(shortened(_plain(_hidden(f"  {name}: {words}")), max((size.columns or 80) - 1, 1)) + "\n")
        self._drawn = len(shown)
        sys.stderr.flush()

    def _erase(self) -> None:
        if self._drawn:
            sys.stderr.write(f"\x1b[{self._drawn}A\x1b[J")
            self._drawn = 0
            sys.stderr.flush()


class Stream:
    """Prints lines to stdout as they come, each with a coloured head on a terminal that takes colours."""

    def __init__(self) -> None:
        self._has_colours = screen().has_colours

    def write(self, lines: Iterable[tuple[str, str, str, str]]) -> None:
        """Print (style, head, style, text) lines; a style is the parameter of `ESC [ … m`, "" for none.

        Raises OSError when the reader is gone, or the lines cannot be written.
        """
        if self._has_colours:
            drawn = [_styled(style, head) + _styled(other, text) for style, head, other, text in lines]
        else:
            drawn = [_plain(head) + _plain(text) for _, head, _, text in lines]
        if drawn:
            _write(sys.stdout, "\n".join(drawn))
            sys.stdout.flush()

    def is_unread(self) -> bool:
        """Return whether the reader of a pipe is gone, which a write would show only with the next line."""
        import select

        try:
            watched = select.poll()
            watched.register(sys.stdout.fileno(), 0)
            return any(event & (select.POLLERR | select.POLLNVAL) for _, event in watched.poll(0))
        except (OSError, ValueError, AttributeError):  # no file behind it: a test reads it
            return False


def takes_utf8() -> bool:
    """Return whether stdout can encode every character."""
    return (sys.stdout.encoding or "ascii").lower().replace("-", "") == "utf8"


def silence() -> None:
    """Discard what stdout has buffered: its reader is gone."""
    _silence(sys.stdout)


def _styled(style: str, text: str) -> str:
    return f"\x1b[{style}m{_plain(text)}\x1b[0m" if style and text else _plain(text)


def report_problem(kind: str, problem: Problem) -> None:
    """Print a problem and its hint to stderr; `kind`: warning or error."""
    _note(f"{kind}: ", _PROBLEM_STYLES[kind], problem.message)
    if problem.hint:
        _note("hint: ", "cyan", problem.hint)


def _note(head: str, style: str, text: str) -> None:
    """Print a remark to stderr, wrapped and with a styled head on a terminal; a text of several lines as it is."""
    if "\n" in text:
        note(head + text)
        return
    from .prose import Prose
    from .screen import screen_of

    for line in Prose(_plain(_hidden(text)), head=head, head_style=style).lines(screen_of(sys.stderr, color=_color)):
        _write(sys.stderr, line)


def _hidden(text: str) -> str:
    return text if _filter is None else _filter.hide(text)


def _plain(text: str) -> str:
    """Return text without control characters: the name of a file must not move the cursor or hide what follows."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _HARMLESS else "\ufffd" for c in text)


def _err(line: str) -> None:
    _write(sys.stderr, "\n".join(_plain(part) for part in line.split("\n")))


def _write(stream: TextIO, line: str, end: str = "\n") -> None:
    try:
        stream.write(line + end)
    except UnicodeEncodeError:
        encoding = stream.encoding or "ascii"
        stream.write((line + end).encode(encoding, "backslashreplace").decode(encoding))
    except OSError as error:
        if stream is not sys.stderr or isinstance(error, BrokenPipeError):
            raise
        _silence(stream)  # a message that cannot be written does not change how the command ended


def close_quietly() -> None:
    """Flush both streams; a reader that went away (`| head`) is not an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _silence(stream)


def _silence(stream: TextIO) -> None:
    """Discard what is in the buffer of a stream."""
    try:
        target = stream.fileno()
    except (OSError, ValueError):  # no file behind it: a test reads it
        return
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, target)
    os.close(null)
