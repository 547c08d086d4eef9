"""Reset gateways that are stuck: unload the service, end the process, clear its files, start again."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.reset import reset_gateway
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.model.errors import NotFound

from .fleet_context import FleetSession
from .fleet_exclusive import exclusively
from .fleet_result import FleetResult, fleet_result
from .run_fleet import FleetRequest, run_fleet


@exclusively
def reset_gateways(
    session: FleetSession, selection: Selection, *, settle: float = SETTLE, dry_run: bool = False
) -> FleetResult:
    """Reset the selected gateways and start those that are not disabled. Raises NotFound without any service."""
    session.require_manager()
    _require_service(session, selection)
    outcomes = [
        reset_gateway(session.world, name, session.catalog, session.environment, dry_run=dry_run)
        for name in selection.profiles
    ]
    cleared = fleet_result(outcomes, session.problems, dry_run=dry_run)
    ready = [outcome.profile for outcome in outcomes if outcome.outcome is OutcomeKind.RESET]
    ready = [name for name in ready if name not in session.disabled]
    if dry_run or not ready:
        return cleared
    start = FleetRequest(Verb.START, RunOptions(settle=settle))
    started = run_fleet(session, start, Selection(tuple(ready), named=True))
    return fleet_result(_merged(outcomes, started.outcomes), [*cleared.warnings, *started.warnings])


def _require_service(session: FleetSession, selection: Selection) -> None:
    """Raise NotFound when no selected profile has a service: there is nothing to reset."""
    gateways = session.observe(selection.profiles).values()
    without = [each.profile for each in gateways if each.service is None or not each.service.installed]
    if without and len(without) == len(selection.profiles) and not any(each.process for each in gateways):
        raise NotFound(
            f"no service is installed for {', '.join(without)}",
            target=without[0],
            code="no-service",
            hint=f"install and start it with `hermes-gateways install {' '.join(without)} --start`",
        )


def _merged(cleared: Sequence[Outcome], started: Sequence[Outcome]) -> list[Outcome]:
    """Return one outcome for each profile: reset when its gateway is up again, else how the start ended."""
    by_name = {outcome.profile: outcome for outcome in started}
    merged = []
    for outcome in cleared:
        start = by_name.get(outcome.profile)
        if start is None:
            merged.append(outcome)
            continue
        up = start.outcome in (OutcomeKind.STARTED, OutcomeKind.ALREADY_RUNNING)
        detail = "; ".join(filter(None, (outcome.detail, start.detail)))
        kind = OutcomeKind.RESET if up else start.outcome
        merged.append(Outcome(outcome.profile, kind, detail, start.pid, start.masked, start.log))
    return merged
