"""Outcomes of an action, one for each profile; the values are part of the command contract."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from hermes_profiles.model.errors import ExitCode
from hermes_profiles.model.named_tuple import NamedTuple

if TYPE_CHECKING:
    from .listening import Remark


class Verb(StrEnum):
    """An action on gateways."""

    START = "start"
    STOP = "stop"
    RESTART = "restart"


class OutcomeKind(StrEnum):
    """The outcome for one profile, as in the command contract."""

    STARTED = "started"
    ALREADY_RUNNING = "already-running"
    STOPPED = "stopped"
    ALREADY_STOPPED = "already-stopped"
    RESTARTED = "restarted"
    INSTALLED = "installed"
    ALREADY_INSTALLED = "already-installed"
    UNINSTALLED = "uninstalled"
    NOT_INSTALLED = "not-installed"
    ENABLED = "enabled"
    DISABLED = "disabled"
    RESET = "reset"
    FAILED = "failed"
    REFUSED = "refused"
    SKIPPED = "skipped"
    INTERRUPTED = "interrupted"
    # In a dry run.
    WOULD_START = "would-start"
    WOULD_STOP = "would-stop"
    WOULD_RESTART = "would-restart"
    WOULD_INSTALL = "would-install"
    WOULD_STAGE = "would-stage"


# Detail of a restart that passed over a stopped gateway.
STOPPED = "not running"
# Outcomes after which a gateway runs, is to run, or in a dry run would.
RUNS_AFTER = frozenset(
    {
        OutcomeKind.STARTED,
        OutcomeKind.RESTARTED,
        OutcomeKind.ALREADY_RUNNING,
        OutcomeKind.INSTALLED,
        OutcomeKind.ALREADY_INSTALLED,
        OutcomeKind.WOULD_START,
        OutcomeKind.WOULD_RESTART,
        OutcomeKind.WOULD_INSTALL,
    }
)
BAD_OUTCOMES = (OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.INTERRUPTED)


class Outcome(NamedTuple):
    """The outcome for one profile; `masked`: channels that are off for this run, `log`: last lines of a failure.

    `remarks`: what keeps people from reaching its gateway.
    """

    profile: str
    outcome: OutcomeKind
    detail: str = ""
    pid: int | None = None
    masked: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    hint: str | None = None
    remarks: tuple[Remark, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """Return the outcome as the command contract has it."""
        return {
            "profile": self.profile,
            "outcome": str(self.outcome),
            "detail": self.detail,
            "pid": self.pid,
            "masked_channels": list(self.masked),
            "log": list(self.log),
            "remarks": [each.as_data() for each in self.remarks],
        }


class FleetStep(NamedTuple):
    """What a command does with a gateway now: stopping or starting it, for how many seconds, and how many at most."""

    doing: str
    elapsed: float
    limit: float


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """Return the exit code of all outcomes: one failure fails the command."""
    kinds = {outcome.outcome for outcome in outcomes}
    if OutcomeKind.INTERRUPTED in kinds:
        return ExitCode.INTERRUPTED
    if OutcomeKind.FAILED in kinds:
        return ExitCode.FAILED
    return ExitCode.REFUSED if OutcomeKind.REFUSED in kinds else ExitCode.OK
