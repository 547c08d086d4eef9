"""The Typer app of a program; it imports only the command that is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from hermes_profiles import __version__
from hermes_profiles.cli.command_table import HELP, HERMES_GATEWAYS, HERMES_PROFILES, CliProgram
from hermes_profiles.cli.framework.run import internal_fault
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Result
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.operations.context import Session, is_debugging
from hermes_profiles.profiles.listing import profile_names

from . import output
from .process_exit import was_interrupted
from .secret_filter import SecretFilter
from .typer_command import add_command

# What Typer says of a value, and plain words for it.
_PLAIN = (
    (lazy_pattern(r"is not a valid int(?:eger)?(?: range)?"), "is not a whole number"),
    (lazy_pattern(r"is not a valid float(?: range)?"), "is not a number"),
    (lazy_pattern(r"is not in the range x>=(\S+?)\.?$"), r"is less than \1"),
    (lazy_pattern(r"is not in the range x<=(\S+?)\.?$"), r"is more than \1"),
    (lazy_pattern(r"is not in the range (\S+?)<=x<=(\S+?)\.?$"), r"is not between \1 and \2"),
    (lazy_pattern(r"requires an argument"), "needs a value"),
)


def main(program: CliProgram, arguments: Sequence[str]) -> NoReturn:
    """Run one command of a program. Always ends with SystemExit."""
    given = list(arguments)
    output.filter_secrets(SecretFilter(lambda: Session(_given_home(given))))
    output.choose_view()
    try:
        code = _exit_code(program, given)
    except (KeyboardInterrupt, typer.Abort):
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    output.close_quietly()
    raise SystemExit(code if isinstance(code, int) else 0)


def _exit_code(program: CliProgram, given: Sequence[str]) -> object:
    """Run a command and return its exit code; a missing argument is asked for where a user is there."""
    called = next((word for word in given if not word.startswith("-")), "")
    try:
        return typer_app(program, only=called)(args=[*given], standalone_mode=False, prog_name=program.name)
    except Exception as error:
        if was_interrupted(error):
            raise KeyboardInterrupt from error
        if not hasattr(error, "format_message"):
            if is_debugging():
                raise
            return _deliver(Result((called,), errors=[internal_fault(error)], exit_code=ExitCode.FAILED), given)
        from .usage import asked_argument

        chosen = asked_argument(error, given, lambda: _profiles(given))
        return _exit_code(program, [*given, chosen]) if chosen is not None else _usage_error(program, given, error)


def _profiles(given: Sequence[str]) -> tuple[str, ...]:
    """Return the profiles that a usage error can name; () where they cannot be read."""
    try:
        return profile_names(Session(_given_home(given)).layout)
    except HermesProfilesError:
        return ()


def _given_home(given: Sequence[str]) -> str | None:
    """Return the value of `--home`, for a message about arguments that cannot be understood."""
    for word, following in zip(given, [*given[1:], ""], strict=True):
        if word.startswith("--home"):
            return word.partition("=")[2] or following or None
    return None


def typer_app(program: CliProgram, *, only: str | None = None) -> typer.Typer:
    """Return the Typer app of a program. With `only`, that command is imported and the others are names alone."""
    names = (*program.commands, *(name for name in program.hidden if name == only))
    app = typer.Typer(
        name=program.name,
        help=program.summary,
        cls=None if only is None else _group_of(names),
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": list(HELP)},
    )
    app.callback()(_options)
    for name in names if only is None else (name for name in names if name == only):
        target = load_command(program, name)
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name)
        else:
            add_command(app, name, target)
    return app


def _group_of(names: Sequence[str]) -> type[TyperGroup]:
    """Return the class of a group with these commands; all but the registered one are names alone.

    Typer takes a third of the time of a short command to register the others.
    """

    class NamedCommands(TyperGroup):
        def __init__(self, *, commands: Any, **settings: Any) -> None:
            known = {name: commands.get(name) or TyperCommand(name) for name in names}
            super().__init__(commands=known, **settings)

    return NamedCommands


def load_command(program: CliProgram, name: str) -> Any:
    """Return a command of a program: its function, or the Typer app of a group of commands."""
    module, _, function = (program.place(name) or "").partition(":")
    return getattr(importlib.import_module(f"hermes_profiles.cli.commands.{module}"), function)


def _version(context: typer.Context, value: bool) -> None:
    if value:
        output.write_lines([f"{context.info_name} {__version__}"])
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Take the options of a program. Without other arguments program.py answers them."""


def _usage_error(program: CliProgram, given: Sequence[str], error: Any) -> int:
    """Report an error in the arguments that Typer found; return the exit code."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else _called_path(program, given)
    command = tuple(path.split()[1:])
    text = _message_of(error).strip().rstrip(".")
    called = next((word for word in given if not word.startswith("-")), "")
    hint = f"see `{path} --help`"
    other = HERMES_GATEWAYS if program.name == HERMES_PROFILES.name else HERMES_PROFILES
    if text.lower() == "missing command":
        if context is not None and "--json" not in given:
            output.note(context.get_help())
            return int(ExitCode.USAGE)
        text = "no command given"
    elif getattr(error, "option_name", None) in ("--json", "--home", "--dry-run"):
        if all(word.startswith("-") for word in given[len(command) :]):
            text = "no command given"
        elif not command and any(word in program.commands for word in given):
            text, hint = f"{error.option_name} is before the command", f"put it after the command; {hint}"
    elif not command and called in program.synonyms:
        name = program.synonyms[called]
        text, hint = f"no command {called!r}: it is called `{name}`", f"see `{program.name} {name} --help`"
        if called in other.commands:
            hint += f", or `{other.name} {called} --help`"
    elif not command and called in other.commands:
        text, hint = f"{called!r} is a command of {other.name}", f"see `{other.name} {called} --help`"
    elif context is not None and command:
        from .usage import usage_hint

        hint = usage_hint(context, _profiles(given))
    problem = Problem("usage", text[:1].lower() + text[1:], command[0] if command else None, hint)
    return _deliver(Result(command, errors=[problem], exit_code=ExitCode.USAGE), given)


def _called_path(program: CliProgram, given: Sequence[str]) -> str:
    """Return the command that the arguments call, with that of a group: Typer has none for an option without value."""
    words = [word for word in given if not word.startswith("-")]
    entry = program.commands.get(words[0]) if words else None
    if entry is None:
        return program.name
    return " ".join((program.name, *words[: 2 if entry.place.endswith(":app") else 1]))


def _message_of(error: Any) -> str:
    """Return what Typer says of an error, without the terms of a programmer.

    Typer 0.26 prints its list of similar options as a tuple of Python.
    """
    similar = getattr(error, "option_name", None) and getattr(error, "possibilities", None)
    if similar:
        return f"{error.message} (similar: {', '.join(sorted(similar))})"
    text = str(error.format_message())
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    return text


def _deliver(result: Result, given: Sequence[str]) -> int:
    return output.deliver(result, as_json="--json" in given)
