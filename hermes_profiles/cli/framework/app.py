"""A Typer program that imports only the command that was called: the others cost nothing."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NoReturn

import typer

from hermes_profiles import __version__
from hermes_profiles.cli.framework.run import internal_fault
from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.operations.context import is_debugging

from . import output
from .examples import epilog as epilog_of


def main(program: str, summary: str, commands: Mapping[str, str], epilog: str, arguments: Sequence[str]) -> NoReturn:
    """Run a program; `commands` maps a command's name to `module:function`. Always ends with SystemExit."""
    given = list(arguments)
    called = next((word for word in given if not word.startswith("-")), "")
    chosen = {called: commands[called]} if called in commands else commands
    try:
        app = typer_app(program, summary, chosen, epilog)
        code = app(args=given, standalone_mode=False, prog_name=program)
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except Exception as error:
        if hasattr(error, "format_message"):
            code = _usage_error(program, given, error, commands=commands)
        elif is_debugging():
            raise
        else:
            code = _tell(Result((called,), errors=[internal_fault(error)], exit_code=ExitCode.FAILED), given)
    output.close_quietly()
    raise SystemExit(code if isinstance(code, int) else 0)


def typer_app(program: str, summary: str, commands: Mapping[str, str], epilog: str) -> typer.Typer:
    """Return the Typer program of these commands; their modules are imported."""
    app = typer.Typer(
        name=program,
        help=summary,
        epilog=epilog,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

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


def _version(context: typer.Context, value: bool) -> None:
    if value:
        output.write_lines([f"{context.info_name} {__version__}"])
        raise typer.Exit


def _usage_error(program: str, given: Sequence[str], error: Any, *, commands: Mapping[str, str]) -> int:
    """Tell what is wrong with the words of the command, before any command could; returns the exit code."""
    path = context.command_path if (context := getattr(error, "ctx", None)) is not None else program
    command = tuple(path.split()[1:])
    text = error.format_message().strip().rstrip(".")
    hint = f"see `{path} --help`"
    if text.lower() == "missing command":
        if context is not None and "--json" not in given:
            output.note(context.get_help())
            return int(ExitCode.USAGE)
        text = "no command given"
    elif getattr(error, "option_name", None) in ("--json", "--home", "--dry-run"):
        if all(word.startswith("-") for word in given[len(command) :]):
            text = "no command given"
        elif not command and any(word in commands for word in given):
            text, hint = f"{error.option_name} stands before the command", f"say it after the command; {hint}"
    problem = Problem("usage", text[:1].lower() + text[1:], command[0] if command else None, hint)
    return _tell(Result(command, errors=[problem], exit_code=ExitCode.USAGE), given)


def _tell(result: Result, given: Sequence[str]) -> int:
    return output.deliver(result, as_json="--json" in given)
