"""What every command begins with: the layout, the catalogue and the way errors leave."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.result import ExitCode, Failed, HermesProfilesError, Problem, Result

from . import output

if TYPE_CHECKING:
    from hermes_profiles.credentials.catalog import Catalog

DEBUG = "HERMES_PROFILES_DEBUG"


@dataclass
class Session:
    """One run of one command. `extra_plugin_folders` are looked into for channels beyond the catalogue."""

    home_option: str | None = None
    as_json: bool = False
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def layout(self) -> Layout:
        """Return the layout of the root this command works on."""
        return Layout.from_environment(
            self.environment,
            user_home=user_home(self.environment),
            platform=sys.platform,
            home=self.home_option,
        )

    @cached_property
    def catalog(self) -> Catalog:
        """Return the catalogue with the user's additions and the channels of plugins."""
        from hermes_profiles.profiles.plugins import catalog_for

        return catalog_for(self.layout, self.environment)

    def chosen_profile(self) -> tuple[str, str]:
        """Return (name, why) of the profile meant when none is named: HERMES_HOME's, else the sticky one."""
        from hermes_profiles.profiles.roots import active_profile

        home = Path(self.home_option or self.environment.get("HERMES_HOME") or self.layout.root)
        if home.parent.name == "profiles" and home.parent.parent == self.layout.root:
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


def run(command: tuple[str, ...], session: Session, body: Callable[[], Answer]) -> None:
    """Run a command body, print its answer and exit with its code; errors become messages, never tracebacks.

    HERMES_PROFILES_DEBUG=1 lets tracebacks through.
    """
    debugging = os.environ.get(DEBUG) == "1"
    try:
        answer = body()
    except HermesProfilesError as error:
        if debugging:
            raise
        answer = Answer(_failure(command, error.problem, error.exit_code))
    except KeyboardInterrupt:
        answer = Answer(
            _failure(
                command,
                Problem("interrupted", "interrupted; nothing was left half-made"),
                ExitCode.INTERRUPTED,
            )
        )
    except OSError as error:
        if debugging or isinstance(error, BrokenPipeError):
            raise
        answer = Answer(_failure(command, from_os_error(error), ExitCode.FAILED))
    except Exception as error:
        if debugging:
            raise
        problem = Problem(
            "internal", f"a fault of this program: {type(error).__name__}", None,
            f"run again with {DEBUG}=1 and report what it prints",
        )  # fmt: skip
        answer = Answer(_failure(command, problem, ExitCode.FAILED))
    output.write_result(answer.result, as_json=session.as_json, text=answer.text)
    output.close_quietly()
    raise SystemExit(int(answer.result.exit_code))


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
        f"look at it with `ls -ld {place}`" if place else None,
    )


def require_yes(question: str, expected: str, *, yes: bool, hint: str) -> None:
    """Return when the user agreed: with `--yes`, or by typing the expected word on a terminal.

    Raises Refused when nobody can be asked or the word differs.
    """
    from hermes_profiles.model.result import Refused

    if yes:
        return
    if not output.is_interactive():
        raise Refused(f"{question}: nobody to ask here", code="not-confirmed", hint=hint)
    if output.ask(f"{question}; type {expected!r} to go on: ") != expected:
        raise Refused("not confirmed, nothing changed", code="not-confirmed", hint=hint)


def must(condition: object, message: str, hint: str) -> None:
    """Raise Failed with a hint unless the condition holds."""
    if not condition:
        raise Failed(message, hint=hint)
