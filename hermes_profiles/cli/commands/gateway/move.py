"""move: take profiles to another place."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.adopt_copy import adopt_copy
from hermes_profiles.operations.fleet_context import FleetSession


@command("move", examples=("hermes-gateways move family --source-is-dead family",), manager=True)
def move(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(help="Name of the profile.")],
    source_is_dead: Annotated[
        str,
        typer.Option(
            "--source-is-dead",
            metavar="NAME",
            help="The place where the profile lives is gone for good: make the copy here the profile. "
            "Type the name again.",
        ),
    ],
    dry_run: DryRun = False,
) -> Answer:
    """Make a copy the profile, where the place in which it lives is gone for good."""
    done = adopt_copy(session, profile, source_is_dead, dry_run=dry_run)
    data = {
        "profile": done.profile,
        "lost_place": done.place,
        "epoch": done.epoch,
        "awaited": done.is_awaited,
        "dry_run": dry_run,
        "change": done.change.change,
    }

    def text() -> list[str]:
        would = "would be" if dry_run else "is"
        if done.is_awaited:
            then = f"bring it back with `hermes-profiles restore {done.profile}`, or from a backup"
            return [f"{done.profile} {would} awaited here, no longer in {done.place}: {then}"]
        then = f"start it with `hermes-gateways start {done.profile}`"
        return [f"the copy here {would} {done.profile}, with epoch {done.epoch}: {then}"]

    return Answer(Result(("move",), data, list(done.warnings)), text)
