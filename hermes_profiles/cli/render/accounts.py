"""The accounts of a status: a row for each, with its member and team, and what it is doing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.fleet.accounts import NO_MEMBERS, AccountRow, Members, account_rows
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.layout import Layout
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.profiles.listing import read_regular
from hermes_profiles.profiles.profile import META

_LARGEST = 1024 * 1024


def accounts_of(session: FleetSession, inventory: Inventory) -> tuple[AccountRow, ...]:
    """Return the accounts of the profiles that were looked at. Locks are read only under a multiplexer, teams only
    where a profile tells of one."""
    world, layout, catalog = session.world, session.layout, session.catalog
    is_shared = any(gateway.state is GatewayState.SERVED for gateway in inventory.gateways.values())
    locks = (
        live_locks(
            session.environment, layout.user_home, catalog=catalog, processes=world.processes, platform=layout.platform
        )
        if is_shared
        else ()
    )

    return account_rows(
        inventory.gateways, inventory.holdings, catalog, members=_members(layout, session.existing), locks=locks
    )


def _members(layout: Layout, profiles: Sequence[str]) -> Members:
    """Return who is in which team; nothing is parsed where no profile says that it is in one."""
    if not any(_tells_of_team(layout, name) for name in profiles):
        return NO_MEMBERS
    from hermes_profiles.teams.model import read_teams

    teams = read_teams(layout, profiles)
    found = {name: teams.of(name) for name in teams.memberships}
    return Members({name: (team.name, team.channel) for name, team in found.items() if team is not None})


def _tells_of_team(layout: Layout, profile: str) -> bool:
    try:
        return b"team" in read_regular(layout.home(profile) / META, _LARGEST)
    except OSError:
        return False


def account_lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield the table of accounts, where there are teams or one gateway serves several: else the channels of each
    gateway tell the same."""
    rows = data.get("accounts", ())
    if not rows or not (data["topology"] == "multiplex" or any(row["team"] for row in rows)):
        return
    cells = [
        (row["profile"], row["team"] or "-", row["channel"], row["account"] or "-", row["state"], row["detail"] or "-")
        for row in rows
    ]
    yield ""
    yield from output.table(("account of", "team", "channel", "id", "state", "detail"), cells)
