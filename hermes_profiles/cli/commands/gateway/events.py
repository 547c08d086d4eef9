"""events and history: what happened to the gateways."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import Targets
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.streaming import streamed
from hermes_profiles.cli.render.events import EventView, history_data, history_lines
from hermes_profiles.logs.filters import moment_of
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.monitoring.event_log import followed_events, gateway_history, known_events

_COUNT = 50
_WEEK = 7 * 86400.0


@command(
    "events",
    examples=(
        "hermes-gateways events",
        "hermes-gateways events -f",
        "hermes-gateways events work --since 1d",
        "hermes-gateways events --since 2h --json",
    ),
    manager=True,
    view=("color",),
    places=InPlaces("hermes-gateways", ""),
)
def events(
    session: FleetSession,
    targets: Targets,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what happens; Ctrl-C ends it.")] = False,
    count: Annotated[
        int | None,
        typer.Option("--lines", "-n", min=0, metavar="N", help="The last N events (50; with --since all of them)."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on: 10m, 2h, 1d (ago), 2026-11-21T10:00 or 10:00."),
    ] = None,
) -> Answer:
    """Show what happened to the gateways and their channels: when, from which state to which, why, and who asked for
    it.

    With --json each line is an object; see the reference of JSON.
    """
    selection = targets.selected(session)
    wanted = frozenset(selection.profiles)
    begin = moment_of(since, time.time(), "--since") if since is not None else None
    view = EventView(selection.profiles, as_json=session.as_json)

    def show() -> None:
        known = known_events(session)
        if known.warning is not None:
            output.report_problem("warning", known.warning)
        chosen = [
            event
            for event in known.events
            if (event.concerns(wanted) or not selection.named) and (begin is None or event.at >= begin)
        ]
        many = count if count is not None else None if begin is not None else _COUNT
        view.show(chosen if many is None else chosen[len(chosen) - min(many, len(chosen)) :])
        if follow:
            last = max((event.number for event in known.events), default=0)
            for event in followed_events(session, last, view.is_closed):
                if event.concerns(wanted) or not selection.named:
                    view.show((event,))

    raise SystemExit(streamed(show))


@command(
    "history",
    examples=("hermes-gateways history work", "hermes-gateways history work --since 30d"),
    manager=True,
    view=("color",),
)
def history(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(metavar="NAME", help="The profile.")],
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From then on (7d): 12h, 30d (ago), 2026-11-21.")
    ] = None,
) -> Answer:
    """Show what happened to one gateway: uptime of each day, restarts, the longest outage, and a plot of the hours."""
    now = time.time()
    begin = moment_of(since, now, "--since") if since is not None else now - _WEEK
    found, warning = gateway_history(session, profile, begin)
    data = history_data(found, watched=warning is None)
    warnings = [warning] if warning is not None else []
    return Answer(Result(("history",), data, warnings), lambda: history_lines(found))
