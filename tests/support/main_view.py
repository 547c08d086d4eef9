"""The main views of a fleet of twelve profiles, drawn from recorded data for terminals of several widths."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from hermes_profiles.cli.framework.prose import Block, drawn
from hermes_profiles.cli.framework.screen import Screen
from hermes_profiles.cli.render import clone, doctor, fleet_tables, outcomes, repair
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.fleet.listening import Remark
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind

FOLDER = Path(__file__).parents[1] / "unit/cli/screens"
WIDTHS: tuple[int | None, ...] = (60, 80, 120, None)  # None: no terminal
ROOT = "/home/ana/.hermes"


def _outcomes(rows: list[list[Any]]) -> Iterable[Block]:
    found = [
        Outcome(
            name,
            OutcomeKind(kind),
            detail,
            pid,
            tuple(masked),
            tuple(log),
            remarks=tuple(Remark(*one) for one in remarks),
        )
        for name, kind, detail, pid, masked, log, remarks in rows
    ]
    return outcomes.outcome_lines(tuple(found), dry_run=False)


def _doctor(data: Any) -> Iterable[Block]:
    titles = {each.id: each.title for each in CHECKS}
    return doctor.report_lines(data, doctor.ReportView(titles, root=ROOT))


VIEWS: dict[str, Callable[[Any], Iterable[Block]]] = {
    "status": fleet_tables.gateway_lines,
    "list": lambda data: fleet_tables.list_lines(data["profiles"]),
    "doctor": _doctor,
    "clone": clone.report_lines,
    "repair": repair.report_lines,
    "start": _outcomes,
}


def view(name: str) -> list[Block]:
    """Return the lines of a view before they are laid out."""
    data = json.loads((FOLDER / f"data/{name}.json").read_text("utf-8"))
    return [*VIEWS[name](data)]


def screen_text(name: str, width: int | None, *, has_colours: bool = False) -> str:
    """Return a view as it is printed."""
    return "".join(f"{line}\n" for line in drawn(view(name), Screen(width, has_colours)))


def golden(name: str, width: int | None) -> Path:
    """Return the file of a recorded screen."""
    return FOLDER / f"{name}-{width or 'piped'}.txt"
