"""team remove: members leave a team, to the trash or as profiles that go on alone; the pool stays as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.cli.commands.profile.manage import script_warnings
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json, Yes
from hermes_profiles.cli.framework.run import Answer, require_yes, run
from hermes_profiles.cli.render.clone import dry_run_lines
from hermes_profiles.model.errors import ExitCode, Problem, Result, UsageProblem
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.operations.apply import carry_out
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.multiplexer import summary_lines
from hermes_profiles.operations.profile_services import ProfileRemoval
from hermes_profiles.operations.team_warnings import check_may_go
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import active_profile, require
from hermes_profiles.teams.model import Team, check_team_name, read_teams
from hermes_profiles.teams.remove import RemovalPlan, plan_keep_members, plan_trash_members, require_members


@examples(
    "hermes-profiles team remove anna --dry-run",
    "hermes-profiles team remove anna --yes",
    "hermes-profiles team remove anna --keep-profile",
    "hermes-profiles team remove --team weixin --all --keep-profile",
)
def remove(
    member: Annotated[list[str] | None, typer.Argument(help="Members that leave.")] = None,
    team: Annotated[str | None, typer.Option("--team", metavar="NAME", help="The team they are in.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All members of --team, and the team itself.")] = False,
    keep_profile: Annotated[
        bool,
        typer.Option("--keep-profile", help="Keep the profile: what it shared becomes copies, and it goes on alone."),
    ] = False,
    yes: Yes = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Take members out of a team: stop them, remove their services, move them to the trash. The pool stays untouched.

    `undo` and `restore` bring them back.
    """
    session = FleetSession(home, json)

    def body() -> Answer:
        warnings = session.recover(dry_run=dry_run)
        found, names = _chosen(session, member or (), team, everyone=everyone)
        if keep_profile:
            return _keep(session, found, names, warnings, dissolve=everyone, dry_run=dry_run)
        return _trash(session, found, names, warnings, dissolve=everyone, yes=yes, dry_run=dry_run)

    run(("team", "remove"), session, body)


def _chosen(
    session: FleetSession, given: list[str] | tuple[()], team: str | None, *, everyone: bool
) -> tuple[Team, tuple[str, ...]]:
    """Return the team and those of its members that leave. Raises what refuses them."""
    named = check_team_name(team) if team is not None else None
    if everyone and (given or named is None):
        raise UsageProblem(
            "--all needs --team NAME, and no members beside it"
            if named is None
            else "--all and members exclude each other",
            target="--all",
            hint="say `hermes-profiles team remove --team NAME --all`",
        )
    if not everyone and not given:
        raise UsageProblem(
            "no member was named", target="MEMBER", hint="see who is in which team with `hermes-profiles team list`"
        )
    names = [check_existing_name(name) for name in given]
    teams = read_teams(session.layout)
    if everyone:
        chosen = teams.require(named or "")
        return chosen, chosen.members
    for name in names:
        require(session.layout, name)
    return require_members(teams, names, named)


def _trash(
    session: FleetSession,
    team: Team,
    names: tuple[str, ...],
    warnings: list[Problem],
    *,
    dissolve: bool,
    yes: bool,
    dry_run: bool,
) -> Answer:
    layout = session.layout
    for name in names:  # a member may lead a team of its own
        check_may_go(layout, name)
    going = ProfileRemoval(session, "remove", *names)
    if not dry_run:
        who = f"the profile {names[0]} ({layout.home(names[0])})" if len(names) == 1 else f"{len(names)} profiles"
        words = " ".join(("--team", team.name, "--all") if dissolve else names)
        require_yes(
            f"move {who} to the trash",
            names[0] if len(names) == 1 else team.name,
            yes=yes or not names,
            hint=f"say `hermes-profiles team remove {words} --yes`",
        )
    now = utc_now()
    trash_id = unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
    found = plan_trash_members(layout, team, names, dissolve=dissolve, trash_id=trash_id, deleted_at=iso(now))
    for name in names:
        warnings += script_warnings(session, name)
        if active_profile(layout) == name:
            warnings.append(Problem("sticky-reset", f"{name} is the sticky default; {DEFAULT} takes its place", name))
    data = _data(team, found, dissolve=dissolve, kept=False) | going.data
    plan = found.plan
    with going.down(dry_run=dry_run):
        plan = going.with_services(plan) if plan is not None else None
        carry_out(session, plan, data, dry_run=dry_run)
    warnings += going.finish(dry_run=dry_run)
    summary = plan.summary if plan is not None else ""
    return _answer(team, data, warnings, going.errors, summary)


def _keep(
    session: FleetSession,
    team: Team,
    names: tuple[str, ...],
    warnings: list[Problem],
    *,
    dissolve: bool,
    dry_run: bool,
) -> Answer:
    found = plan_keep_members(session.layout, team, names, session.catalog, dissolve=dissolve)
    data = _data(team, found, dissolve=dissolve, kept=True)
    carry_out(session, found.plan, data, dry_run=dry_run)
    summary = found.plan.summary if found.plan is not None else ""
    return _answer(team, data, [*warnings, *found.warnings, *session.problems], [], summary)


def _data(team: Team, found: RemovalPlan, *, dissolve: bool, kept: bool) -> dict[str, Any]:
    return {
        "team": team.name,
        "lead": team.lead or None,
        "dissolved": dissolve,
        "kept": kept,
        "members": [
            {"profile": each.profile, "trash_id": each.trash_id, "copied": list(each.copied), "gone": list(each.gone)}
            for each in found.left
        ],
    }


def _answer(team: Team, data: dict[str, Any], warnings: list[Problem], errors: list[Problem], summary: str) -> Answer:
    def text() -> Iterator[str]:
        if "plan" in data:
            yield from dry_run_lines(summary, data["plan"])
            yield from summary_lines(data, errors)
            return
        for row in data["members"]:
            yield _line(team, row)
        if data["dissolved"]:
            lead = f"; {team.lead} is a profile like any other" if team.lead else ""
            yield f"there is no team {team.name} any more{lead}"
        yield from summary_lines(data, errors)

    code = ExitCode.FAILED if errors else ExitCode.OK
    return Answer(Result(("team", "remove"), data, list(dict.fromkeys(warnings)), list(errors), code), text)


def _line(team: Team, row: dict[str, Any]) -> str:
    name = row["profile"]
    if row["trash_id"] is not None:
        return f"{name} has left {team.name} and is in the trash; `hermes-profiles restore {name}` brings it back"
    copied = f": {', '.join(row['copied'])} are its own now" if row["copied"] else ""
    gone = f"; links that led nowhere are gone: {', '.join(row['gone'])}" if row["gone"] else ""
    return f"{name} has left {team.name} and goes on alone{copied}{gone}"
