"""Choice of one of several from a numbered list, by a user at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from . import output

_TRIES = 3


def is_user_there() -> bool:
    """Return whether a user sees a list and can answer: all three streams are terminals."""
    return output.is_interactive() and sys.stdout.isatty()


def pick_profile(profiles: Sequence[str], *, may_be_new: bool = False) -> str | None:
    """Return the profile that a user chooses, None where none is chosen; one that `may_be_new` is not in the list."""
    question = "which profile, or a new one" if may_be_new else "which profile"
    return pick_one(profiles, question, is_open=may_be_new) if profiles or may_be_new else None


def pick_one(choices: Sequence[str], question: str, *, is_open: bool = False) -> str | None:
    """Return the one that a user chooses by its number or its name, None where none is chosen.

    `is_open`: another name is taken too.
    """
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
        if is_open and not typed.isdigit():
            return typed
        output.note(f"there is no {typed!r}")
    return None
