"""A live table on the alternate screen of the terminal, which is restored at the end."""

from __future__ import annotations

import io
import os
import select
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple

from . import output
from .screen import STATE_STYLES
from .table import Column, Spans, one_line_spans
from .text_width import shortened, wrapped

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

SHORTEST, LONGEST = 0.2, 3600.0
HINT = "use `hermes-gateways status --json` in a loop for scripts"
COLUMNS = (
    Column("profile"),
    Column("state"),
    Column("up", rank=1),
    Column("memory", rank=4),
    Column("restarts", rank=3),
    Column("channels", rank=2, fewest=12, most=40),
    Column("last log line", rank=5, fewest=16),
)
_STATE = 1
# Lines of a terminal from which on the title may take two, and the clock one.
_ROOMY = 12
_ENDINGS = {b"q", b"Q", b"\x04"}
_WATCHED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)
# The cursor does not go on to the next line at the right edge: a terminal may find a character wider than we do.
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"


class View(NamedTuple):
    """One look at the fleet: a row of cells for each gateway as in `COLUMNS`, a title above, notes below.

    `clock`: when it was taken, below the title.
    """

    rows: tuple[tuple[str, ...], ...]
    title: str
    notes: tuple[str, ...] = ()
    clock: str = ""
    result: Any = None


def check_terminal(interval: float) -> None:
    """Raise UsageProblem where no live table can be drawn, or for an interval that makes no sense."""
    if not SHORTEST <= interval <= LONGEST:
        raise UsageProblem(
            f"an interval of {interval:g} s is not between {SHORTEST:g} and {LONGEST:g}",
            target="--interval",
            hint="use `--interval 2`",
        )
    if not sys.stdout.isatty():
        raise UsageProblem("`--watch` needs a terminal: standard output is not one", target="--watch", hint=HINT)
    if os.environ.get("TERM", "") in ("", "dumb", "unknown"):
        words = f"`--watch` cannot draw on a terminal of the kind {os.environ.get('TERM') or 'none'!r}"
        raise UsageProblem(words, target="--watch", hint=HINT)


def watch(first: View, look: Callable[[View], View], interval: float) -> tuple[View, int | None]:
    """Show what `look` returns, again and again, until the user or a signal ends it.

    Returns the last view, and the exit code of a signal: None when the user pressed q.
    """
    screen = TerminalScreen()
    looker = Looker(first, look, screen.wake)
    with screen:
        due = time.monotonic() + interval
        while True:
            screen.show(looker.view())
            code = screen.wait(max(0.0, due - time.monotonic()) if not looker.is_at_work else None)
            if code is not None:
                return looker.view(), None if code == 0 else code
            if not looker.is_at_work and time.monotonic() >= due:
                due = time.monotonic() + interval
                looker.go()


class Looker:
    """Runs `look` in a thread, so that a key is answered while a gateway is not; `done` is called after each run."""

    def __init__(self, first: View, look: Callable[[View], View], done: Callable[[], None]) -> None:
        self._view = first
        self._look = look
        self._done = done
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._running: Future[View] | None = None

    @property
    def is_at_work(self) -> bool:
        """Return whether a look is under way."""
        return self._running is not None and not self._running.done()

    def go(self) -> None:
        """Start the next look."""
        self._running = self._pool.submit(self._look, self._view)
        self._running.add_done_callback(lambda _: self._done())

    def view(self) -> View:
        """Return the newest view. Raises what the look raised."""
        if self._running is not None and self._running.done():
            self._view = self._running.result()
        return self._view


class TerminalScreen:
    """The terminal while the table is shown: keys without Enter, the alternate screen, signals."""

    def __init__(self) -> None:
        from rich.console import Console

        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # a log line may have characters that the terminal lacks
        self._console = Console(
            file=sys.stdout,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
            no_color=not output.screen().has_colours,
        )
        self._live: Live | None = None
        self._view: View | None = None
        self._told: list[int] = []
        self._before: dict[int, Any] = {}
        self._has_keys = sys.stdin.isatty()
        self._modes: list[Any] | None = None
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        os.set_blocking(self._reader, False)

    def __enter__(self) -> TerminalScreen:
        self._wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        heard = [each for each in _WATCHED if signal.getsignal(each) is not signal.SIG_IGN]  # as under `nohup`
        self._before = {each: signal.signal(each, lambda number, _: self._told.append(number)) for each in heard}
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self._give_back()
        signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wake(self) -> None:
        """Make `wait` return; any thread can call it."""
        try:
            os.write(self._writer, b"\0")
        except BlockingIOError:  # it is about to wake up anyway
            pass

    def show(self, view: View) -> None:
        """Draw a view unless it is shown already."""
        if view is not self._view:
            self._view = view
            self._draw()

    def wait(self, seconds: float | None) -> int | None:
        """Wait for a key, a signal or `wake`; return the exit code at the end (0: the user pressed q), else None."""
        watched = [self._reader, *([sys.stdin.fileno()] if self._has_keys else [])]
        ready, _, _ = select.select(watched, [], [], seconds)
        if self._reader in ready:
            try:
                os.read(self._reader, 4096)
            except BlockingIOError:
                pass
        while self._told:
            code = self._obey(self._told.pop(0))
            if code is not None:
                return code
        if self._has_keys and sys.stdin.fileno() in ready:
            return self._read_key()
        return None

    def _read_key(self) -> int | None:
        try:
            keys = os.read(sys.stdin.fileno(), 1024)
        except OSError:  # the terminal is gone
            keys = b""
        if not keys:
            return 128 + signal.SIGHUP
        return 0 if any(bytes([key]) in _ENDINGS for key in keys) else None

    def _obey(self, number: int) -> int | None:
        if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            return 128 + number
        if number == signal.SIGTSTP:
            self._give_back()
            mine = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            signal.raise_signal(signal.SIGTSTP)  # continues here when the shell resumes the job
            signal.signal(signal.SIGTSTP, mine)
            self._told = [each for each in self._told if each != signal.SIGCONT]
            self._take()
        elif number == signal.SIGCONT:
            self._give_back()
            self._take()
        else:  # another size
            self._draw()
        return None

    def _take(self) -> None:
        from rich.live import Live

        if self._has_keys:
            try:
                self._modes = termios.tcgetattr(sys.stdin.fileno())
                tty.setcbreak(sys.stdin.fileno(), termios.TCSADRAIN)
            except termios.error:  # the terminal is gone; `wait` reads that as well
                self._modes = None
        self._live = Live(
            console=self._console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        try:
            self._live.start()
            self._console.file.write(_NO_WRAP)
        except OSError:
            return
        self._draw()  # after a pause

    def _draw(self) -> None:
        from rich.console import ConsoleDimensions
        from rich.text import Text

        if self._view is None or self._live is None:
            return
        try:
            width, height = os.get_terminal_size(sys.stdout.fileno())
            # Not COLUMNS: it is as old as the shell. A serial line reports 0.
            self._console.size = ConsoleDimensions(width or 80, height or 24)
            shown = Text("\n", no_wrap=True, overflow="crop").join(lines(self._view, *self._console.size))
            self._live.update(shown, refresh=True)
        except OSError:
            return

    def _give_back(self) -> None:
        live, self._live = self._live, None
        try:
            self._console.file.write(_WRAP)
            if live is not None:
                live.stop()
            self._console.file.flush()
        except OSError:
            pass
        if self._modes is not None:
            try:
                termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._modes)
            except termios.error:
                pass
            self._modes = None


def lines(view: View, width: int, height: int) -> list[Text]:
    """Return the lines of a view for a terminal of this size: no line is wider, and no more lines fit."""
    notes = view.notes[: max(height // 4, 1)] if height >= 4 else ()
    head = [_cut(view.title, width, "bold")] if height >= 4 else []
    if height >= _ROOMY:
        head = [_cut(line, width, "bold") for line in wrapped(view.title, width)[:2]]
        head += [_cut(view.clock, width, "dim")] if view.clock else []
    body = _body(view.rows, width, height - len(head) - len(notes) - (height >= 3))
    return [*head, *(body if height >= 3 else body[1:]), *(_cut(note, width, "yellow") for note in notes)][:height]


@lru_cache(maxsize=2)  # of a thousand rows hardly any changes from one frame to the next
def _body(rows: tuple[tuple[str, ...], ...], width: int, room: int) -> tuple[Text, ...]:
    """Return the title line and the rows that fit, with the number of the others."""
    shown, more = _fitting(rows, room)
    cells = [tuple(map(_plain, row)) for row in shown]
    measured = [tuple(map(_plain, row)) for row in rows]
    body = [_text(spans) for spans in one_line_spans(COLUMNS, cells, width, measured=measured, style=_style)]
    return (*body, _cut(f"… and {more} more", width, "dim")) if more else tuple(body)


def _text(spans: Spans) -> Text:
    from rich.text import Text

    line = Text.assemble(*spans, no_wrap=True)
    line.rstrip()
    return line


def _cut(text: str, width: int, style: str) -> Text:
    return _text([(shortened(_plain(text), width), style)])


def _plain(text: str) -> str:
    """Return text without control characters: a log line may hold anything."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)


def _style(column: int, cell: str) -> str:
    return STATE_STYLES.get(cell, "") if column == _STATE else ""


def _fitting(rows: Sequence[tuple[str, ...]], room: int) -> tuple[list[tuple[str, ...]], int]:
    """Return the rows that fit and the number of the others; the rows are in order, the worst first."""
    if len(rows) <= room:
        return [*rows], 0
    kept = max(room - 1, 0)
    return [*rows[:kept]], len(rows) - kept
