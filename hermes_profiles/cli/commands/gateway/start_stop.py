"""start, stop and restart: many gateways at once, one line for each as it finishes."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import (
    DryRun,
    Except,
    Force,
    Group,
    Jobs,
    Names,
    OnConflict,
    Owner,
    Stagger,
    Timeout,
)
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.outcomes import run_answer
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.run_fleet import SETTLE, FleetRequest, run_fleet


@command(
    "start",
    examples=(
        "hermes-gateways start",
        "hermes-gateways start work family --owner work",
        "hermes-gateways start --dry-run",
    ),
    manager=True,
)
def start(
    session: FleetSession,
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    owner: Owner = None,
    on_conflict: OnConflict = "mask",
    jobs: Jobs = None,
    stagger: Stagger = None,
    timeout: Timeout = SETTLE,
    force: Force = False,
    dry_run: DryRun = False,
) -> Answer:
    """Start gateways; one that runs is left alone."""
    options = RunOptions(jobs=jobs, settle=timeout)
    request = FleetRequest(Verb.START, options, stagger, tuple(owner or ()), on_conflict, force, dry_run)
    return _answer(session, request, profiles, excluded, group)


@command(
    "stop",
    examples=("hermes-gateways stop", "hermes-gateways stop work", "hermes-gateways stop --except default"),
    manager=True,
)
def stop(
    session: FleetSession,
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    jobs: Jobs = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=1, metavar="SECONDS", help="How long a stop may take before the process is killed."
        ),
    ] = None,
    force: Force = False,
    dry_run: DryRun = False,
) -> Answer:
    """Stop gateways; no manager restarts them, and none counts as failed."""
    request = FleetRequest(Verb.STOP, RunOptions(jobs=jobs, stop=timeout), force=force, dry_run=dry_run)
    return _answer(session, request, profiles, excluded, group)


@command(
    "restart",
    examples=(
        "hermes-gateways restart",
        "hermes-gateways restart --rolling",
        "hermes-gateways restart work",
        "hermes-gateways restart --stale",
    ),
    manager=True,
)
def restart(
    session: FleetSession,
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="One after the other, each up before the next; a failure ends it.")
    ] = False,
    start_stopped: Annotated[bool, typer.Option("--start-stopped", help="Also start stopped gateways.")] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Only those that run older code than the installed Hermes, as after an update."),
    ] = False,
    owner: Owner = None,
    on_conflict: OnConflict = "mask",
    jobs: Jobs = None,
    stagger: Stagger = None,
    timeout: Timeout = SETTLE,
    force: Force = False,
    dry_run: DryRun = False,
) -> Answer:
    """Restart the gateways that run, all at once."""
    request = FleetRequest(
        Verb.RESTART,
        RunOptions(jobs=jobs, rolling=rolling, settle=timeout),
        stagger,
        tuple(owner or ()),
        on_conflict,
        force,
        dry_run,
        start_stopped,
        only_old_code=stale,
    )
    if stale and start_stopped:
        raise UsageProblem(
            "--stale is for gateways that run, --start-stopped for the others: say one of them",
            target="--stale",
            hint="start what is down with `hermes-gateways start`, after `hermes-gateways restart --stale`",
        )
    return _answer(session, request, profiles, excluded, group)


def _answer(
    session: FleetSession,
    request: FleetRequest,
    profiles: list[str] | None,
    excluded: list[str] | None,
    group: str | None,
) -> Answer:
    selection = session.selection(profiles or (), excluded or (), group)
    return run_answer(str(request.verb), run_fleet(session, request, selection))
