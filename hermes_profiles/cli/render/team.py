"""A team and its members, as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.context import Session, command_at
from hermes_profiles.operations.teams.add_member import ChangedMember, TeamPlace
from hermes_profiles.operations.teams.add_members import NewMembers
from hermes_profiles.teams.accounts import WEIXIN, short_id
from hermes_profiles.teams.create import MemberReport
from hermes_profiles.teams.model import Team
from hermes_profiles.teams.pool import Pool

from .changes import change_data, change_row, change_text
from .gateway_steps import gateway_commands


def new_members_answer(command: tuple[str, ...], made: NewMembers, home: str | None) -> Answer:
    """Return the answer of a command that created members; `home`: what `--home` named."""
    rows = [report_row(report) for report in made.reports]
    data: dict[str, Any] = {
        "team": team_row(made.team),
        "members": rows,
        "pool": pool_row(made.pool),
        "next_steps": next_steps(
            made.team, rows, home, served=made.served, adopted=made.adopted, one_gateway=made.one_gateway
        ),
    } | change_data(made.change)
    return Answer(Result(command, data, list(made.warnings)), lambda: members_lines(data))


def member_answer(done: NewMembers | ChangedMember, home: str | None) -> Answer:
    """Return the answer of `team add`; `home`: what `--home` named."""
    if isinstance(done, NewMembers):
        return new_members_answer(("team", "add"), done, home)
    bound = done.bound
    row = {
        "profile": done.member,
        "path": done.path,
        "account": done.account or None,
        "replaced": short_id(bound.replaced) or None if bound is not None else None,
        "own": list(bound.variables) if bound is not None else [],
        "changes": [change_row(change) for change in done.changes],
        "to_trash": list(done.to_trash),
    }
    restart = command_at(f"hermes-gateways restart {done.restart}", home)
    steps = [f"a gateway that runs takes it up after: {restart}"] if done.change.changed else []
    if steps and done.adopted:
        status = command_at(f"hermes-gateways status {done.member}", home)
        steps = [f"the running gateway takes it up within 30 s: {status}"]
    if not done.account:
        steps += next_steps(done.team, [{"profile": done.member, "account": None, "login_again": ()}], home)[:1]
    data = {"team": team_row(done.team), "members": [row], "next_steps": steps} | change_data(done.change)
    return Answer(Result(("team", "add"), data, list(done.warnings)), lambda: _changed_lines(data, done))


def login_preview(session: Session, place: TeamPlace) -> Answer:
    """Return the dry run of a login; which account it brings is not known before."""
    row: dict[str, Any] = {
        "profile": place.member,
        "path": str(session.layout.home(place.member)),
        "account": None,
        "replaced": None,
        "own": [],
        "changes": [],
        "to_trash": [],
    }
    data = {"team": team_row(place.team), "members": [row], "next_steps": [], "changed": False, "dry_run": True}
    lines = (
        f"Hermes' own set-up of {place.team.channel} would run for {place.member}, in a temporary home; the account it "
        f"brings would be {place.member}'s if no other profile has it",
        "dry run: nothing was changed",
    )
    return Answer(Result(("team", "add"), data, list(place.warnings)), lambda: lines)


def _changed_lines(data: Mapping[str, Any], done: ChangedMember) -> Iterator[str]:
    (row,) = data["members"]
    team, member = done.team, done.member
    if done.joins:
        yield f"{member} {'would join' if data['dry_run'] else 'joins'} team {team.name}, led by {team.lead}"
        yield from (f"  {change.place} {change.key}: {change_text(change)}" for change in done.changes)
    if done.bound is not None:
        became = account_words(row["account"]) if done.bound.account else "other people may talk to it"
        instead = f" in place of {row['replaced']}" if row["replaced"] else ""
        yield f"{member} of team {team.name}: {became}{instead}"
    elif not done.joins:
        yield f"{member} of team {team.name}: a member already, {account_words(row['account'])}; nothing to change"
    if row["to_trash"]:
        yield f"  to the trash, as they were: {', '.join(row['to_trash'])}"
    yield from next_lines(data)


def team_row(team: Team) -> dict[str, Any]:
    """Return the JSON row of a team."""
    return {
        "name": team.name,
        "lead": team.lead or None,
        "channel": team.channel or None,
        "share": [str(each) for each in team.share],
        "members": list(team.members),
    }


def report_row(report: MemberReport) -> dict[str, Any]:
    """Return the JSON row of a new member; the id of its account is shortened (`short_id`)."""
    return {
        "profile": report.profile,
        "path": str(report.path),
        "account": short_id(report.account) or None,
        "own": list(report.variables),
        "carried": list(report.carried),
        "links": list(report.links),
        "missing": list(report.missing),
        "login_again": list(report.login_again),
    }


def pool_row(pool: Pool) -> dict[str, Any]:
    """Return the JSON rows of the shared and the unshared parts of a lead."""
    return {
        "links": list(pool.links),
        "missing": list(pool.missing),
        "carried": list(pool.variables),
        "left_with_lead": list(pool.left),
        "login_again": list(pool.login_again),
    }


def members_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was made: the team, its members, and what comes next."""
    team, pool, members = data["team"], data["pool"], data["members"]
    verb = "would be made" if data["dry_run"] else "made"
    yield f"team {team['name']}: led by {team['lead']}, on {team['channel']}, shares {_listed(team['share'])}"
    for row in members:
        yield f"  {row['profile']}: {verb} at {row['path']}, {account_words(row['account'])}"
    if members:
        yield f"  linked to {team['lead']}: {_listed(pool['links'])}"
        if pool["carried"]:
            yield f"  keys that came along: {_listed(pool['carried'])}"
        if pool["left_with_lead"]:
            yield f"  stays with {team['lead']}: {_listed(pool['left_with_lead'])}"
    yield from next_lines(data)


def next_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the commands that come next, and whether anything was changed."""
    if data["next_steps"]:
        yield "  next:"
        yield from (f"    {step}" for step in data["next_steps"])
    if data["dry_run"]:
        yield "dry run: nothing was changed"


def account_words(account: str | None) -> str:
    """Return the text for a member's account."""
    return f"account {account}" if account else "no account yet"


def next_steps(
    team: Team,
    rows: Sequence[Mapping[str, Any]],
    home: str | None = None,
    *,
    served: bool = False,
    adopted: bool = False,
    one_gateway: bool = False,
) -> list[str]:
    """Return the commands that complete new members: an account and logins of their own, and gateways.

    `home`: the value of `--home`; `served`: a multiplexer serves all profiles of this root; `adopted`: a running one
    takes in new profiles by itself; `one_gateway`: the installed Hermes has one gateway for all.
    """
    commands = _next_commands(team, rows, served=served, adopted=adopted, one_gateway=one_gateway)
    return [f"{what}: {command_at(command, home)}" for what, command in commands]


def _next_commands(
    team: Team, rows: Sequence[Mapping[str, Any]], *, served: bool, adopted: bool, one_gateway: bool
) -> Iterator[tuple[str, str]]:
    names = [row["profile"] for row in rows]
    without = [row["profile"] for row in rows if not row["account"]]
    if without:
        others = f", then {', '.join(without[1:])} the same way" if without[1:] else ""
        how = " --login" if team.channel == WEIXIN else ""
        yield f"give {without[0]} an account{others}", f"hermes-profiles team add {without[0]} --team {team.name}{how}"
    for provider in dict.fromkeys(each for row in rows for each in row["login_again"]):
        others = f", then {', '.join(names[1:])} the same way" if names[1:] else ""
        yield f"log {names[0]} in with {provider}{others}", f"hermes -p {names[0]} auth add {provider}"
    if names and adopted:
        yield "the running gateway serves them within 30 s", f"hermes-gateways status {' '.join(names)}"
    elif names and one_gateway:
        yield from gateway_commands(names, one_gateway=True)
    elif names and served:
        # It pins settings that default's variables would override, and restarts the multiplexer.
        yield "have the one gateway for all take them in", "hermes-profiles team run-mode multiplex"
    elif names:
        yield from gateway_commands(names, one_gateway=False)
    elif team.lead:
        yield "add members", f"hermes-profiles team add NAME --team {team.name}"


def list_lines(rows: Iterable[Mapping[str, Any]]) -> list[Block]:
    """Return the table of teams."""
    cells = [
        (
            row["name"],
            row["lead"] or "-",
            row["channel"] or "-",
            ", ".join(row["share"]) or "nothing",
            ", ".join(row["members"]) or "-",
        )
        for row in rows
    ]
    if not cells:
        return ["no team yet; make one with `hermes-profiles team create NAME --lead PROFILE --members a,b,c`"]
    return output.table(("team", "lead", "channel", "shares", "members"), cells)


def show_lines(data: Mapping[str, Any]) -> Iterator[Block]:
    """Yield one team: what it shares, and a row for each member."""
    team = data["team"]
    yield (
        f"{team['name']}: led by {team['lead'] or 'no profile'}, on {team['channel'] or 'no channel'}, "
        f"shares {_listed(team['share'])}"
    )
    cells = [
        (row["profile"], row["account"] or "none yet", ", ".join(row["own"]) or "-", row["description"] or "")
        for row in data["members"]
    ]
    if cells:
        yield from output.table(("member", "account", "keeps for itself", "about"), cells)
    else:
        yield f"no members yet; add one with `hermes-profiles team add NAME --team {team['name']}`"


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "nothing"
