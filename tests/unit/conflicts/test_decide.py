"""Assignment of channels that several gateways want, and the masks of the others."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.conflicts.decide import assign_channels
from hermes_profiles.conflicts.running import running_conflicts, without
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.profiles.channels import ClaimedResources

UP = LiveGateway(100, starting=False)
API = (8642, "127.0.0.1")


def bot(name: str, channel: str = "telegram") -> Identity:
    return Identity(channel, name * 32, "token")


def held(*things: Identity | PortClaim) -> ClaimedResources:
    identities = tuple(one for one in things if isinstance(one, Identity))
    ports = tuple(one for one in things if isinstance(one, PortClaim))
    return ClaimedResources(identities, ports, channels=tuple(sorted({one.channel for one in things})))


def api(port: int = 8642, bind: str = "127.0.0.1") -> PortClaim:
    return PortClaim("api_server", port, bind)


BOTH = {"a": held(bot("x")), "b": held(bot("x"))}


def masked(found: object, profile: str) -> list[str]:
    assert isinstance(found, dict)
    return [mask.channel for mask in found[profile]]


def test_first_in_fleet_order_keeps_the_channel() -> None:
    found = assign_channels(starting=("a", "b"), holdings=BOTH, live={})
    assert found["a"] == ()
    (mask,) = found["b"]
    assert mask.sentence() == "platform 'telegram' disabled: token already in use by profile 'a'"
    assert (mask.owner.profile, mask.owner.pid) == ("a", None)


def test_running_gateway_keeps_the_channel() -> None:
    found = assign_channels(starting=("a",), holdings=BOTH, live={"b": UP})
    assert [(mask.owner.profile, mask.owner.pid) for mask in found["a"]] == [("b", 100)]


def test_running_gateway_with_a_mask_is_not_the_owner() -> None:
    assert assign_channels(starting=("a",), holdings=BOTH, live={"b": UP}, masked={"b": ("telegram",)})["a"] == ()


def test_starting_gateway_counts_as_running() -> None:
    coming, down = LiveGateway(None, starting=True), LiveGateway(None, starting=False)
    assert masked(assign_channels(starting=("a",), holdings=BOTH, live={"b": coming}), "a") == ["telegram"]
    assert masked(assign_channels(starting=("a",), holdings=BOTH, live={"b": down}), "a") == []


def test_owner_option_wins_only_among_starting_profiles() -> None:
    assert masked(assign_channels(starting=("a", "b"), holdings=BOTH, live={}, owners=("b",)), "a") == ["telegram"]
    assert masked(assign_channels(starting=("b",), holdings=BOTH, live={"a": UP}, owners=("b",)), "b") == ["telegram"]
    lock = LiveLock("telegram", ("x" * 32)[:16], 100)
    found = assign_channels(starting=("a", "b"), holdings=BOTH, live={"a": UP}, locks=(lock,), owners=("b",))
    assert (masked(found, "a"), masked(found, "b")) == (["telegram"], []), "a is also restarted"


def test_restarted_gateway_with_the_channel_keeps_it() -> None:
    live = {"a": LiveGateway(1, starting=False), "b": LiveGateway(2, starting=False)}
    assert masked(assign_channels(starting=("a", "b"), holdings=BOTH, live=live, masked={"a": ("telegram",)}), "a") == [
        "telegram"
    ]
    lock = LiveLock("telegram", ("x" * 32)[:16], 2)
    found = assign_channels(starting=("a", "b"), holdings=BOTH, live=live, locks=(lock,))
    assert (masked(found, "a"), masked(found, "b")) == (["telegram"], [])


def test_lock_of_a_foreign_process_owns_the_identity() -> None:
    lock = LiveLock("telegram", ("x" * 32)[:16], 4711)
    found = assign_channels(starting=("a", "b"), holdings=BOTH, live={}, locks=(lock,))
    for profile in ("a", "b"):
        (mask,) = found[profile]
        assert mask.sentence() == (
            "platform 'telegram' disabled: token already in use by process 4711, which is not a profile of this root"
        )
        assert (mask.owner.profile, mask.owner.pid) == (None, 4711)
    elsewhere = [LiveLock("telegram", ("y" * 32)[:16], 4711), LiveLock("discord", ("x" * 32)[:16], 4711)]
    assert masked(assign_channels(starting=("a",), holdings=BOTH, live={}, locks=elsewhere), "a") == []


def test_lock_of_a_running_profile_counts_without_its_files() -> None:
    lock = LiveLock("telegram", ("x" * 32)[:16], 100)
    found = assign_channels(starting=("a",), holdings={**BOTH, "b": held()}, live={"b": UP}, locks=(lock,))
    assert [mask.owner.profile for mask in found["a"]] == ["b"]


def test_profile_does_not_conflict_with_itself() -> None:
    lock = LiveLock("telegram", ("x" * 32)[:16], 100)
    one = held(bot("x"), api())
    assert (
        assign_channels(starting=("a",), holdings={"a": one}, live={"a": UP}, locks=(lock,), listening={API: 100})["a"]
        == ()
    )
    assert assign_channels(starting=("a",), holdings={"a": one}, live={"a": UP}, listening={API: None})["a"] == ()


def test_shared_port_is_masked() -> None:
    homes = {"a": held(api()), "b": held(api()), "c": held(api(8643))}
    found = assign_channels(starting=("a", "b", "c"), holdings=homes, live={})
    assert [mask.sentence() for mask in found["b"]] == [
        "platform 'api_server' disabled: port 8642 already in use by profile 'a'"
    ]
    assert found["a"] == found["c"] == ()


@pytest.mark.parametrize(("first", "second", "clash"), [
    ("127.0.0.1", "127.0.0.1", True), ("127.0.0.1", "*", True), ("*", "*", True), ("127.0.0.1", "127.0.0.2", False),
    ("localhost", "::1", True), ("localhost", "127.0.0.1", True), ("0.0.0.0", "::", False), ("::", "::1", True),
    ("127.0.0.1", "::", False), ("0.0.0.0", "::1", False), ("*", "::1", True), ("0.0.0.0", "box.lan", True),
    ("::", "box.lan", True), ("127.0.0.1", "box.lan", False),
])  # fmt: skip
def test_ports_on_different_addresses_do_not_conflict(first: str, second: str, clash: bool) -> None:
    homes = {"a": held(api(bind=first)), "b": held(api(bind=second))}
    assert bool(assign_channels(starting=("a", "b"), holdings=homes, live={})["b"]) is clash


@pytest.mark.parametrize(("pid", "words"), [
    (100, "profile 'b'"), (4711, "process 4711, which is not a profile of this root"), (None, "another process"),
])  # fmt: skip
def test_listener_owns_the_port(pid: int | None, words: str) -> None:
    found = assign_channels(starting=("a",), holdings={"a": held(api())}, live={"b": UP}, listening={API: pid})
    assert [mask.sentence() for mask in found["a"]] == [
        f"platform 'api_server' disabled: port 8642 already in use by {words}"
    ]


def test_listener_of_another_address_does_not_own_the_port() -> None:
    homes = {"a": held(api(bind="::1")), "b": held(api())}
    found = assign_channels(starting=("a", "b"), holdings=homes, live={}, listening={(8642, "::1"): None})
    assert (masked(found, "a"), masked(found, "b")) == (["api_server"], [])


def test_masked_channel_reserves_nothing() -> None:
    webhook = PortClaim("telegram", 8443, "*")
    homes = {"a": held(bot("x")), "b": held(bot("x"), webhook), "c": held(bot("y"), webhook)}
    found = assign_channels(starting=("a", "b", "c"), holdings=homes, live={})
    assert (masked(found, "b"), masked(found, "c")) == (["telegram"], [])


def test_only_the_shared_channel_is_masked_once() -> None:
    homes = {
        "a": held(bot("x"), bot("w", "weixin"), bot("v", "weixin")),
        "b": held(bot("y"), bot("w", "weixin"), bot("v", "weixin"), api()),
    }
    assert masked(assign_channels(starting=("a", "b"), holdings=homes, live={}), "b") == ["weixin"]


names = st.sampled_from("abcd")
things = st.one_of(
    st.builds(bot, st.sampled_from("xyz"), st.sampled_from(["telegram", "discord"])),
    st.builds(api, st.sampled_from([1, 2]), st.sampled_from(["*", "127.0.0.1"])),
)


@given(
    st.dictionaries(names, st.lists(things, max_size=4).map(lambda some: held(*some)), min_size=1),
    st.sets(names), st.lists(names, max_size=2, unique=True),
)  # fmt: skip
def test_each_identity_has_exactly_one_owner(
    homes: dict[str, ClaimedResources], up: set[str], owners: list[str]
) -> None:
    live = {name: LiveGateway(10 + number, starting=False) for number, name in enumerate(sorted(up & set(homes)))}
    starting = tuple(sorted(set(homes) - set(live)))
    found = assign_channels(starting=starting, holdings=homes, live=live, owners=owners)
    has = {name: without(homes[name], masked(found, name)) for name in starting}
    before = {place for name in live for one in homes[name].identities for place in [one.place]}
    for first, second in itertools.combinations(starting, 2):
        assert not {one.place for one in has[first].identities} & {one.place for one in has[second].identities}
        assert not any(one.conflicts_with(other) for one in has[first].ports for other in has[second].ports)
    for name in starting:
        assert not before & {one.place for one in has[name].identities}
        for mask in found[name]:
            owner = mask.owner.profile
            assert owner in homes and owner != name
            has_it = has.get(owner, ClaimedResources())
            channels = [one.channel for one in has_it.identities] + [one.channel for one in has_it.ports]
            assert owner in live or mask.channel in channels


def test_running_conflicts_are_reported_by_kind() -> None:
    live = {
        "a": LiveGateway(1, starting=False),
        "b": LiveGateway(2, starting=False),
        "c": LiveGateway(None, starting=True),
    }
    homes = {name: held(bot("x"), api()) for name in ("a", "b", "c", "d")}
    lock = LiveLock("telegram", ("x" * 32)[:16], 2)
    token, port = running_conflicts(holdings=homes, live=live, locks=(lock,))
    assert (token.channel, token.profiles, token.what, token.holder) == ("telegram", ("a", "b"), "token", "b")
    assert (port.profiles, port.what) == (("a", "b"), "port 8642")
    assert running_conflicts(holdings=homes, live=live, masked={"a": ("telegram", "api_server")}) == ()
