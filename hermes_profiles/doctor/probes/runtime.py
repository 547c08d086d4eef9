"""What is seen of what gateways leave in their homes: pid files, locks, databases, logs, and the machine's room."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermes_profiles.doctor.facts import ProfileFacts
from hermes_profiles.doctor.surroundings import Surroundings
from hermes_profiles.fleet.inventory import Inventory


class RuntimeFacts(NamedTuple):
    """Nothing yet."""


def look_at_runtime(
    around: Surroundings, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None
) -> RuntimeFacts:
    """Return what was seen."""
    return RuntimeFacts()
