"""Which facts hold for which version of Hermes."""

from __future__ import annotations

import pytest

from hermes_profiles.hermes.version import BASE, HERMES_0_19_0, HERMES_0_21_4, VERSIONS, VersionFacts, facts_of


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        (None, HERMES_0_19_0),
        ((0, 18, 2), HERMES_0_19_0),
        ((0, 19, 0), HERMES_0_19_0),
        ((0, 21, 3), HERMES_0_19_0),
        ((0, 21, 4), HERMES_0_21_4),
        ((0, 22, 2), HERMES_0_21_4),
        ((1,), HERMES_0_21_4),
    ],
)
def test_facts_of_version_is_newest_row_not_above_it(version: tuple[int, ...] | None, expected: VersionFacts) -> None:
    assert facts_of(version) is expected


def test_versions_are_sorted_newest_first_and_end_with_base() -> None:
    assert list(VERSIONS) == sorted(VERSIONS, key=lambda facts: facts.since, reverse=True)
    assert VERSIONS[-1] is BASE
