"""The run mode of a root, and the result of a switch: what callers and the command line show."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, exit_code
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.errors import ExitCode, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.multiplex.enable import EnablePlan
from hermes_profiles.multiplex.model import Issue

_BAD = (OutcomeKind.FAILED, OutcomeKind.REFUSED)


class ServedProfile(NamedTuple):
    """One profile and the profile whose gateway serves it, None when no gateway does.

    `why`: why it is not served like the others on a Hermes with one gateway, None where nothing is special.
    """

    profile: str
    team: str | None
    served_by: str | None
    state: GatewayState
    pid: int | None
    why: str | None = None


class RunModeStatus(NamedTuple):
    """The run mode of a root. `unfinished`: a switch was interrupted; `one_gateway`: Hermes knows one mode only.

    `reason`: why default's gateway serves only itself all the same, "" without a reason.
    """

    mode: str
    unfinished: bool
    one_gateway: bool
    reason: str
    profiles: tuple[ServedProfile, ...]
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]


class RunModeResult(NamedTuple):
    """The result of a switch, or of its dry run.

    `enable`: what is written for one gateway for all; `stops`, `disables`, `enables`, `starts`, `installs`: the
    profiles whose services a dry run would touch; `plan`: the file changes of a dry run; `standalone`: profiles that
    run gateways of their own by the temporary setting of Hermes.
    """

    mode: str
    changed: bool
    dry_run: bool
    enable: EnablePlan | None = None
    stops: tuple[str, ...] = ()
    disables: tuple[str, ...] = ()
    enables: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    installs: tuple[str, ...] = ()
    plan: ChangePlan | None = None
    outcomes: tuple[Outcome, ...] = ()
    change: str | None = None
    warnings: tuple[Problem, ...] = ()
    standalone: tuple[str, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return an error for each gateway that failed or was refused."""
        return tuple(
            Problem(
                str(outcome.outcome),
                f"{outcome.profile}: {outcome.detail or outcome.outcome}",
                outcome.profile,
                outcome.hint,
            )
            for outcome in self.outcomes
            if outcome.outcome in _BAD
        )

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code of the outcomes."""
        return exit_code(self.outcomes)


class RunModeBlocked(Refused):
    """A switch that is refused; `limits`: everything that blocks it."""

    def __init__(self, mode: str, limits: Sequence[Issue]) -> None:
        first = limits[0]
        super().__init__(first.message, target=first.place or first.profile, hint=first.hint, code=first.code)
        self.mode = mode
        self.limits = tuple(limits)
