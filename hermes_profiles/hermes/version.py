"""The facts that differ between versions of Hermes."""

from __future__ import annotations

from typing import NamedTuple


class VersionFacts(NamedTuple):
    """Facts that differ between versions of Hermes.

    `since`: the first version they hold for; `always_multiplexes`: one gateway serves all profiles and no setting
    changes that (gateway/config.py, `multiplex_profiles`).
    """

    since: tuple[int, int, int]
    always_multiplexes: bool


HERMES_0_19_0 = VersionFacts((0, 19, 0), always_multiplexes=False)
HERMES_0_21_4 = VersionFacts((0, 21, 4), always_multiplexes=True)
# Newest first: the first row whose version is not above the installed one holds.
VERSIONS = (HERMES_0_21_4, HERMES_0_19_0)
# The version the rest of this package describes, and the answer where the installed version is unknown.
BASE = HERMES_0_19_0


def facts_of(version: tuple[int, ...] | None = None) -> VersionFacts:
    """Return the facts of a version; those of 0.19.0 for an older or unknown one."""
    known = (facts for facts in VERSIONS if version is not None and version >= facts.since)
    return next(known, BASE)
