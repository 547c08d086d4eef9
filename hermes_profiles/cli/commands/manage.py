"""use, rename, delete, restore, alias, undo: what happens to profiles that are there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.apply import undo as undo_change
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.changes.undo import choose, plan_undo
from hermes_profiles.cli import output
from hermes_profiles.cli.examples import examples
from hermes_profiles.cli.options import DryRun, Home, Json, Yes
from hermes_profiles.cli.session import Answer, Session, require_yes, run
from hermes_profiles.fleet.state import gateway_of
from hermes_profiles.model.names import DEFAULT, check_alias_name, check_existing_name, check_new_name
from hermes_profiles.model.result import Problem, Result
from hermes_profiles.profiles import lifecycle
from hermes_profiles.profiles.alias import find_command, plan_alias, plan_remove_alias
from hermes_profiles.profiles.roots import active_profile, require

Name = Annotated[str, typer.Argument(help="Name of the profile.")]


def carry_out(session: Session, plan: ChangePlan, data: dict[str, Any], *, dry_run: bool) -> list[Problem]:
    """Apply a plan, or put it into `data` as it is; returns warnings about interrupted runs that were tidied up."""
    data["dry_run"] = dry_run
    if dry_run:
        data["plan"] = list(describe(plan))
        return []
    applied = apply(plan, layout=session.layout)
    data["change"] = applied.change_id
    return [Problem("recovered", sentence) for sentence in applied.recovered]


@examples(
    "hermes-profiles use work",
    "hermes-profiles use default",
)
def use(profile: Name, dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Make a profile the sticky default: what plain `hermes` starts from now on."""
    session = Session(home, json)

    def body() -> Answer:
        name = check_existing_name(profile)
        require(session.layout, name)
        before = active_profile(session.layout)
        plan = lifecycle.plan_use(session.layout, name)
        data: dict[str, Any] = {
            "profile": name,
            "before": before,
            "changed": plan is not None,
            "dry_run": dry_run,
        }
        warnings = carry_out(session, plan, data, dry_run=dry_run) if plan is not None else []
        line = (
            f"{name} is the sticky default already"
            if plan is None
            else f"the sticky default is {name} now (it was {before})"
        )
        return Answer(Result(("use",), data, warnings=warnings), lambda: [_would(line, dry_run and plan is not None)])

    run(("use",), session, body)


@examples(
    "hermes-profiles rename work office",
    "hermes-profiles rename work office --dry-run",
)
def rename(
    old: Annotated[str, typer.Argument(help="Name now.")],
    new: Annotated[str, typer.Argument(help="Name to be.")],
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Rename a profile; its alias and the sticky default follow."""
    session = Session(home, json)

    def body() -> Answer:
        source, target = check_existing_name(old), check_new_name(new)
        lifecycle.refuse_default(source, "rename")
        source_home = require(session.layout, source)
        lifecycle.refuse_running(source, gateway_of(source_home, platform=session.layout.platform).pid, "rename")
        hermes = find_command("hermes", session.environment)
        plan, no_alias = lifecycle.plan_rename(
            session.layout, source, target, environment=session.environment, hermes=hermes
        )
        data: dict[str, Any] = {"profile": target, "before": source, "path": str(session.layout.home(target))}
        warnings = carry_out(session, plan, data, dry_run=dry_run)
        if no_alias is not None:
            warnings.append(
                Problem(
                    "no-alias",
                    f"no alias made: {no_alias}",
                    target,
                    f"`hermes-profiles alias {target} --name OTHER` makes one",
                )
            )
        warnings += leftover_warnings(session, source)
        return Answer(
            Result(("rename",), data, warnings=warnings),
            lambda: [_would(f"{source} is {target} now", dry_run)],
        )

    run(("rename",), session, body)


def leftover_warnings(session: Session, name: str) -> list[Problem]:
    """Return a warning for each service file that would start a profile that is not there any more."""
    warnings = []
    for path in lifecycle.leftover_services(session.layout, name):
        if path.suffix == ".plist":
            command = f"launchctl bootout gui/$(id -u)/{path.stem}; rm {path}"
        else:
            scope = "--user " if "/.config/" in str(path) else ""
            command = f"systemctl {scope}disable --now {path.name} && rm {path}"
        warnings.append(
            Problem(
                "service-left",
                f"the service of {name} is still installed: {path}",
                name,
                f"remove it with `{command}`",
            )
        )
    return warnings


@examples(
    "hermes-profiles delete work",
    "hermes-profiles delete work --yes",
    "hermes-profiles delete work --dry-run",
)
def delete(profile: Name, yes: Yes = False, dry_run: DryRun = False, home: Home = None, json: Json = False) -> None:
    """Move a profile to the trash. `restore` and `undo` bring it back whole."""
    session = Session(home, json)

    def body() -> Answer:
        name = check_existing_name(profile)
        lifecycle.refuse_default(name, "delete")
        target = require(session.layout, name)
        lifecycle.refuse_running(name, gateway_of(target, platform=session.layout.platform).pid, "delete")
        if not dry_run:
            require_yes(
                f"move the profile {name} ({target}) to the trash", name, yes=yes,
                hint=f"say `hermes-profiles delete {name} --yes`",
            )  # fmt: skip
        now = utc_now()
        trash_id = Journal(session.layout.state).fresh_id(now)
        plan = lifecycle.plan_delete(session.layout, name, trash_id=trash_id, deleted_at=iso(now))
        data: dict[str, Any] = {"profile": name, "path": str(target), "trash_id": f"{trash_id}-{name}"}
        sticky = active_profile(session.layout) == name
        warnings = carry_out(session, plan, data, dry_run=dry_run)
        warnings += leftover_warnings(session, name)
        if sticky:
            warnings.append(Problem("sticky-reset", f"{name} was the sticky default; that is {DEFAULT} now", name))
        lines = [_would(f"{name} is in the trash; `hermes-profiles restore {name}` brings it back", dry_run)]
        return Answer(Result(("delete",), data, warnings=warnings), lambda: lines)

    run(("delete",), session, body)


@examples(
    "hermes-profiles restore work",
    "hermes-profiles restore work --as work-2",
)
def restore(
    profile: Annotated[str, typer.Argument(help="Name of the deleted profile, or the id of its trash entry.")],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Bring it back under this name.")] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring a deleted profile back from the trash."""
    session = Session(home, json)

    def body() -> Answer:
        entry = lifecycle.choose_from_trash(trash_entries(session.layout), profile)
        target = check_new_name(name or entry.name)
        hermes = find_command("hermes", session.environment)
        plan, no_alias = lifecycle.plan_restore(
            session.layout, entry, target, environment=session.environment, hermes=hermes
        )
        data: dict[str, Any] = {
            "profile": target,
            "path": str(session.layout.home(target)),
            "trash_id": entry.id,
        }
        warnings = carry_out(session, plan, data, dry_run=dry_run)
        if no_alias is not None:
            warnings.append(Problem("no-alias", f"no alias made: {no_alias}", target))
        return Answer(
            Result(("restore",), data, warnings=warnings),
            lambda: [_would(f"{target} is back at {data['path']}", dry_run)],
        )

    run(("restore",), session, body)


@examples(
    "hermes-profiles alias work",
    "hermes-profiles alias work --name w",
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
        if not remove:
            require(layout, target)
        wanted = check_alias_name(name) if name else None
        plan: ChangePlan | None
        if remove:
            plan = plan_remove_alias(layout, target, wanted)
            line = f"the alias of {target} is gone"
        else:
            chosen = wanted or check_alias_name(target)
            hermes = find_command("hermes", session.environment)
            plan = plan_alias(layout, target, chosen, environment=session.environment, hermes=hermes)
            line = f"`{chosen}` starts {target}"
        data: dict[str, Any] = {
            "profile": target,
            "alias": wanted or target,
            "removed": remove,
            "changed": plan is not None,
            "dry_run": dry_run,
        }
        warnings = carry_out(session, plan, data, dry_run=dry_run) if plan is not None else []
        if not remove and str(layout.alias_folder) not in session.environment.get("PATH", "").split(":"):
            warnings.append(Problem(
                "not-on-path", f"{layout.alias_folder} is not on PATH", str(layout.alias_folder),
                'add it with `export PATH="$HOME/.local/bin:$PATH"` in your shell\'s start file',
            ))  # fmt: skip
        return Answer(Result(("alias",), data, warnings=warnings), lambda: [_would(line, dry_run)])

    run(("alias",), session, body)


@examples(
    "hermes-profiles undo --list",
    "hermes-profiles undo --dry-run",
    "hermes-profiles undo",
)
def undo(
    change: Annotated[str | None, typer.Argument(help="Id of the change; the newest without one.")] = None,
    list_them: Annotated[bool, typer.Option("--list", help="List the changes instead.")] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Take back the last change, or the one named. An undo can be undone."""
    session = Session(home, json)

    def body() -> Answer:
        return _changes(session) if list_them else _undo(session, change, dry_run=dry_run)

    run(("undo",), session, body)


def _undo(session: Session, change: str | None, *, dry_run: bool) -> Answer:
    layout = session.layout
    entry = choose(Journal(layout.state), change)
    data: dict[str, Any] = {"undone": entry.id, "summary": entry.summary, "dry_run": dry_run}
    warnings = []
    if dry_run:
        data["plan"] = list(describe(plan_undo(entry, layout)))
    else:
        applied = undo_change(layout, entry.id)
        data["change"] = applied.change_id
        warnings = [Problem("recovered", sentence) for sentence in applied.recovered]
    return Answer(Result(("undo",), data, warnings=warnings), lambda: [_would(f"undone: {entry.summary}", dry_run)])


def _changes(session: Session) -> Answer:
    entries, problems = Journal(session.layout.state).read()
    rows = [
        {
            "id": entry.id, "summary": entry.summary, "command": list(entry.command), "started": entry.started,
            "status": str(entry.status), "undo_of": entry.undo_of,
        }
        for entry in entries
    ]  # fmt: skip
    cells = [(entry.id, entry.started, str(entry.status), entry.summary) for entry in entries]

    def text() -> list[str]:
        return output.table(("id", "when", "status", "change"), cells) if cells else ["no changes yet"]

    return Answer(Result(("undo",), {"changes": rows}, warnings=list(problems)), text)


def _would(line: str, dry_run: bool) -> str:
    return f"dry run, nothing changed: {line}" if dry_run else line
