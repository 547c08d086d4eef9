"""Members that a command makes: one plan, one answer, whoever brings them in."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.team import members_lines, next_steps, pool_row, report_row, team_row
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.gateways.topology import multiplexing_asked
from hermes_profiles.model.errors import Problem, Result
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.create import NewMember, build_members, check_accounts, check_channel
from hermes_profiles.teams.model import Team
from hermes_profiles.teams.pool import read_pool

from .apply import carry_out
from .context import Session


def world_of(session: Session, lead: str) -> CloneContext:
    """Return what plans of a team may know of the world; the catalogue is read as strictly as for a clone."""
    layout = session.layout
    catalog = catalog_for(layout, session.environment, homes=(require(layout, lead),))
    return CloneContext(
        layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: os.urandom(32).hex()
    )


def is_served(session: Session) -> bool:
    """Return whether one gateway is to serve all profiles of this root."""
    return multiplexing_asked(session.layout.home(DEFAULT), session.environment) is True


def made(
    session: Session,
    team: Team,
    new: Sequence[NewMember],
    command: tuple[str, ...],
    warnings: list[Problem],
    *,
    define: bool,
    dry_run: bool,
) -> Answer:
    """Return the answer of a command that makes members, which it has made unless this is a dry run."""
    world = world_of(session, team.lead)
    check_channel(team.channel, world.catalog)
    pool = read_pool(team, world)
    words = (*command, team.name, *(each.profile for each in new))
    plan, reports = build_members(team, new, world, define=define, command=words, pool=pool)
    names = sorted({*team.members, *(each.profile for each in reports)})
    rows = [report_row(each) for each in reports]
    data: dict[str, Any] = {
        "team": team_row(team._replace(members=tuple(names))),
        "members": rows,
        "pool": pool_row(pool),
        "next_steps": next_steps(team, rows, session.home_option, served=is_served(session)),
    }
    accounts = [each.account for each in new if each.account is not None]
    carry_out(
        session,
        plan,
        data,
        dry_run=dry_run,
        check=lambda: check_accounts(session.layout, world.catalog, team, accounts),
    )
    return Answer(Result(command, data, [*warnings, *pool.warnings]), lambda: members_lines(data))
