"""team import: accounts from OpenClaw, from a Hermes profile that keeps several, or from a table become members."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.cli.framework.command import command
from hermes_profiles.cli.framework.options import DryRun
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.team_import import import_answer
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.model.names import check_existing_name, normalize
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.teams.import_accounts import COMMAND, ImportRequest, import_accounts
from hermes_profiles.teams.accounts import WEIXIN
from hermes_profiles.teams.imports.plan import AccountSelection, TeamRequest
from hermes_profiles.teams.shares import check_shares


@command(
    *COMMAND,
    examples=(
        "hermes-profiles team import openclaw ~/.openclaw --dry-run",
        "hermes-profiles team import openclaw ~/.openclaw --names names.csv",
        "hermes-profiles team import hermes default --team family",
        "hermes-profiles team import csv accounts.csv --skip-bad",
        "hermes-profiles team import json bots.json --team sales --channel telegram",
    ),
)
def bring_in(
    session: Session,
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
        str | None, typer.Option("--team", metavar="NAME", help="The team they join; created when it is missing.")
    ] = None,
    lead: Annotated[str | None, typer.Option("--lead", metavar="PROFILE", help="The lead of a new team.")] = None,
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
) -> Answer:
    """Bring in accounts from elsewhere: one new member each, all of them or none.

    What they are read from stays as it is; but for the files of a Hermes profile, which move to the members. A second
    import brings in what is new.
    """
    kinds = ("openclaw", "hermes", "csv", "json")
    if kind not in kinds:
        raise UsageProblem(
            f"{kind!r} is not a source of accounts",
            target=kind,
            code="no-such-kind",
            hint=f"use one of {', '.join(kinds)}: `hermes-profiles team import openclaw ~/.openclaw`",
        )
    shares = check_shares(share) if share is not None else None
    leads = check_existing_name(lead) if lead is not None else None
    wish = TeamRequest(team or WEIXIN, leads, normalize(channel) if channel is not None else None, shares)
    path = Path(names).expanduser() if names is not None else None
    accounts = AccountSelection(_listed(only), _listed(skip), skip_bad, path)
    request = ImportRequest(kind, source, wish, accounts)
    return import_answer(
        kind, import_accounts(session, request, chosen=team is not None, dry_run=dry_run), dry_run=dry_run
    )


def _listed(given: str | None) -> tuple[str, ...]:
    return tuple(word for part in (given or "").split(",") if (word := part.strip()))
