"""What is seen of what profiles contend for: locks, ports, environments of live gateways, logins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermes_profiles.doctor.facts import ProfileFacts
from hermes_profiles.doctor.surroundings import Surroundings
from hermes_profiles.fleet.inventory import Inventory


class RivalFacts(NamedTuple):
    """Nothing yet."""


def look_at_rivals(
    around: Surroundings, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> RivalFacts:
    """Return what was seen."""
    return RivalFacts()
