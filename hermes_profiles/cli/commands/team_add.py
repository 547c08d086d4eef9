"""team add: a member more, or an account for one that has none or another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.cli.changing import carry_out
from hermes_profiles.cli.examples import examples
from hermes_profiles.cli.options import DryRun, Home, Json
from hermes_profiles.cli.session import Answer, Session, run
from hermes_profiles.cli.team_accounts import AccountWords, typed_account
from hermes_profiles.cli.team_making import made, world_of
from hermes_profiles.cli.team_report import account_words, next_lines, next_steps, team_row
from hermes_profiles.model.names import DEFAULT, check_existing_name, check_new_name
from hermes_profiles.model.result import Problem, Refused, Result, UsageProblem
from hermes_profiles.profiles.teams.accounts import shortened
from hermes_profiles.profiles.teams.binding import Bound, bind
from hermes_profiles.profiles.teams.members import NewMember, check_accounts, check_channel, check_variables
from hermes_profiles.profiles.teams.record import Team, Teams, read_teams


@examples(
    "hermes-profiles team add carl --team weixin",
    "hermes-profiles team add carl --team weixin --account-id b0f5860fdecb@im.bot < token.txt",
    "hermes-profiles team add anna --team weixin --allow wxid_mum,wxid_dad --dry-run",
)
def add(
    member: Annotated[str, typer.Argument(help="A new profile, or a member that gets an account.")],
    team: Annotated[
        str | None, typer.Option("--team", metavar="TEAM", help="The team; may be left out when there is one.")
    ] = None,
    account_id: Annotated[
        str | None,
        typer.Option(
            "--account-id",
            metavar="ID",
            help="Id of its WeChat account; the token is asked for, or read from standard input.",
        ),
    ] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Address that WeChat gave with the token.")
    ] = None,
    user: Annotated[
        str | None, typer.Option("--user", metavar="ID", help="Id of the WeChat user who scanned the code.")
    ] = None,
    allow: Annotated[
        str | None,
        typer.Option("--allow", metavar="IDS", help="Ids of those who may talk to it, with commas between them."),
    ] = None,
    no_account: Annotated[bool, typer.Option("--no-account", help="Ask for no account; it comes later.")] = False,
    description: Annotated[
        str | None, typer.Option("--description", metavar="TEXT", help="What the new member is for.")
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Add a member to a team, or give one its account. An account that another profile has is refused.

    The secrets of an account never stand in the command: WeChat's token, or the variables of another channel, are asked
    for, or read from standard input (one NAME=VALUE on a line).
    """
    session = Session(home, json)

    def body() -> Answer:
        warnings = session.recover(dry_run=dry_run)
        teams = read_teams(session.layout)
        found = _team(teams, team)
        name = check_existing_name(member)
        words = AccountWords(account_id, base_url, user, allow, no_account)
        _check_place(teams, found, name)
        catalog = world_of(session, found.lead).catalog
        check_channel(found.channel, catalog)
        account = typed_account(found, name, words, catalog)
        if os.path.lexists(session.layout.home(name)):
            return _bound(session, found, name, account, words, warnings, dry_run=dry_run)
        if account is None and words.allow is not None:
            raise UsageProblem(
                "--allow is for an account, and none was given", target="--allow",
                hint="give the account too, or say it later, when there is one",
            )  # fmt: skip
        new = [NewMember(check_new_name(name), account, description)]
        return made(session, found, new, ("team", "add"), warnings, define=False, dry_run=dry_run)

    run(("team", "add"), session, body)


def _team(teams: Teams, name: str | None) -> Team:
    if name is not None:
        return teams.require(name)
    if len(teams.by_name) == 1:
        return next(iter(teams.by_name.values()))
    known = ", ".join(teams.by_name)
    raise UsageProblem(
        "the team is not named", target="--team", code="no-team",
        hint=f"say `--team` with one of {known}" if known else "make one with `hermes-profiles team create NAME`",
    )  # fmt: skip


def _check_place(teams: Teams, team: Team, name: str) -> None:
    """Raise Refused for a profile that cannot be in this team."""
    led, of = teams.led_by(name), teams.memberships.get(name)
    if led:
        raise Refused(
            f"{name} leads the team {led[0].name}, so it is a member of none", target=name, code="leads-a-team",
            hint=f"make a profile of its own for the account: `hermes-profiles team add NAME --team {team.name}`",
        )  # fmt: skip
    if of is not None and of.team != team.name:
        raise Refused(
            f"{name} is a member of the team {of.team}", target=name, code="other-team",
            hint=f"take it out there first: `hermes-profiles team remove {name} --keep-profile`",
        )  # fmt: skip
    if name == DEFAULT:
        raise Refused(
            "the default profile is no member of a team: the other profiles live in its home", target=name,
            code="default", hint=f"let it lead one: `hermes-profiles team create NAME --lead {DEFAULT}`",
        )  # fmt: skip


def _bound(
    session: Session, team: Team, name: str, account: Any, words: AccountWords, warnings: list[Problem], *,
    dry_run: bool,
) -> Answer:  # fmt: skip
    """Give a member an account, or other people to talk to."""
    layout, catalog = session.layout, world_of(session, team.lead).catalog
    if name not in team.members:
        raise Refused(
            f"{name} is a profile of its own: what it has would have to give way to what {team.lead} shares",
            target=name, code="exists",
            hint=f"give the member another name, and move the account over: `hermes-profiles show {name}`",
        )  # fmt: skip
    bound = None
    if account is not None or words.allow is not None:
        if account is not None:
            check_variables(account, team, catalog)
            check_accounts(layout, catalog, team, [account], besides=(name,))
        now = utc_now()
        bound = bind(
            layout, team, name, account, catalog, allowed=words.allowed, now=iso(now),
            trash_id=Journal(layout.state).fresh_id(now),
        )  # fmt: skip
    data: dict[str, Any] = {"team": team_row(team), "members": [_row(session, name, bound)], "next_steps": []}
    plan = None
    if bound is not None and bound.steps:
        command = ("team", "add", team.name, name)
        what = "bind an account to" if account is not None else "change who may talk to"
        plan = ChangePlan(command, f"{what} {name} of team {team.name}", bound.steps, profiles=(name,))
        data["next_steps"] = [f"a gateway that runs takes it up after: hermes-gateways restart {name}"]
    elif bound is None:
        data["next_steps"] = next_steps(team, [{"profile": name, "account": None, "login_again": ()}])[:1]
    carry_out(session, plan, data, dry_run=dry_run)
    return Answer(Result(("team", "add"), data, warnings), lambda: _lines(data))


def _row(session: Session, name: str, bound: Bound | None) -> dict[str, Any]:
    return {
        "profile": name, "path": str(session.layout.home(name)),
        "account": shortened(bound.account) or None if bound is not None else None,
        "replaced": shortened(bound.replaced) or None if bound is not None else None,
        "own": list(bound.variables) if bound is not None else [],
        "to_trash": list(bound.to_trash) if bound is not None else [],
    }  # fmt: skip


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    (row,) = data["members"]
    if row["own"]:
        became = account_words(row["account"]) if row["account"] else "other people may talk to it"
        instead = f" in place of {row['replaced']}" if row["replaced"] else ""
        yield f"{row['profile']} of team {data['team']['name']}: {became}{instead}"
        if row["to_trash"]:
            yield f"  to the trash: {', '.join(row['to_trash'])}"
    else:
        yield f"{row['profile']} is a member of team {data['team']['name']} already; no account was given"
    yield from next_lines(data)
