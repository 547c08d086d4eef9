"""awake: keep the host awake while gateways run, from the first to the last of them."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.awake.render import CAFFEINATE, LID, WHAT
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import SWITCH_ACTIONS, DryRun, SwitchAction
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.awake import awake_answer
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.own_services.awake import AwakeRun
from hermes_profiles.services.manager import Manager, ManagerKind

Idle = Annotated[bool, typer.Option("--idle/--no-idle", help="macOS: no idle sleep (caffeinate -i); the default.")]
Display = Annotated[bool, typer.Option("--display", help="macOS: also keep the display on (caffeinate -d).")]
Disk = Annotated[bool, typer.Option("--disk", help="macOS: also keep disks awake (caffeinate -m).")]
System = Annotated[bool, typer.Option("--system", help="macOS: no sleep at all on mains power (caffeinate -s).")]


@command(
    "awake",
    examples=(
        "hermes-gateways awake status",
        "hermes-gateways awake on",
        "hermes-gateways awake on --lid",
        "hermes-gateways awake off",
    ),
    manager=True,
)
def awake(
    session: FleetSession,
    action: SwitchAction = "status",
    lid: Annotated[
        bool, typer.Option("--lid", help="Linux: closing the lid does not send it to sleep either.")
    ] = False,
    idle: Idle = True,
    display: Display = False,
    disk: Disk = False,
    system: System = False,
    linger: Annotated[
        bool, typer.Option("--linger", help="Linux: also have this user's services run without a login.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is not ours or was changed.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Keep this machine awake while gateways run: it ends when the last one stops. Exit 3 of `status`: it is on, a
    gateway runs, and nothing is held."""
    given = {"idle": idle, "display": display, "disk": disk, "system": system}
    if action not in SWITCH_ACTIONS:
        raise UsageProblem(
            f"{action!r} is not an action", target=action, hint="use `hermes-gateways awake on`, `off` or `status`"
        )
    switch = AwakeRun(session, dry_run=dry_run)
    if action == "on":
        chosen = _ways(switch.due, given, lid=lid, linger=linger)
        return awake_answer(action, switch.on(chosen, linger=linger, force=force))
    if lid or linger or force or display or disk or system or not idle:
        raise UsageProblem(
            f"`awake {action}` takes no such option", target=action, hint="use it with `hermes-gateways awake on`"
        )
    return awake_answer(action, switch.off() if action == "off" else switch.status())


def _ways(manager: Manager, given: dict[str, bool], *, lid: bool, linger: bool) -> tuple[str, ...]:
    """Return what is to be held, for the manager that is due. Raises UsageProblem for options of another system."""
    changed = [name for name, is_set in given.items() if is_set != (name == "idle")]
    if manager.kind is ManagerKind.LAUNCHD:
        if lid or linger:
            raise UsageProblem(
                f"`--{'lid' if lid else 'linger'}` is for Linux: a Mac whose lid is closed always sleeps, "
                "unless it has power and a display",
                target="--lid",
                hint="leave it out",
            )
        ways = tuple(name for name in CAFFEINATE if given[name])
        if not ways:
            raise UsageProblem("nothing is left to hold", target="--no-idle", hint="use one of --display, --system")
        return ways
    if changed:
        raise UsageProblem(
            f"`--{changed[0]}` is for macOS; here idleness and sleep are held off",
            target=f"--{changed[0]}",
            hint="leave it out",
        )
    return (*WHAT, LID) if lid else WHAT
