"""Runs a program: answers its own help and version from the command table, everything else through Typer.

Typer alone takes six times as long as an empty Python; the help of a program needs none of it.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from typing import NoReturn

from hermes_profiles import __version__
from hermes_profiles.cli.command_table import HELP, CliProgram
from hermes_profiles.model.errors import Result

from . import output

_OPTIONS = (("--version", "Print the version and exit."), ("-h, --help", "Show this message and exit."))


def run_program(program: CliProgram, arguments: Sequence[str]) -> NoReturn:
    """Run a program with these arguments. Always ends with SystemExit."""
    home = home_alone(arguments)
    if not arguments or home is not None:
        place, _, function = program.overview.partition(":")
        getattr(importlib.import_module(f"hermes_profiles.cli.commands.{place}"), function)(home)
    if arguments[0] == "help":
        arguments = (*arguments[1:], HELP[-1])
    if arguments[0] in HELP:
        lines = tuple(help_lines(program))
    elif arguments[0] in ("--version", "version"):
        lines = (f"{program.name} {__version__}",)
    else:
        from . import app

        app.main(program, (program.aliases.get(arguments[0], arguments[0]), *arguments[1:]))
    raise SystemExit(output.deliver(Result(()), as_json=False, lines=lines))


def home_alone(arguments: Sequence[str]) -> str | None:
    """Return the value of `--home` where nothing else is given, None for other arguments."""
    if len(arguments) == 2 and arguments[0] == "--home":
        return arguments[1]
    if len(arguments) == 1 and arguments[0].startswith("--home="):
        return arguments[0].partition("=")[2] or None
    return None


def help_lines(program: CliProgram) -> Iterator[str]:
    """Yield the help of a program: one line a command, in groups; no line depends on the width of the terminal."""
    yield from (f"Usage: {program.name} [OPTIONS] COMMAND [ARGS]...", "", f"  {program.summary}", "")
    width = max(map(len, program.commands)) + 2
    for group in dict.fromkeys(entry.group for entry in program.commands.values()):
        yield f"{group}:"
        members = ((name, entry.summary) for name, entry in program.commands.items() if entry.group == group)
        yield from (f"  {name:{width}}{summary}" for name, summary in members)
        yield ""
    yield "Options:"
    yield from (f"  {names:{width}}{text}" for names, text in _OPTIONS)
    yield from ("", *program.epilog.splitlines())
