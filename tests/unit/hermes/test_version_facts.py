"""Which behaviours which Hermes has: from its version, and from markers in its code."""

from __future__ import annotations

import pytest

from hermes_profiles.hermes.behaviours import BEHAVIOURS, Behaviour
from hermes_profiles.hermes.version import BASE, NEWEST_KNOWN, facts_of


@pytest.mark.parametrize(
    ("version", "count"),
    [
        ((), 0),
        ((0, 18, 2), 0),
        ((0, 19, 0), 0),
        ((0, 20, 0), 1),
        (NEWEST_KNOWN, len(BEHAVIOURS)),
        ((1,), len(BEHAVIOURS)),
    ],
)
def test_facts_of_version_have_every_behaviour_that_began_before(version: tuple[int, ...], count: int) -> None:
    assert len(facts_of(version).behaviours) == count


def test_marker_in_code_outranks_version() -> None:
    facts = facts_of((0, 22, 2), {Behaviour.ONE_GATEWAY: False})
    assert not facts.has(Behaviour.ONE_GATEWAY)
    assert facts.has(Behaviour.LAUNCHERS)
    assert facts_of((0, 19, 0), {Behaviour.ONE_GATEWAY: True}).has(Behaviour.ONE_GATEWAY)


def test_without_version_the_newest_marker_decides_what_has_none() -> None:
    facts = facts_of((), {Behaviour.ONE_GATEWAY: True, Behaviour.LAUNCHERS: False})
    assert facts.has(Behaviour.CODE_IN_STATE)
    assert facts.has(Behaviour.XDG_UNIT_FOLDER)
    assert not facts.has(Behaviour.LAUNCHERS)


def test_release_that_nobody_tried_is_newer_than_known() -> None:
    assert facts_of((0, 22, 3)).is_newer_than_known
    assert facts_of((0, 99)).behaviours == facts_of(NEWEST_KNOWN).behaviours
    assert not facts_of(NEWEST_KNOWN).is_newer_than_known
    assert not BASE.is_newer_than_known


def test_behaviours_are_sorted_by_release_and_complete() -> None:
    assert [fact.since for fact in BEHAVIOURS] == sorted(fact.since for fact in BEHAVIOURS)
    assert {fact.behaviour for fact in BEHAVIOURS} == set(Behaviour)
