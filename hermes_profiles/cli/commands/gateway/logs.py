"""logs: what all gateways write, in one stream."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import Targets
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.streaming import streamed
from hermes_profiles.cli.render.logs import LogView
from hermes_profiles.logs.filters import Filter, level_of, moment_of, pattern_of
from hermes_profiles.logs.records import Level
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.logs import LogReader, LogRequest

_COUNT = 50


@command(
    "logs",
    examples=(
        "hermes-gateways logs",
        "hermes-gateways logs -f",
        "hermes-gateways logs work --since 1h --level warning",
        "hermes-gateways logs --grep 'token|login' -n 20",
    ),
    view=("color",),
    places=InPlaces("hermes-gateways", ""),
)
def logs(
    session: FleetSession,
    targets: Targets,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written; Ctrl-C ends it.")] = False,
    count: Annotated[
        int | None,
        typer.Option(
            "--lines",
            "-n",
            min=0,
            metavar="N",
            help="The last N records of all together (50; with --since all of them).",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="From then on: 10m, 2h, 1d (ago), 2026-11-21T10:00 or 10:00."),
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to then.")] = None,
    level: Annotated[
        str | None, typer.Option("--level", metavar="LEVEL", help="debug, info, warning, error, critical; and above.")
    ] = None,
    error: Annotated[
        bool, typer.Option("--error", help="Errors alone, wherever they were written: short for --level error.")
    ] = False,
    grep: Annotated[
        str | None, typer.Option("--grep", metavar="REGEX", help="Records whose text or logger matches.")
    ] = None,
    ignore_case: Annotated[bool, typer.Option("--ignore-case", "-i", help="Ignore case in --grep.")] = False,
) -> Answer:
    """Show what gateways write, all profiles in order of time, without their secrets.

    That is gateway.log and gateway.error.log with what was rotated, and the journal of systemd units. A record of many
    lines stays together and counts as one. A record that is in the log and on standard error is shown once.

    With --json each line is an object: profile, time (ISO 8601, null when unknown), level (or null), logger (or null),
    session (or null), source (the file's name, or "journal"), text.
    """
    wanted = _filter(since, until, level, grep, only_errors=error, follow=follow, ignore_case=ignore_case)
    view = LogView(session.existing, as_json=session.as_json)
    reader = LogReader(session, LogRequest(targets.profiles or (), targets.excluded or (), targets.group, wanted), view)
    many = count if count is not None else None if wanted.since is not None else _COUNT
    raise SystemExit(streamed(lambda: reader.run(many, follow=follow)))


def _filter(
    since: str | None,
    until: str | None,
    level: str | None,
    grep: str | None,
    *,
    only_errors: bool,
    follow: bool,
    ignore_case: bool,
) -> Filter:
    now = time.time()
    wanted = Filter(
        moment_of(since, now, "--since") if since is not None else None,
        moment_of(until, now, "--until") if until is not None else None,
        level_of(level) if level is not None else Level.ERROR if only_errors else None,
        pattern_of(grep, ignore_case=ignore_case) if grep is not None else None,
    )
    if only_errors and wanted.level is not Level.ERROR:
        raise UsageProblem("--error and --level exclude each other", target="--error", hint="use one of them")
    if follow and until is not None:
        raise UsageProblem("--follow has no end, --until is one", target="--until", hint="leave one of them out")
    if wanted.since is not None and wanted.until is not None and wanted.since > wanted.until:
        raise UsageProblem("--since is later than --until", target="--since", hint="swap them")
    return wanted
