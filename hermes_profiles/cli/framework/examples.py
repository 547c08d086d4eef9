"""Examples in the help of a command: data, so that a test can run every one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Command = TypeVar("Command", bound=Callable[..., Any])


def examples(*lines: str) -> Callable[[Command], Command]:
    """Return a decorator that gives a command its examples: whole command lines, the simplest first."""

    def mark(command: Command) -> Command:
        command.examples = lines  # type: ignore[attr-defined]
        return command

    return mark


def epilog(command: object) -> str | None:
    """Return the help's last part for a marked command; `\\b` keeps its lines from being wrapped."""
    lines = getattr(command, "examples", ())
    return "Examples:\n\n\b\n" + "\n".join(f"  {line}" for line in lines) if lines else None
