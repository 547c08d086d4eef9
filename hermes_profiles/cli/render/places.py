"""Places as data and as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.operations.places.check_places import CheckedPlace
from hermes_profiles.places.model import Place

from .outcomes import DRY_RUN

if TYPE_CHECKING:
    from hermes_profiles.operations.places.smoke_place import SmokeResult

_DONE = {
    "added": "added",
    "would-be-added": "would be added",
    "removed": "removed",
    "would-be-removed": "would be removed",
    "shared": "has the key of the fleet",
    "would-be-shared": "would get the key of the fleet",
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


def checked_row(checked: CheckedPlace) -> dict[str, Any]:
    """Return a place after a check as the command contract has it."""
    facts = checked.facts
    return place_row(checked.place) | {
        "reachable": facts is not None,
        "version": facts.version if facts is not None else None,
        "hermes_version": facts.hermes_version or None if facts is not None else None,
        "root": facts.root if facts is not None else checked.place.root or None,
        "profiles": len(facts.profiles) if facts is not None else None,
        "manager": facts.manager or None if facts is not None else None,
        "file_system": facts.file_system or None if facts is not None else None,
        "linger": facts.linger if facts is not None else None,
        "clock_offset_s": round(facts.offset or 0.0, 1) if facts is not None else None,
        "zone": facts.zone if facts is not None else None,
        "key": facts.key_id or None if facts is not None else None,
        "faults": [fault.as_dict() for fault in checked.faults],
    }


def checked_lines(checked: Iterable[CheckedPlace]) -> list[Block]:
    """Return the table of places after a check."""
    cells = []
    for each in checked:
        row = checked_row(each)
        linger = {True: "on", False: "off", None: "-"}[row["linger"]]
        state = "no answer" if not row["reachable"] else "ok" if not each.faults else f"{len(each.faults)} faults"
        cells.append(
            (
                row["name"],
                state,
                row["version"] or "-",
                row["hermes_version"] or "-",
                row["manager"] or "-",
                row["file_system"] or "-",
                linger,
                f"{row['clock_offset_s']:+.0f} s" if row["clock_offset_s"] else "-",
            )
        )
    titles = ("place", "state", "hermes-profiles", "Hermes", "manager", "file system", "linger", "clock")
    return output.table(titles, cells)


def smoke_row(done: SmokeResult) -> dict[str, Any]:
    """Return a trial of a cluster as the command contract has it."""
    return {
        "namespace": done.namespace,
        "image": done.image,
        "dry_run": done.dry_run,
        "steps": [
            {
                "step": step.name,
                "state": str(step.state),
                "detail": step.detail,
                "hint": step.hint,
                "seconds": step.seconds,
            }
            for step in done.steps
        ],
        "manifests": done.manifests if done.dry_run else None,
    }


def smoke_lines(done: SmokeResult) -> Iterator[Block]:
    """Yield the steps of a trial; in a dry run also what would be applied."""
    from hermes_profiles.operations.places.smoke_place import shown_apply

    if done.dry_run:
        yield DRY_RUN
        yield f"kubectl would get a namespace {done.namespace}, and `{shown_apply(done)}` this:"
        yield from done.manifests.rstrip().splitlines()
        yield ""
    rows = [
        (step.name, str(step.state), f"{step.seconds:.0f} s" if step.seconds else "-", step.detail or "-")
        for step in done.steps
    ]
    yield from output.table(("step", "state", "took", "detail"), rows)
