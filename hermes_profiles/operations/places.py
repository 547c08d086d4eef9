"""The places of a user: add, list, show and remove them."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import NamedTuple

from hermes_profiles.model.errors import NotFound, Refused
from hermes_profiles.places.file import PlacesFile, place_named, read_places
from hermes_profiles.places.model import LOCAL, Place, check_place
from hermes_profiles.places.transport import control_socket, place_words

from .context import Session


class PlacesResult(NamedTuple):
    """Places after a command. `changed`: the name of the one that it is about."""

    places: tuple[Place, ...]
    changed: str | None = None
    outcome: str | None = None
    dry_run: bool = False


def list_places(session: Session) -> PlacesResult:
    """Return all places, the root of this command first. Raises DocumentError."""
    return PlacesResult((own_place(session), *read_places(session.environment).values()))


def show_place(session: Session, name: str) -> Place:
    """Return one place. Raises NotFound."""
    return place_named(session.environment, name, own_root=session.layout.root)


def own_place(session: Session) -> Place:
    """Return the root of this command as a place."""
    return place_named(session.environment, LOCAL, own_root=session.layout.root)


def shown_command(session: Session, place: Place) -> str:
    """Return the command line that asks a place for its gateways, for a user who wants to try it."""
    words = place_words(place, ["hermes-gateways", "list"], control=control_socket(place, session.environment))
    return shlex.join(words)


def add_place(session: Session, place: Place, *, dry_run: bool) -> PlacesResult:
    """Add a place. Raises UsageProblem, and Refused for a name that exists."""
    check_place(place)
    if dry_run:
        _require_new(place, read_places(session.environment))
    else:
        with PlacesFile(session.environment) as file:
            _require_new(place, read_places(session.environment))
            file.add(place)
    return PlacesResult((place,), place.name, "would-be-added" if dry_run else "added", dry_run)


def remove_places(session: Session, names: Sequence[str], *, dry_run: bool) -> tuple[Place, ...]:
    """Remove places from the file; nothing is changed in them. Returns what was removed. Raises NotFound."""
    if dry_run:
        return _required(names, read_places(session.environment))
    with PlacesFile(session.environment) as file:
        gone = _required(names, read_places(session.environment))
        for place in gone:
            file.drop(place.name)
    return gone


def _require_new(place: Place, known: dict[str, Place]) -> None:
    if place.name in known:
        raise Refused(
            f"a place {place.name} exists",
            target=place.name,
            code="exists",
            hint=f"remove it with `hermes-gateways place remove {place.name}`, or use another name",
        )


def _required(names: Sequence[str], known: dict[str, Place]) -> tuple[Place, ...]:
    for name in names:
        if name not in known:
            raise NotFound(
                f"no place {name!r}", target=name, code="no-place", hint="list them with `hermes-gateways place list`"
            )
    return tuple(known[name] for name in dict.fromkeys(names))
