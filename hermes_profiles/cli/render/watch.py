"""`status --watch`: a fleet as the rows of the live table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from hermes_profiles.cli.framework.format import dash, size_text, span_text
from hermes_profiles.cli.framework.live_table import HINT, View, check_terminal, tally, watch
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.logs.last_line import last_line
from hermes_profiles.model.errors import HermesProfilesError, Problem, Result, UsageProblem
from hermes_profiles.operations.context import from_os_error
from hermes_profiles.operations.fleet_context import FleetSession

from .gateways import channel_text, is_faulty

Look = Callable[[FleetSession], Answer]


def watch_fleet(session: FleetSession, look: Look, interval: float) -> Answer:
    """Show the fleet live until the user presses q; return the answer of the last look, without text.

    An error of a later look is shown below the rows of the look before. Raises what the first look raises,
    UsageProblem without a usable terminal, and SystemExit when a signal ends it.
    """
    if session.as_json:
        raise UsageProblem("`--watch` draws a table, and `--json` is for programs", target="--watch", hint=HINT)
    check_terminal(interval)
    first = _view(session, look(session).result, interval)
    last, code = watch(first, lambda before: _again(session, look, before, interval), interval)
    if code is not None:
        raise SystemExit(code)
    return Answer(last.result)


def _again(session: FleetSession, look: Look, before: View, interval: float) -> View:
    """Return a new view from a new session, or the view before with the error of the look."""
    fresh = session.fresh()
    try:
        return _view(fresh, look(fresh).result, interval)
    except HermesProfilesError as error:
        return before._replace(notes=(_line("error", error.problem),))
    except OSError as error:
        return before._replace(notes=(_line("error", from_os_error(error)),))


def _view(session: FleetSession, result: Result, interval: float) -> View:
    rows = result.data["gateways"]
    states = tally([row["state"] for row in rows])
    count = f"{len(rows)} {'profile' if len(rows) == 1 else 'profiles'}"
    title = f"{time.strftime('%H:%M:%S')}  {count}: {states}  (every {interval:g} s, q ends)"
    return View(tuple(_cells(session, row) for row in rows), title, tuple(_notes(result)), result)


def _cells(session: FleetSession, row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["profile"] + (" (disabled)" if row["disabled"] else ""),
        row["state"],
        span_text(row["uptime_s"]),
        size_text(row["rss_bytes"]),
        dash(row["restarts"]),
        ", ".join(channel_text(each) for each in row["channels"]) or "-",
        last_line(session.layout, row["profile"]) or "-",
    )


def _notes(result: Result) -> Iterator[str]:
    yield from (_line("error", each) for each in result.errors)
    yield from (f"conflict: {each['message']}" for each in result.data["conflicts"])
    for row in result.data["gateways"]:
        if row["detail"] and (row["state"] not in ("running", "served") or is_faulty(row)):
            yield f"{row['profile']}: {row['detail']}"


def _line(kind: str, problem: Problem) -> str:
    return f"{kind}: {problem.message}"
