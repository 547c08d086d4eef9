"""Faults between places, and facts as data."""

from __future__ import annotations

import pytest

from hermes_profiles.places.compare import compared
from hermes_profiles.places.facts import IdentityThere, PlaceFacts, ProfileThere, facts_data, facts_of

BOT = IdentityThere("telegram", "bot", "a" * 32)
FACTS = PlaceFacts("0.1.0", "0.19.0", 100.0, "+0000", "/r", "ext4", True, "systemd", True, "k")


def _checks(**places: PlaceFacts) -> list[tuple[str, tuple[str, ...]]]:
    return [(finding.check, finding.profiles or finding.places) for finding in compared(places)]


def _with(*profiles: ProfileThere) -> PlaceFacts:
    return FACTS._replace(profiles=profiles)


def test_bot_of_two_places_is_a_fault_and_of_two_profiles_in_one_is_not() -> None:
    one, two = ProfileThere("a", identities=(BOT,)), ProfileThere("b", identities=(BOT,))
    assert _checks(home=_with(one), vps=_with(two)) == [("places.shared-identity", ("home/a", "vps/b"))]
    assert _checks(home=_with(one, two), vps=_with()) == []
    assert _checks(home=_with(one), vps=_with(two._replace(is_elsewhere=True))) == []
    other = ProfileThere("b", identities=(BOT._replace(channel="slack"),))
    assert _checks(home=_with(one), vps=_with(other)) == []


def test_profile_that_exists_twice_names_the_older_copy() -> None:
    old, new = ProfileThere("a", "p-1", 1), ProfileThere("a", "p-1", 2)
    (found,) = compared({"home": _with(old), "vps": _with(new)})
    assert (found.check, found.command) == ("places.profile-twice", "hermes-gateways stop a --place home")
    assert _checks(home=_with(old._replace(is_elsewhere=True)), vps=_with(new)) == []
    assert _checks(home=_with(ProfileThere("a")), vps=_with(ProfileThere("a"))) == []


def test_clocks_and_versions_apart_are_found() -> None:
    places = {"home": FACTS, "vps": FACTS._replace(offset=-61.0), "two": FACTS._replace(offset=4.0)}
    assert _checks(**places) == [("places.clock", ("vps",))]
    versions = {"home": FACTS._replace(hermes_version="0.22.2"), "vps": FACTS._replace(version="0.0.9")}
    assert _checks(**versions) == [("places.version", ("vps",))] * 2
    assert "0.22.2" in compared(versions)[1].message


def test_facts_survive_their_data_and_the_clock_counts_outside_the_request_alone() -> None:
    facts = _with(ProfileThere("a", "p-1", 2, False, (BOT,)))
    assert facts_of(facts_data(facts), begin=99.0, end=101.0) == facts
    assert facts_of(facts_data(facts), begin=110.0, end=112.0).offset == -10.0
    assert facts_of(facts_data(facts), begin=50.0, end=60.0).offset == 40.0
    assert facts_of({**facts_data(facts), "later": 1}, begin=99.0, end=101.0) == facts
    with pytest.raises(ValueError, match="not the facts"):
        facts_of({"profiles": [{}]}, begin=0.0, end=1.0)
