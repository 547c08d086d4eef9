"""The index identity → holders, compared with its definition: two profiles share an identity that both have."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.conflicts.running import running_conflicts
from hermes_profiles.conflicts.shared_identities import ProfileIdentities, port_rivalries, rivalries
from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.holders import (
    HolderIndex,
    index_identities,
    shared_channels,
    shared_groups,
    shared_identities,
    shared_ports,
)
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.model import LiveGateway
from hermes_profiles.profiles.channels import ClaimedResources

CATALOG = load_catalog()
identities = st.builds(
    Identity,
    st.sampled_from(["telegram", "discord"]),
    st.sampled_from(["x", "y", "z"]),
    st.sampled_from(["token", "id"]),
)
claims = st.builds(PortClaim, st.just("api_server"), st.sampled_from([1, 2]), st.sampled_from(["*", "a", "b"]))
roots = st.dictionaries(st.sampled_from("abcde"), st.lists(identities, max_size=4))


def test_holders_and_keys_stay_in_the_order_given() -> None:
    index = HolderIndex({"b": [2, 1, 2], "a": [1, 3], "c": [3]})
    assert (index.holders(1), index.first(3), index.holders(9), index.first(9)) == (("b", "a"), "a", (), None)
    assert list(index.shared()) == [(1, ("b", "a")), (3, ("a", "c"))]
    assert index.sharing() == ("b", "a", "c")


@given(roots)
def test_what_is_shared_is_what_two_profiles_hold(root: dict[str, list[Identity]]) -> None:
    shared = {identity.place: names for identity, names in shared_identities(root)}
    for one, other in combinations(root, 2):
        common = {each.place for each in root[one]} & {each.place for each in root[other]}
        assert common == {place for place, names in shared.items() if {one, other} <= set(names)}
        assert set(shared_channels(root[one], root[other])) == {channel for channel, _ in common}
    grouped = {identity.place for group in shared_groups(root) for identity in group.identities}
    assert grouped == set(shared)
    for group in shared_groups(root):
        for identity in group.identities:
            assert set(index_identities(root).holders(identity.place)) <= set(group.profiles)


@given(roots, st.dictionaries(st.sampled_from("abcde"), st.lists(claims, max_size=3)))
def test_status_doctor_and_repair_name_the_same_profiles(
    root: dict[str, list[Identity]], ports: dict[str, list[PortClaim]]
) -> None:
    names = sorted({*root, *ports})
    held = {
        name: ClaimedResources(
            tuple(root.get(name, ())),
            tuple(ports.get(name, ())),
            channels=tuple({each.channel for each in root.get(name, ())}),
        )
        for name in names
    }
    live = {name: LiveGateway(number, starting=False) for number, name in enumerate(names, 10)}
    running = running_conflicts(holdings=held, live=live)
    status = {(each.channel, name) for each in running for name in each.profiles if "port" not in each.what}
    doctor = {(group.channel, name) for group in shared_groups(root) for name in group.profiles}
    found = rivalries({name: ProfileIdentities(held[name], {}, {}) for name in names}, CATALOG)
    repair = {(each.channel, name) for each in found for name in each.holders}
    assert status == doctor == repair
    on_ports = {(each.what, name) for each in running for name in each.profiles if "port" in each.what}
    assert on_ports == {(each.what, name) for each in port_rivalries(ports) for name in each.holders}
    assert on_ports == {(f"port {port}", name) for port, several in shared_ports(ports) for name, _ in several}
