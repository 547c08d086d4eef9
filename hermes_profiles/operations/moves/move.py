"""Move profiles to another place: choose them, look at both sides, refuse or carry it out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from shlex import quote

from hermes_profiles.kubernetes.volume_hold import HeldBy
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name, check_new_name
from hermes_profiles.moves.model import MoveSide, SourceLook, TargetLook, parsed
from hermes_profiles.moves.mover import MovedProfile, Mover
from hermes_profiles.moves.refusals import Words, cautions, refusals
from hermes_profiles.places.file import place_named, read_places
from hermes_profiles.places.model import LOCAL, Place, PlaceKind
from hermes_profiles.places.transport import PlaceSilent
from hermes_profiles.profiles.placement import PlaceState, record_of
from hermes_profiles.teams.model import read_teams

from ..fleet_context import FleetSession
from .move_cluster import ClusterEnd, cluster_end
from .move_sides import OtherSide, SilentSide, looked, side_of

_MOST = 16
_UNSEEN = TargetLook(free=sys.maxsize)
OnStep = Callable[[str, str], None]


class MoveRequest(NamedTuple):
    """What a caller asks of a move. `source`: the place where the profiles live, None for what is known here.

    `as_name`: the name of default at the target.
    """

    names: tuple[str, ...] = ()
    group: str | None = None
    team: str | None = None
    target: str = ""
    source: str | None = None
    timeout: float = 90.0
    dry_run: bool = False
    as_name: str | None = None


class MoveResult(NamedTuple):
    """The result of a move. `problems`: why it is refused; `stops`: profiles of a place that stop while it lasts."""

    source: str
    target: str
    profiles: tuple[MovedProfile, ...]
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    dry_run: bool = False
    exit_code: ExitCode = ExitCode.OK
    stops: tuple[str, ...] = ()


class _Route(NamedTuple):
    """Both ends of a move; a place of None is this root."""

    source: Place | None
    target: Place | None
    source_name: str
    target_name: str


class _Sight(NamedTuple):
    """What both ends report of themselves. `key`: of the fingerprints in it; `stops`: see `MoveResult`."""

    key: bytes
    sources: tuple[SourceLook, ...]
    target: TargetLook
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    stops: tuple[str, ...] = ()


def move_profiles(session: FleetSession, request: MoveRequest, on_step: OnStep = lambda *_: None) -> MoveResult:
    """Move profiles, or say why they cannot move. A move that was cut short is finished.

    Several are moved one after the other, those of a team together; the first failure stops the rest.
    """
    names = _chosen(session, request)
    route = _route(session, request, names)
    cluster = _cluster(session, route, on_step, dry_run=request.dry_run)
    if cluster is None:
        return _moved(session, request, route, names, None, on_step)
    with cluster:
        done = _moved(session, request, route, names, cluster, on_step)
    return done._replace(warnings=(*done.warnings, *cluster.warnings))


def _moved(
    session: FleetSession,
    request: MoveRequest,
    route: _Route,
    names: Sequence[str],
    cluster: ClusterEnd | None,
    on_step: OnStep,
) -> MoveResult:
    sight = _seen(session, route, names, cluster, request.as_name or "")
    sources = sight.sources
    missing = [look.name for look in sources if not look.exists and look.state != PlaceState.MOVED]
    if missing:
        raise NotFound(
            f"no profile {', '.join(map(repr, missing))} in {route.source_name}",
            target=missing[0],
            hint="see the names with `hermes-profiles list`",
        )
    held, warnings = _bots_elsewhere(session, route, sight.key)
    going = [look for look in sources if look.state != PlaceState.MOVED]
    problems = [*sight.problems, *refusals(going, sight.target, route.target_name, held, _words(request, route))]
    if cluster is not None and cluster.role == "target" and not problems and going:
        problems += cluster.ready_claims([look.name for look in going])
    warnings = [*sight.warnings, *([] if problems else cautions(going, request.as_name or "")), *warnings]
    if problems or request.dry_run:
        profiles = tuple(_planned(look, request.as_name, refused=bool(problems)) for look in sources)
        code = ExitCode.REFUSED if problems else ExitCode.OK
        done = MoveResult(
            route.source_name, route.target_name, profiles, tuple(problems), tuple(warnings), request.dry_run, code
        )
    else:
        done = _carried_out(session, request, route, sight, warnings, cluster, on_step)
    return done._replace(stops=sight.stops)


def _carried_out(
    session: FleetSession,
    request: MoveRequest,
    route: _Route,
    sight: _Sight,
    warnings: list[Problem],
    cluster: ClusterEnd | None,
    on_step: OnStep,
) -> MoveResult:
    sources = sight.sources
    mover = _mover(session, route, sight, request.timeout, cluster, on_step)
    mover.as_name = request.as_name or ""
    done: list[MovedProfile] = []
    problems: list[Problem] = []
    code = ExitCode.OK
    # A place in a cluster stops for a move: once for all profiles, not for each of them.
    units = _units(sources) if cluster is None else [[name for unit in _units(sources) for name in unit]]
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
    warnings: list[Problem] = []
    for name in chosen:
        known = read_places(session.environment).get(places.get(name, ""))
        route = _Route(None, known, own_name(), places.get(name, ""))
        cluster = _cluster(session, route, lambda *_: None, dry_run=False)
        with cluster or nullcontext():
            other: MoveSide
            if cluster is not None:
                other = cluster.side
            else:
                other = OtherSide(known, "target", session.environment) if known else SilentSide(route.target_name)
            own = side_of(session, None, "source")
            running = Mover(own, other, route.target_name, route.source_name, {}, str(session.layout.root)).take_back(
                (name,)
            )
        done.append(MovedProfile(name, "taken-back", running=name in running))
        warnings += cluster.warnings if cluster is not None else ()
    return MoveResult(next(iter(places.values()), ""), LOCAL, tuple(done), warnings=tuple(warnings))


def _mover(
    session: FleetSession,
    route: _Route,
    sight: _Sight,
    timeout: float,
    cluster: ClusterEnd | None,
    on_step: OnStep,
) -> Mover:
    known = {each.split(" ")[0]: int(each.split(" ")[1]) for each in sight.target.epochs}
    epochs = {look.name: 1 + max(look.epoch, known.get(look.id, 0)) for look in sight.sources}
    ends: dict[str, MoveSide] = {
        "source": side_of(session, route.source, "source"),
        "target": side_of(session, route.target, "target"),
    }
    if cluster is not None:
        ends[cluster.role] = cluster.side
    mover = Mover(
        ends["source"],
        ends["target"],
        route.target_name,
        route.source_name,
        epochs,
        sight.sources[0].root,
        timeout,
        on_step,
    )
    if cluster is not None and cluster.role == "target":
        mover.on_connected = cluster.take_claims
    return mover


def _cluster(session: FleetSession, route: _Route, on_step: OnStep, *, dry_run: bool) -> ClusterEnd | None:
    """Return the end that is in a cluster, None without one; the other end is this root."""
    place = route.target or route.source
    role = "target" if route.target is not None else "source"
    return cluster_end(session, place, role, on_step, dry_run=dry_run) if place is not None else None


def _seen(
    session: FleetSession, route: _Route, names: Sequence[str], cluster: ClusterEnd | None, as_name: str
) -> _Sight:
    """Return what both ends say of themselves. Raises PlaceSilent."""
    key = os.urandom(32)
    asked = {"names": list(names), "key": key.hex(), "as": as_name}
    there = {"key": key.hex(), "running": True}
    if cluster is None:
        sources = _look_at_sources(session, route.source, asked)
        return _Sight(key, tuple(sources), _look_at_target(session, route.target, key))
    fault = cluster.fault()
    problems = (fault,) if fault is not None else ()
    if cluster.role == "source":
        others = cluster.look(there, "target")
        found = cluster.look(asked, "source")
        if found is None or others is None:
            raise PlaceSilent(
                f"{cluster.place.name} is not up, so a dry run cannot see what it has",
                target=cluster.place.name,
                hint=f"start it with `hermes-gateways start --place {cluster.place.name}`",
            )
        running = tuple(str(each) for each in others["running"])
        sources = [parsed(SourceLook, row) for row in found["profiles"]]
        stops = tuple(name for name in running if name not in names)
        return _Sight(key, tuple(sources), _look_at_target(session, None, key), problems, (), stops)
    sources = _look_at_sources(session, None, asked)
    is_up = cluster.hold.held_by() is HeldBy.POD
    data = cluster.look(there, "target")
    if data is None:
        return _Sight(key, tuple(sources), _UNSEEN, problems, (_not_seen(cluster.place.name),))
    target = parsed(TargetLook, data)._replace(idle_server="")  # its pod starts with the move
    stops = tuple(name for name in target.running if name not in names)
    return _Sight(key, tuple(sources), target, problems, tuple(_starts_too(cluster, sources, target, is_up)), stops)


def _starts_too(
    cluster: ClusterEnd, sources: Sequence[SourceLook], target: TargetLook, is_up: bool
) -> Iterator[Problem]:
    """Yield a warning for profiles that do not run now: a pod runs all of its profiles."""
    name = cluster.place.name
    going = [look.name for look in sources if look.state != PlaceState.MOVED]
    off = cluster.session.disabled
    resting = [look.name for look in sources if look.name in going and not look.running and look.name not in off]
    if resting:
        text = f"{', '.join(resting)} does not run here; the pod of {name} runs all that are enabled"
        yield Problem("starts-there", text, resting[0], f"use `hermes-gateways disable {resting[0]}` first")
    others = [each for each in target.taken if each not in going]
    if others and not is_up and not cluster.hold.before:
        text = f"{name} was stopped: with the move {', '.join(others[:6])} start there"
        yield Problem("starts-there", text, name, f"see them then with `hermes-gateways status --place {name}`")


def _not_seen(name: str) -> Problem:
    text = f"{name} is not up: its profiles, bots, Hermes and space are compared when the move begins"
    return Problem("place-silent", text, name, f"see it with `hermes-gateways status --place {name}`")


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
    if request.as_name is not None:
        check_new_name(request.as_name)
        if set(names) != {DEFAULT}:
            raise UsageProblem(
                "`--as` is for the default profile alone: other profiles keep their names",
                target="--as",
                hint="rename it where it arrived: `hermes-profiles rename NAME NEW`",
            )
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


def _look_at_sources(session: FleetSession, place: Place | None, request: Mapping[str, object]) -> list[SourceLook]:
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


def _planned(look: SourceLook, as_name: str | None, *, refused: bool) -> MovedProfile:
    there = look.as_name or as_name or ""
    if look.state == PlaceState.MOVED:
        return MovedProfile(look.name, "already-moved", as_name=there)
    outcome, channels = "refused" if refused else "would-move", look.channels if look.running else ()
    return MovedProfile(look.name, outcome, look.size, look.running, channels=channels, as_name=there)


def _words(request: MoveRequest, route: _Route) -> Words:
    ends = f"--to {quote(route.target_name)}"
    if route.target is None and route.source is not None:
        ends = f"--from {quote(route.source.name)} --to {LOCAL}"
    in_cluster = any(place is not None and place.kubernetes is not None for place in (route.source, route.target))
    return Words(ends, request.as_name or "", in_cluster)


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
