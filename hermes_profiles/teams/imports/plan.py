"""The plan of an import: accounts that were found become members of a team, in one change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import names_account
from hermes_profiles.model.errors import Problem, UsageProblem
from hermes_profiles.model.layout import Layout
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
    """The team that accounts are brought into, as the user said it; None is for the default, or what is there."""

    name: str
    lead: str | None = None
    channel: str | None = None
    share: tuple[Share, ...] | None = None


class AccountSelection(NamedTuple):
    """Which accounts are wanted, and what their members are to be called."""

    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    skip_bad: bool = False
    names: Path | None = None


class ImportPlan(NamedTuple):
    """What an import does: `new` are (member, account). With `bad` ones left nothing is to be done."""

    team: Team
    define: bool
    new: tuple[tuple[str, Candidate], ...]
    already: tuple[tuple[str, Candidate], ...]
    left_out: tuple[SkippedAccount, ...]
    bad: tuple[InvalidAccount, ...]
    notes: tuple[Problem, ...]


def team_for(layout: Layout, wish: TeamRequest) -> Team:
    """Return the team, the one there is or a new one. Raises UsageProblem for words that differ from the team there
    is."""
    name = check_team_name(wish.name)
    team = read_teams(layout).by_name.get(name)
    if team is None:
        share = wish.share if wish.share is not None else DEFAULT_SHARES
        return Team(name, wish.lead or DEFAULT, wish.channel or WEIXIN, share, ())
    asked = (
        ("--lead", wish.lead, team.lead),
        ("--channel", wish.channel, team.channel),
        ("--share", ",".join(wish.share) if wish.share is not None else None, ",".join(team.share)),
    )
    for option, wanted, there in asked:
        if wanted is not None and wanted != there:
            raise UsageProblem(
                f"the team {name} is there already, with {option} {there or 'nothing'}",
                target=option,
                code="team-differs",
                hint=f"leave {option} out, or bring the accounts into a team of another name",
            )
    return team


def plan_import(
    layout: Layout, catalog: Catalog, team: Team, reading: SourceAccounts, wish: AccountSelection
) -> ImportPlan:
    """Return which accounts become which members.

    Raises UsageProblem for accounts that the user named and nobody has, DocumentError for a file of names that cannot
    be read.
    """
    choice = select_accounts(
        reading,
        _holders(layout, catalog, team),
        lambda each: account_keys(each.account, catalog),
        lambda each: not names_account([value.reveal() for value in each.account.variables.values()], catalog),
        only=wish.only,
        skip=wish.skip,
    )
    named = read_names(wish.names) if wish.names is not None else ()
    candidates, lost = apply_names(choice.new, named, _known(choice, reading))
    new, unnamed = assign_names(candidates, lambda name: os.path.lexists(layout.home(name)))
    bad = (*choice.bad, *unnamed, *lost)
    left_out, notes = choice.left_out, choice.notes
    if wish.skip_bad:
        left_out += tuple(SkippedAccount(each.id, each.problem.message) for each in bad if each.id)
        notes += tuple(each.problem for each in bad if not each.id)
        bad = ()
    return ImportPlan(team, not read_teams(layout).by_name.get(team.name), new, choice.already, left_out, bad, notes)


def _known(choice: ImportSelection, reading: SourceAccounts) -> Sequence[str]:
    """Return what accounts are called that are not brought in: a file may name them all the same."""
    found = [*reading.found, *(each for _, each in choice.already)]
    ids = [word for each in found for word in (each.account.id, each.listed, each.account.user)]
    return [
        word
        for word in (*ids, *(each.id for each in (*reading.bad, *choice.bad)), *(each.id for each in choice.left_out))
        if word
    ]


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
    """Return the plan, None when nothing is to be brought in; the warnings of the lead's pool; and for each new
    member the providers it has to log in with by itself. Raises what `build_members` raises."""
    if not found.new or found.bad:
        return None, (), {}
    members = [NewMember(name, each.account, each.label or None) for name, each in found.new]
    pool = read_pool(found.team, world)
    plan, reports = build_members(found.team, members, world, define=found.define, command=command, pool=pool)
    return plan, pool.warnings, {each.profile: each.login_again for each in reports}
