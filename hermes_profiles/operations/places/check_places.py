"""`place check`: whether places answer, what is in them, and what to run for each fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from shlex import quote

from hermes_profiles import __version__
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.answers import PlaceAnswer
from hermes_profiles.places.compare import clock_findings, version_order
from hermes_profiles.places.facts import PlaceFacts
from hermes_profiles.places.fan_out import update_hint
from hermes_profiles.places.fleet_key import key_id, own_key
from hermes_profiles.places.model import ALL, Place, PlaceKind
from hermes_profiles.places.transport import LIMIT

from ..context import Session
from .in_places import chosen_places, read_facts


class CheckedPlace(NamedTuple):
    """A place after a check. `facts`: None for a silent one; `faults`: each with the command that fixes it."""

    place: Place
    facts: PlaceFacts | None
    faults: tuple[Problem, ...] = ()


def check_places(session: Session, names: Sequence[str], *, limit: float = LIMIT) -> tuple[CheckedPlace, ...]:
    """Return places after a check, all without names. Raises NotFound, DocumentError."""
    places = tuple(place for name in names or (ALL,) for place in chosen_places(session, name))
    key = own_key(session.environment)
    ours = key_id(key) if key is not None else ""
    found = read_facts(session, places, limit=limit)
    return tuple(_with_engine(session, _checked(place, found[place.name], ours)) for place in places)


def check_code(checked: Sequence[CheckedPlace]) -> ExitCode:
    """Return 4 where a place is silent, 3 where one has a fault, else 0."""
    if any(each.facts is None for each in checked):
        return ExitCode.MANAGER
    return ExitCode.NEGATIVE if any(each.faults for each in checked) else ExitCode.OK


def _with_engine(session: Session, checked: CheckedPlace) -> CheckedPlace:
    """Return a place with what only its engine shows."""
    if checked.place.kind is not PlaceKind.KUBERNETES:
        return checked
    from hermes_profiles.kubernetes.engine import replica_fault
    from hermes_profiles.kubernetes.place_objects import loader_fault

    faults = list(checked.faults)
    try:
        found = (replica_fault(checked.place, session.environment), loader_fault(checked.place, session.environment))
        faults += [fault for fault in found if fault is not None]
    except HermesProfilesError:  # the place is silent, and has an error for it
        pass
    return checked._replace(faults=tuple(faults))


def _checked(place: Place, found: PlaceAnswer | PlaceFacts, ours: str) -> CheckedPlace:
    if isinstance(found, PlaceFacts):
        return CheckedPlace(place, found, tuple(_faults(place, found, ours)))
    return CheckedPlace(place, None, tuple(found.problems("errors")))


def _faults(place: Place, facts: PlaceFacts, ours: str) -> Iterator[Problem]:
    name = place.name
    if facts.version != __version__:
        text = f"{name}: hermes-profiles {facts.version} there, {__version__} here"
        is_older = version_order(facts.version) < version_order(__version__)
        where = f"there with {update_hint(place)}" if is_older else "here with `pipx upgrade hermes-profiles`"
        yield Problem("place-version", text, name, f"update it {where}")
    if not facts.hermes_version:
        yield Problem("place-no-hermes", f"{name}: no Hermes is installed there", name, "install Hermes there")
    if not facts.is_fit:
        text = f"{name}: {facts.root} is on {facts.file_system}, where databases can be damaged"
        yield Problem(
            "place-file-system", text, name, f"move it to a local disk; see it with `df -T {quote(facts.root)}`"
        )
    for finding in clock_findings({name: facts}):
        yield Problem("place-clock", finding.message, name, f"run there, as an administrator: `{finding.command}`")
    if facts.linger is False:
        text = f"{name}: services end with the session of their user"
        yield Problem("place-linger", text, name, "run there: `loginctl enable-linger`")
    if ours and facts.key_id != ours:
        text = f"{name}: its fingerprints cannot be compared: {'another' if facts.key_id else 'no'} key of the fleet"
        yield Problem("place-key", text, name, f"share the key with `hermes-gateways place share-key {name}`")
