"""A Typer program that imports only the command that was called: the others cost nothing."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from hermes_profiles import __version__
from hermes_profiles.model.result import ExitCode, Problem, Result

from . import output
from .examples import epilog as epilog_of


def main(
    program: str,
    summary: str,
    commands: Mapping[str, str],
    epilog: str,
    arguments: Sequence[str] | None = None,
) -> None:
    """Run a program; `commands` maps a command's name to `module:function`. Always ends with SystemExit."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    called = next((word for word in given if not word.startswith("-")), "")
    chosen = {called: commands[called]} if called in commands else commands
    app = _app(program, summary, chosen, epilog)
    try:
        code = app(args=given, standalone_mode=False, prog_name=program)
    except SystemExit:
        raise
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except BrokenPipeError:
        output.close_quietly()
        raise SystemExit(0) from None
    except Exception as error:
        message = getattr(error, "format_message", None)
        if message is None:
            raise
        _usage_error(program, called, given, error, message())
    output.close_quietly()
    raise SystemExit(code if isinstance(code, int) else 0)


def exit_after(program: Callable[[], None]) -> None:
    """Run a program and end the process with its code, without tearing the interpreter down: that takes as long
    as importing Typer does. Nothing here waits for the end: files are closed where they are written."""
    try:
        program()
    except SystemExit as end:
        output.close_quietly()
        os._exit(end.code if isinstance(end.code, int) else 1)


def _app(program: str, summary: str, commands: Mapping[str, str], epilog: str) -> typer.Typer:
    app = typer.Typer(
        name=program, help=summary, epilog=epilog, add_completion=False, no_args_is_help=True,
        pretty_exceptions_enable=False, rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]},
    )  # fmt: skip

    @app.callback()
    def options(
        version: Annotated[
            bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
        ] = False,
    ) -> None:
        pass

    for name, place in commands.items():
        module, _, function = place.partition(":")
        target = getattr(importlib.import_module(f"hermes_profiles.cli.commands.{module}"), function)
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name)
        else:
            app.command(name, epilog=epilog_of(target))(target)
    return app


def _version(value: bool) -> None:
    if value:
        output.write_lines([f"hermes-profiles {__version__}"])
        raise typer.Exit


def _usage_error(program: str, called: str, given: Sequence[str], error: Exception, message: str) -> None:
    if getattr(error, "exit_code", 2) == 0 or not message:
        return
    text = message.strip().rstrip(".")
    problem = Problem(
        "usage",
        text[:1].lower() + text[1:],
        called,
        f"see `{program} {called or ''} --help`".replace("  ", " "),
    )
    result = Result((called,) if called else (), errors=[problem], exit_code=ExitCode.USAGE)
    output.write_result(result, as_json="--json" in given)
    output.close_quietly()
    raise SystemExit(int(ExitCode.USAGE))
