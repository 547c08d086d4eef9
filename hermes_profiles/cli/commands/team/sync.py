"""team sync and team check: what members share with their lead, made the same again, or only compared."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.model.errors import ExitCode, NotFound, Result
from hermes_profiles.operations.apply import carry_out, change_row, change_words, closing_lines
from hermes_profiles.operations.context import Session
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.settings.changes import SyncChange
from hermes_profiles.teams.model import Team, Teams, read_teams
from hermes_profiles.teams.overrides import Override, parse_override
from hermes_profiles.teams.sync import MemberSync, TeamSync, TrashStamp, plan_team_sync

Name = Annotated[str | None, typer.Argument(metavar="[NAME]", help="Name of a team; all teams without it.")]


@examples(
    "hermes-profiles team sync --dry-run",
    "hermes-profiles team sync family",
    "hermes-profiles team sync family --own ann:model.default",
)
def sync(
    name: Name = None,
    own: Annotated[
        list[str] | None,
        typer.Option(
            "--own",
            metavar="MEMBER:KEY",
            help="Let a member keep a setting, a variable, SOUL.md or a folder (skills/) for itself. Repeatable.",
        ),
    ] = None,
    not_own: Annotated[
        list[str] | None,
        typer.Option("--not-own", metavar="MEMBER:KEY", help="Let it have again what its lead has. Repeatable."),
    ] = None,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Give members what their lead shares now: settings, keys, links. Identities stay as they are. One `undo` for all.

    What a member has of its own in the place of a link goes to the trash.
    """
    session = Session(home, json)

    def body() -> Answer:
        asked = [
            *(parse_override(text, keep=True) for text in own or ()),
            *(parse_override(text, keep=False) for text in not_own or ()),
        ]
        warnings = session.recover(dry_run=dry_run)
        teams = read_teams(session.layout)
        chosen = _chosen(teams, name)
        _check_members(chosen, asked)
        found = _planned(session, teams, chosen, asked)
        data = _data(chosen, found, done="would-change" if dry_run else "synced")
        carry_out(session, found.plan, data, dry_run=dry_run)
        code = ExitCode.FAILED if found.problems else ExitCode.OK

        def text() -> Iterator[str]:
            yield from _lines(chosen, found)
            yield from closing_lines(data, [each.profile for each in found.members if _is_read_at_start(each)])

        warnings += found.warnings
        return Answer(Result(("team", "sync"), data, warnings, list(found.problems), code), text)

    run(("team", "sync"), session, body)


@examples("hermes-profiles team check", "hermes-profiles team check family --json")
def check(name: Name = None, home: Home = None, json: Json = False) -> None:
    """Tell in what members are not as their lead any more; exit 3 when there is something. `team sync` mends it."""
    session = Session(home, json)

    def body() -> Answer:
        teams = read_teams(session.layout)
        chosen = _chosen(teams, name)
        found = _planned(session, teams, chosen, ())
        data = _data(chosen, found, done="drifted")
        drifted = any(each.changes for each in found.members)
        code = ExitCode.NEGATIVE if drifted or found.problems else ExitCode.OK

        def text() -> Iterator[str]:
            yield from _lines(chosen, found)
            if drifted:
                yield f"mend it with `hermes-profiles team sync{f' {name}' if name else ''}`"

        return Answer(Result(("team", "check"), data, list(found.warnings), list(found.problems), code), text)

    run(("team", "check"), session, body)


def _chosen(teams: Teams, name: str | None) -> tuple[Team, ...]:
    return tuple(teams.by_name.values()) if name is None else (teams.require(name),)


def _check_members(chosen: Sequence[Team], asked: Sequence[Override]) -> None:
    members = [member for team in chosen for member in team.members]
    for each in asked:
        if each.member not in members:
            raise NotFound(
                f"{each.member} is no member of {' or '.join(team.name for team in chosen) or 'any team'}",
                target=each.member,
                code="no-member",
                hint=f"there are: {', '.join(members) or 'none'}",
            )


def _planned(session: Session, teams: Teams, chosen: Sequence[Team], asked: Sequence[Override]) -> TeamSync:
    layout = session.layout
    homes = {layout.home(team.lead) for team in chosen if team.lead}
    catalog = catalog_for(layout, session.environment, homes=tuple(sorted(homes)))
    world = CloneContext(
        layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: os.urandom(32).hex()
    )
    now = utc_now()
    when = TrashStamp(unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now)), iso(now))
    return plan_team_sync(world, teams, chosen, when, own=asked)


def _data(chosen: Sequence[Team], found: TeamSync, *, done: str) -> dict[str, Any]:
    return {
        "teams": [{"name": team.name, "lead": team.lead or None, "members": list(team.members)} for team in chosen],
        "members": [
            {
                "team": each.team,
                "profile": each.profile,
                "outcome": "failed" if each.problem else done if each.changes else "same",
                "changes": [change_row(change) for change in each.changes],
            }
            for each in found.members
        ],
    }


def _is_read_at_start(member: MemberSync) -> bool:
    return any(each.place in ("config", "env") for each in member.changes)


def _lines(chosen: Sequence[Team], found: TeamSync) -> Iterator[str]:
    if not chosen:
        yield "there is no team"
    for team in chosen:
        yield f"{team.name}: {team.lead or 'nobody'} leads it"
        for each in found.members:
            if each.team == team.name:
                yield from _member_lines(each)
        if not team.members:
            yield "  it has no members"


def _member_lines(member: MemberSync) -> Iterator[str]:
    said = "not touched, see below" if member.problem is not None else "" if member.changes else "as its lead"
    yield f"  {member.profile}: {said}".rstrip()
    width = max((len(_title(each)) for each in member.changes), default=0)
    for each in member.changes:
        yield f"    {_title(each).ljust(width)}  {_words(each)}"


def _title(change: SyncChange) -> str:
    return f"{change.place} {change.key}"


def _words(change: SyncChange) -> str:
    if change.place == "own":
        return {"keep": "its own from now on", "share": "shared again"}.get(change.action, "noted anew")
    words = change_words(change)
    if change.place == "link" and change.action == "replace":
        return f"{words}; what is there goes to the trash"
    return words
