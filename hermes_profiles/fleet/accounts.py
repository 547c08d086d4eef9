"""The state of each account: one row for each account of a profile. Pure.

Under a multiplexer the state record of a gateway is not sufficient: Hermes 0.19.0 keeps one entry for each channel, for
all profiles. There the live lock of the account, and the process that holds it, decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.channel_settings import UNNAMED
from hermes_profiles.credentials.holders import index_identities
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayState, LiveLock, servers_in
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.gateway_states import FATAL
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.teams.accounts import short_id

# States of a channel that its gateway does not report.
_UNSAID = ("served", "unknown", "off", "masked")


class AccountRow(NamedTuple):
    """One account.

    `account`: its shortened id, "" without one that can be shown; `team`: of its profile, None without a team; `state`:
    connected, served (by a channel without locks), refused, taken, not connected, missing, off, or the channel state
    that its gateway reports.
    """

    profile: str
    team: str | None
    channel: str
    account: str
    state: str
    detail: str = ""
    pid: int | None = None

    def as_data(self) -> dict[str, Any]:
        """Return the row for JSON."""
        return {**self._asdict(), "account": self.account or None, "detail": self.detail or None}


class Members(NamedTuple):
    """Team members: profile → (team, channel of the team)."""

    teams: Mapping[str, tuple[str, str]] = {}


NO_MEMBERS = Members()


def account_rows(
    gateways: Mapping[str, Gateway],
    held: Mapping[str, ClaimedResources],
    catalog: Catalog,
    *,
    members: Members = NO_MEMBERS,
    locks: Sequence[LiveLock] = (),
) -> tuple[AccountRow, ...]:
    """Return a row for each account of these profiles, and for each member without one."""
    return tuple(_rows(gateways, held, catalog, members, locks))


def _rows(
    gateways: Mapping[str, Gateway],
    held: Mapping[str, ClaimedResources],
    catalog: Catalog,
    members: Members,
    locks: Sequence[LiveLock],
) -> Iterator[AccountRow]:
    server = next(iter(servers_in(gateways)), None)
    index = index_identities({name: held.get(name, ClaimedResources()).identities for name in gateways})
    for profile, gateway in gateways.items():
        mine: dict[str, list[Identity]] = {}
        holds = held.get(profile, ClaimedResources())
        for identity in holds.identities:
            mine.setdefault(identity.channel, []).append(identity)
        team, wanted = members.teams.get(profile, (None, ""))
        for channel in sorted({*mine, *((wanted,) if wanted else ())}):
            identities = mine.get(channel, [])
            if not identities:
                detail = "no account is bound to it"
                yield AccountRow(profile, team, channel, "", "missing", detail)
                continue
            others = [index.first(identity.place) for identity in identities]
            other = next((name for name in others if name != profile), None)
            one_gateway = gateway.state is GatewayState.SERVED or profile == server
            state, detail = (
                _shared(gateway, identities, other, locks, catalog) if one_gateway else _own(gateway, channel)
            )
            yield AccountRow(
                profile, team, channel, short_id(holds.accounts.get(channel, UNNAMED)), state, detail, gateway.pid
            )


def _shared(
    gateway: Gateway, identities: Sequence[Identity], other: str | None, locks: Sequence[LiveLock], catalog: Catalog
) -> tuple[str, str]:
    """Return the state of an account that a multiplexer serves."""
    channel = identities[0].channel
    said = _reported(gateway, channel)
    if said is not None:
        is_refused = other is not None and said.state == FATAL
        return ("refused" if is_refused else said.state), said.detail
    if other is not None:
        return "refused", f"{other} has the same account, and one gateway serves it once"
    fact = catalog.channels.get(channel)
    if fact is None or not fact.lock_scope or not fact.lock_effective:
        return "served", ""
    digests = {each.key[:16] for each in identities}
    holders = [lock.pid for lock in locks if lock.channel == channel and lock.digest in digests]
    if gateway.pid in holders:
        return "connected", ""
    if holders:
        return "taken", f"process {holders[0]} has it"
    return "not connected", "the gateway did not connect it and does not retry: restart the gateway"


def _reported(gateway: Gateway, channel: str) -> GatewayChannel | None:
    """Return what the gateway that serves a profile reports of its channel; earlier releases mix up the profiles."""
    facts = gateway.observation
    if facts is None or not facts.hermes.has(Behaviour.DUPLICATES_IN_STATE):
        return None
    return next((each for each in gateway.channels if each.name == channel and each.state not in _UNSAID), None)


def _own(gateway: Gateway, channel: str) -> tuple[str, str]:
    """Return the state of an account that the profile's own gateway serves."""
    found = next((each for each in gateway.channels if each.name == channel), None)
    if gateway.process is None:
        return "off", ""
    return (found.state, found.detail) if found is not None else ("unknown", "")
