"""use, rename, delete, restore, alias, undo: what happens to profiles that are there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import undo as undo_change
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.filesystem import taken
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, MoveTree, describe
from hermes_profiles.changes.trash import TrashEntry, trash_entries
from hermes_profiles.changes.undo_plan import plan_undo, select_change
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json, Yes
from hermes_profiles.cli.framework.run import Answer, require_yes, run
from hermes_profiles.cli.render.clone import dry_run_lines, no_alias_warning
from hermes_profiles.model.errors import ExitCode, Problem, Result
from hermes_profiles.model.names import DEFAULT, check_alias_name, check_existing_name, check_new_name
from hermes_profiles.multiplex.saved_state import is_mode_switch, note_renamed
from hermes_profiles.operations import team_warnings
from hermes_profiles.operations.apply import carry_out
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.multiplexer import summary_lines, unserved_warning
from hermes_profiles.operations.profile_services import ProfileRemoval, ProfileRename
from hermes_profiles.operations.undo import ServiceUndo
from hermes_profiles.profiles import lifecycle
from hermes_profiles.profiles.alias import find_command, foreign_scripts, plan_alias, plan_remove_alias
from hermes_profiles.profiles.listing import active_profile, require
from hermes_profiles.teams.links import follower_steps, relink_restored

Name = Annotated[str, typer.Argument(help="Name of the profile.")]


def answer(
    command: str,
    plan: ChangePlan | None,
    data: dict[str, Any],
    warnings: list[Problem],
    line: str,
    errors: Sequence[Problem] = (),
) -> Answer:
    """Return the answer of a command that changed something, or would have: `line` says what, in one sentence;
    `errors`: what did not follow the change, which stands."""

    def text() -> list[str]:
        lines = dry_run_lines(plan.summary, data["plan"]) if plan is not None and "plan" in data else (line,)
        return [*lines, *summary_lines(data, errors)]

    code = ExitCode.FAILED if errors else ExitCode.OK
    return Answer(Result((command,), data, list(dict.fromkeys(warnings)), list(errors), code), text)


@examples(
    "hermes-profiles use work",
    "hermes-profiles use default",
)
def use(profile: Name, dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Make a profile the sticky default: what plain `hermes` starts from now on."""
    session = Session(home, json)

    def body() -> Answer:
        name = check_existing_name(profile)
        warnings = session.recover(dry_run=dry_run)
        require(session.layout, name)
        before = active_profile(session.layout)
        plan = lifecycle.plan_use(session.layout, name)
        data: dict[str, Any] = {
            "profile": name,
            "before": before,
            "changed": plan is not None,
            "dry_run": dry_run,
        }
        if plan is not None:
            carry_out(session, plan, data, dry_run=dry_run)
        line = (
            f"{name} is the sticky default already"
            if plan is None
            else f"the sticky default is {name} now (it was {before})"
        )
        return answer("use", plan, data, warnings, line)

    run(("use",), session, body)


@examples(
    "hermes-profiles rename work office",
    "hermes-profiles rename work office --dry-run",
)
def rename(
    old: Annotated[str, typer.Argument(help="Its name now.")],
    new: Annotated[str, typer.Argument(help="Its new name.")],
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Rename a profile; its alias, its service and the sticky default follow. A running gateway is restarted."""
    session = FleetSession(home, json)

    def body() -> Answer:
        source, target = check_existing_name(old), check_new_name(new)
        lifecycle.refuse_default(source, "rename")
        warnings = session.recover(dry_run=dry_run)
        source_home = require(session.layout, source)
        if os.path.lexists(session.layout.home(target)):
            raise taken(str(session.layout.home(target)))  # before its gateway is stopped
        going = ProfileRename(session, source, target, source_home)
        relinked = follower_steps(session.layout, source, target)
        links = [step for _, steps in relinked for step in steps]
        plan, no_alias = lifecycle.plan_rename(
            session.layout, source, target, environment=session.environment, links=links
        )
        data: dict[str, Any] = {
            "profile": target,
            "before": source,
            "path": str(session.layout.home(target)),
            "followers": [name for name, _ in relinked],
        }
        warnings += script_warnings(session, source)
        if no_alias is not None:
            warnings.append(no_alias_warning(no_alias, target))
        data |= going.data
        with going.down(dry_run=dry_run):
            plan = going.with_services(plan)
            carry_out(session, plan, data, dry_run=dry_run)
        if not dry_run:
            note_renamed(session.layout, {source: target})
        warnings += going.finish(dry_run=dry_run)
        follow = f"; links of {team_warnings.named(data['followers'])} follow" if data["followers"] else ""
        line = f"{source} is {target} now, at {data['path']}{follow}"
        return answer("rename", plan, data, warnings, line, going.errors)

    run(("rename",), session, body)


def script_warnings(session: Session, name: str) -> list[Problem]:
    """Return a warning for each script of the user's own that would start a profile that is not there any more."""
    return [
        Problem(
            "script-left",
            f"{path} starts {name} and is left alone: it is not in the form of an alias",
            name,
            f"look at it with `cat {path}`",
        )
        for path in foreign_scripts(session.layout, name)
    ]


@examples(
    "hermes-profiles delete work",
    "hermes-profiles delete work --yes",
    "hermes-profiles delete work --dry-run",
)
def delete(profile: Name, yes: Yes = False, dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Stop a profile's gateway, remove its service and move it to the trash. `restore` and `undo` bring it back."""
    session = FleetSession(home, json)

    def body() -> Answer:
        name = check_existing_name(profile)
        lifecycle.refuse_default(name, "delete")
        warnings = session.recover(dry_run=dry_run)
        target = require(session.layout, name)
        team_warnings.check_may_go(session.layout, name)
        team = team_warnings.membership_of(session.layout, name)
        going = ProfileRemoval(session, "delete", name)
        if not dry_run:
            require_yes(
                f"move the profile {name} ({target}) to the trash",
                name,
                yes=yes,
                hint=f"say `hermes-profiles delete {name} --yes`",
            )
        now = utc_now()
        trash_id = lifecycle.unused_trash_id(trash_entries(session.layout), Journal(session.layout.state).fresh_id(now))
        plan = lifecycle.plan_delete(session.layout, name, trash_id=trash_id, deleted_at=iso(now))
        data: dict[str, Any] = {
            "profile": name,
            "path": str(target),
            "trash_id": f"{trash_id}-{name}",
            "team": team.name if team is not None else None,
        }
        sticky = active_profile(session.layout) == name
        warnings += script_warnings(session, name)
        if sticky:
            warnings.append(Problem("sticky-reset", f"{name} is the sticky default; {DEFAULT} takes its place", name))
        data |= going.data
        with going.down(dry_run=dry_run):
            plan = going.with_services(plan)
            carry_out(session, plan, data, dry_run=dry_run)
        warnings += going.finish(dry_run=dry_run)
        left = f"has left the team {team.name} and " if team is not None else ""
        line = f"{name} {left}is in the trash; `hermes-profiles restore {name}` brings it back"
        return answer("delete", plan, data, warnings, line, going.errors)

    run(("delete",), session, body)


@examples(
    "hermes-profiles restore work",
    "hermes-profiles restore work --as work-2",
)
def restore(
    profile: Annotated[str, typer.Argument(help="Name of the deleted profile, or the id of a trash entry.")],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Bring it back under this name.")] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring a deleted profile back from the trash, or put files back into theirs (by the id of their entry)."""
    session = FleetSession(home, json)

    def body() -> Answer:
        warnings = session.recover(dry_run=dry_run)
        entry = lifecycle.choose_from_trash(trash_entries(session.layout), profile)
        if entry.kind == "files":
            return _restore_files(session, entry, name or entry.name, warnings, dry_run=dry_run)
        target = check_new_name(entry.name if name is None else name)
        hermes = find_command("hermes", session.environment)
        plan, no_alias = lifecycle.plan_restore(
            session.layout,
            entry,
            target,
            environment=session.environment,
            hermes=hermes,
            links=relink_restored(session.layout, entry.home, target),
        )
        data: dict[str, Any] = {
            "profile": target,
            "path": str(session.layout.home(target)),
            "trash_id": entry.id,
            "kind": entry.kind,
        }
        if no_alias is not None:
            warnings.append(no_alias_warning(no_alias, target))
        carry_out(session, plan, data, dry_run=dry_run)
        if not dry_run:
            warnings += team_warnings.back_warnings(session.layout, target)
            warnings += unserved_warning(session, target)
        return answer("restore", plan, data, warnings, f"{target} is back at {data['path']}")

    run(("restore",), session, body)


def _restore_files(session: Session, entry: TrashEntry, name: str, warnings: list[Problem], *, dry_run: bool) -> Answer:
    target = check_existing_name(name)
    plan = lifecycle.plan_restore_files(session.layout, entry, target)
    home = session.layout.home(target)
    paths = [str(step.target.relative_to(home)) for step in plan.steps if isinstance(step, MoveTree)]
    data: dict[str, Any] = {
        "profile": target,
        "path": str(home),
        "trash_id": entry.id,
        "kind": entry.kind,
        "restored": paths,
    }
    carry_out(session, plan, data, dry_run=dry_run)
    return answer("restore", plan, data, warnings, f"back in {home}: {', '.join(paths)}")


@examples(
    "hermes-profiles alias work",
    "hermes-profiles alias work --name office",
    "hermes-profiles alias work --remove",
)
def alias(
    profile: Name,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="ALIAS", help="Name of the command (default: the profile's)."),
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the alias instead.")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Make or remove the command that starts a profile, in ~/.local/bin."""
    session = Session(home, json)

    def body() -> Answer:
        layout, target = session.layout, check_existing_name(profile)
        warnings = session.recover(dry_run=dry_run)
        if not remove:
            require(layout, target)
        wanted = check_alias_name(name) if name is not None else None
        plan: ChangePlan | None
        if remove:
            plan = plan_remove_alias(layout, target, wanted)
            line = f"{target} has no alias {wanted} any more" if wanted else f"{target} has no alias any more"
        else:
            chosen = wanted or check_alias_name(target)
            hermes = find_command("hermes", session.environment)
            plan = plan_alias(layout, target, chosen, environment=session.environment, hermes=hermes)
            line = f"`{chosen}` starts {target}{'' if plan is not None else ' already'}"
        data: dict[str, Any] = {
            "profile": target,
            "alias": wanted or target,
            "removed": remove,
            "changed": plan is not None,
            "dry_run": dry_run,
        }
        if plan is not None:
            carry_out(session, plan, data, dry_run=dry_run)
        if not remove and str(layout.alias_folder) not in session.environment.get("PATH", "").split(":"):
            warnings.append(
                Problem(
                    "not-on-path",
                    f"{layout.alias_folder} is not on PATH",
                    str(layout.alias_folder),
                    'add it with `export PATH="$HOME/.local/bin:$PATH"` in your shell\'s start file',
                )
            )
        return answer("alias", plan, data, warnings, line)

    run(("alias",), session, body)


@examples(
    "hermes-profiles undo --list",
    "hermes-profiles undo --dry-run",
    "hermes-profiles undo",
)
def undo(
    change: Annotated[str | None, typer.Argument(help="Id of the change (default: the newest).")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the changes instead.")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Take back the last change, or the one named; services follow. An undo can be undone."""
    session = FleetSession(home, json)

    def body() -> Answer:
        return _changes(session) if list_them else _undo(session, change, dry_run=dry_run)

    run(("undo",), session, body)


def _undo(session: FleetSession, change: str | None, *, dry_run: bool) -> Answer:
    layout = session.layout
    warnings = session.recover(dry_run=dry_run)
    entry = select_change(Journal(layout.state), change)
    if is_mode_switch(Journal(layout.state), entry):  # the gateways are as much of it as the files
        from hermes_profiles.cli.commands.team.run_mode import undo_switch

        return undo_switch(session, entry, dry_run=dry_run)
    data: dict[str, Any] = {"undone": entry.id, "summary": entry.summary, "dry_run": dry_run}
    plan = plan_undo(entry, layout)
    undoing = ServiceUndo(session, plan, entry.profiles)
    data |= undoing.data
    if dry_run:
        data["plan"] = list(describe(plan))
    else:
        with undoing.down():
            data["change"] = undo_change(layout, entry.id).change_id
        warnings += undoing.finish()
    line = f"undone: {entry.summary}; to have it again: `hermes-profiles undo {data.get('change', '')}`"
    return answer("undo", plan, data, warnings, line, undoing.errors)


def _changes(session: Session) -> Answer:
    entries, problems = Journal(session.layout.state).read()
    rows = [
        {
            "id": entry.id,
            "summary": entry.summary,
            "command": list(entry.command),
            "started": entry.started,
            "status": str(entry.status),
            "undo_of": entry.undo_of,
        }
        for entry in entries
    ]
    cells = [(entry.id, entry.started, str(entry.status), entry.summary) for entry in entries]

    def text() -> list[str]:
        return output.table(("id", "when", "status", "change"), cells) if cells else ["no changes yet"]

    return Answer(Result(("undo",), {"changes": rows}, warnings=list(problems)), text)
