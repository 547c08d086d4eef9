"""Move profiles to another place: choose them, look at both sides, refuse or carry it out."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from shlex import quote
from typing import NamedTuple

from hermes_profiles.model.errors import ExitCode, HermesProfilesError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.moves.model import MoveSide, SourceLook, TargetLook, parsed
from hermes_profiles.moves.mover import MovedProfile, Mover
from hermes_profiles.moves.refusals import refusals
from hermes_profiles.places.file import place_named, read_places
from hermes_profiles.places.model import LOCAL, Place, PlaceKind
from hermes_profiles.profiles.placement import PlaceState, record_of
from hermes_profiles.teams.model import read_teams

from .fleet_context import FleetSession
from .move_sides import OtherSide, SilentSide, looked, side_of

_MOST = 16
OnStep = Callable[[str, str], None]


class MoveRequest(NamedTuple):
    """What a caller asks of a move. `source`: the place where the profiles live, None for what is known here."""

    names: tuple[str, ...] = ()
    group: str | None = None
    team: str | None = None
    target: str = ""
    source: str | None = None
    timeout: float = 90.0
    dry_run: bool = False


class MoveResult(NamedTuple):
    """The result of a move. `problems`: why it is refused; `zone`, `ports`: see the outcomes."""

    source: str
    target: str
    profiles: tuple[MovedProfile, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    dry_run: bool = False
    exit_code: ExitCode = ExitCode.OK


class _Route(NamedTuple):
    """Both ends of a move; a place of None is this root."""

    source: Place | None
    target: Place | None
    source_name: str
    target_name: str


def move_profiles(session: FleetSession, request: MoveRequest, on_step: OnStep = lambda *_: None) -> MoveResult:
    """Move profiles, or say why they cannot move. A move that was cut short is finished.

    Several are moved one after the other, those of a team together; the first failure stops the rest.
    """
    names = _chosen(session, request)
    route = _route(session, request, names)
    key = os.urandom(32)
    sources = _look_at_sources(session, route.source, names, key)
    target = _look_at_target(session, route.target, key)
    missing = [look.name for look in sources if not look.exists and look.state != PlaceState.MOVED]
    if missing:
        raise NotFound(
            f"no profile {', '.join(map(repr, missing))} in {route.source_name}",
            target=missing[0],
            hint="see the names with `hermes-profiles list`",
        )
    held, warnings = _bots_elsewhere(session, route, key)
    staying = [look for look in sources if look.state == PlaceState.MOVED]
    problems = tuple(refusals([look for look in sources if look not in staying], target, route.target_name, held))
    if problems or request.dry_run:
        profiles = tuple(_planned(look, refused=bool(problems)) for look in sources)
        code = ExitCode.REFUSED if problems else ExitCode.OK
        return MoveResult(
            route.source_name, route.target_name, profiles, problems, tuple(warnings), request.dry_run, code
        )
    return _carried_out(session, request, route, sources, target, warnings, on_step)


def _carried_out(
    session: FleetSession,
    request: MoveRequest,
    route: _Route,
    sources: Sequence[SourceLook],
    target: TargetLook,
    warnings: list[Problem],
    on_step: OnStep,
) -> MoveResult:
    mover = _mover(session, route, sources, target, request.timeout, on_step)
    done: list[MovedProfile] = []
    problems: list[Problem] = []
    code = ExitCode.OK
    units = _units(sources)
    for number, unit in enumerate(units):
        try:
            done += mover.run(unit)
        except HermesProfilesError as error:
            problems.append(error.problem)
            code = error.exit_code
            done += [MovedProfile(name, "failed") for name in unit]
            done += [MovedProfile(name, "not-moved") for rest in units[number + 1 :] for name in rest]
            break
    warnings += [problem for each in done for problem in each.warnings]
    return MoveResult(
        route.source_name, route.target_name, tuple(done), tuple(problems), tuple(warnings), exit_code=code
    )


def take_back(session: FleetSession, names: Sequence[str]) -> MoveResult:
    """End unfinished moves from this root and have the profiles live here again."""
    chosen = [check_existing_name(name) for name in names]
    places = {name: record.place for name in chosen if (record := record_of(session.layout, name)) is not None}
    done: list[MovedProfile] = []
    for name in chosen:
        known = read_places(session.environment).get(places.get(name, ""))
        side: MoveSide = OtherSide(known, "target", session.environment) if known else SilentSide(places.get(name, ""))
        route = _Route(None, known, own_name(), places.get(name, ""))
        mover = Mover(
            side_of(session, None, "source"), side, route.target_name, route.source_name, {}, str(session.layout.root)
        )
        running = mover.take_back((name,))
        done.append(MovedProfile(name, "taken-back", running=name in running))
    return MoveResult(next(iter(places.values()), ""), LOCAL, tuple(done))


def _mover(
    session: FleetSession,
    route: _Route,
    sources: Sequence[SourceLook],
    target: TargetLook,
    timeout: float,
    on_step: OnStep,
) -> Mover:
    known = {each.split(" ")[0]: int(each.split(" ")[1]) for each in target.epochs}
    epochs = {look.name: 1 + max(look.epoch, known.get(look.id, 0)) for look in sources}
    return Mover(
        side_of(session, route.source, "source"),
        side_of(session, route.target, "target"),
        route.target_name,
        route.source_name,
        epochs,
        sources[0].root,
        timeout,
        on_step,
    )


def own_name() -> str:
    """Return the name by which other places know this machine: that of the host."""
    return os.uname().nodename


def _chosen(session: FleetSession, request: MoveRequest) -> tuple[str, ...]:
    names = [check_existing_name(name) for name in request.names]
    if request.group is not None:
        names += session.selection((), (), request.group).profiles
    if request.team is not None:
        team = read_teams(session.layout).require(request.team)
        names += [team.lead, *team.members]
    if not names:
        raise UsageProblem(
            "no profile named", target="move", hint="name one: `hermes-gateways move PROFILE --to PLACE`"
        )
    return tuple(dict.fromkeys(names))


def _route(session: FleetSession, request: MoveRequest, names: Sequence[str]) -> _Route:
    """Return both ends. Raises UsageProblem where they are one, or where neither is this root."""
    target = _place(session, request.target)
    given = request.source or _known_source(session, names, to_here=target is None)
    source = _place(session, given)
    if (source is None) == (target is None):
        which = "this root" if source is None else "other places"
        raise UsageProblem(
            f"both ends of the move are {which}",
            target="--to",
            hint="run it in the root that the profile leaves or reaches: one end is `local`",
        )
    for each in (source, target):
        if each is not None and each.kind is PlaceKind.KUBERNETES:
            raise UsageProblem(
                f"{each.name} is in a cluster, which `move` does not reach",
                target="--to",
                hint="render it with `hermes-gateways render kubernetes`",
            )
    return _Route(
        source,
        target,
        source.name if source is not None else own_name(),
        target.name if target is not None else own_name(),
    )


def _known_source(session: FleetSession, names: Sequence[str], *, to_here: bool) -> str:
    """Return where profiles live that shall come here: the place that the root has noted."""
    if not to_here:
        return LOCAL
    record = record_of(session.layout, names[0])
    if record is None or not record.place:
        raise NotFound(
            f"no place is known where {names[0]} lives",
            target=names[0],
            code="no-place",
            hint=f"name it: `hermes-gateways move {quote(names[0])} --from PLACE --to {LOCAL}`",
        )
    return record.place


def _place(session: FleetSession, name: str) -> Place | None:
    place = place_named(session.environment, name, own_root=session.layout.root)
    is_own = place.kind is PlaceKind.LOCAL and os.path.realpath(os.path.expanduser(place.root)) == os.path.realpath(
        session.layout.root
    )
    return None if is_own else place


def _look_at_sources(session: FleetSession, place: Place | None, names: Sequence[str], key: bytes) -> list[SourceLook]:
    request = {"names": list(names), "key": key.hex()}
    found = looked(session, "source", request) if place is None else _asked(session, place, "source", request)
    return [parsed(SourceLook, row) for row in found["profiles"]]


def _look_at_target(session: FleetSession, place: Place | None, key: bytes) -> TargetLook:
    request = {"key": key.hex()}
    found = looked(session, "target", request) if place is None else _asked(session, place, "target", request)
    return parsed(TargetLook, found)


def _asked(session: FleetSession, place: Place, role: str, request: Mapping[str, object]) -> Mapping[str, list[dict]]:  # type: ignore[type-arg]
    return OtherSide(place, role, session.environment).ask("look", request)


def _bots_elsewhere(session: FleetSession, route: _Route, key: bytes) -> tuple[dict[str, str], list[Problem]]:
    """Return the bots of all other places, and a warning for each that does not answer."""
    ends = {each.name for each in (route.source, route.target) if each is not None}
    others = [place for place in read_places(session.environment).values() if place.name not in ends]
    others = [place for place in others if _place(session, place.name) is not None]
    held: dict[str, str] = {}
    warnings = []
    with ThreadPoolExecutor(_MOST) as pool:
        answers = [(place, pool.submit(_look_at_target, session, place, key)) for place in others]
        for place, answer in answers:
            try:
                for each in answer.result().bots:
                    bot, _, name = each.partition(" ")
                    held.setdefault(bot, f"{name} in {place.name}")
            except HermesProfilesError as error:
                text = f"{place.name} cannot be asked whether it has these bots: {error.problem.message}"
                warnings.append(Problem("place-silent", text, place.name, error.problem.hint))
    return held, warnings


def _planned(look: SourceLook, *, refused: bool) -> MovedProfile:
    if look.state == PlaceState.MOVED:
        return MovedProfile(look.name, "already-moved")
    outcome = "refused" if refused else "would-move"
    return MovedProfile(look.name, outcome, look.size, look.running, channels=look.channels if look.running else ())


def _units(sources: Sequence[SourceLook]) -> list[list[str]]:
    """Return the profiles in the groups that move together: one, or a team, its lead first."""
    units: list[list[str]] = []
    placed: set[str] = set()
    for look in sources:
        if look.name in placed:
            continue
        unit = [name for name in look.team if name in {each.name for each in sources}] or [look.name]
        unit = [name for name in unit if name not in placed]
        placed |= {*unit}
        units.append(unit)
    return units


__all__ = ["MoveRequest", "MoveResult", "Refused", "move_profiles", "take_back"]
