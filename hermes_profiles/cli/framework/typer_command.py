"""A command as Typer runs it; its help reads the same under each version of Typer that we accept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand


class CommandWithUsage(TyperCommand):
    """Writes its arguments in capitals, the optional ones in brackets.

    Typer 0.26 does so by itself; 0.28 writes `{profile}` in the usage, and no brackets below it.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._arguments = [each for each in self.params if each.param_type_name == "argument"]
        for argument in self._arguments:
            argument.metavar = _shown(argument)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the usage after the name of the command."""
        return [self.options_metavar or "", *(argument.metavar or "" for argument in self._arguments)]


def _shown(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = name if argument.required or name.startswith("[") else f"[{name}]"
    return name if argument.metavar or argument.nargs == 1 else f"{name}..."


def add_command(app: typer.Typer, name: str, function: Callable[..., None]) -> None:
    """Add a command of ours to a Typer app, with its examples at the end of its help."""
    app.command(name, cls=CommandWithUsage, epilog=_epilog_of(function))(function)


def _epilog_of(function: object) -> str | None:
    """Return the examples of a command as the last part of its help; `\\b` keeps Typer from wrapping them."""
    lines = getattr(function, "examples", ())
    return "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines) if lines else None
