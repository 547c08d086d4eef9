"""Import accounts from OpenClaw, a Hermes profile or a table as members of a team."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import steps_to_trash_files, trash_entries
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name, normalize
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.accounts import WEIXIN
from hermes_profiles.teams.create import check_accounts, check_channel
from hermes_profiles.teams.imports.hermes import account_files, read_hermes
from hermes_profiles.teams.imports.model import Candidate, SourceAccounts
from hermes_profiles.teams.imports.openclaw import read_openclaw
from hermes_profiles.teams.imports.plan import (
    AccountSelection,
    ImportPlan,
    TeamRequest,
    build_import,
    plan_import,
    team_for,
)
from hermes_profiles.teams.imports.tables import read_csv, read_json_table
from hermes_profiles.teams.model import Team, read_teams

from ..apply import ChangeResult, carry_out
from ..context import Session

COMMAND = ("team", "import")


class ImportRequest(NamedTuple):
    """What to import. `kind`: openclaw, hermes, csv or json; `source`: a path, or the name of a profile."""

    kind: str
    source: str
    team: TeamRequest
    accounts: AccountSelection


class ImportResult(NamedTuple):
    """The result of an import. `logins`: member → providers to log in with.

    `change`: None when an account cannot be imported, and therefore none was; `one_gateway`: the installed Hermes has
    one gateway for all profiles.
    """

    found: ImportPlan
    logins: Mapping[str, Sequence[str]]
    change: ChangeResult | None
    warnings: tuple[Problem, ...]
    one_gateway: bool = False


def _reading(session: Session, request: ImportRequest, team: Team, catalog: Catalog) -> SourceAccounts:
    """Return the accounts at the source. Raises what the readers raise."""
    check_channel(team.channel, catalog)
    if request.kind == "hermes":
        return read_hermes(session.layout, request.source, catalog)
    path = Path(request.source).expanduser()
    if request.kind == "openclaw":
        return read_openclaw(path)
    read = read_csv if request.kind == "csv" else read_json_table
    return read(path, catalog.channels[team.channel])


def import_accounts(session: Session, request: ImportRequest, *, chosen: bool, dry_run: bool = False) -> ImportResult:
    """Import accounts as members of a team: all of them, or none when one cannot be imported.

    `chosen`: the user named the team.
    """
    layout = session.layout
    warnings = session.recover(dry_run=dry_run)
    if request.kind == "hermes":
        request = _of_profile(session, request, chosen=chosen)
    team = team_for(layout, request.team)
    if request.kind in ("openclaw", "hermes") and team.channel != WEIXIN:
        raise Refused(
            f"the team {team.name} is on {team.channel}, these accounts are on {WEIXIN}",
            target=team.name,
            code="other-channel",
            hint="import them into another team with `--team NAME`",
        )
    catalog = catalog_for(layout, session.environment, homes=(require(layout, team.lead),) if team.lead else ())
    found = plan_import(layout, catalog, team, _reading(session, request, team, catalog), request.accounts)
    context = CloneContext(layout, session.environment, catalog, lambda: 0, lambda: os.urandom(32).hex())
    plan, advice, logins = build_import(found, context, (*COMMAND, request.kind, request.source))
    if plan is not None and request.kind == "hermes":
        plan = _with_moves(session, plan, request.source, [candidate for _, candidate in found.new])
    change = None
    if not found.bad:
        change = carry_out(
            session,
            plan,
            dry_run=dry_run,
            check=lambda: check_accounts(layout, catalog, team, [candidate.account for _, candidate in found.new]),
        )
    one_gateway = layout.installed().has(Behaviour.ONE_GATEWAY)
    return ImportResult(found, logins, change, (*warnings, *found.notes, *advice), one_gateway)


def _of_profile(session: Session, request: ImportRequest, *, chosen: bool) -> ImportRequest:
    """Return the request with the profile as the lead, or with its own team, where the user named none.

    Its accounts shared the pool of that profile. Raises NotFound when it is missing.
    """
    name = check_existing_name(request.source)
    require(session.layout, name)
    teams, wish = read_teams(session.layout), request.team
    membership = teams.memberships.get(name)
    if membership is not None and not chosen:
        wish = wish._replace(name=membership.team)
    if wish.lead is None and normalize(wish.name) not in teams.by_name:
        wish = wish._replace(lead=name)
    return request._replace(source=name, team=wish)


def _with_moves(session: Session, plan: ChangePlan, profile: str, moved: list[Candidate]) -> ChangePlan:
    """Return the plan with steps that move the files of the accounts out of the profile that kept them.

    The adapter would load one of them again if WEIXIN_ACCOUNT_ID were set back: two profiles would then hold it.
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
