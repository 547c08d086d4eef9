"""team import: accounts from OpenClaw, from a Hermes profile that keeps several, or from a table become members."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import steps_to_trash_files, trash_entries
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json
from hermes_profiles.cli.framework.run import Answer, run
from hermes_profiles.cli.render.team_import import data_of, errors_of, exit_code_of, import_lines
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.model.errors import Refused, Result, UsageProblem
from hermes_profiles.model.names import check_existing_name, normalize
from hermes_profiles.operations.apply import carry_out
from hermes_profiles.operations.context import Session
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.accounts import WEIXIN
from hermes_profiles.teams.create import check_accounts, check_channel
from hermes_profiles.teams.imports.hermes import account_files, read_hermes
from hermes_profiles.teams.imports.model import Candidate, SourceAccounts
from hermes_profiles.teams.imports.openclaw import read_openclaw
from hermes_profiles.teams.imports.plan import AccountSelection, TeamRequest, build_import, plan_import, team_for
from hermes_profiles.teams.imports.tables import read_csv, read_json_table
from hermes_profiles.teams.model import Team, read_teams
from hermes_profiles.teams.shares import check_shares

COMMAND = ("team", "import")


class _Words(NamedTuple):
    """What the words of the command ask for. `source`: a path, or a profile."""

    kind: str
    source: str
    team: TeamRequest
    accounts: AccountSelection
    dry_run: bool


@examples(
    "hermes-profiles team import openclaw ~/.openclaw --dry-run",
    "hermes-profiles team import openclaw ~/.openclaw --names names.csv",
    "hermes-profiles team import hermes default --team family",
    "hermes-profiles team import csv accounts.csv --skip-bad",
    "hermes-profiles team import json bots.json --team sales --channel telegram",
)
def bring_in(
    kind: Annotated[str, typer.Argument(metavar="openclaw|hermes|csv|json", help="Where the accounts are.")],
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="OpenClaw's state folder (~/.openclaw), or its accounts.json; a Hermes profile that keeps several "
            "accounts; or a table, whose columns are account_id, token, member, base_url, user_id, allow.",
        ),
    ],
    team: Annotated[
        str | None, typer.Option("--team", metavar="NAME", help="The team they come into; made when there is none.")
    ] = None,
    lead: Annotated[
        str | None, typer.Option("--lead", metavar="PROFILE", help="The profile whose pool a new team shares.")
    ] = None,
    channel: Annotated[
        str | None,
        typer.Option("--channel", metavar="CHANNEL", help="The channel of a table's accounts; weixin without it."),
    ] = None,
    share: Annotated[
        str | None, typer.Option("--share", metavar="PARTS", help="What a new team shares, as in `team create`.")
    ] = None,
    names: Annotated[
        str | None,
        typer.Option("--names", metavar="FILE", help="What members are called: lines of an id and a name, or JSON."),
    ] = None,
    only: Annotated[
        str | None, typer.Option("--only", metavar="IDS", help="Bring in these accounts alone, with commas between.")
    ] = None,
    skip: Annotated[str | None, typer.Option("--skip", metavar="IDS", help="Leave these accounts out.")] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what cannot be brought in, instead of bringing in nothing.")
    ] = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Bring in accounts from elsewhere: one new member each, all of them or none.

    What they are read from stays as it is; but for the files of a Hermes profile, which move to the members. A second
    import brings in what is new.
    """
    session = Session(home, json)

    def body() -> Answer:
        kinds = ("openclaw", "hermes", "csv", "json")
        if kind not in kinds:
            raise UsageProblem(
                f"{kind!r} is nothing to bring accounts in from",
                target=kind,
                code="no-such-kind",
                hint=f"say one of {', '.join(kinds)}: `hermes-profiles team import openclaw ~/.openclaw`",
            )
        shares = check_shares(share) if share is not None else None
        leads = check_existing_name(lead) if lead is not None else None
        wish = TeamRequest(team or WEIXIN, leads, normalize(channel) if channel is not None else None, shares)
        path = Path(names).expanduser() if names is not None else None
        accounts = AccountSelection(_listed(only), _listed(skip), skip_bad, path)
        return _import(session, _Words(kind, source, wish, accounts, dry_run), chosen=team is not None)

    run(COMMAND, session, body)


def _reading(session: Session, words: _Words, team: Team, catalog: Catalog) -> SourceAccounts:
    """Return the accounts that are found. Raises what the readers raise."""
    check_channel(team.channel, catalog)
    if words.kind == "hermes":
        return read_hermes(session.layout, words.source, catalog)
    path = Path(words.source).expanduser()
    if words.kind == "openclaw":
        return read_openclaw(path)
    read = read_csv if words.kind == "csv" else read_json_table
    return read(path, catalog.channels[team.channel])


def _import(session: Session, words: _Words, *, chosen: bool) -> Answer:
    """Return the answer of an import, which has been carried out unless this is a dry run or something is wrong.

    `chosen`: the user named the team.
    """
    layout = session.layout
    warnings = session.recover(dry_run=words.dry_run)
    if words.kind == "hermes":
        words = _of_profile(session, words, chosen=chosen)
    team = team_for(layout, words.team)
    if words.kind in ("openclaw", "hermes") and team.channel != WEIXIN:
        raise Refused(
            f"the team {team.name} is on {team.channel}, these accounts are on {WEIXIN}",
            target=team.name,
            code="other-channel",
            hint="bring them into another team with `--team NAME`",
        )
    catalog = catalog_for(layout, session.environment, homes=(require(layout, team.lead),) if team.lead else ())
    found = plan_import(layout, catalog, team, _reading(session, words, team, catalog), words.accounts)
    world = CloneContext(layout, session.environment, catalog, lambda: 0, lambda: os.urandom(32).hex())
    plan, advice, logins = build_import(found, world, (*COMMAND, words.kind, words.source))
    if plan is not None and words.kind == "hermes":
        plan = _with_moves(session, plan, words.source, [each for _, each in found.new])
    data = data_of(found, words.kind, logins, dry_run=words.dry_run)
    warnings += [*found.notes, *advice]
    if found.bad:
        return Answer(Result(COMMAND, data, warnings, errors_of(found), exit_code_of(found)))
    carry_out(
        session,
        plan,
        data,
        dry_run=words.dry_run,
        check=lambda: check_accounts(layout, catalog, team, [each.account for _, each in found.new]),
    )
    return Answer(Result(COMMAND, data, warnings), lambda: import_lines(data))


def _of_profile(session: Session, words: _Words, *, chosen: bool) -> _Words:
    """Return the words with the profile's name as it is, and with it as the lead, or its own team, where none is
    named: what its accounts had was its pool. Raises NotFound without it."""
    name = check_existing_name(words.source)
    require(session.layout, name)
    teams, wish = read_teams(session.layout), words.team
    membership = teams.memberships.get(name)
    if membership is not None and not chosen:
        wish = wish._replace(name=membership.team)
    if wish.lead is None and normalize(wish.name) not in teams.by_name:
        wish = wish._replace(lead=name)
    return words._replace(source=name, team=wish)


def _with_moves(session: Session, plan: ChangePlan, profile: str, moved: list[Candidate]) -> ChangePlan:
    """Return the plan that takes the files of accounts away from the profile that kept them, too.

    The adapter would load one of them again where somebody sets WEIXIN_ACCOUNT_ID back: two would then hold it.
    """
    layout = session.layout
    now = utc_now()
    trash_id = unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
    steps = steps_to_trash_files(
        layout,
        profile,
        account_files(layout, profile, iter(moved)),
        trash_id=trash_id,
        deleted_at=now,
        reason="accounts that members of a team have now",
    )
    profiles = tuple(dict.fromkeys((*plan.profiles, profile)))
    return ChangePlan(plan.command, plan.summary, (*plan.steps, *steps), plan.commit, profiles)


def _listed(given: str | None) -> tuple[str, ...]:
    return tuple(word for part in (given or "").split(",") if (word := part.strip()))
