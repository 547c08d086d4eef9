"""The result of a command: exit codes, errors, warnings and the JSON envelope."""

from __future__ import annotations

from enum import IntEnum
from typing import Any, ClassVar

from .named_tuple import NamedTuple

SCHEMA = "hermes-profiles/1"


class ExitCode(IntEnum):
    """The exit codes of every command. They are a part of the command contract."""

    OK = 0
    FAILED = 1
    USAGE = 2
    NEGATIVE = 3
    MANAGER = 4
    MISSING = 5
    REFUSED = 6
    INTERRUPTED = 130


class Problem(NamedTuple):
    """One error or warning. The message is lower case without a full stop; `hint` names the next command to run."""

    code: str
    message: str
    target: str | None = None
    hint: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Return the four keys of the JSON contract."""
        return {"code": self.code, "message": self.message, "target": self.target, "hint": self.hint}


class HermesProfilesError(Exception):
    """Base of the errors that this program raises on purpose."""

    exit_code: ClassVar[ExitCode] = ExitCode.FAILED
    default_code: ClassVar[str] = "failed"

    def __init__(
        self, message: str, *, target: str | None = None, hint: str | None = None, code: str | None = None
    ) -> None:
        super().__init__(message)
        self.problem = Problem(code or self.default_code, message, target, hint)


class Failed(HermesProfilesError):
    """The operation was tried and did not succeed (exit 1)."""


class UsageProblem(HermesProfilesError):
    """The arguments of the command are wrong (exit 2)."""

    exit_code = ExitCode.USAGE
    default_code = "usage"


class NotFound(HermesProfilesError):
    """The profile, service, change or trash entry does not exist (exit 5)."""

    exit_code = ExitCode.MISSING
    default_code = "not-found"


class Refused(HermesProfilesError):
    """The operation was not tried because it would be unsafe (exit 6)."""

    exit_code = ExitCode.REFUSED
    default_code = "refused"


class DocumentError(Failed):
    """A file cannot be read or edited with certainty.

    `path` and `line` (1-based, or None) are the place; the message already contains both.
    """

    default_code = "unreadable-document"

    def __init__(self, path: str, line: int | None, reason: str, *, hint: str | None = None) -> None:
        place = f"{path}:{line}" if line is not None else path
        super().__init__(f"{place}: {reason}", target=path, hint=hint)
        self.path = path
        self.line = line
        self.reason = reason


class Result:
    """The result of one command, before it is printed as text or JSON."""

    def __init__(
        self,
        command: tuple[str, ...],
        data: dict[str, Any] | None = None,
        warnings: list[Problem] | None = None,
        errors: list[Problem] | None = None,
        exit_code: ExitCode = ExitCode.OK,
    ) -> None:
        self.command = command
        self.data = {} if data is None else data
        self.warnings = [] if warnings is None else warnings
        self.errors = [] if errors is None else errors
        self.exit_code = exit_code

    @property
    def status(self) -> str:
        """Return `success`, `partial` (errors and some data) or `error`."""
        if not self.errors:
            return "success"
        return "partial" if self.data else "error"

    def envelope(self) -> dict[str, Any]:
        """Return the JSON envelope of the command contract."""
        return {
            "schema": SCHEMA,
            "command": list(self.command),
            "status": self.status,
            "exit_code": int(self.exit_code),
            "data": self.data,
            "warnings": [warning.as_dict() for warning in self.warnings],
            "errors": [error.as_dict() for error in self.errors],
        }
