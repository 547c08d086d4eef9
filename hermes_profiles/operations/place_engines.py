"""The engines of places, by kind. A host has none: its programs answer, or it is unknown."""

from __future__ import annotations

from hermes_profiles.places.engine import Engines


def engines() -> Engines:
    """Return the engines that are asked about a place in which no program answers."""
    return {}
