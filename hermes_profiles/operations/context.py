"""What every command begins with: the layout, the catalogue and the way errors leave."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hermes_profiles.cli.framework import output
from hermes_profiles.model.errors import (
    ExitCode,
    HermesProfilesError,
    Problem,
    Refused,
    Result,
    UsageProblem,
)
from hermes_profiles.model.layout import Layout, given_home
from hermes_profiles.model.names import DEFAULT

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog.catalog import Catalog

DEBUG = "HERMES_PROFILES_DEBUG"
# Commands of ours in a text.
_COMMAND = re.compile(r"`hermes-(?:profiles|gateways) [^`]*`")


@dataclass
class Session:
    """One run of one command. `extra_plugin_folders` are looked into for channels beyond the catalogue."""

    home_option: str | None = None
    as_json: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    problems: list[Problem] = field(default_factory=list)

    @cached_property
    def layout(self) -> Layout:
        """Return the layout of the root this command works on."""
        if self.home_option == "":  # `--home "$UNSET"` must not fall back to the real root
            raise UsageProblem("--home is empty", target="--home", hint="say `--home PATH`, or leave it out")
        return Layout.from_environment(
            self._environment, user_home=user_home(self.environment), platform=sys.platform, home=self.home_option
        )

    @property
    def _environment(self) -> dict[str, str]:
        """Return the environment with the folder we are in: a program that started us may have left PWD behind."""
        try:
            return {**self.environment, "PWD": os.getcwd()}
        except OSError:  # the folder is gone
            return self.environment

    @cached_property
    def catalog(self) -> Catalog:
        """Return the catalogue with the user's additions and the channels of plugins, for who only looks: what
        cannot be read becomes a warning in `problems`. A clone reads it anew and stops there."""
        from hermes_profiles.profiles.plugin_channels import catalog_for

        return catalog_for(self.layout, self.environment, problems=self.problems)

    def recover(self, *, dry_run: bool) -> list[Problem]:
        """Finish or take back what a killed run left, before anything is planned; returns a warning for each.

        A plan made before that would be for a world that is gone. Without such a change nothing is locked, so that
        what is refused leaves no trace.
        """
        from hermes_profiles.changes.apply import recover
        from hermes_profiles.changes.journal import Journal

        if dry_run or not Journal(self.layout.state).begun():
            return []
        return [Problem("recovered", sentence) for sentence in recover(self.layout)]

    def chosen_profile(self) -> tuple[str, str]:
        """Return (name, why) of the profile meant when none is named: HERMES_HOME's, else the sticky one."""
        from hermes_profiles.profiles.listing import active_profile

        home = given_home(self._environment, user_home=user_home(self.environment), home=self.home_option)
        if home is not None and home.parent == self.layout.profiles:
            return home.name, "--home" if self.home_option else "HERMES_HOME"
        sticky = active_profile(self.layout)
        return sticky, "the sticky default" if sticky != DEFAULT else "the default profile"


def user_home(environment: dict[str, str]) -> Path:
    """Return the user's home folder: HOME, or what the password file says."""
    return Path(environment.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir)


@dataclass
class Answer:
    """What a command body returns: the result, and its lines when text is wanted."""

    result: Result
    text: Callable[[], Iterable[str]] | None = None


def run(command: tuple[str, ...], session: Session, body: Callable[[], Answer]) -> NoReturn:
    """Run a command body, print its answer and exit with its code; errors become messages, never tracebacks.

    HERMES_PROFILES_DEBUG=1 lets tracebacks through.
    """
    result, lines = _carry_out(command, session, body)
    if session.home_option:
        result.errors = [error._replace(hint=_at_home(error.hint, session.home_option)) for error in result.errors]
        result.warnings = [each._replace(hint=_at_home(each.hint, session.home_option)) for each in result.warnings]
        lines = tuple(_at_home(line, session.home_option) or "" for line in lines)
    raise SystemExit(output.deliver(result, as_json=session.as_json, lines=lines))


def _carry_out(
    command: tuple[str, ...], session: Session, body: Callable[[], Answer]
) -> tuple[Result, tuple[str, ...]]:
    try:
        answer = body()
        wanted = answer.text is not None and not session.as_json
        return answer.result, tuple(answer.text() if wanted and answer.text is not None else ())
    except HermesProfilesError as error:
        if is_debugging():
            raise
        return _failure(command, error.problem, error.exit_code), ()
    except KeyboardInterrupt:
        problem = Problem("interrupted", "interrupted; nothing was left half-made")
        return _failure(command, problem, ExitCode.INTERRUPTED), ()
    except OSError as error:
        if is_debugging():
            raise
        return _failure(command, from_os_error(error), ExitCode.FAILED), ()
    except Exception as error:
        if is_debugging():
            raise
        return _failure(command, internal_fault(error), ExitCode.FAILED), ()


def _at_home(text: str | None, home: str) -> str | None:
    """Return a text whose commands work on the same home: without the option they would act on another root."""
    if text is None or "`hermes-" not in text:
        return text
    option = f" --home {shlex.quote(home)}`"
    return _COMMAND.sub(lambda match: match[0] if "--home" in match[0] else match[0][:-1] + option, text)


def command_at(command: str, home: str | None) -> str:
    """Return a command that works on the same home: ours by its option, Hermes' own by its variable."""
    if not home or not command:
        return command
    parts = []
    for part in command.split(" && "):
        if part.startswith(("hermes-profiles ", "hermes-gateways ")) and "--home" not in part:
            part = f"{part} --home {shlex.quote(home)}"
        elif part.startswith("hermes "):
            part = f"HERMES_HOME={shlex.quote(home)} {part}"
        parts.append(part)
    return " && ".join(parts)


def is_debugging() -> bool:
    """Return whether tracebacks are wanted."""
    return os.environ.get(DEBUG) == "1"


def internal_fault(error: Exception) -> Problem:
    """Return what to say of an error nobody foresaw; its text is left out, for it may hold a value."""
    return Problem(
        "internal",
        f"a fault of this program: {type(error).__name__}",
        None,
        f"run again with {DEBUG}=1 and report what it prints",
    )


def _failure(command: tuple[str, ...], problem: Problem, code: ExitCode) -> Result:
    return Result(command, errors=[problem], exit_code=code)


def from_os_error(error: OSError) -> Problem:
    """Return what the operating system refused, where, and a way to look at it."""
    place = str(error.filename) if error.filename else None
    words = (error.strerror or str(error)).lower()
    return Problem(
        "os-error",
        f"{place}: {words}" if place else words,
        place,
        f"look at it with `ls -ld {shlex.quote(place)}`" if place else None,
    )


def require_yes(question: str, expected: str, *, yes: bool, hint: str) -> None:
    """Return when the user agreed: with `--yes`, or by typing the expected word on a terminal.

    Raises Refused when nobody can be asked or the word differs.
    """
    if yes:
        return
    if not output.is_interactive():
        raise Refused(f"{question}: there is no terminal to ask on", code="not-confirmed", hint=hint)
    if output.ask(f"{question}; type {expected!r} to go on: ") != expected:
        raise Refused("not confirmed, nothing changed", code="not-confirmed", hint=hint)
