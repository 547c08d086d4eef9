"""Reset gateways that are stuck: unload the service, end the process, clear its files, start again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.reset import reset_gateway
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.model.errors import NotFound

from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively, surviving_restart
from ..fleet_result import FleetResult, fleet_result
from .run_fleet import FleetRequest, finish_restart, start_recorded


@exclusively
def reset_gateways(
    session: FleetSession, selection: Selection, *, settle: float = SETTLE, dry_run: bool = False
) -> FleetResult:
    """Reset the selected gateways and start those that are not disabled. Raises NotFound without any service.

    Like a restart it is recorded first, so that gateways that ran run again however this process ends.
    """
    session.require_manager()
    gateways = session.observe(selection.profiles)
    _require_service(selection, gateways)
    ran = [name for name, gateway in gateways.items() if gateway.is_alive and name not in session.disabled]
    if dry_run or not ran:
        return _reset(session, selection, settle=settle, dry_run=dry_run)
    warnings = finish_restart(session)
    with surviving_restart(session, ran) as other:
        done = _reset(session, selection, settle=settle, dry_run=False)
        if not any(each.outcome is OutcomeKind.INTERRUPTED for each in done.outcomes):
            other.dismiss()
    return done._replace(warnings=(*warnings, *done.warnings))


def _reset(session: FleetSession, selection: Selection, *, settle: float, dry_run: bool) -> FleetResult:
    outcomes: list[Outcome] = []
    for name in selection.profiles:
        if any(each.outcome is OutcomeKind.INTERRUPTED for each in outcomes):
            outcomes.append(Outcome(name, OutcomeKind.INTERRUPTED, "not begun"))
        else:
            outcomes.append(reset_gateway(session.world, name, session.catalog, session.environment, dry_run=dry_run))
    cleared = fleet_result(outcomes, session.problems, dry_run=dry_run)
    ready = [outcome.profile for outcome in outcomes if outcome.outcome is OutcomeKind.RESET]
    ready = [name for name in ready if name not in session.disabled]
    if dry_run or not ready:
        return cleared
    start = FleetRequest(Verb.START, RunOptions(settle=settle))
    started = start_recorded(session, start, Selection(tuple(ready), named=True))
    return fleet_result(_merged(outcomes, started.outcomes), [*cleared.warnings, *started.warnings])


def _require_service(selection: Selection, gateways: Mapping[str, Gateway]) -> None:
    """Raise NotFound when no selected profile has a service: there is nothing to reset."""
    found = gateways.values()
    without = [each.profile for each in found if each.service is None or not each.service.installed]
    if without and len(without) == len(selection.profiles) and not any(each.process for each in found):
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
