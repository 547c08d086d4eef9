"""Warnings of operations on one profile: aliases, scripts and the sticky default."""

from __future__ import annotations

from shlex import quote

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.alias import foreign_scripts

from ..context import Session


def script_warnings(session: Session, name: str) -> list[Problem]:
    """Return a warning for each script of the user that would start a profile which is missing afterwards."""
    return [
        Problem(
            "script-left",
            f"{path} starts {name} and is left alone: it is not in the form of an alias",
            name,
            f"look at it with `cat {quote(str(path))}`",
        )
        for path in foreign_scripts(session.layout, name)
    ]


def sticky_warning(name: str) -> Problem:
    """Return the warning that the sticky default is removed."""
    return Problem("sticky-reset", f"{name} is the sticky default; {DEFAULT} takes its place", name)


def no_alias_warning(why: str, name: str) -> Problem:
    """Return the warning that a profile has no command of its own name, and how to give it another."""
    hint = f"make one of another name: `hermes-profiles alias {name} --name OTHER`"
    return Problem("no-alias", f"no alias made: {why}", name, hint)
