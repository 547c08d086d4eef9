"""team add: a new member, a profile that joins, or an account for a member that has none or another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, NamedTuple

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.team import account_words, next_lines, next_steps, team_row
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.model.errors import Problem, Refused, Result, UsageProblem
from hermes_profiles.model.names import DEFAULT, check_existing_name, check_new_name
from hermes_profiles.operations.add_members import is_served, made, world_of
from hermes_profiles.operations.apply import carry_out, change_row, change_words
from hermes_profiles.operations.context import Session, command_at
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.settings.changes import SyncChange
from hermes_profiles.teams.account_holders import held_account_id
from hermes_profiles.teams.accounts import Account, short_id
from hermes_profiles.teams.bind_account import AccountBinding, plan_binding
from hermes_profiles.teams.create import NewMember, check_accounts, check_channel, check_has_lead, check_variables
from hermes_profiles.teams.join import plan_join
from hermes_profiles.teams.model import Team, Teams, read_teams
from hermes_profiles.teams.sync import TrashStamp

from .account_options import AccountWords, typed_account
from .login import check_login, logged_in, would_log_in

TeamOption = Annotated[
    str | None, typer.Option("--team", metavar="TEAM", help="The team; may be left out when there is one.")
]
AccountId = Annotated[
    str | None,
    typer.Option(
        "--account-id",
        metavar="ID",
        help="Id of its WeChat account; the token is asked for, or read from standard input.",
    ),
]
BaseUrl = Annotated[
    str | None, typer.Option("--base-url", metavar="URL", help="Address that WeChat gave with the token.")
]
User = Annotated[str | None, typer.Option("--user", metavar="ID", help="Id of the WeChat user who scanned the code.")]
Allow = Annotated[
    str | None,
    typer.Option("--allow", metavar="IDS", help="Ids of those who may talk to it, with commas between them."),
]
Login = Annotated[
    bool,
    typer.Option("--login", help="Run Hermes' own set-up of the channel for it, at this terminal: scan a code, say."),
]
NoAccount = Annotated[bool, typer.Option("--no-account", help="Ask for no account; it comes later.")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="What the new member is for.")]


@examples(
    "hermes-profiles team add carl --team weixin",
    "hermes-profiles team add carl --team weixin --account-id b0f5860fdecb@im.bot < token.txt",
    "hermes-profiles team add anna --team weixin --login --dry-run",
    "hermes-profiles team add anna --team weixin --allow wxid_mum,wxid_dad --dry-run",
)
def add(
    member: Annotated[str, typer.Argument(help="A new profile, one that joins, or a member that gets an account.")],
    team: TeamOption = None,
    account_id: AccountId = None,
    base_url: BaseUrl = None,
    user: User = None,
    allow: Allow = None,
    login: Login = False,
    no_account: NoAccount = False,
    description: Description = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Add a member to a team, or give one its account. An account that another profile has is refused.

    A profile that is there already joins: what the team shares takes the place of its own, which goes to the trash.

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
        check_has_lead(found)
        _check_place(teams, found, name)
        catalog = world_of(session, found.lead).catalog
        check_channel(found.channel, catalog)
        if login:
            check_login(found, name, words, dry_run=dry_run)
            if dry_run:
                return would_log_in(session, found, name, warnings)
            with logged_in(session, found, name, words, catalog) as done:
                given = _Given(done.member, done.account, words._replace(allow=None), description)
                return _given(session, teams, found, given, [*warnings, *done.warnings], dry_run=False)
        account = typed_account(found, name, words, catalog)
        return _given(session, teams, found, _Given(name, account, words, description), warnings, dry_run=dry_run)

    run(("team", "add"), session, body)


class _Given(NamedTuple):
    """What a profile is given."""

    profile: str
    account: Account | None
    words: AccountWords
    description: str | None


def _given(
    session: Session, teams: Teams, team: Team, given: _Given, warnings: list[Problem], *, dry_run: bool
) -> Answer:
    name, account, words, description = given
    if os.path.lexists(session.layout.home(name)):
        return _changed(session, teams, team, name, account, words, warnings, dry_run=dry_run)
    if account is None and words.allow is not None:
        raise UsageProblem(
            "--allow is for an account, and none was given",
            target="--allow",
            hint="give the account too, or say it later, when there is one",
        )
    new = [NewMember(check_new_name(name), account, description)]
    return made(session, team, new, ("team", "add"), warnings, define=False, dry_run=dry_run)


def _team(teams: Teams, name: str | None) -> Team:
    if name is not None:
        return teams.require(name)
    if len(teams.by_name) == 1:
        return next(iter(teams.by_name.values()))
    known = ", ".join(teams.by_name)
    raise UsageProblem(
        "the team is not named",
        target="--team",
        code="no-team",
        hint=f"say `--team` with one of {known}" if known else "make one with `hermes-profiles team create NAME`",
    )


def _check_place(teams: Teams, team: Team, name: str) -> None:
    """Raise Refused for a profile that cannot be in this team."""
    led, of = teams.led_by(name), teams.memberships.get(name)
    if led:
        raise Refused(
            f"{name} leads the team {led[0].name}, so it is a member of none",
            target=name,
            code="leads-a-team",
            hint=f"make a profile of its own for the account: `hermes-profiles team add NAME --team {team.name}`",
        )
    if of is not None and of.team != team.name:
        raise Refused(
            f"{name} is a member of the team {of.team}",
            target=name,
            code="other-team",
            hint=f"take it out there first: `hermes-profiles team remove {name} --keep-profile`",
        )
    if name == DEFAULT:
        raise Refused(
            "the default profile is no member of a team: the other profiles live in its home",
            target=name,
            code="default",
            hint=f"let it lead one: `hermes-profiles team create NAME --lead {DEFAULT}`",
        )


class _JoinExisting(NamedTuple):
    """What is done to a profile that is there; no plan: nothing is to do."""

    plan: ChangePlan | None = None
    bound: AccountBinding | None = None
    changes: tuple[SyncChange, ...] = ()
    to_trash: tuple[str, ...] = ()
    warnings: tuple[Problem, ...] = ()


def _changed(
    session: Session,
    teams: Teams,
    team: Team,
    name: str,
    account: Account | None,
    words: AccountWords,
    warnings: list[Problem],
    *,
    dry_run: bool,
) -> Answer:
    """Give a profile that is there an account or other people to talk to, and take it into the team if it is not."""
    layout, world = session.layout, world_of(session, team.lead)

    def check() -> None:
        check_accounts(layout, world.catalog, team, [account] if account is not None else [], besides=(name,))

    if account is not None:
        check_variables(account, team, world.catalog)
    check()
    joins = name not in team.members
    work = _work(world, teams, team, name, account, words)
    held = "" if account is not None else short_id(held_account_id(layout, name, team.channel, world.catalog))
    row = _row(session, name, work, held)
    server = DEFAULT if is_served(session) else name
    restart = command_at(f"hermes-gateways restart {server}", session.home_option)
    data: dict[str, Any] = {
        "team": team_row(team._replace(members=tuple(sorted({*team.members, name})))),
        "members": [row],
        "next_steps": [f"a gateway that runs takes it up after: {restart}"] if work.plan else [],
    }
    if not row["account"]:
        data["next_steps"] += next_steps(
            team, [{"profile": name, "account": None, "login_again": ()}], session.home_option
        )[:1]
    carry_out(session, work.plan, data, dry_run=dry_run, check=check)
    return Answer(
        Result(("team", "add"), data, [*warnings, *work.warnings]), lambda: _lines(data, team, work, joins=joins)
    )


def _work(
    world: CloneContext, teams: Teams, team: Team, name: str, account: Account | None, words: AccountWords
) -> _JoinExisting:
    layout, now = world.layout, utc_now()
    when = TrashStamp(unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now)), iso(now))
    if name not in team.members:
        found = plan_join(world, teams, team, name, account, when, allowed=words.allowed)
        return _JoinExisting(found.plan, found.bound, found.changes, found.to_trash, found.warnings)
    if account is None and words.allow is None:
        return _JoinExisting()
    bound = plan_binding(layout, team, name, account, world.catalog, when, allowed=words.allowed)
    what = "bind an account to" if account is not None else "change who may talk to"
    command = ("team", "add", team.name, name)
    plan = ChangePlan(command, f"{what} {name} of team {team.name}", bound.steps, profiles=(name,))
    return _JoinExisting(plan if bound.steps else None, bound, to_trash=bound.to_trash)


def _row(session: Session, name: str, work: _JoinExisting, held: str) -> dict[str, Any]:
    bound = work.bound
    return {
        "profile": name,
        "path": str(session.layout.home(name)),
        "account": (short_id(bound.account) if bound is not None else "") or held or None,
        "replaced": short_id(bound.replaced) or None if bound is not None else None,
        "own": list(bound.variables) if bound is not None else [],
        "changes": [change_row(change) for change in work.changes],
        "to_trash": list(work.to_trash),
    }


def _lines(data: Mapping[str, Any], team: Team, work: _JoinExisting, *, joins: bool) -> Iterator[str]:
    (row,) = data["members"]
    who = f"{row['profile']} of team {team.name}"
    if joins:
        yield f"{row['profile']} {'would join' if data['dry_run'] else 'joins'} team {team.name}, led by {team.lead}"
        yield from (f"  {change.place} {change.key}: {change_words(change)}" for change in work.changes)
    if work.bound is not None:
        became = account_words(row["account"]) if work.bound.account else "other people may talk to it"
        instead = f" in place of {row['replaced']}" if row["replaced"] else ""
        yield f"{who}: {became}{instead}"
    elif not joins:
        yield f"{who}: a member already, {account_words(row['account'])}; nothing was given to change"
    if row["to_trash"]:
        yield f"  to the trash, as they were: {', '.join(row['to_trash'])}"
    yield from next_lines(data)
