"""What a stream can show: how wide it is, and whether it takes colours."""

from __future__ import annotations

import os
from typing import TextIO

from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple

# Style → parameter of `ESC [ … m`. Only the colours that are readable on light and on dark terminals.
STYLES = {
    "bold": "1",
    "dim": "2",
    "red": "31",
    "bold red": "1;31",
    "green": "32",
    "yellow": "33",
    "bold green": "1;32",
    "cyan": "36",
}
# State of a gateway, from the worst to the best → style.
STATE_STYLES = {
    "failed": "bold red",
    "crash-looping": "bold red",
    "stale": "red",
    "unknown": "red",
    "degraded": "yellow",
    "stopped": "dim",
    "starting": "cyan",
    "unsupervised": "yellow",
    "running": "green",
    "served": "green",
}
# Without a terminal that reports its size, such as a serial line.
_COLUMNS = 80
COLOR_CHOICES = ("auto", "always", "never")


class Screen(NamedTuple):
    """What a stream can show. `width` None: no terminal, so nothing is wrapped, shortened or left out."""

    width: int | None = None
    has_colours: bool = False
    shows_all_columns: bool = False

    def painted(self, style: str, text: str) -> str:
        """Return a text in a style of `STYLES`, "" for none."""
        return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if self.has_colours and style and text else text


def check_color(choice: str) -> None:
    """Raise UsageProblem for a value that `--color` does not take."""
    if choice not in COLOR_CHOICES:
        raise UsageProblem(
            f"`--color` takes {', '.join(COLOR_CHOICES)}, not {choice!r}",
            target="--color",
            hint="use `--color auto`",
        )


def screen_of(stream: TextIO, *, color: str = "auto", wide: bool = False) -> Screen:
    """Return what a stream can show."""
    is_terminal = stream.isatty()
    return Screen(_width(stream) if is_terminal else None, _has_colours(color, is_terminal=is_terminal), wide)


def _width(stream: TextIO) -> int:
    given = os.environ.get("COLUMNS", "")
    if given.isascii() and given.isdigit() and int(given):
        return int(given)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _COLUMNS
    except (OSError, ValueError):
        return _COLUMNS


def _has_colours(color: str, *, is_terminal: bool) -> bool:
    """Return whether to colour: the option first, then NO_COLOR, then CLICOLOR_FORCE and FORCE_COLOR."""
    if color != "auto":
        return color == "always"
    environment = os.environ
    if environment.get("NO_COLOR"):
        return False
    if any(environment.get(name, "") not in ("", "0", "false") for name in ("CLICOLOR_FORCE", "FORCE_COLOR")):
        return True
    return is_terminal and environment.get("CLICOLOR") != "0" and environment.get("TERM") not in ("dumb", "", None)
