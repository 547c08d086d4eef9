"""The outcomes of a command on many gateways, as data and as a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.progress import in_brackets
from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, STOPPED, Outcome, OutcomeKind
from hermes_profiles.model.errors import Result
from hermes_profiles.model.text import first_names
from hermes_profiles.operations.fleet_result import FleetResult

from .remarks import remarks_below

# So many profiles are named for one outcome.
_NAMED = 4
_COLUMNS = (
    Column("profile"),
    Column("outcome"),
    Column("pid", rank=3),
    Column("masked", rank=2),
    Column("detail", rank=1, fewest=24),
)
_STYLES: dict[str, str] = {
    OutcomeKind.FAILED: "bold red",
    OutcomeKind.REFUSED: "red",
    OutcomeKind.INTERRUPTED: "red",
    OutcomeKind.SKIPPED: "dim",
    OutcomeKind.STARTED: "green",
    OutcomeKind.RESTARTED: "green",
}
DRY_RUN = "dry run: nothing was changed"


def fleet_answer(command: str, result: FleetResult, *, with_plan: bool = False) -> Answer:
    """Return the answer of a command on many gateways; `with_plan`: include the file changes of a dry run."""
    data: dict[str, Any] = {"dry_run": result.dry_run, "outcomes": [each.as_data() for each in result.outcomes]}
    if result.dry_run and with_plan:
        data["plan"] = list(describe(result.plan)) if result.plan is not None else []
    if result.change is not None:
        data["change"] = result.change
    done = Result((command,), data, list(result.warnings), list(result.errors), result.exit_code)
    return Answer(done, lambda: outcome_lines(result.outcomes, dry_run=result.dry_run))


def run_answer(command: str, result: FleetResult) -> Answer:
    """Return the answer of start, stop or restart."""
    answer = fleet_answer(command, result)
    if result.dry_run:
        return Answer(answer.result, lambda: planned_lines(result))
    return Answer(answer.result, lambda: [*outcome_lines(result.outcomes, dry_run=False), *_left_stopped(result)])


def _left_stopped(result: FleetResult) -> Iterator[str]:
    """Yield the line about gateways that were stopped before a restart of all, and still are."""
    names = [each.profile for each in result.outcomes if each.outcome is OutcomeKind.SKIPPED and each.detail == STOPPED]
    if names:
        were = "was stopped and is not started" if len(names) == 1 else "were stopped and are not started"
        yield ""
        which = f" {' '.join(names)}" if len(names) <= _NAMED else ""
        yield f"{first_names(names, _NAMED)} {were}: `hermes-gateways start{which}`"


def planned_lines(result: FleetResult) -> Iterator[Block]:
    """Yield what a dry run would do, a line for each profile."""
    for outcome in result.outcomes:
        yield f"{outcome.profile}: {outcome.outcome}{in_brackets(outcome.detail)}"
    yield from remarks_below(_remarks(result.outcomes))
    yield DRY_RUN


def outcome_lines(outcomes: tuple[Outcome, ...], *, dry_run: bool) -> Iterator[Block]:
    """Yield how many outcomes there are of each kind, and their table, failures first.

    Below it are the log lines of a failure, or how a file differs.
    """
    outcomes = tuple(sorted(outcomes, key=lambda outcome: outcome.outcome not in BAD_OUTCOMES))
    cells = [
        (
            outcome.profile,
            outcome.outcome,
            str(outcome.pid or "-"),
            ", ".join(outcome.masked) or "-",
            outcome.detail or "-",
        )
        for outcome in outcomes
    ]
    if outcomes:
        yield _tally(outcomes)
        yield ""
    yield Table(_COLUMNS, cells, style=lambda column, cell: _STYLES.get(cell, "") if column == 1 else "")
    for outcome in outcomes:
        if outcome.log:
            what = "last lines of its log" if outcome.outcome is OutcomeKind.FAILED else "installed and wanted"
            yield ""
            yield f"{outcome.profile}, {what}:"
            yield from (f"  {line}" for line in outcome.log)
    yield from remarks_below(_remarks(outcomes))
    if dry_run:
        yield DRY_RUN


def _remarks(outcomes: tuple[Outcome, ...]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield profile and remarks of each outcome."""
    for outcome in outcomes:
        yield outcome.profile, [each.as_data() for each in outcome.remarks]


def _tally(outcomes: tuple[Outcome, ...]) -> Prose:
    """Return how many profiles had each outcome; those of a failure are named."""
    names: dict[OutcomeKind, list[str]] = {}
    for outcome in outcomes:
        names.setdefault(outcome.outcome, []).append(outcome.profile)
    bad = [f"{kind}: {first_names(found, _NAMED)}" for kind, found in names.items() if kind in BAD_OUTCOMES]
    good = [f"{len(found)} {kind}" for kind, found in names.items() if kind not in BAD_OUTCOMES]
    return Prose("; ".join(filter(None, (", ".join(good), *bad))), "bold" if bad else "bold green")
