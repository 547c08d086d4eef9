"""A row for each account: what it is doing, served by one gateway or by its own."""

from __future__ import annotations

import pytest

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.fleet.accounts import Members, account_rows
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayFacts, GatewayState, LiveLock
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.version import HermesFacts, facts_of
from hermes_profiles.profiles.channels import ClaimedResources

CATALOG = load_catalog()
P = Process(9, 1.0, "S", 1, (), {})
S = GatewayState
NEWEST = facts_of((0, 22, 2))


def held(*keys: str, channel: str = "weixin") -> ClaimedResources:
    return ClaimedResources(tuple(Identity(channel, key * 64, "token") for key in keys), channels=(channel,))


def rows(
    gateways: dict[str, Gateway], holds: dict[str, ClaimedResources], *locks: LiveLock
) -> dict[str, tuple[str, str]]:
    members = Members({"anna": ("sales", "weixin")})
    called = {name: each._replace(accounts=dict.fromkeys(each.channels, f"id-{name}")) for name, each in holds.items()}
    found = account_rows(gateways, called, CATALOG, members=members, locks=locks)
    assert all(row.account in ("", f"id-{row.profile}") for row in found)
    assert {row.team for row in found if row.profile == "anna"} <= {"sales"}
    return {row.profile: (row.state, row.detail) for row in found}


def served(name: str, pid: int = 9) -> Gateway:
    return Gateway(name, S.SERVED, pid)


def test_account_state_under_a_multiplexer_follows_the_lock() -> None:
    lies = (GatewayChannel("weixin", "connected"),)
    gateways = {
        "default": Gateway("default", S.RUNNING, 9, process=P, channels=lies),
        **{name: served(name)._replace(channels=lies) for name in ("anna", "bob", "carl")},
    }
    holds = {"default": held("d"), "anna": held("a"), "bob": held("b"), "carl": held("c")}
    found = rows(gateways, holds, LiveLock("weixin", "a" * 16, 9), LiveLock("weixin", "b" * 16, 77))
    assert found["anna"] == ("connected", "")
    assert found["bob"] == ("taken", "process 77 has it")
    assert found["carl"][0] == "not connected" == found["default"][0]


def test_second_profile_with_an_account_is_refused() -> None:
    gateways = {"default": Gateway("default", S.RUNNING, 9, process=P), "anna": served("anna"), "bob": served("bob")}
    found = rows(gateways, {"anna": held("x"), "bob": held("x")}, LiveLock("weixin", "x" * 16, 9))
    assert found["anna"] == ("connected", "") and found["bob"][0] == "refused" and "anna" in found["bob"][1]


def test_channel_without_locks_is_served() -> None:
    gateways = {"default": Gateway("default", S.RUNNING, 9, process=P), "anna": served("anna")}
    holds = {"anna": held("a", channel="mattermost")}
    members = Members({"anna": ("sales", "mattermost")})
    (row,) = account_rows(gateways, holds, CATALOG, members=members)
    assert (row.state, row.pid) == ("served", 9)


def reporting(
    gateway: Gateway, *channels: tuple[str, str], server: str = "default", hermes: HermesFacts = NEWEST
) -> Gateway:
    """Return a gateway whose record has these states of WeChat for this profile alone."""
    seen = GatewayFacts(gateway.profile, hermes=hermes, server=server)
    return gateway._replace(
        observation=seen, channels=tuple(GatewayChannel("weixin", *channel) for channel in channels)
    )


def test_record_of_the_gateway_outranks_the_lock_where_it_has_each_profile() -> None:
    default = Gateway("default", S.RUNNING, 9, process=P)
    gateways = {
        "default": reporting(default, ("retrying", "no network")),
        "anna": reporting(served("anna"), ("connected", "")),
        "bob": reporting(served("bob"), ("fatal", "held by default")),
        "carl": reporting(served("carl"), ("unknown", "not reported")),
    }
    holds = {"default": held("d"), "anna": held("a"), "bob": held("b"), "carl": held("c")}
    found = rows(gateways, holds, LiveLock("weixin", "c" * 16, 9), LiveLock("weixin", "d" * 16, 9))
    assert found == {
        "default": ("retrying", "no network"),
        "anna": ("connected", ""),
        "bob": ("fatal", "held by default"),
        "carl": ("connected", ""),
    }
    old = {name: each._replace(observation=None) for name, each in gateways.items()}
    assert rows(old, holds)["anna"][0] == "not connected", "0.19.0 mixes up the profiles in its record"


def test_default_has_the_account_that_the_profile_of_the_gateway_is_refused() -> None:
    """Hermes 0.22.2 connects default first, whichever profile its gateway was started for."""
    owner = Gateway("anna", S.RUNNING, 9, process=P)
    gateways = {
        "default": reporting(served("default"), ("connected", ""), server="anna"),
        "anna": reporting(owner, ("fatal", "held by default")),
    }
    holds = {"default": held("x"), "anna": held("x")}
    assert rows(gateways, holds) == {"default": ("connected", ""), "anna": ("refused", "held by default")}
    silent = {"default": reporting(served("default"), server="anna"), "anna": reporting(owner)}
    found = rows(silent, holds, LiveLock("weixin", "x" * 16, 9))
    assert found["default"] == ("connected", "")
    assert found["anna"] == ("refused", "default has the same account, and one gateway serves it once")


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        (
            Gateway("anna", S.RUNNING, 9, process=P, channels=(GatewayChannel("weixin", "connected"),)),
            ("connected", ""),
        ),
        (
            Gateway("anna", S.RUNNING, 9, process=P, channels=(GatewayChannel("weixin", "masked", "why"),)),
            ("masked", "why"),
        ),
        (Gateway("anna", S.RUNNING, 9, process=P), ("unknown", "")),
        (Gateway("anna", S.STOPPED, channels=(GatewayChannel("weixin", "off"),)), ("off", "")),
    ],
)
def test_own_gateway_reports_the_state(gateway: Gateway, expected: tuple[str, str]) -> None:
    assert rows({"anna": gateway}, {"anna": held("a")}) == {"anna": expected}


def test_member_without_account_is_missing() -> None:
    gateways = {"anna": Gateway("anna", S.STOPPED), "bob": Gateway("bob", S.STOPPED)}
    assert rows(gateways, {}) == {"anna": ("missing", "no account is bound to it")}
