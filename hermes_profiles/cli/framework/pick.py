"""Choice of one of several from a numbered list, by a user at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import output

_TRIES = 3


def is_user_there() -> bool:
    """Return whether a user sees a list and can answer: all three streams are terminals."""
    return output.is_interactive() and sys.stdout.isatty()


def pick_profile(profiles: Sequence[str]) -> str | None:
    """Return the profile that a user chooses, None where none is chosen."""
    return pick_one(profiles, "which profile") if profiles else None


def pick_one(choices: Sequence[str], question: str) -> str | None:
    """Return the one that a user chooses by its number or its name, None where none is chosen."""
    width = len(str(len(choices)))
    for number, choice in enumerate(choices, 1):
        output.note(f"  {number:{width}}  {choice}")
    for _ in range(_TRIES):
        typed = output.ask(f"{question} (number or name): ")
        if not typed:
            break
        if typed in choices:
            return typed
        if typed.isascii() and typed.isdigit() and 1 <= int(typed) <= len(choices):
            return choices[int(typed) - 1]
        output.note(f"there is no {typed!r}")
    return None
