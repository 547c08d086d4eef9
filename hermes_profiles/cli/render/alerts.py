"""The destinations of alerts as data and as text; their secrets are left out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from hermes_profiles.alerts.addresses import shown_address
from hermes_profiles.alerts.model import DestinationKind
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.format import span_text
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.events.model import utc_time
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.monitoring.alerts import AlertsResult, DestinationRow

from .outcomes import DRY_RUN

_DONE = {
    "added": "added",
    "would-be-added": "would be added",
    "removed": "removed",
    "would-be-removed": "would be removed",
    "muted": "muted",
    "would-be-muted": "would be muted",
    "unmuted": "sends again",
    "would-be-unmuted": "would send again",
    "would-be-tested": "would get a test",
}


def alerts_answer(action: str, result: AlertsResult) -> Answer:
    """Return the answer of a command of `alert`."""
    data: dict[str, Any] = {"alerts": [_data(row) for row in result.rows], "watched": result.pid is not None}
    if result.outcome is not None:
        data |= {"changed": list(result.changed), "outcome": result.outcome, "dry_run": result.dry_run}
    code = ExitCode.FAILED if result.errors else ExitCode.OK
    answer = Result(("alert", action), data, list(result.warnings), list(result.errors), code)
    return Answer(answer, lambda: _lines(action, result))


def _data(row: DestinationRow) -> dict[str, Any]:
    destination = row.destination
    is_heartbeat = destination.kind is DestinationKind.HEARTBEAT
    return {
        "name": destination.name,
        "kind": str(destination.kind),
        "address": shown_address(destination),
        "state": row.state,
        "after_s": None if is_heartbeat else destination.after,
        "quiet": hours_text(destination.quiet) if destination.quiet is not None else None,
        "limit_per_hour": None if is_heartbeat else destination.limit,
        "every_s": destination.every if is_heartbeat else None,
        "profiles": list(destination.profiles),
        "muted_until": utc_time(destination.muted_until) if destination.muted_until > time.time() else None,
        "delivered": _time(row.delivered),
        "waiting": row.waiting,
        "failed_tries": row.tries,
        "failing_since": _time(row.failing_since),
        "error": row.error or None,
    }


def _time(at: float | None) -> str | None:
    return utc_time(at) if at is not None else None


def hours_text(quiet: tuple[int, int]) -> str:
    """Return quiet hours as they are given: `23:00-07:00`."""
    return "-".join(f"{minute // 60:02}:{minute % 60:02}" for minute in quiet)


def _lines(action: str, result: AlertsResult) -> Iterator[Block]:
    if action == "list":
        yield from _table(result)
        return
    if result.dry_run:
        yield DRY_RUN
    failed = {error.target for error in result.errors}
    shown = {row.destination.name: shown_address(row.destination) for row in result.rows}
    for name in result.changed:
        if result.outcome == "tested":
            word = "not delivered" if name in failed else "delivered"
        else:
            word = _DONE.get(result.outcome or "", "")
        yield f"{name}: {word}{f' ({shown[name]})' if name in shown else ''}"
    if result.outcome == "added":
        yield f"try it with `hermes-gateways alert test {result.changed[0]}`"
    if not result.changed:
        yield "no alert is set up"


def _table(result: AlertsResult) -> Iterator[Block]:
    if not result.rows:
        yield "no alert is set up; `hermes-gateways alert add --help` shows how"
        return
    now = time.time()
    cells = [
        (row.destination.name, str(row.destination.kind), shown_address(row.destination), _when(row), _state(row, now))
        for row in result.rows
    ]
    yield from output.table(("name", "kind", "address", "when", "state"), cells)
    for row in result.rows:
        if row.error:
            tries = "1 failed try" if row.tries == 1 else f"{row.tries} failed tries"
            yield f"{row.destination.name}: {tries}; the last: {row.error}"


def _when(row: DestinationRow) -> str:
    destination = row.destination
    if destination.kind is DestinationKind.HEARTBEAT:
        return f"every {span_text(round(destination.every))}"
    parts = [f"after {span_text(round(destination.after))}"]
    parts += [f"not {hours_text(destination.quiet)}"] if destination.quiet is not None else []
    parts += [f"only {', '.join(destination.profiles)}"] if destination.profiles else []
    return ", ".join(parts)


def _state(row: DestinationRow, now: float) -> str:
    text = row.state
    if row.state == "muted":
        text += f" for {span_text(round(row.destination.muted_until - now))}"
    if row.failing_since is not None:
        text += f" for {span_text(round(now - row.failing_since))}"
    elif row.delivered is not None and row.state == "ok":
        text += f", last {span_text(round(now - row.delivered))} ago"
    return f"{text}, {row.waiting} waiting" if row.waiting else text
