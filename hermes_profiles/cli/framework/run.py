"""Runs the body of a command: prints its answer, turns errors into messages and exit codes, confirms."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NoReturn

from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Refused, Result
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.operations.context import DEBUG, Session, from_os_error, is_debugging

from . import output
from .process_exit import was_interrupted
from .progress import ProgressReporter
from .secret_filter import SecretFilter

if TYPE_CHECKING:
    from .prose import Block

# A command of this program in a text.
_COMMAND = lazy_pattern(r"`hermes-(?:profiles|gateways) [^`]*`")


class Answer(NamedTuple):
    """What a command body returns: the result, and its lines when text is wanted.

    `reveals`: the user asked for secrets, and the answer shows them.
    """

    result: Result
    text: Callable[[], Iterable[Block]] | None = None
    reveals: bool = False


def run(
    command: tuple[str, ...],
    session: Session,
    body: Callable[[], Answer],
    *,
    color: str = "auto",
    wide: bool = False,
) -> NoReturn:
    """Run a command body, print its answer and exit with its code; errors become messages, never tracebacks.

    HERMES_PROFILES_DEBUG=1 lets tracebacks through. `color` and `wide`: the options of the view.
    """
    output.choose_view(color=color, wide=wide)
    output.filter_secrets(SecretFilter(lambda: session))
    reporter = None if session.as_json else ProgressReporter()
    if reporter is not None:
        session.on_outcome, session.on_progress = reporter.on_outcome, reporter.on_progress
    try:
        result, lines, reveals = _carry_out(command, session, lambda: _checked(color, body))
    finally:
        if reporter is not None:
            reporter.end()
    if reporter is not None:
        result.warnings = [warning for warning in result.warnings if warning not in reporter.printed]
    if session.home_option:
        result.errors = [error._replace(hint=_at_home(error.hint, session.home_option)) for error in result.errors]
        result.warnings = [each._replace(hint=_at_home(each.hint, session.home_option)) for each in result.warnings]
        from .prose import changed

        home = session.home_option
        lines = tuple(changed(lines, lambda texts: [_at_home(text, home) or "" for text in texts]))
    raise SystemExit(output.deliver(result, as_json=session.as_json, lines=lines, reveals=reveals))


def _checked(color: str, body: Callable[[], Answer]) -> Answer:
    if color != "auto":
        from .screen import check_color

        check_color(color)
    return body()


def _carry_out(
    command: tuple[str, ...], session: Session, body: Callable[[], Answer]
) -> tuple[Result, tuple[Block, ...], bool]:
    try:
        answer = body()
        wanted = not session.as_json
        text = answer.text if wanted else None
        return answer.result, tuple(text() if text is not None else ()), answer.reveals
    except HermesProfilesError as error:
        if is_debugging():
            raise
        return _failure(command, error.problem, error.exit_code), (), False
    except KeyboardInterrupt:
        return _interrupted(command), (), False
    except OSError as error:
        if is_debugging():
            raise
        return _failure(command, from_os_error(error), ExitCode.FAILED), (), False
    except Exception as error:
        if was_interrupted(error):
            return _interrupted(command), (), False
        if is_debugging():
            raise
        return _failure(command, internal_fault(error), ExitCode.FAILED), (), False


def _interrupted(command: tuple[str, ...]) -> Result:
    problem = Problem("interrupted", "interrupted; nothing was left half-made")
    return _failure(command, problem, ExitCode.INTERRUPTED)


def _at_home(text: str | None, home: str) -> str | None:
    """Return a text whose commands work on the same home: without the option they would act on another root."""
    if text is None or "`hermes-" not in text:
        return text
    option = f" --home {shlex.quote(home)}`"
    return _COMMAND.sub(lambda match: match[0] if "--h" in match[0] else match[0][:-1] + option, text)  # --home, --help


def internal_fault(error: Exception) -> Problem:
    """Return the problem of an unexpected error, without its text: that may hold a secret."""
    return Problem(
        "internal",
        f"a fault of this program: {type(error).__name__}",
        None,
        f"run it again with `{DEBUG}=1` in front, and report what it prints",
    )


def _failure(command: tuple[str, ...], problem: Problem, code: ExitCode) -> Result:
    return Result(command, errors=[problem], exit_code=code)


def require_yes(question: str, expected: str, *, yes: bool, hint: str) -> None:
    """Return when the user agreed: with `--yes`, or by typing the expected word on a terminal.

    Raises Refused without a terminal, or when another word is typed.
    """
    if yes:
        return
    if not output.is_interactive():
        raise Refused(f"{question}: there is no terminal to ask on", code="not-confirmed", hint=hint)
    if output.ask(f"{question}; type {expected!r} to go on: ") != expected:
        raise Refused("not confirmed, nothing changed", code="not-confirmed", hint=hint)
