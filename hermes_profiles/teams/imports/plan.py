"""Plans an import: accounts become members of a team, in one change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import names_account
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.teams.account_holders import account_keys, held_account_keys
from hermes_profiles.teams.accounts import WEIXIN
from hermes_profiles.teams.create import NewMember, build_members
from hermes_profiles.teams.model import Team, check_team_name, read_teams
from hermes_profiles.teams.pool import read_pool
from hermes_profiles.teams.shares import DEFAULT_SHARES, Share

from .hermes import ActiveAccount, active_account
from .model import Candidate, InvalidAccount, SkippedAccount, SourceAccounts
from .names import apply_names, assign_names, read_names
from .select import HeldAccounts, ImportSelection, select_accounts


class TeamRequest(NamedTuple):
    """Options for the team of an import; None is the default, or the value of an existing team."""

    name: str
    lead: str | None = None
    channel: str | None = None
    share: tuple[Share, ...] | None = None


class AccountSelection(NamedTuple):
    """Options for the accounts to import and the names of their members."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    skip_bad: bool = False
    names: Path | None = None


class ImportPlan(NamedTuple):
    """A planned import. `new`, `already`: (member, account); nothing is imported while there are `bad` accounts."""

    team: Team
    define: bool
    new: tuple[tuple[str, Candidate], ...]
    already: tuple[tuple[str, Candidate], ...]
    left_out: tuple[SkippedAccount, ...]
    bad: tuple[InvalidAccount, ...]
    notes: tuple[Problem, ...]


def team_for(layout: Layout, request: TeamRequest) -> Team:
    """Return the existing or a new team. Raises UsageProblem for options that differ from the existing team."""
    name = check_team_name(request.name)
    team = read_teams(layout).by_name.get(name)
    if team is None:
        share = request.share if request.share is not None else DEFAULT_SHARES
        return Team(name, request.lead or DEFAULT, request.channel or WEIXIN, share, ())
    options = (
        ("--lead", request.lead, team.lead),
        ("--channel", request.channel, team.channel),
        ("--share", ",".join(request.share) if request.share is not None else None, ",".join(team.share)),
    )
    for option, wanted, present in options:
        if wanted is not None and wanted != present:
            raise UsageProblem(
                f"the team {name} already exists with {option} {present or 'nothing'}",
                target=option,
                code="team-differs",
                hint=f"omit {option}, or use another team name",
            )
    return team


def plan_import(
    layout: Layout, catalog: Catalog, team: Team, reading: SourceAccounts, request: AccountSelection
) -> ImportPlan:
    """Return the planned import.

    Raises UsageProblem for an unknown account in the options, DocumentError for an unreadable file of names.
    """
    selection = select_accounts(
        reading,
        _holders(layout, catalog, team),
        lambda each: account_keys(each.account, catalog),
        lambda each: not names_account([value.reveal() for value in each.account.variables.values()], catalog),
        only=request.only,
        skip=request.skip,
    )
    named = read_names(request.names) if request.names is not None else ()
    candidates, unmatched = apply_names(selection.new, named, _known(selection, reading))
    new, unnamed = assign_names(candidates, lambda name: os.path.lexists(layout.home(name)))
    bad = (*selection.bad, *unnamed, *unmatched)
    left_out, notes = selection.left_out, selection.notes
    if request.skip_bad:
        left_out += tuple(SkippedAccount(each.id, each.problem.message) for each in bad if each.id)
        notes += tuple(each.problem for each in bad if not each.id)
        bad = ()
    return ImportPlan(team, not read_teams(layout).by_name.get(team.name), new, selection.already, left_out, bad, notes)


def _known(selection: ImportSelection, reading: SourceAccounts) -> Sequence[str]:
    """Return the ids of all accounts of the source, imported or not, which a file of names can contain."""
    candidates = [*reading.found, *(candidate for _, candidate in selection.already)]
    ids = [name for each in candidates for name in (each.account.id, each.listed, each.account.user)]
    ids += [invalid.id for invalid in (*reading.bad, *selection.bad)]
    ids += [skipped.id for skipped in selection.left_out]
    return [name for name in ids if name]


def _holders(layout: Layout, catalog: Catalog, team: Team) -> tuple[HeldAccounts, ...]:
    memberships = read_teams(layout).memberships
    found = []
    for profile in profile_names(layout):
        marks = frozenset(held_account_keys(layout, profile, {team.channel}, catalog))
        used = active_account(layout, profile, catalog) if team.channel == WEIXIN and marks else ActiveAccount()
        is_member = profile in memberships and memberships[profile].team == team.name
        found.append(HeldAccounts(profile, marks, used.user, used.saved_at, is_member))
    return tuple(found)


def build_import(
    found: ImportPlan, world: CloneContext, command: tuple[str, ...]
) -> tuple[ChangePlan | None, tuple[Problem, ...], Mapping[str, Sequence[str]]]:
    """Return the plan, None if nothing is imported, the warnings of the lead's pool, and the logins of members.

    The logins are: new member → providers that it has to log in to itself. Raises what `build_members` raises.
    """
    if not found.new or found.bad:
        return None, (), {}
    members = [NewMember(name, each.account, each.label or None) for name, each in found.new]
    pool = read_pool(found.team, world)
    plan, reports = build_members(found.team, members, world, define=found.define, command=command, pool=pool)
    return plan, pool.warnings, {each.profile: each.login_again for each in reports}
