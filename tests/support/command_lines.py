"""Parses command lines of this package as the programs do, without running them."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import typer
from pages import COMMANDS

from hermes_profiles.cli.framework import app


@cache
def _tree(program: str) -> Any:
    return typer.main.get_command(app.typer_app(COMMANDS[program]))


def parse(line: str) -> None:
    """Parse a command line as the program does, without running it; raises what the program would print."""
    given = re.split(r"\s+(?:[<>|#;]|&&|\d?>)", re.sub(r"(?:[…;)]+|\)\")$", "", line.partition(");")[0].rstrip()))[0]
    program, *arguments = shlex.split(given)
    command = _tree(program)
    context = None
    while arguments:
        context = command.make_context(command.name, arguments, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        arguments = [*context._protected_args, *context.args]
        _, command, arguments = command.resolve_command(context, arguments)


def problem_of(line: str) -> str | None:
    """Return what is wrong with a command line, None when nothing is."""
    try:
        parse(line)
    except typer.Exit:  # --help, --version
        return None
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return str(error.format_message())
    return None


def is_only_named(line: str) -> bool:
    """Return whether a line is the name of a command and nothing else, as sentences mention it."""
    program, *words = line.split()
    command = _tree(program)
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            return False
    return bool(words)
