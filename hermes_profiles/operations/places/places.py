"""The places of a user: add, list, show and remove them. Adding one shares the key of the fleet with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import ExitCode, Failed, NotFound, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.fan_out import ask_place
from hermes_profiles.places.file import PlacesFile, place_named, read_places
from hermes_profiles.places.fleet_key import keep_own_key, key_of, own_key, random_key, root_key, take_key
from hermes_profiles.places.model import LOCAL, Place, PlaceKind, check_place
from hermes_profiles.places.transport import PlaceSilent, control_socket, place_words
from hermes_profiles.profiles.listing import has_identity

from ..context import Session
from .place_facts import KeyRequest, key_request_text


class PlacesResult(NamedTuple):
    """Places after a command. `changed`: the name of the one that it is about."""

    places: tuple[Place, ...]
    changed: str | None = None
    outcome: str | None = None
    dry_run: bool = False
    warnings: tuple[Problem, ...] = ()


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


def add_place(session: Session, place: Place, *, dry_run: bool, replaces_key: bool = False) -> PlacesResult:
    """Add a place that answers, and share the key of the fleet with it; in a cluster its pod need not be up yet.

    A dry run asks nothing. Raises UsageProblem, Refused for a name that exists or a root of another fleet, and
    PlaceSilent; then nothing was added.
    """
    check_place(place)
    if dry_run:
        _require_new(place, read_places(session.environment))
        return PlacesResult((place,), place.name, "would-be-added", dry_run)
    _require_new(place, read_places(session.environment))
    warnings: tuple[Problem, ...] = ()
    try:
        share_key(session, place, replaces=replaces_key)
    except PlaceSilent as error:
        if place.kind is not PlaceKind.KUBERNETES:
            raise
        hint = f"when its pod is up, use `hermes-gateways place share-key {place.name}`"
        warnings = (error.problem._replace(hint=hint),)
    with PlacesFile(session.environment) as file:
        _require_new(place, read_places(session.environment))
        file.add(place)
    return PlacesResult((place,), place.name, "added", dry_run, warnings)


def share_key(session: Session, place: Place, *, replaces: bool = False) -> None:
    """Share the key of the fleet with a place: ours, else that of the place, else a new one.

    The own root gets it as well, if it exists. Raises Refused, PlaceSilent, Failed.
    """
    environment = session.environment
    key = own_key(environment)
    if key is None:
        text = _exchanged(session, place, KeyRequest(None)).get("key")
        key = (key_of(text) if isinstance(text, str) else None) or random_key()
    _exchanged(session, place, KeyRequest(key, replaces))
    keep_own_key(environment, key)
    if has_identity(session.layout.root) and root_key(session.layout) != key:
        take_key(session.layout, key)


def _exchanged(session: Session, place: Place, request: KeyRequest) -> Mapping[str, Any]:
    """Return what a place answers to a request for keys. Raises Refused, PlaceSilent."""
    words = ("hermes-gateways", "place-key", "--json")
    typed = key_request_text(request)
    answer = ask_place(place, words, session.environment, engines={}, typed=typed)
    if answer.exit_code is ExitCode.OK:
        return answer.data
    problem = answer.problems("errors")[0] if answer.problems("errors") else Problem("failed", "no answer", place.name)
    kind = PlaceSilent if answer.is_silent else Refused if answer.exit_code is ExitCode.REFUSED else Failed
    raise kind(problem.message, target=place.name, code=problem.code, hint=problem.hint)


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
