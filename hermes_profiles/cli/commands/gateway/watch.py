"""watch: a small service that logs every change of state of the gateways."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import SWITCH_ACTIONS, DryRun, SwitchAction
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.watch_service import watch_answer
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.own_services.watch_service import WatchSwitch

ForceFile = Annotated[bool, typer.Option("--force", help="Write over a file that is not ours or was changed.")]


@command(
    "watch",
    examples=("hermes-gateways watch status", "hermes-gateways watch on", "hermes-gateways watch off"),
    manager=True,
)
def watch(
    session: FleetSession,
    action: SwitchAction = "status",
    force: ForceFile = False,
    dry_run: DryRun = False,
) -> Answer:
    """Watch the gateways: a service of its own logs each change of state for `events` and `history`. Exit 3 of
    `status`: it is on and does not run."""
    if action not in SWITCH_ACTIONS:
        raise UsageProblem(
            f"{action!r} is not an action",
            target=action,
            hint="use `hermes-gateways watch on`, `off` or `status`; `hermes-gateways status --watch` shows it live",
        )
    if force and action != "on":
        raise UsageProblem(
            f"`watch {action}` takes no `--force`", target="--force", hint="use it with `hermes-gateways watch on`"
        )
    switch = WatchSwitch(session, dry_run=dry_run)
    if action == "on":
        return watch_answer(action, switch.on(force=force))
    return watch_answer(action, switch.off() if action == "off" else switch.status())
