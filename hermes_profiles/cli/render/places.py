"""Places as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.places.model import Place

from .outcomes import DRY_RUN

_DONE = {
    "added": "added",
    "would-be-added": "would be added",
    "removed": "removed",
    "would-be-removed": "would be removed",
}


def place_row(place: Place) -> dict[str, Any]:
    """Return a place as the command contract has it."""
    target = place.kubernetes
    return {
        "name": place.name,
        "kind": str(place.kind),
        "address": place.address,
        "root": place.root or None,
        "context": target.context or None if target is not None else None,
        "namespace": target.namespace if target is not None else None,
        "stateful_set": target.name if target is not None else None,
    }


def place_lines(places: Iterable[Place]) -> list[Block]:
    """Return the table of places."""
    rows = [(place.name, str(place.kind), place.address, place.root or "-") for place in places]
    return output.table(("place", "kind", "address", "root"), rows)


def changed_lines(places: Iterable[Place], outcome: str, *, dry_run: bool) -> Iterator[Block]:
    """Yield a line for each place that was added or removed."""
    if dry_run:
        yield DRY_RUN
    for place in places:
        yield f"{place.name}: {_DONE[outcome]} ({place.kind}, {place.address})"
