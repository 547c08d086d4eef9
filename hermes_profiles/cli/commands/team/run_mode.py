"""team run-mode: one gateway for all profiles, or one for each; and which it is."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Timeout
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.run_mode import result_answer, status_answer, switch_answer
from hermes_profiles.fleet.protocols import SETTLE
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.multiplex.saved_state import COMMAND, MULTIPLEX, PROCESSES
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.run_mode.run_mode import RunMode


@command(
    *COMMAND,
    examples=(
        "hermes-profiles team run-mode",
        "hermes-profiles team run-mode multiplex --dry-run",
        "hermes-profiles team run-mode multiplex",
        "hermes-profiles team run-mode processes",
        "hermes-profiles team run-mode processes --standalone --dry-run",
    ),
    manager=True,
)
def run_mode(
    session: FleetSession,
    mode: Annotated[
        str | None, typer.Argument(metavar="[multiplex|processes]", help="How profiles run (default: show it).")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Accept the listed consequences.")] = False,
    install: Annotated[
        bool,
        typer.Option("--install", help="When switching back, install and start services for profiles without one."),
    ] = False,
    standalone: Annotated[
        bool,
        typer.Option(
            "--standalone", help="With `processes`: use the temporary exception of a Hermes with one gateway."
        ),
    ] = False,
    timeout: Timeout = SETTLE,
    dry_run: DryRun = False,
) -> Answer:
    """Run one gateway for all profiles (multiplex) or one for each (processes); without MODE, show the run mode.

    The switch changes no user's access. What would change it is refused, with the command that fixes it.
    Switching back restores the same services, settings and files. If the multiplexer does not start, all is reverted.

    Hermes from 0.21.4 serves all profiles with one gateway; `processes` needs `--standalone` there.
    """
    if mode not in (None, MULTIPLEX, PROCESSES):
        raise UsageProblem(
            f"{mode!r} is not a run mode",
            target=mode,
            code="bad-mode",
            hint="use " + " or ".join(f"`hermes-profiles team run-mode {each}`" for each in (MULTIPLEX, PROCESSES)),
        )
    switch = RunMode(session, timeout, yes=yes, install=install, standalone=standalone, dry_run=dry_run)
    if mode is None:
        return status_answer(switch.status())
    if install and mode != PROCESSES:
        raise UsageProblem(
            "`--install` needs `processes`",
            target="--install",
            hint="use `hermes-profiles team run-mode processes --install`",
        )
    if standalone and mode != PROCESSES:
        raise UsageProblem(
            "`--standalone` needs `processes`",
            target="--standalone",
            hint="use `hermes-profiles team run-mode processes --standalone`",
        )
    session.recover(dry_run=dry_run)
    to_mode = switch.to_multiplex if mode == MULTIPLEX else switch.to_processes
    return switch_answer(session, to_mode, result_answer)
