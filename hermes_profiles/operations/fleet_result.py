"""The result of an operation on many gateways: an outcome for each profile."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, exit_code
from hermes_profiles.model.errors import ExitCode, Problem
from hermes_profiles.model.named_tuple import NamedTuple

_BAD = (OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.INTERRUPTED)


class FleetResult(NamedTuple):
    """The outcomes of an operation on many gateways, in the order of the profiles.

    `errors`: one for each failure and refusal; `plan`: the file changes of a dry run; `change`: the id of those made.
    """

    outcomes: tuple[Outcome, ...]
    warnings: tuple[Problem, ...] = ()
    errors: tuple[Problem, ...] = ()
    exit_code: ExitCode = ExitCode.OK
    dry_run: bool = False
    plan: ChangePlan | None = None
    change: str | None = None


def fleet_result(
    outcomes: Sequence[Outcome],
    warnings: Iterable[Problem],
    *,
    dry_run: bool = False,
    plan: ChangePlan | None = None,
    change: str | None = None,
) -> FleetResult:
    """Return the result of these outcomes, with an error for each failure and refusal."""
    errors = tuple(_problem(outcome) for outcome in outcomes if outcome.outcome in _BAD)
    return FleetResult(
        tuple(outcomes), tuple(dict.fromkeys(warnings)), errors, exit_code(outcomes), dry_run, plan, change
    )


def gravest(*codes: ExitCode) -> ExitCode:
    """Return the exit code of several results: interrupted before failed, failed before refused."""
    order = (ExitCode.INTERRUPTED, ExitCode.FAILED, ExitCode.REFUSED)
    return next((code for code in order if code in codes), max(codes))


def _problem(outcome: Outcome) -> Problem:
    message = f"{outcome.profile}: {outcome.detail or outcome.outcome}"
    return Problem(str(outcome.outcome), message, outcome.profile, outcome.hint)
