"""What is seen of services: their files under every manager, and what managers say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermes_profiles.doctor.facts import ProfileFacts
from hermes_profiles.doctor.surroundings import Surroundings
from hermes_profiles.fleet.inventory import Inventory


class ServiceFacts(NamedTuple):
    """Nothing yet."""


def look_at_services(
    around: Surroundings, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> ServiceFacts:
    """Return what was seen."""
    return ServiceFacts()
