"""Failures of a switch of the run mode, with what became of the former state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, Outcome
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.names import DEFAULT


class Restored(Protocol):
    """The result of restoring a state: the outcome of each gateway."""

    @property
    def outcomes(self) -> tuple[Outcome, ...]:
        """Return the outcomes."""


class StartFailed(Failed):
    """The multiplexer did not start, and the former state was restored.

    `outcomes`: of each restored gateway; `log`: last lines of the multiplexer's log.
    """

    def __init__(
        self,
        message: str,
        *,
        target: str | None,
        hint: str | None,
        code: str | None,
        outcomes: tuple[Outcome, ...],
        log: tuple[str, ...],
    ) -> None:
        super().__init__(message, target=target, hint=hint, code=code)
        self.outcomes = outcomes
        self.log = log


def raise_failed(outcomes: Sequence[Outcome], what: str) -> None:
    """Raise Failed if an outcome is bad."""
    bad = [each for each in outcomes if each.outcome in BAD_OUTCOMES]
    if bad:
        raise Failed(
            f"{bad[0].profile} {what}: {bad[0].detail or bad[0].outcome}",
            target=bad[0].profile,
            code="gateway",
            hint=bad[0].hint or f"read its log with `hermes-gateways logs {bad[0].profile}`",
        )


def raise_refused(refused: Mapping[str, str], what: str) -> None:
    """Raise Failed if a manager refused a service."""
    for name, reason in refused.items():
        raise Failed(
            f"the service of {name} {what}: {reason}",
            target=name,
            code="service",
            hint=f"see `hermes-gateways status {name}`",
        )


def raise_restored(
    error: BaseException,
    restore: Callable[[], Restored],
    *,
    target: str | None,
    again: str,
    hint: str | None = None,
    log: tuple[str, ...] = (),
) -> None:
    """Restore the former state after an error; raise StartFailed with the error and the result where it is a Failed.

    `again`: the command that restores it where that fails now; `hint`: where the error has none; `log`: last lines of
    the gateway's log. Raises Failed ("half-way") where restoring fails.
    """
    try:
        outcomes = restore().outcomes
    except HermesProfilesError as second:
        raise Failed(
            f"{error}; restoring the former state failed: {second}",
            target=DEFAULT,
            code="half-way",
            hint=f"try again: `{again}`",
        ) from error
    if not isinstance(error, Failed):
        return
    bad = [f"{each.profile}: {each.detail or each.outcome}" for each in outcomes if each.outcome in BAD_OUTCOMES]
    restored = "the former state was restored"
    text = f"{restored}, except {'; '.join(bad)}" if bad else restored
    problem = error.problem
    raise StartFailed(
        f"{error}; {text}",
        target=target,
        code=problem.code,
        hint=problem.hint or hint,
        outcomes=outcomes,
        log=log,
    ) from error
