"""team sync and team check: what members share with their lead, made the same again, or only compared."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.changes import change_data, change_row, change_text, closing_lines
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.teams.sync_team import TeamSyncResult, compare_teams, sync_teams
from hermes_profiles.settings.changes import SyncChange
from hermes_profiles.teams.overrides import parse_override
from hermes_profiles.teams.sync import MemberSync

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of a team; all teams without it.")]


@command(
    "team",
    "sync",
    examples=(
        "hermes-profiles team sync --dry-run",
        "hermes-profiles team sync family",
        "hermes-profiles team sync family --own ann:model.default",
    ),
)
def sync(
    session: Session,
    name: Name = None,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--own",
            metavar="MEMBER:KEY",
            help="Keep a member's own setting, variable, SOUL.md or folder (skills/). Repeatable.",
        ),
    ] = None,
    not_own: Annotated[
        list[str] | None,
        typer.Option("--not-own", metavar="MEMBER:KEY", help="Share it with the member again. Repeatable."),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Give members what their lead shares now: settings, keys, links. Identities stay as they are. One `undo` for all.

    Own files of a member in the place of a link are moved to the trash.
    """
    overrides = [
        *(parse_override(text, keep=True) for text in own or ()),
        *(parse_override(text, keep=False) for text in not_own or ()),
    ]
    done = sync_teams(session, name, overrides, dry_run=dry_run)
    data = _data(done, outcome="would-change" if dry_run else "synced") | change_data(done.change)
    code = ExitCode.FAILED if done.errors else ExitCode.OK

    def text() -> Iterator[str]:
        yield from _lines(done)
        yield from closing_lines(data, [each.profile for each in done.members if _is_read_at_start(each)])

    return Answer(Result(("team", "sync"), data, list(done.warnings), list(done.errors), code), text)


@command("team", "check", examples=("hermes-profiles team check", "hermes-profiles team check family --json"))
def check(
    session: Session,
    name: Name = None,
) -> Answer:
    """Compare members with their lead; exit 3 when they differ. `team sync` fixes it."""
    found = compare_teams(session, name)
    data = _data(found, outcome="drifted")
    code = ExitCode.NEGATIVE if found.drifted or found.errors else ExitCode.OK

    def text() -> Iterator[str]:
        yield from _lines(found)
        if found.drifted:
            yield f"fix it with `hermes-profiles team sync{f' {name}' if name else ''}`"

    return Answer(Result(("team", "check"), data, list(found.warnings), list(found.errors), code), text)


def _data(result: TeamSyncResult, *, outcome: str) -> dict[str, Any]:
    """Return the members and their differences; `outcome`: of a member that has some."""
    return {
        "teams": [
            {"name": team.name, "lead": team.lead or None, "members": list(team.members)} for team in result.teams
        ],
        "members": [
            {
                "team": member.team,
                "profile": member.profile,
                "outcome": "failed" if member.problem else outcome if member.changes else "same",
                "changes": [change_row(change) for change in member.changes],
            }
            for member in result.members
        ],
    }


def _is_read_at_start(member: MemberSync) -> bool:
    return any(each.place in ("config", "env") for each in member.changes)


def _lines(result: TeamSyncResult) -> Iterator[str]:
    if not result.teams:
        yield "there is no team"
    for team in result.teams:
        yield f"{team.name}: led by {team.lead}" if team.lead else f"{team.name}: no profile leads it"
        for member in result.members:
            if member.team == team.name:
                yield from _member_lines(member)
        if not team.members:
            yield "  it has no members"


def _member_lines(member: MemberSync) -> Iterator[str]:
    remark = "not touched, see below" if member.problem is not None else "" if member.changes else "as its lead"
    yield f"  {member.profile}: {remark}".rstrip()
    width = max((len(_title(each)) for each in member.changes), default=0)
    for each in member.changes:
        yield f"    {_title(each).ljust(width)}  {_change_text(each)}"


def _title(change: SyncChange) -> str:
    return f"{change.place} {change.key}"


def _change_text(change: SyncChange) -> str:
    if change.place == "own":
        return {"keep": "its own from now on", "share": "shared again"}.get(change.action, "recorded again")
    text = change_text(change)
    if change.place == "link" and change.action == "replace":
        return f"{text}; the present one is moved to the trash"
    return text
