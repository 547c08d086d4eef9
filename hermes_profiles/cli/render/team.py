"""What the commands of `team` say of a team and its members: rows for JSON, lines for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.operations.context import command_at
from hermes_profiles.teams.accounts import WEIXIN, short_id
from hermes_profiles.teams.create import MemberReport
from hermes_profiles.teams.model import Team
from hermes_profiles.teams.pool import Pool


def team_row(team: Team) -> dict[str, Any]:
    """Return what JSON says of a team."""
    return {
        "name": team.name,
        "lead": team.lead or None,
        "channel": team.channel or None,
        "share": [str(each) for each in team.share],
        "members": list(team.members),
    }


def report_row(report: MemberReport) -> dict[str, Any]:
    """Return what JSON says of a member that was made; an account's id is shortened, as everywhere."""
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
    """Return what JSON says of what a lead shares, and of what stays with it."""
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
    """Return what a person reads of a member's account."""
    return f"account {account}" if account else "no account yet"


def next_steps(
    team: Team, rows: Sequence[Mapping[str, Any]], home: str | None = None, *, served: bool = False
) -> list[str]:
    """Return the commands that bring members to life: an account each, logins of their own, and gateways.

    `home`: the home that the command was told to work on; `served`: one gateway serves all profiles of this root.
    """
    return [f"{what}: {command_at(command, home)}" for what, command in _next_commands(team, rows, served=served)]


def _next_commands(team: Team, rows: Sequence[Mapping[str, Any]], *, served: bool) -> Iterator[tuple[str, str]]:
    names = [row["profile"] for row in rows]
    without = [row["profile"] for row in rows if not row["account"]]
    if without:
        others = f", then {', '.join(without[1:])} the same way" if without[1:] else ""
        how = " --login" if team.channel == WEIXIN else ""
        yield f"give {without[0]} an account{others}", f"hermes-profiles team add {without[0]} --team {team.name}{how}"
    for provider in dict.fromkeys(each for row in rows for each in row["login_again"]):
        others = f", then {', '.join(names[1:])} the same way" if names[1:] else ""
        yield f"log {names[0]} in with {provider}{others}", f"hermes -p {names[0]} auth add {provider}"
    if names and served:
        # It closes doors that default's variables would open for them, and has the gateway start anew.
        yield "have the one gateway for all take them in", "hermes-profiles team run-mode multiplex"
    elif names:
        yield "a gateway for each, now and at boot", f"hermes-gateways install {' '.join(names)} --start"
        yield "or one gateway for all", "hermes-profiles team run-mode multiplex"
    elif team.lead:
        yield "add members", f"hermes-profiles team add NAME --team {team.name}"


def list_lines(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the table of teams."""
    cells = [
        (
            row["name"],
            row["lead"] or "nobody",
            row["channel"] or "-",
            ", ".join(row["share"]) or "nothing",
            ", ".join(row["members"]) or "-",
        )
        for row in rows
    ]
    if not cells:
        return ["no team yet; make one with `hermes-profiles team create NAME --lead PROFILE --members a,b,c`"]
    return output.table(("team", "lead", "channel", "shares", "members"), cells)


def show_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield one team: what it shares, and a row for each member."""
    team = data["team"]
    yield (
        f"{team['name']}: led by {team['lead'] or 'nobody'}, on {team['channel'] or 'no channel'}, "
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
