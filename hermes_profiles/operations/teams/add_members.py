"""Create a team and its members, or add new members to it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.create import MemberReport, NewMember, build_members, check_accounts, check_channel
from hermes_profiles.teams.model import Team
from hermes_profiles.teams.pool import Pool, read_pool

from ..apply import ChangeResult, carry_out
from ..context import Session
from ..gateways.adopting_host import adopting_host


class NewMembers(NamedTuple):
    """The result of creating members.

    `team`: with the new members; `served`: one gateway serves all profiles; `adopted`: a running one takes them in;
    `one_gateway`: the installed Hermes has one gateway for all.
    """

    team: Team
    reports: tuple[MemberReport, ...]
    pool: Pool
    served: bool
    change: ChangeResult
    warnings: tuple[Problem, ...]
    adopted: bool = False
    one_gateway: bool = False


def team_context(session: Session, lead: str) -> CloneContext:
    """Return the context of plans for a team; the catalogue is read as strictly as for a clone."""
    layout = session.layout
    catalog = catalog_for(layout, session.environment, homes=(require(layout, lead),))
    return CloneContext(
        layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: os.urandom(32).hex()
    )


def is_served(session: Session) -> bool:
    """Return whether one gateway is set to serve all profiles of this root."""
    return multiplexing_asked(session.layout.home(DEFAULT), session.environment) is True


def create_team(session: Session, team: Team, members: Sequence[str], *, dry_run: bool = False) -> NewMembers:
    """Create a team with these new profiles as its members."""
    warnings = session.recover(dry_run=dry_run)
    new = [NewMember(name) for name in members]
    made = add_new_members(session, team, new, ("team", "create"), define=True, dry_run=dry_run)
    return made._replace(warnings=(*warnings, *made.warnings))


def add_new_members(
    session: Session, team: Team, new: Sequence[NewMember], command: tuple[str, ...], *, define: bool, dry_run: bool
) -> NewMembers:
    """Create profiles as members of a team. `define`: the team is new."""
    context = team_context(session, team.lead)
    check_channel(team.channel, context.catalog)
    pool = read_pool(team, context)
    arguments = (*command, team.name, *(member.profile for member in new))
    plan, reports = build_members(team, new, context, define=define, command=arguments, pool=pool)
    accounts = [member.account for member in new if member.account is not None]
    change = carry_out(
        session,
        plan,
        dry_run=dry_run,
        check=lambda: check_accounts(session.layout, context.catalog, team, accounts),
    )
    names = tuple(sorted({*team.members, *(report.profile for report in reports)}))
    host = adopting_host(session)
    if host is not None and not dry_run:
        host.rescan()
    return NewMembers(
        team._replace(members=names),
        tuple(reports),
        pool,
        is_served(session),
        change,
        tuple(pool.warnings),
        host is not None,
        session.layout.installed().has(Behaviour.ONE_GATEWAY),
    )
