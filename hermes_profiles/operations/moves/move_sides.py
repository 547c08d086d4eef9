"""The sides of a move as this command reaches them: this root itself, or the same program in another place."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from hermes_profiles.changes.lock import acquire_lock
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.kubernetes.volume_hold import HeldBy
from hermes_profiles.model.errors import (
    Failed,
    HermesProfilesError,
    NotFound,
    Refused,
    UsageProblem,
)
from hermes_profiles.moves.cluster_side import ENGINE
from hermes_profiles.moves.model import MoveSide
from hermes_profiles.moves.own_side import OwnSide
from hermes_profiles.moves.source_side import SourceSide, moves_folder
from hermes_profiles.moves.target_side import TargetSide
from hermes_profiles.places.model import Place
from hermes_profiles.places.transport import PlaceSilent, PlaceStream, run_in_place
from hermes_profiles.profiles.alias import find_command

from ..fleet_context import FleetSession
from .move_engine import FleetEngine, LoaderEngine, PodEngine
from .move_look import look_at_source, look_at_target, zone_of

# Seconds that a verb may take: a stop waits for busy agents, a start for its channels.
LIMIT = 420.0
_WAIT = 240.0
# Seconds that the files of one profile may take.
_STREAM = 6 * 3600.0
_ERRORS: tuple[type[HermesProfilesError], ...] = (Failed, UsageProblem, NotFound, Refused, PlaceSilent)
_CHUNK = 1 << 20


_ENGINES = {str(HeldBy.POD): PodEngine, str(HeldBy.LOADER): LoaderEngine}


def own_source(session: FleetSession, engine: str = "") -> OwnSide:
    """Return this root as the source of a move. `engine`: see `cluster_side`."""
    part = SourceSide(session.layout, _engine(session, engine), lambda: session.catalog, zone_of(session))
    return OwnSide(part, lambda: _alone(session))


def own_target(session: FleetSession, engine: str = "") -> OwnSide:
    """Return this root as the target of a move. `engine`: see `cluster_side`."""
    part = TargetSide(
        session.layout,
        _engine(session, engine),
        lambda: session.catalog,
        zone_of(session),
        environment=session.environment,
        hermes=find_command("hermes", session.environment),
    )
    return OwnSide(part, lambda: _alone(session))


def _engine(session: FleetSession, name: str) -> FleetEngine:
    return _ENGINES.get(name, FleetEngine)(session)


@contextmanager
def _alone(session: FleetSession) -> Iterator[None]:
    """Have one verb of a move at a time in this root. Raises Refused."""
    path = moves_folder(session.layout) / "lock"
    make_folder(path.parent)
    lock = acquire_lock(path, wait=_WAIT)
    if lock is None:
        raise Refused("another move works on this root", target=str(path), code="busy", hint="run it again later")
    try:
        yield
    finally:
        os.close(lock)


def answer_side(
    session: FleetSession, role: str, verb: str, stdin: IO[bytes], stdout: IO[bytes]
) -> dict[str, Any] | None:
    """Carry out a verb for a mover elsewhere: its request is the first line of `stdin`. None after `send`."""
    request = json.loads(stdin.readline())
    if role not in ("source", "target") or not isinstance(request, dict):
        raise UsageProblem(f"{role!r} is not a side of a move", target=role)
    if verb == "look":
        return looked(session, role, request)
    engine = str(request.get(ENGINE, ""))
    side = own_source(session, engine) if role == "source" else own_target(session, engine)
    if verb == "send":
        side.send(request, stdout)
        return None
    return side.receive(request, stdin) if verb == "receive" else side.ask(verb, request)


def looked(session: FleetSession, role: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a side says about itself."""
    key = bytes.fromhex(str(request["key"]))
    if role == "target":
        return look_at_target(session, key, with_running=bool(request.get("running")))._asdict()
    names = [str(each) for each in request["names"]]
    looks = look_at_source(session, names, key, as_name=str(request.get("as", "")))
    return {"profiles": [look._asdict() for look in looks]}


class OtherSide:
    """A side of a move in another place, as `MoveSide` has it."""

    def __init__(self, place: Place, role: str, environment: Mapping[str, str]) -> None:
        self._place, self._role, self._environment = place, role, environment

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a verb there and return its answer. Raises HermesProfilesError; PlaceSilent without an answer."""
        done = run_in_place(self._place, self._words(verb), self._environment, typed=_line(request), limit=LIMIT)
        return self._answer(done.out, done.err)

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Write a home from there to a stream. Raises HermesProfilesError."""
        with PlaceStream(self._place, self._words("send"), self._environment, stdout=out) as stream:
            stream.stdin.write(_line(request))
            stream.stdin.flush()
            done = stream.finish(_STREAM)
        if done.code != 0:
            raise Failed(f"{self._place.name} did not send the files: {_last(done.err)}", target=self._place.name)

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Send a stream there. Raises HermesProfilesError."""
        with PlaceStream(self._place, self._words("receive"), self._environment) as there:
            try:
                there.stdin.write(_line(request))
                while part := stream.read(_CHUNK):
                    there.stdin.write(part)
                there.stdin.flush()
            except BrokenPipeError:
                pass  # it ended first, and says why
            done = there.finish(_STREAM)
        return self._answer(done.out, done.err)

    def _words(self, verb: str) -> list[str]:
        return ["hermes-gateways", "move-side", self._role, verb, "--json"]

    def _answer(self, out: bytes, text: str) -> dict[str, Any]:
        """Return the data of an envelope. Raises its error, PlaceSilent without one."""
        try:
            envelope = json.loads(out)
            code, errors, data = int(envelope["exit_code"]), envelope["errors"], envelope["data"]
        except (ValueError, KeyError, TypeError):
            name = self._place.name
            raise PlaceSilent(
                f"{name} gave no answer: {_last(text) or 'the connection ended'}",
                target=name,
                hint=f"check it with `hermes-gateways place check {name}`",
            ) from None
        if errors:
            kind = next((each for each in _ERRORS if each.exit_code == code), Failed)
            first = errors[0]
            raise kind(
                f"{self._place.name}: {first['message']}",
                target=first.get("target"),
                code=str(first["code"]),
                hint=first.get("hint"),
            )
        return dict(data)


class SilentSide:
    """A side that cannot be asked, because no place of its name is known here."""

    def __init__(self, name: str) -> None:
        self._name = name

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Raise PlaceSilent."""
        raise PlaceSilent(
            f"no place {self._name!r} is known here",
            target=self._name,
            hint=f"add it with `hermes-gateways place add {self._name} --ssh USER@HOST`",
        )

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Raise PlaceSilent."""
        self.ask("send", request)

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Raise PlaceSilent."""
        return self.ask("receive", request)


def side_of(session: FleetSession, place: Place | None, role: str) -> MoveSide:
    """Return a side; `place` None: this root."""
    if place is not None:
        return OtherSide(place, role, session.environment)
    return own_source(session) if role == "source" else own_target(session)


def _line(request: Mapping[str, Any]) -> bytes:
    return json.dumps(dict(request)).encode() + b"\n"


def _last(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
