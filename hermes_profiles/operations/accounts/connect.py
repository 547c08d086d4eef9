"""Connect a profile to a channel: check its account, write it as one change, start the gateway, see it connected."""

from __future__ import annotations

import time
from collections.abc import Mapping

from hermes_profiles.accounts.platform_identity import PlatformIdentity
from hermes_profiles.accounts.requirements import can_connect, check_complete, check_forms
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.trash import trash_entries
from hermes_profiles.credentials.catalog.catalog import Catalog, Channel
from hermes_profiles.credentials.channels.channel_settings import account_id
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.gateways.model import ALIVE, GatewayChannel, GatewayState
from hermes_profiles.hermes.access import users_variable
from hermes_profiles.hermes.environment import WEIXIN_ACCOUNT_ID
from hermes_profiles.model.errors import Failed, Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.lifecycle import unused_trash_id
from hermes_profiles.profiles.listing import require
from hermes_profiles.teams.account_holders import check_accounts
from hermes_profiles.teams.accounts import WEIXIN, Account, short_id
from hermes_profiles.teams.bind_account import AccountBinding, plan_binding
from hermes_profiles.teams.create import check_channel
from hermes_profiles.teams.sync import TrashStamp

from ..apply import ChangeResult, carry_out
from ..fleet_context import FleetSession
from ..fleet_result import FleetResult
from ..gateways.adopting_host import adopting_host
from ..gateways.fleet_status import fleet_status
from ..gateways.install_services import InstallRequest, install
from ..gateways.run_fleet import FleetRequest, run_fleet
from .identify_account import API_SETTING, identified

# Seconds until a gateway that serves other profiles has read the change, and between two looks at a channel.
_ADOPTION, _STEP = 45.0, 1.0
# Channels whose gateway takes the address of an API server of one's own.
_OWN_API = frozenset({"telegram"})


class ConnectPlace(NamedTuple):
    """A profile and the channel that it is to be connected to; `has_allow_list`: users are listed for it already."""

    profile: str
    channel: Channel
    catalog: Catalog
    has_allow_list: bool
    warnings: tuple[Problem, ...]


class ConnectRequest(NamedTuple):
    """The account. `values`: variable → value; `allowed`: ids of users, None to leave them as they are.

    `api`: address of the platform's API, which the gateway uses too; "" for the one in config.yaml or the public one.
    `offline`: do not query it.
    """

    values: Mapping[str, Secret[str]]
    allowed: tuple[str, ...] | None = None
    api: str = ""
    offline: bool = False


class CheckedAccount(NamedTuple):
    """An account after all checks. `identity`: as the platform names it, None where it was not queried."""

    account: Account
    identity: PlatformIdentity | None


class ConnectResult(NamedTuple):
    """The stored account. `identity`: as the platform names it, None where it was not queried."""

    profile: str
    channel: str
    account: str
    identity: PlatformIdentity | None
    bound: AccountBinding
    change: ChangeResult
    warnings: tuple[Problem, ...]


class StartResult(NamedTuple):
    """The gateway after the change. `fleet`: outcome of its start, None where a running gateway adopts the change."""

    fleet: FleetResult | None
    state: GatewayState
    channel: GatewayChannel | None

    @property
    def is_connected(self) -> bool:
        """Return whether the channel is connected."""
        return self.channel is not None and self.channel.state == "connected"


def find_place(session: FleetSession, profile: str, channel: str, *, dry_run: bool) -> ConnectPlace:
    """Return the profile and channel. Raises NotFound for an unknown profile, UsageProblem for an unknown channel."""
    warnings = session.recover(dry_run=dry_run)
    name = check_existing_name(profile)
    require(session.layout, name)
    check_channel(channel, session.catalog, f"hermes-profiles connect {name}")
    _check_can_connect(session.catalog.channels[channel], name)
    files = HomeFiles(session.layout.home(name), session.catalog.known_names)
    listed = files.environment().get(users_variable(channel), "")
    return ConnectPlace(name, session.catalog.channels[channel], session.catalog, bool(listed.strip()), tuple(warnings))


def find_new_place(session: FleetSession, profile: str, channel: str) -> ConnectPlace:
    """Return the place of a profile that is to be made. Raises UsageProblem for an unknown channel, Refused."""
    check_channel(channel, session.catalog, "--connect")
    _check_can_connect(session.catalog.channels[channel], profile)
    return ConnectPlace(profile, session.catalog.channels[channel], session.catalog, has_allow_list=False, warnings=())


def connect_account(
    session: FleetSession, place: ConnectPlace, request: ConnectRequest, *, dry_run: bool = False
) -> ConnectResult:
    """Check an account and write it to a profile, with its allow-list and the channel enabled, as one change.

    Raises what `check_account` raises.
    """
    return store_account(session, place, check_account(session, place, request), request, dry_run=dry_run)


def check_account(session: FleetSession, place: ConnectPlace, request: ConnectRequest) -> CheckedAccount:
    """Return the account of a request, after all checks; the profile need not exist so far.

    Raises UsageProblem for values that are no account of the channel or that the platform refuses, Refused (code
    `account-taken`) for an account of another profile, enabled or not, Failed where the platform does not answer.
    """
    channel = place.channel
    values = {variable: value.reveal().strip() for variable, value in request.values.items()}
    _check_variables(place, values)
    check_complete(channel, values)
    check_forms(place.profile, values)
    variables = {variable: Secret(value) for variable, value in values.items()}
    public = account_id(channel, lambda variable: values.get(variable, ""))
    if channel.name == WEIXIN:
        variables.pop(WEIXIN_ACCOUNT_ID, None)  # it becomes the name of the account's file as well
        public = values.get(WEIXIN_ACCOUNT_ID, "")
    extra = {API_SETTING: request.api} if request.api and channel.name in _OWN_API else {}
    account = Account(channel.name, public, variables, request.allowed or (), extra=extra)
    _check_is_free(session, place, account)
    identity = None
    if not request.offline:
        identity = identified(session, place.profile, account, place.catalog, api=request.api)
    return CheckedAccount(account, identity)


def _check_is_free(session: FleetSession, place: ConnectPlace, account: Account) -> None:
    check_accounts(session.layout, place.catalog, None, [account], besides=(place.profile,))


def store_account(
    session: FleetSession,
    place: ConnectPlace,
    checked: CheckedAccount,
    request: ConnectRequest,
    *,
    dry_run: bool = False,
) -> ConnectResult:
    """Write an account to a profile, with its allow-list and the channel enabled, as one change.

    Raises Refused (code `account-taken`) for an account of another profile, enabled or not.
    """
    name, channel, account = place.profile, place.channel, checked.account
    _check_is_free(session, place, account)
    bound = plan_binding(
        session.layout, channel.name, name, account, place.catalog, _stamp(session), allowed=request.allowed or ()
    )
    summary = f"connect {name} to {channel.name}"
    plan = ChangePlan(("connect", name, channel.name), summary, bound.steps, profiles=(name,)) if bound.steps else None
    change = carry_out(session, plan, dry_run=dry_run, check=lambda: _check_is_free(session, place, account))
    warnings = (*place.warnings, *unlisted_users(place, request))
    return ConnectResult(name, channel.name, short_id(account.id), checked.identity, bound, change, warnings)


def unlisted_users(place: ConnectPlace, request: ConnectRequest) -> tuple[Problem, ...]:
    """Return the warning that no user may talk to a profile, () where the request or the profile lists some."""
    variable = users_variable(place.channel.name)
    is_listed = request.allowed is not None or place.has_allow_list
    return () if is_listed or place.channel.name not in place.catalog.channels_of(variable) else (_unlisted(place),)


def start_connected(session: FleetSession, place: ConnectPlace, *, timeout: float = SETTLE) -> StartResult:
    """Install and start the gateway of a profile, or restart it, and wait until its channel is connected.

    A running gateway that serves the profile reads the change by itself. Raises what `install` and `restart` raise.
    """
    selection = Selection((place.profile,), named=True)
    host = adopting_host(session)
    fleet: FleetResult | None = None
    if host is not None and place.profile in host.served:
        host.rescan()
        timeout = max(timeout, _ADOPTION)
    else:
        gateway = session.observe((place.profile,))[place.profile]
        if gateway.state in ALIVE:
            request = FleetRequest(Verb.RESTART, RunOptions(settle=timeout))
            fleet = run_fleet(session, request, selection)
        else:
            fleet = install(session, InstallRequest(start=True, settle=timeout), selection)
    if fleet is not None and fleet.errors:
        return _seen(session, place, fleet)
    deadline = time.monotonic() + timeout
    seen = _seen(session, place, fleet)
    while not seen.is_connected and not _has_failed(seen) and time.monotonic() < deadline:
        time.sleep(_STEP)
        seen = _seen(session, place, fleet)
    return seen


def missing_step(place: ConnectPlace, seen: StartResult) -> Failed:
    """Return the error of a channel that is not connected: what is known, and the command that shows more."""
    channel = place.channel.name
    if seen.state not in ALIVE:
        why = f"its gateway is {seen.state}"
    elif seen.channel is None:
        why = "its gateway does not report the channel"
    else:
        why = seen.channel.detail or f"the channel is {seen.channel.state}"
    return Failed(
        f"{place.profile} is not connected to {channel}: {why}",
        target=place.profile,
        code="not-connected",
        hint=f"read its log: `hermes-gateways logs {place.profile} -n 50`",
    )


def _seen(session: FleetSession, place: ConnectPlace, fleet: FleetResult | None) -> StartResult:
    fresh = session.fresh()
    row = fleet_status(fresh, (place.profile,), ask_api=False, accounts=False).gateways[0]
    channel = next((each for each in row.gateway.channels if each.name == place.channel.name), None)
    return StartResult(fleet, row.state, channel)


def _has_failed(seen: StartResult) -> bool:
    """Return whether waiting longer is of no use."""
    if seen.state in (GatewayState.CRASH_LOOPING, GatewayState.FAILED):
        return True
    return seen.channel is not None and seen.channel.state in ("fatal", "masked")


def _check_can_connect(channel: Channel, profile: str) -> None:
    if not can_connect(channel):
        raise Refused(
            f"an account of {channel.name} is set up by Hermes itself",
            target=channel.name,
            code="set-up-by-hermes",
            hint=f"run its set-up: `{channel.set_up.format(profile=profile)}`",
        )


def _check_variables(place: ConnectPlace, values: Mapping[str, str]) -> None:
    for name in values:
        if place.channel.name not in place.catalog.channels_of(name):
            raise UsageProblem(
                f"{name} is not a variable of {place.channel.name}",
                target=name,
                code="bad-account",
                hint=f"list them with `hermes-profiles catalog {place.channel.name}`",
            )
    if not values:
        raise UsageProblem(
            f"no value for {place.channel.name} came",
            target=place.channel.name,
            code="no-value",
            hint=f"type it at a terminal, or pipe it in: `hermes-profiles connect {place.profile} "
            f"{place.channel.name} < FILE`",
        )


def _stamp(session: FleetSession) -> TrashStamp:
    now = utc_now()
    layout = session.layout
    return TrashStamp(unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now)), iso(now))


def _unlisted(place: ConnectPlace) -> Problem:
    return Problem(
        "no-allow-list",
        f"no user may talk to {place.profile} on {place.channel.name} so far: a new user gets a pairing code",
        place.profile,
        f"allow users by their ids: `hermes-profiles env set {place.profile} {users_variable(place.channel.name)}`",
    )
