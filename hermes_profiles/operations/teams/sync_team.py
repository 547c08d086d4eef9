"""Give the members of teams what their lead shares now, or compare them with it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.model.errors import NotFound, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.plugin_channels import catalog_for
from hermes_profiles.teams.model import Team, Teams, read_teams
from hermes_profiles.teams.overrides import Override
from hermes_profiles.teams.sync import MemberSync, TeamSync, TrashStamp, plan_team_sync

from ..apply import ChangeResult, carry_out
from ..context import Session


class TeamSyncResult(NamedTuple):
    """What members differ in from their lead. `change`: what was done about it; `errors`: members left as they are."""

    teams: tuple[Team, ...]
    members: tuple[MemberSync, ...]
    change: ChangeResult
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]

    @property
    def drifted(self) -> bool:
        """Return whether a member differs from its lead."""
        return any(member.changes for member in self.members)


def sync_teams(
    session: Session, name: str | None, overrides: Sequence[Override] = (), *, dry_run: bool = False
) -> TeamSyncResult:
    """Give the members of a team (None: of all teams) what their lead shares now.

    `overrides`: what members keep for themselves from now on, or share again.
    """
    warnings = session.recover(dry_run=dry_run)
    teams = read_teams(session.layout)
    chosen = _chosen(teams, name)
    _check_members(chosen, overrides)
    sync = _planned(session, teams, chosen, overrides)
    change = carry_out(session, sync.plan, dry_run=dry_run)
    return TeamSyncResult(chosen, sync.members, change, (*warnings, *sync.warnings), tuple(sync.problems))


def compare_teams(session: Session, name: str | None) -> TeamSyncResult:
    """Return what the members of a team (None: of all teams) differ in from their lead."""
    teams = read_teams(session.layout)
    chosen = _chosen(teams, name)
    sync = _planned(session, teams, chosen, ())
    return TeamSyncResult(
        chosen, sync.members, ChangeResult(sync.plan, dry_run=True), tuple(sync.warnings), tuple(sync.problems)
    )


def _chosen(teams: Teams, name: str | None) -> tuple[Team, ...]:
    return tuple(teams.by_name.values()) if name is None else (teams.require(name),)


def _check_members(chosen: Sequence[Team], overrides: Sequence[Override]) -> None:
    members = [member for team in chosen for member in team.members]
    for override in overrides:
        if override.member not in members:
            raise NotFound(
                f"{override.member} is not a member of {' or '.join(team.name for team in chosen) or 'any team'}",
                target=override.member,
                code="no-member",
                hint=f"use one of {', '.join(members)}" if members else None,
            )


def _planned(session: Session, teams: Teams, chosen: Sequence[Team], overrides: Sequence[Override]) -> TeamSync:
    layout = session.layout
    homes = {layout.home(team.lead) for team in chosen if team.lead}
    catalog = catalog_for(layout, session.environment, homes=tuple(sorted(homes)))
    world = CloneContext(
        layout, session.environment, catalog, pick_port=lambda: 0, fresh_key=lambda: os.urandom(32).hex()
    )
    now = utc_now()
    when = TrashStamp(unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now)), iso(now))
    return plan_team_sync(world, teams, chosen, when, own=overrides)
