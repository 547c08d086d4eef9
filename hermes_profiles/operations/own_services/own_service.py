"""What the switches of our own services have in common, those beside the gateways: the result, a foreign file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.model.errors import ExitCode, Problem
from hermes_profiles.services.manager import ManagerKind


@dataclass(frozen=True, kw_only=True)
class OwnServiceResult:
    """The result of a switch. `outcome`: None for a status.

    `plan`: the file changes of a dry run; `change`: the id of the change that was made.
    """

    manager: ManagerKind
    outcome: str | None = None
    dry_run: bool = False
    plan: ChangePlan | None = None
    change: str | None = None
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()

    @property
    def is_working(self) -> bool:
        """Return whether the service does its work, as far as a status shows it."""
        return True

    @property
    def exit_code(self) -> ExitCode:
        """Return 1 for errors; of a status 3 when the service is on and does not do its work."""
        if self.errors:
            return ExitCode.FAILED
        return ExitCode.NEGATIVE if self.outcome is None and not self.is_working else ExitCode.OK


def foreign_file(path: Path) -> Problem:
    """Return the warning about a file with the name of ours that we did not write."""
    message = f"{path} stays: hermes-profiles did not write it"
    return Problem("foreign-file", message, str(path), f"look at it with `cat {quote(str(path))}`")
