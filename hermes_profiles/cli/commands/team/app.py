"""team: profiles that share what one of them can do, each with an account of its own on one channel."""

from __future__ import annotations

from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.team import list_lines, new_members_answer, show_lines, team_row
from hermes_profiles.model.errors import Result, UsageProblem
from hermes_profiles.model.names import DEFAULT, check_existing_name, normalize
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.teams.add_members import create_team
from hermes_profiles.operations.teams.show_teams import list_of_teams, show_team
from hermes_profiles.teams.accounts import WEIXIN
from hermes_profiles.teams.model import Team, check_team_name
from hermes_profiles.teams.shares import DEFAULT_SHARES, check_shares

from .add import add
from .import_accounts import bring_in
from .remove import remove
from .run_mode import run_mode
from .sync import check, sync

TeamName = Annotated[str, typer.Argument(metavar="TEAM", help="Name of the team.")]


@command(
    "team",
    "create",
    examples=(
        "hermes-profiles team create weixin --members anna,bob",
        "hermes-profiles team create sales --lead work --channel telegram --members eva",
        "hermes-profiles team create weixin --members anna --share skills,persona --dry-run",
    ),
)
def create(
    session: Session,
    name: Annotated[str, typer.Argument(help="Name of the new team.")],
    lead: Annotated[str, typer.Option("--lead", metavar="PROFILE", help="The profile that shares files.")] = DEFAULT,
    channel: Annotated[
        str, typer.Option("--channel", metavar="CHANNEL", help="The channel on which each member has an account.")
    ] = WEIXIN,
    members: Annotated[
        str | None, typer.Option("--members", metavar="NAMES", help="Profiles to make, with commas between them.")
    ] = None,
    share: Annotated[
        str | None,
        typer.Option(
            "--share",
            metavar="PARTS",
            help="What is shared: some of skills, persona, plugins, knowledge, config, keys, memory; or none. "
            "Without it: skills,persona,config,keys.",
        ),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Make a team: light profiles that live on the pool of their lead, each to get an account of its own.

    Skills, persona and plugins are links to the lead's; settings and keys are copies that `team sync` keeps the same.
    An identity never travels.
    """
    shares = check_shares(share) if share is not None else DEFAULT_SHARES
    team = Team(check_team_name(name), check_existing_name(lead), normalize(channel), shares, ())
    made = create_team(session, team, _listed(members), dry_run=dry_run)
    return new_members_answer(("team", "create"), made, session.home_option)


def _listed(members: str | None) -> list[str]:
    names = [name.strip() for name in (members or "").split(",")]
    if members is not None and not all(names):
        raise UsageProblem(
            "a name is missing between two commas",
            target="--members",
            code="bad-name",
            hint="use `--members ann,bob`, without blanks",
        )
    return names if members is not None else []


@command("team", "list", examples=("hermes-profiles team list", "hermes-profiles team list --json"))
def list_teams(
    session: Session,
) -> Answer:
    """List the teams: lead, channel and members."""
    rows = [team_row(team) for team in list_of_teams(session)]
    return Answer(Result(("team", "list"), {"teams": rows}), lambda: list_lines(rows))


@command("team", "show", examples=("hermes-profiles team show weixin", "hermes-profiles team show weixin --json"))
def show(
    session: Session,
    team: TeamName,
) -> Answer:
    """Show a team: what it shares, and each member with its account, shortened."""
    found = show_team(session, team)
    rows = [each._asdict() | {"own": list(each.own), "carried": list(each.carried)} for each in found.members]
    data = {"team": team_row(found.team), "members": rows}
    return Answer(Result(("team", "show"), data, list(found.warnings)), lambda: show_lines(data))


app = command_group(
    "Teams: profiles that share one agent, each with its own account.",
    {
        "create": create,
        "list": list_teams,
        "show": show,
        "remove": remove,
        "add": add,
        "import": bring_in,
        "sync": sync,
        "check": check,
        "run-mode": run_mode,
    },
)
