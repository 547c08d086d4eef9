"""The status of a fleet: every gateway with its service, the conflicts between them, their accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.changes.full_disk import FULL, is_full
from hermes_profiles.events.last_change import LastChange, last_changes_of
from hermes_profiles.fleet.accounts import NO_MEMBERS, AccountRow, Members, account_rows
from hermes_profiles.fleet.listening import Remark
from hermes_profiles.fleet.lock_obstacle import LockObstacle, lock_obstacle, lock_problem
from hermes_profiles.fleet.status import Conflict, Inventory, read_fleet_status
from hermes_profiles.gateways.host.topology import Serving
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.lost_definition import lost_definition
from hermes_profiles.gateways.model import NOT_SERVED, Gateway, GatewayState
from hermes_profiles.gateways.other_roots import FoundRoot, other_roots, service_files_in
from hermes_profiles.hermes.environment import API_SERVER_ENABLED, API_SERVER_KEY
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.hermes.service_names import LAUNCH_AGENTS, UNIT
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.saved_state import is_unfinished
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.listing import lost_profiles
from hermes_profiles.profiles.placement import Elsewhere, all_elsewhere
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.manager import ManagerKind
from hermes_profiles.services.naming import ServiceName, unit_folders

from ..context import user_home
from ..fleet_context import FleetSession
from .listening import ListeningReader

if TYPE_CHECKING:
    from hermes_profiles.fleet.restart_record import RestartRecord

_LARGEST = 1024 * 1024
_UP = (
    GatewayState.RUNNING,
    GatewayState.STARTING,
    GatewayState.DEGRADED,
    GatewayState.SERVED,
    GatewayState.UNSUPERVISED,
)


class ReportedService(NamedTuple):
    """The service of one gateway; `active` and `scope` are None when no manager reported them."""

    manager: str | None
    name: str
    path: Path
    scope: str | None
    installed: bool
    enabled: bool
    active: str | None


class GatewayStatus(NamedTuple):
    """One gateway with its service, and what `disable` and `group` set for its profile.

    `remarks`: what keeps people from reaching it; `last_change`: None where no watcher saw the state that it is in.
    """

    gateway: Gateway
    service: ReportedService
    disabled: bool
    groups: tuple[str, ...]
    remarks: tuple[Remark, ...] = ()
    last_change: LastChange | None = None

    @property
    def profile(self) -> str:
        """Return the name of the profile."""
        return self.gateway.profile

    @property
    def state(self) -> GatewayState:
        """Return the state of the gateway."""
        return self.gateway.state

    @property
    def is_down(self) -> bool:
        """Return whether a gateway that should run does not: neither is it switched off, nor does another serve it."""
        facts = self.gateway.observation
        if self.disabled or (facts is not None and facts.parked):
            return False
        return self.gateway.unserved or (self.service.installed and self.state not in _UP)

    @property
    def is_degraded(self) -> bool:
        """Return whether a gateway runs, or another serves the profile, without one of its channels."""
        if self.disabled:
            return False
        is_served = self.state is GatewayState.SERVED
        lost = is_served and any(channel.state in NOT_SERVED for channel in self.gateway.channels)
        return lost or self.state is GatewayState.DEGRADED


class FleetStatus(NamedTuple):
    """The status of a fleet. `errors`: why the service manager did not answer."""

    serving: Serving
    unfinished_switch: bool
    manager: str | None
    gateways: tuple[GatewayStatus, ...]
    conflicts: tuple[Conflict, ...]
    accounts: tuple[AccountRow, ...]
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...]


def fleet_status(
    session: FleetSession,
    profiles: Sequence[str],
    *,
    ask_api: bool = True,
    in_detail: bool = False,
    accounts: bool = True,
) -> FleetStatus:
    """Return the status of these profiles' gateways.

    `ask_api`: query the API servers; `in_detail`: query their identity too; `accounts`: include the accounts.
    """
    inventory = read_fleet_status(
        session.observe,
        session.world,
        profiles,
        catalog=session.catalog,
        ask_api=ask_api,
        environment=session.environment,
        managed=session.managed,
        in_detail=in_detail,
    )
    reader = ListeningReader(session)
    away = all_elsewhere(session.layout, profiles, catalog=lambda: session.catalog)
    gateways = {name: _with_place(gateway, away.get(name)) for name, gateway in inventory.gateways.items()}
    changes = last_changes_of(session.layout, inventory.gateways)
    services = session.world.service_names(profiles)
    return FleetStatus(
        inventory.serving,
        is_unfinished(session.layout),
        session.manager_kind,
        tuple(
            _gateway_status(session, gateways[name], services[name], inventory.holdings[name], reader)._replace(
                last_change=changes.get(name)
            )
            for name in profiles
        ),
        tuple(inventory.conflicts),
        tuple(_accounts(session, inventory)) if accounts else (),
        tuple(
            dict.fromkeys(
                [
                    *session.problems,
                    *inventory.warnings,
                    *(each.problem for each in away.values()),
                    *_remarks(session, inventory),
                ]
            )
        ),
        tuple(dict.fromkeys(session.manager_problems)),
    )


def _with_place(gateway: Gateway, away: Elsewhere | None) -> Gateway:
    """Return a gateway whose row says that its profile lives in another place."""
    if away is None:
        return gateway
    return gateway._replace(disagreement=(*gateway.disagreement, away.reason))


def _remarks(session: FleetSession, inventory: Inventory) -> Iterator[Problem]:
    """Yield what concerns the whole fleet, and what the row of a gateway has no room for."""
    gateways = inventory.gateways
    if restart := _restart(session):
        yield Problem(
            "restart-interrupted",
            f"a restart was interrupted, its process is gone: {', '.join(restart.profiles)} may be down",
            restart.profiles[0] if restart.profiles else None,
            f"complete it with `hermes-gateways start {' '.join(restart.profiles)}`",
        )
    yield from lost_profiles(session.layout)
    for name, gateway in gateways.items():
        if (lost := lost_definition(gateway)) is not None:
            yield Problem("lost-service", lost.message, name, f"{lost.fix} with `{lost.command}`")
        if gateway.state is GatewayState.DEGRADED and (found := _lock_obstacle(session, name, inventory.holdings)):
            yield lock_problem(name, found)
    if len(gateways) == len(session.existing):
        from .orphaned_services import orphaned_service_warnings

        yield from orphaned_service_warnings(session)
    root = session.layout.root
    if is_full(root):
        yield Problem(
            "disk-full",
            f"the disk of {root} has less than {FULL // 2**20} MB left: gateways lose settings and sessions there, "
            "and one that shares a bot waits where its start cannot be recorded",
            str(root),
            f"free some space; see its use with `df -h {quote(str(root))}`",
        )
    if any(name in session.environment for name in (API_SERVER_KEY, API_SERVER_ENABLED)):
        from .inherited_api import inherited_api_warnings

        yield from inherited_api_warnings(session, gateways)
    manager = session.world.manager or session.due
    home = user_home(session.environment)
    folders = (*manager.folders(), *unit_folders(home, session.environment), home / LAUNCH_AGENTS)
    own = {UNIT if name == DEFAULT else f"{UNIT}-{name}" for name in session.existing}
    others = other_roots(session.layout, service_files_in(dict.fromkeys(folders), without=own))
    if others:
        first, names = others[0], ", ".join(f"{each.root}{_named_by(each)}" for each in others)
        yield Problem(
            "other-root",
            f"gateways of other roots of this account are not shown: {names}",
            str(first.root),
            f"see them with `hermes-gateways status --home {quote(str(first.root))}`",
        )


def _lock_obstacle(session: FleetSession, name: str, holdings: Mapping[str, ClaimedResources]) -> LockObstacle | None:
    layout = session.layout
    return lock_obstacle(layout.home(name), holdings[name], session.environment, layout.user_home, session.catalog)


def _restart(session: FleetSession) -> RestartRecord | None:
    """Return the restart that was cut short, None without one."""
    if not session.layout.restart_record.exists():
        return None
    from hermes_profiles.fleet.restart_record import restart_cut_short  # few fleets have a record

    return restart_cut_short(session.layout, session.world.processes)


def _named_by(other: FoundRoot) -> str:
    return f" (named by {other.units[0].name})" if other.units else ""


def _gateway_status(
    session: FleetSession, gateway: Gateway, name: ServiceName, held: ClaimedResources, reader: ListeningReader
) -> GatewayStatus:
    service = gateway.service
    manager = session.world.manager or session.due
    path = manager.service(name, gateway.profile).path
    # Without an answer of the manager the file is all that is known.
    installed = service.installed if service is not None else session.world.manager is None and path.exists()
    disabled, groups = session.meta[gateway.profile]
    return GatewayStatus(
        gateway,
        ReportedService(
            session.manager_kind,
            name.label if manager.kind is ManagerKind.LAUNCHD else name.unit,
            path,
            service.scope if service else None,
            installed,
            bool(service and service.enabled),
            str(service.activity) if service else None,
        ),
        disabled,
        groups,
        reader.of_gateway(gateway, held.channels, held.off, disabled=disabled),
    )


def _accounts(session: FleetSession, inventory: Inventory) -> tuple[AccountRow, ...]:
    """Return the accounts of the observed profiles.

    Locks are read only under a multiplexer, teams only where a profile names one.
    """
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
        inventory.gateways,
        inventory.holdings,
        catalog,
        members=_members(session, tuple(inventory.gateways)),
        locks=locks,
    )


def _members(session: FleetSession, shown: Sequence[str]) -> Members:
    """Return the members of teams; no other profile is read where none of those shown names a team."""
    if not any(_names_team(session.layout, name) for name in shown):
        return NO_MEMBERS
    from hermes_profiles.teams.model import read_teams

    teams = read_teams(session.layout, session.existing)
    found = {name: teams.of(name) for name in teams.memberships}
    return Members({name: (team.name, team.channel) for name, team in found.items() if team is not None})


def _names_team(layout: Layout, profile: str) -> bool:
    try:
        return b"team" in read_regular(layout.home(profile) / PROFILE_FILE, _LARGEST)
    except OSError:
        return False
