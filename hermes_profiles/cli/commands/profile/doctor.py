"""doctor: diagnose the profiles of a root, and fix what can be fixed safely."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Yes
from hermes_profiles.cli.framework.pick import is_user_there
from hermes_profiles.cli.framework.place_option import InPlaces
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.doctor import (
    ReportView,
    check_lines,
    diagnosis_data,
    fix_data,
    fix_preview_lines,
    fix_question,
    report_lines,
)
from hermes_profiles.doctor.registry import CHECKS
from hermes_profiles.doctor.runner import select_checks
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.repairs.doctor import DoctorRun, FixResult

Checks = list[str] | None


@command(
    "doctor",
    examples=(
        "hermes-profiles doctor",
        "hermes-profiles doctor work -v",
        "hermes-profiles doctor --fix --dry-run",
        "hermes-profiles doctor --only conflicts --json",
        "hermes-profiles doctor --place all",
    ),
    manager=True,
    view=("color",),
    places=InPlaces("hermes-profiles", "findings", limit=300.0, alone=("list_them",)),
)
def doctor(
    session: FleetSession,
    profiles: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PROFILE]...", help="Check only these profiles (default: all)."),
    ] = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Fix faults, on a terminal one by one; `undo` reverts it.")
    ] = False,
    only: Annotated[
        Checks, typer.Option("--only", metavar="ID", help="Only this check, or family of checks (repeatable).")
    ] = None,
    skip: Annotated[
        Checks, typer.Option("--skip", metavar="ID", help="Not this check, or family of checks (repeatable).")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 3 also for warnings.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the place of each fault, and what each fix does.")
    ] = False,
    list_them: Annotated[bool, typer.Option("--list", help="List the checks instead.")] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Find faults between profiles: shared bots and ports, readable secrets, broken files and services.

    Exit 3 when errors are found. On a terminal `--fix` goes through the findings, the worst first, and shows what each
    fix writes: answer y, n, all, skip (no more of this kind), explain, or the profile that keeps a shared bot. All
    chosen fixes are one change. With `--yes`, or without a terminal, it fixes only what needs no decision.
    """
    checks = select_checks(CHECKS, only or (), skip or ())
    if list_them:
        rows = [{"id": each.id, "severity": str(each.severity), "title": each.title} for each in checks]
        return Answer(Result(("doctor",), {"checks": rows}), lambda: check_lines(rows))
    doctor_run = DoctorRun(session, checks, profiles or ())
    closing: Iterable[Block] = ()
    if fix:
        if is_user_there() and not (yes or dry_run or session.as_json):
            from .fix_conversation import FixConversation

            talk = FixConversation({each.id: each.title for each in checks}, str(session.layout.root))
            fixed = doctor_run.converse(talk.choose)
            closing = talk.closing_lines(fixed)
        else:
            fixed = doctor_run.fix(dry_run=dry_run, confirm=None if yes else _confirm)
        data = fix_data(fixed, session.home_option)
        code, warnings, errors = fixed.exit_code(strict=strict), fixed.diagnosis.warnings, fixed.errors
    else:
        diagnosis = doctor_run.diagnose()
        data = diagnosis_data(diagnosis, session.home_option)
        code, warnings, errors = diagnosis.exit_code(strict=strict), diagnosis.warnings, ()
    result = Result(("doctor",), data, list(warnings), list(errors), code)
    titles = {each.id: each.title for each in checks}
    choice = [
        word for option, ids in (("--only", only), ("--skip", skip)) for each in ids or () for word in (option, each)
    ]
    view = ReportView(titles, profiles or (), session.home_option, choice, str(session.layout.root), verbose)
    return Answer(result, lambda: [*report_lines(data, view), *closing])


def _confirm(fix: FixResult) -> bool:
    """Return True when the user agrees to a fix. Raises Refused otherwise."""
    if output.is_interactive():
        for line in fix_preview_lines(fix):
            output.note(line)
    hint = "use `hermes-profiles doctor --fix --yes`, or `--dry-run` to see the plan"
    require_yes(fix_question(fix), "yes", yes=False, hint=hint)
    return True
