"""repair: take copied identities out of the profiles that do not own them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Yes
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.repair import plan_lines, repair_data, repair_question, report_lines
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.repairs.repair import RepairResult, RepairRun, repair_request


@command(
    "repair",
    examples=(
        "hermes-profiles repair --dry-run",
        "hermes-profiles repair work --yes",
        "hermes-profiles repair --owner telegram=work --dry-run",
        "hermes-profiles repair --channel slack --yes --json",
    ),
    manager=True,
)
def repair(
    session: FleetSession,
    profiles: Annotated[
        list[str] | None, typer.Argument(metavar="[PROFILE]...", help="Change only these profiles (default: all).")
    ] = None,
    owner: Annotated[
        list[str] | None,
        typer.Option("--owner", metavar="CHANNEL=PROFILE", help="The profile that keeps a channel or login."),
    ] = None,
    channel: Annotated[
        list[str] | None, typer.Option("--channel", metavar="NAME", help="Only this channel or login (repeatable).")
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Remove copied bots: one profile keeps each bot, account, port and login.

    The other profiles lose their copy. One `undo` restores all.
    """
    warnings = session.recover(dry_run=dry_run)
    asked = repair_request(session, profiles or (), _owners(owner or ()), channel or ())
    done = RepairRun(session, asked).run(dry_run=dry_run, confirm=None if yes else _confirm)
    data = repair_data(done)
    result = Result(("repair",), data, [*warnings, *done.warnings], list(done.errors), done.exit_code)
    return Answer(result, lambda: report_lines(data))


def _owners(given: Sequence[str]) -> list[tuple[str, str]]:
    """Return the (channel, profile) pairs of `--owner`. Raises UsageProblem for one without a profile."""
    pairs = []
    for text in given:
        channel, equals, profile = text.partition("=")
        if not channel or not equals or not profile:
            raise UsageProblem(
                f"{text!r} names no channel and profile", target="--owner", hint="use `--owner telegram=work`"
            )
        pairs.append((channel, profile))
    return pairs


def _confirm(planned: RepairResult) -> bool:
    """Return True when the user agrees to a repair. Raises Refused otherwise."""
    if output.is_interactive():
        for line in plan_lines(repair_data(planned)):
            output.note(line)
    hint = "use `hermes-profiles repair --yes`, or `--dry-run` to see the plan"
    require_yes(repair_question(planned), "yes", yes=False, hint=hint)
    return True
