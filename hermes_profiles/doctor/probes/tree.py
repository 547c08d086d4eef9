"""What is seen of the folder of profiles, aliases and the Hermes installation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hermes_profiles.doctor.facts import ProfileFacts
from hermes_profiles.doctor.surroundings import Surroundings
from hermes_profiles.fleet.inventory import Inventory


class TreeFacts(NamedTuple):
    """Nothing yet."""


def look_at_tree(around: Surroundings, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None) -> TreeFacts:
    """Return what was seen."""
    return TreeFacts()
