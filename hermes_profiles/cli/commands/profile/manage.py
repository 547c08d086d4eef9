"""use, rename, delete, restore, alias, undo: what happens to profiles that are there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from hermes_profiles.changes.journal import Status
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Yes
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.changes import change_data
from hermes_profiles.cli.render.multiplexer import summary_lines
from hermes_profiles.cli.render.plan import dry_run_lines
from hermes_profiles.cli.render.run_mode import result_answer, switch_answer
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.profiles import team_warnings
from hermes_profiles.operations.profiles.change_profile import (
    ProfileChange,
    change_alias,
    delete_profile,
    rename_profile,
    restore_profile,
    use_profile,
)
from hermes_profiles.operations.run_mode.run_mode_result import RunModeResult
from hermes_profiles.operations.undo import UndoResult, list_changes, undo_change

Name = Annotated[str, typer.Argument(help="Name of the profile.")]


def _answer(command: str, done: ProfileChange, data: dict[str, Any], line: str) -> Answer:
    """Return the answer of a command that changed a profile; `line`: what it did, in one sentence."""

    def text() -> list[str]:
        plan = done.change.plan
        is_dry = plan is not None and done.change.dry_run
        lines = dry_run_lines(plan.summary, data["plan"]) if plan is not None and is_dry else (line,)
        return [*lines, *summary_lines(data, done.errors)]

    code = ExitCode.FAILED if done.errors else ExitCode.OK
    return Answer(Result((command,), data, list(done.warnings), list(done.errors), code), text)


@command("use", examples=("hermes-profiles use work", "hermes-profiles use default"))
def use(
    session: Session,
    profile: Name,
    dry_run: DryRun = False,
) -> Answer:
    """Make a profile the sticky default: what plain `hermes` starts from now on."""
    done = use_profile(session, profile, dry_run=dry_run)
    data: dict[str, Any] = {"profile": done.profile, "before": done.before} | change_data(done.change)
    line = (
        f"the sticky default is {done.profile} now (it was {done.before})"
        if done.change.changed
        else f"{done.profile} is the sticky default already"
    )
    return _answer("use", done, data, line)


@command("rename", examples=("hermes-profiles rename work office", "hermes-profiles rename work office --dry-run"))
def rename(
    session: FleetSession,
    old: Annotated[str, typer.Argument(help="Its name now.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    dry_run: DryRun = False,
) -> Answer:
    """Rename a profile; its alias, its service and the sticky default follow. A running gateway is restarted."""
    done = rename_profile(session, old, new, dry_run=dry_run)
    data: dict[str, Any] = {
        "profile": done.profile,
        "before": done.before,
        "path": str(done.home),
        "followers": list(done.followers),
    }
    data |= done.services | change_data(done.change)
    follow = f"; links of {team_warnings.named(done.followers)} follow" if done.followers else ""
    return _answer("rename", done, data, f"{done.before} is {done.profile} now, at {done.home}{follow}")


@command(
    "delete",
    examples=(
        "hermes-profiles delete work",
        "hermes-profiles delete work --yes",
        "hermes-profiles delete work --dry-run",
    ),
)
def delete(
    session: FleetSession,
    profile: Name,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Stop a profile's gateway, remove its service and move it to the trash. `restore` and `undo` bring it back."""
    done = delete_profile(session, profile, dry_run=dry_run, confirm=None if yes else _confirm_delete)
    data: dict[str, Any] = {
        "profile": done.profile,
        "path": str(done.home),
        "trash_id": done.trash_id,
        "team": done.team,
    }
    data |= done.services | change_data(done.change)
    left = f"has left the team {done.team} and " if done.team is not None else ""
    line = f"{done.profile} {left}is in the trash; `hermes-profiles restore {done.profile}` brings it back"
    return _answer("delete", done, data, line)


@command("restore", examples=("hermes-profiles restore work", "hermes-profiles restore work --as work-2"))
def restore(
    session: FleetSession,
    profile: Annotated[str, typer.Argument(help="Name of the deleted profile, or the id of a trash entry.")],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Bring it back under this name.")] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Bring a deleted profile back from the trash, or put files back into theirs (by the id of their entry)."""
    done = restore_profile(session, profile, name, dry_run=dry_run)
    data: dict[str, Any] = {
        "profile": done.profile,
        "path": str(done.home),
        "trash_id": done.trash_id,
        "kind": done.kind,
    }
    if done.kind == "files":
        data["restored"] = list(done.restored)
        line = f"back in {done.home}: {', '.join(done.restored)}"
    else:
        line = f"{done.profile} is back at {done.home}"
    return _answer("restore", done, data | change_data(done.change), line)


def _confirm_delete(name: str, home: Path) -> bool:
    """Return True when the user agrees. Raises Refused otherwise."""
    hint = f"use `hermes-profiles delete {name} --yes`"
    require_yes(f"move the profile {name} ({home}) to the trash", name, yes=False, hint=hint)
    return True


@command(
    "alias",
    examples=(
        "hermes-profiles alias work",
        "hermes-profiles alias work --name office",
        "hermes-profiles alias work --remove",
    ),
)
def alias(
    session: Session,
    profile: Name,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="ALIAS", help="Name of the command (default: the profile's)."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias instead.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Make or remove the command that starts a profile, in ~/.local/bin."""
    done = change_alias(session, profile, name, remove=remove, dry_run=dry_run)
    data: dict[str, Any] = {"profile": done.profile, "alias": done.alias, "removed": remove}
    data |= change_data(done.change)
    if remove:
        line = f"{done.profile} has no alias {name} any more" if name else f"{done.profile} has no alias any more"
    else:
        line = f"`{done.alias}` starts {done.profile}{'' if done.change.changed else ' already'}"
    return _answer("alias", done, data, line)


@command("undo", examples=("hermes-profiles undo --list", "hermes-profiles undo --dry-run", "hermes-profiles undo"))
def undo(
    session: FleetSession,
    change: Annotated[str | None, typer.Argument(help="Id of the change (default: the newest).")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the changes instead.")] = False,
    dry_run: DryRun = False,
) -> Answer:
    """Take back the last change, or the one named; services follow. An undo can be undone."""
    if list_them:
        return _changes(session)
    return switch_answer(session, lambda: undo_change(session, change, dry_run=dry_run), _undo_answer)


def _undo_answer(done: UndoResult | RunModeResult) -> Answer:
    if isinstance(done, RunModeResult):
        return result_answer(done)
    dry_run = done.change.dry_run
    data: dict[str, Any] = {"undone": done.entry.id, "summary": done.entry.summary, "dry_run": dry_run}
    data |= done.services | change_data(done.change)
    del data["changed"]
    summary = done.entry.summary

    def text() -> list[str]:
        plan = done.change.plan
        started = data.get("gateways_started", ())
        again = f"; started again: {', '.join(started)}" if started and not done.errors else ""
        line = f"undone: {summary}{again}; to redo it: `hermes-profiles undo {done.change.change}`"
        lines = dry_run_lines(plan.summary, data["plan"]) if plan is not None and dry_run else (line,)
        return [*lines, *summary_lines(data, done.errors)]

    code = ExitCode.FAILED if done.errors else ExitCode.OK
    return Answer(Result(("undo",), data, list(done.warnings), list(done.errors), code), text)


def _changes(session: Session) -> Answer:
    found = list_changes(session)
    rows: list[dict[str, Any]] = [
        {
            "id": entry.id,
            "summary": entry.summary,
            "command": list(entry.command),
            "started": entry.started,
            "status": str(entry.status),
            "undo_of": entry.undo_of,
            "undoable": entry.status is Status.DONE and entry.id not in found.obstacles,
            "reason": found.obstacles[entry.id].message if entry.id in found.obstacles else None,
        }
        for entry in found.entries
    ]
    cells = [(row["id"], row["started"], row["status"], _undo_words(row), row["summary"]) for row in rows]

    def text() -> list[Block]:
        return output.table(("id", "when", "status", "undo", "change"), cells) if cells else ["no changes yet"]

    return Answer(Result(("undo",), {"changes": rows}, warnings=list(found.warnings)), text)


def _undo_words(row: dict[str, Any]) -> str:
    """Return what an undo of this change would do: `yes`, or why not."""
    if row["undoable"]:
        return "yes"
    reason = (row["reason"] or "").partition(", so ")[0]
    return f"no: {reason}" if reason else "-"
