"""team remove: members leave a team, to the trash or as profiles that go on alone; the pool stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun, Yes
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.cli.render.changes import change_data
from hermes_profiles.cli.render.multiplexer import summary_lines
from hermes_profiles.cli.render.plan import dry_run_lines
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.teams.remove_members import RemovedMembers, TeamRemoval, detach_members, remove_members
from hermes_profiles.teams.model import Team


@command(
    "team",
    "remove",
    examples=(
        "hermes-profiles team remove anna --dry-run",
        "hermes-profiles team remove anna --yes",
        "hermes-profiles team remove anna --keep-profile",
        "hermes-profiles team remove --team weixin --all --keep-profile",
    ),
)
def remove(
    session: FleetSession,
    member: Annotated[list[str] | None, typer.Argument(help="Members that leave.")] = None,
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="The team they are in.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All members of --team, and the team itself.")] = False,
    keep_profile: Annotated[
        bool,
        typer.Option("--keep-profile", help="Keep the profile: its shared files become copies."),
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Take members out of a team: stop them, remove their services, move them to the trash. The pool stays untouched.

    `undo` and `restore` bring them back.
    """
    names = member or ()
    if keep_profile:
        return _answer(detach_members(session, names, team, everyone=everyone, dry_run=dry_run))
    confirm = None if yes else _confirm
    done = remove_members(session, names, team, everyone=everyone, dry_run=dry_run, confirm=confirm)
    return _answer(done)


def _confirm(removal: TeamRemoval) -> bool:
    """Return True when the user agrees. Raises Refused otherwise."""
    names = removal.members
    who = f"the profile {names[0]} ({removal.homes[0]})" if len(names) == 1 else f"{len(names)} profiles"
    arguments = " ".join(("--team", removal.team.name, "--all") if removal.dissolve else names)
    require_yes(
        f"move {who} to the trash",
        names[0] if len(names) == 1 else removal.team.name,
        yes=False,
        hint=f"use `hermes-profiles team remove {arguments} --yes`",
    )
    return True


def _answer(done: RemovedMembers) -> Answer:
    team = done.removal.team
    data: dict[str, Any] = {
        "team": team.name,
        "lead": team.lead or None,
        "dissolved": done.removal.dissolve,
        "kept": done.kept_profiles,
        "members": [
            {"profile": each.profile, "trash_id": each.trash_id, "copied": list(each.copied), "gone": list(each.gone)}
            for each in done.left.left
        ],
    }
    data |= done.services | change_data(done.change)

    def text() -> Iterator[str]:
        if done.change.plan is not None and done.change.dry_run:
            yield from dry_run_lines(done.change.plan.summary, data["plan"])
            yield from summary_lines(data, done.errors)
            return
        for row in data["members"]:
            yield _line(team, row)
        if data["dissolved"]:
            lead = f"; {team.lead} is a profile like any other" if team.lead else ""
            yield f"there is no team {team.name} any more{lead}"
        yield from summary_lines(data, done.errors)

    code = ExitCode.FAILED if done.errors else ExitCode.OK
    return Answer(Result(("team", "remove"), data, list(done.warnings), list(done.errors), code), text)


def _line(team: Team, row: dict[str, Any]) -> str:
    name = row["profile"]
    if row["trash_id"] is not None:
        return f"{name} has left {team.name} and is in the trash; `hermes-profiles restore {name}` brings it back"
    copied = f": {', '.join(row['copied'])} are its own now" if row["copied"] else ""
    gone = f"; links that led nowhere are gone: {', '.join(row['gone'])}" if row["gone"] else ""
    return f"{name} has left {team.name}; the profile stays{copied}{gone}"
