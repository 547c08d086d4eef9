"""start, stop and restart: many gateways at once, one line for each as it finishes."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import (
    DryRun,
    Force,
    Jobs,
    OnConflict,
    Owner,
    Stagger,
    Targets,
    Timeout,
    Yes,
)
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.outcomes import run_answer
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.run_fleet import FleetRequest, WholeGateway, run_fleet

# A start waits for each gateway; many of them take minutes.
_PLACES = InPlaces("hermes-gateways", "outcomes", limit=1800.0)


class StartOptions(NamedTuple):
    """The options of `start` and `restart`."""

    owner: Owner = None
    on_conflict: OnConflict = "mask"
    jobs: Jobs = None
    stagger: Stagger = None
    timeout: Timeout = SETTLE
    force: Force = False

    def request(self, verb: Verb, *, dry_run: bool, rolling: bool = False) -> FleetRequest:
        """Return the request for the operation."""
        run_options = RunOptions(jobs=self.jobs, rolling=rolling, settle=self.timeout)
        owners = tuple(self.owner or ())
        return FleetRequest(verb, run_options, self.stagger, owners, self.on_conflict, self.force, dry_run)


@command(
    "start",
    examples=(
        "hermes-gateways start",
        "hermes-gateways start work family --owner work",
        "hermes-gateways start --dry-run",
    ),
    manager=True,
    places=_PLACES,
)
def start(
    session: FleetSession,
    targets: Targets,
    options: StartOptions,
    dry_run: DryRun = False,
) -> Answer:
    """Start gateways; one that runs is left alone.

    Where one gateway serves all profiles (Hermes 0.21.4 and later), it serves the profile; a parked one is unparked.
    """
    request = options.request(Verb.START, dry_run=dry_run)
    return _answer(session, request, targets)


@command(
    "stop",
    examples=("hermes-gateways stop", "hermes-gateways stop work", "hermes-gateways stop --except default"),
    manager=True,
    places=_PLACES,
)
def stop(
    session: FleetSession,
    targets: Targets,
    jobs: Jobs = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", min=1, metavar="SECONDS", help="How long a stop may take before the process is killed."
        ),
    ] = None,
    force: Force = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Stop gateways; no manager restarts them, and none counts as failed.

    Where one gateway serves all profiles (Hermes 0.21.4 and later), the stop of a profile parks it: the gateway no
    longer serves it. The stop of the gateway itself asks, when it also serves profiles that were not named.
    """
    request = FleetRequest(Verb.STOP, RunOptions(jobs=jobs, stop=timeout), force=force, dry_run=dry_run)
    request = request._replace(confirm=None if yes else confirm_whole)
    return _answer(session, request, targets)


@command(
    "restart",
    examples=(
        "hermes-gateways restart",
        "hermes-gateways restart --rolling",
        "hermes-gateways restart work",
        "hermes-gateways restart --stale",
    ),
    manager=True,
    places=_PLACES,
)
def restart(
    session: FleetSession,
    targets: Targets,
    options: StartOptions,
    rolling: Annotated[
        bool, typer.Option("--rolling", help="One after the other, each up before the next; a failure ends it.")
    ] = False,
    start_stopped: Annotated[
        bool, typer.Option("--start-stopped", help="Also start stopped ones that are not named.")
    ] = False,
    stale: Annotated[
        bool,
        typer.Option("--stale", help="Only those that run older code than the installed Hermes, as after an update."),
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Restart the running gateways, all in parallel; a named one that is stopped is started.

    Where one gateway serves all profiles (Hermes 0.21.4 and later), it takes a named profile in again. The restart of
    the gateway itself asks, when it also serves profiles that were not named.
    """
    request = options.request(Verb.RESTART, dry_run=dry_run, rolling=rolling)
    confirm = None if yes else confirm_whole
    request = request._replace(start_stopped=start_stopped, only_old_code=stale, confirm=confirm)
    if stale and start_stopped:
        raise UsageProblem(
            "--stale and --start-stopped exclude each other: old code runs in running gateways alone",
            target="--stale",
            hint="run `hermes-gateways restart --stale`, then `hermes-gateways start`",
        )
    if targets.profiles and not stale:
        request = request._replace(start_stopped=True)
    return _answer(session, request, targets)


def _answer(session: FleetSession, request: FleetRequest, targets: Targets) -> Answer:
    return run_answer(str(request.verb), run_fleet(session, request, targets.selected(session)))


def confirm_whole(whole: WholeGateway) -> bool:
    """Return True when the user agrees to act on profiles that were not named. Raises Refused otherwise."""
    verb, server = whole.verb, whole.server
    question = f"the gateway of {server} also serves {', '.join(whole.others)}: {verb} all of them"
    require_yes(question, verb, yes=False, hint=f"use `hermes-gateways {verb} {server} --yes`")
    return True
