"""Carries out a move between two sides: every step in its order, or all of it taken back.

Before `hand-over` the source alone may start the profile, from `arm` on the target alone. Between the two no one may.
So two gateways of one bot are impossible, also when a machine is killed or cut off. Each side keeps what it knows on
its disk. The mover itself keeps nothing, and the same command again asks both sides and goes on.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from shlex import quote
from typing import Any

from hermes_profiles.model.errors import ExitCode, Failed, HermesProfilesError, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.placement import PlaceState

from .model import Frozen, MoveSide, parsed

_HANDED = (str(PlaceState.HANDED_OVER),)
_ARRIVED = (str(PlaceState.ARRIVING), str(PlaceState.HERE))
# Is called with a profile and a step before the step.
OnStep = Callable[[str, str], None]


class MoveUnclear(HermesProfilesError):
    """A side did not answer where its answer decides; nothing of the profile starts until it does (exit 4)."""

    exit_code = ExitCode.MANAGER
    default_code = "move-unclear"


class MovedProfile(NamedTuple):
    """The end of a move of one profile, or its plan.

    `assigned`: variables of its `.env` that the target set; `channels`: those that must connect there, or that did;
    `as_name`: its name at the target, "" for the same.
    """

    name: str
    outcome: str
    bytes: int = 0
    running: bool = False
    assigned: Mapping[str, str] = {}
    warnings: tuple[Problem, ...] = ()
    channels: tuple[str, ...] = ()
    as_name: str = ""


@dataclass
class Mover:
    """A move of profiles that belong together: one, or a team with its lead first.

    `place`: the name of the target for the source; `source_place`: that of the source for the target; `epochs`: name →
    the epoch at the target; `root`: of the source; `as_name`: the name of the profile at the target, "" for the same;
    `on_connected`: is called when all run in the target, and can still refuse the move.
    """

    source: MoveSide
    target: MoveSide
    place: str
    source_place: str
    epochs: Mapping[str, int]
    root: str
    timeout: float = 90.0
    on_step: OnStep = lambda _name, _step: None
    on_connected: Callable[[Sequence[str]], None] = lambda _names: None
    as_name: str = ""
    carrier: str = field(default_factory=lambda: os.urandom(8).hex())
    _frozen: dict[str, Frozen] = field(default_factory=dict)
    _sizes: dict[str, int] = field(default_factory=dict)
    _assigned: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def run(self, names: Sequence[str]) -> list[MovedProfile]:
        """Move the profiles, or leave all of them where they were. Raises HermesProfilesError, then nothing moved.

        A move that was cut short is taken up where it was.
        """
        states = {name: self.source.ask("state", {"name": name, "as": self.as_name}) for name in names}
        gone = [name for name in names if states[name]["state"] == PlaceState.MOVED]
        done = [self._finished(name, states[name]) for name in reversed(gone)][::-1]
        names = [name for name in names if name not in gone]
        return [*self._run(names, states), *done] if names else done

    def _run(self, names: Sequence[str], states: Mapping[str, Mapping[str, Any]]) -> list[MovedProfile]:
        try:
            handed = self._until_handed_over(names, states)
        except (HermesProfilesError, OSError, KeyboardInterrupt) as error:
            self._back(names, error)
            raise
        if not handed:
            self.take_back(names)
            raise Failed(
                f"{', '.join(names)} came back: {self.place} had given it back",
                target=names[0],
                code="taken-back",
                hint=f"move it again with `hermes-gateways move {quote(names[0])} --to {quote(self.place)}`",
            )
        try:
            for name in names:
                self._step(name, "arm", self.target, "arm", self._about_there(name))
            for name in names:
                frozen = self._frozen[name]
                how = {key: getattr(frozen, key) for key in ("has_service", "running", "enabled", "channels")}
                how["channels"] = list(frozen.channels)
                request = {**self._about_there(name), **how, "timeout": self.timeout}
                self._step(name, "start", self.target, "start", request)
            self.on_connected(names)
        except (HermesProfilesError, OSError, KeyboardInterrupt) as error:
            self._back(names, error)
            raise
        return [self._committed(name) for name in reversed(names)][::-1]

    def take_back(self, names: Sequence[str], *, started: bool = False) -> list[str]:
        """Have profiles of an unfinished move live at the source again; returns those that run.

        Raises Refused for one that lives in the target, unless with `started` this command has started it there.
        """
        back = []
        for name in names:
            state = self.source.ask("state", {"name": name})
            if state["frozen"] is None:
                continue
            frozen = self._frozen[name] = parsed(Frozen, state["frozen"])
            handed = state["state"] in _HANDED
            if state["state"] == PlaceState.MOVED or (handed and not started and self._is_armed(name)):
                raise Refused(
                    f"{name} has arrived in {self.place} and may run there",
                    target=name,
                    code="moved",
                    hint=f"finish the move with `hermes-gateways move {quote(name)} --to {quote(self.place)}`, then "
                    "bring it back with another move",
                )
            try:
                self.target.ask("retire", self._about_there(name))
            except HermesProfilesError as error:
                if handed:
                    raise self._unclear(name, error) from error
            answer = self.source.ask("take-back", {"name": name, "given_back": handed})
            if answer["running"] and frozen.running:
                back.append(name)
        return back

    def _until_handed_over(self, names: Sequence[str], states: Mapping[str, Mapping[str, Any]]) -> bool:
        """Do every step up to the hand-over; returns False where the target has given a profile back before."""
        move = next((state["move"] for state in states.values() if state["frozen"] is not None), os.urandom(6).hex())
        for name in names:
            request = {"name": name, "as": self.as_name, "move": move, "carrier": self.carrier, "place": self.place}
            self.on_step(name, "freeze")
            answer = self.source.ask("freeze", {**request, "epoch": self.epochs.get(name, 1)})
            self._frozen[name] = parsed(Frozen, answer["frozen"])
            states = {**states, name: {**states[name], "state": answer["state"]}}
        handed = [name for name in names if states[name]["state"] in _HANDED]
        arrived = {name: self._has_arrived(name) for name in handed}
        if not all(arrived.values()):
            return False
        rest = [name for name in names if name not in handed]
        for name in rest:
            if not self._has_arrived(name):
                self._copy(name)
        for name in rest:
            self._step(name, "hand-over", self.source, "hand-over", self._about(name))
        return True

    def _has_arrived(self, name: str) -> bool:
        frozen = self._frozen[name]
        found = self.target.ask("state", {"name": frozen.name_there, "id": frozen.id})
        return bool(found["exists"] and found["move"] == frozen.move and found["state"] in _ARRIVED)

    def _is_armed(self, name: str) -> bool:
        try:
            frozen = self._frozen[name]
            found = self.target.ask("state", {"name": frozen.name_there, "id": frozen.id})
        except HermesProfilesError as error:
            raise self._unclear(name, error) from error
        return bool(found["exists"] and found["state"] == PlaceState.HERE)

    def _copy(self, name: str) -> None:
        about = self._about(name)
        self.on_step(name, "copy")
        received = self._stream(about, self._about_there(name))
        self._sizes[name] = int(received["bytes"])
        self._step(name, "verify", self.source, "verify", {**about, "digest": received["digest"]})
        answer = self._step(
            name, "adopt", self.target, "adopt", {**self._about_there(name), "digest": received["digest"]}
        )
        self._assigned[name] = dict(answer["assigned"])

    def _stream(self, about: Mapping[str, Any], there: Mapping[str, Any]) -> dict[str, Any]:
        """Send the files of one side to the other. The error of the sender is the cause of that of the receiver."""
        reading, writing = os.pipe()
        failures: list[BaseException] = []

        def send() -> None:
            try:
                with os.fdopen(writing, "wb") as out:
                    self.source.send(about, out)
            except BrokenPipeError:
                pass  # the receiver ended first, and says why
            except BaseException as error:  # noqa: BLE001  raised again below, in the thread that waits
                failures.append(error)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        try:
            with os.fdopen(reading, "rb") as stream:
                answer = self.target.receive(there, stream)
        except HermesProfilesError:
            sender.join(self.timeout)
            if failures:
                raise failures[0] from None
            raise
        sender.join(self.timeout)
        if failures:
            raise failures[0]
        return answer

    def _committed(self, name: str) -> MovedProfile:
        frozen = self._frozen[name]
        try:
            self._step(name, "commit", self.source, "commit", self._about(name))
        except HermesProfilesError as error:
            warning = Problem(
                "not-committed",
                f"{name} lives in {self.place} now; its copy here is not in the trash yet: {error.problem.message}",
                name,
                f"run `hermes-gateways move {quote(name)} --to {quote(self.place)}` again",
            )
            return self._moved(name, frozen, (warning,))
        return self._moved(name, frozen, ())

    def _moved(self, name: str, frozen: Frozen, warnings: tuple[Problem, ...]) -> MovedProfile:
        connected = frozen.channels if frozen.running else ()
        return MovedProfile(
            name,
            "moved",
            self._sizes.get(name, 0),
            frozen.running,
            self._assigned.get(name, {}),
            warnings,
            connected,
            frozen.as_name,
        )

    def _finished(self, name: str, state: Mapping[str, Any]) -> MovedProfile:
        """Return a move that was complete, except perhaps for the copy at the source."""
        if state["frozen"] is not None:
            self.source.ask("commit", {"name": name, "carrier": self.carrier})
        return MovedProfile(name, "already-moved", as_name=str(state.get("as", "")))

    def _back(self, names: Sequence[str], error: BaseException) -> None:
        """Take all back after an error. Raises MoveUnclear where the target does not answer that it gave it back."""
        try:
            self.take_back(names, started=True)
        except MoveUnclear:
            raise
        except HermesProfilesError as second:
            text = error.problem.message if isinstance(error, HermesProfilesError) else str(error)
            raise MoveUnclear(
                f"{text}; and taking it back failed: {second.problem.message}",
                target=names[0],
                hint=f"run the same command again, or `hermes-gateways move {quote(names[0])} --take-back`",
            ) from error

    def _unclear(self, name: str, error: HermesProfilesError) -> MoveUnclear:
        return MoveUnclear(
            f"{name} was handed over to {self.place}, which does not answer ({error.problem.message}): "
            "it starts neither there nor here until that is known",
            target=name,
            hint=f"when {self.place} answers again: `hermes-gateways move {quote(name)} --to {quote(self.place)}`; "
            f"only if it is gone for good: `hermes-gateways move {quote(name)} --source-is-dead {quote(name)}`",
        )

    def _about(self, name: str) -> dict[str, Any]:
        frozen = self._frozen[name]
        return {
            "name": name,
            "move": frozen.move,
            "carrier": self.carrier,
            "id": frozen.id,
            "epoch": frozen.epoch,
            "place": self.source_place,
            "zone": frozen.zone,
            "root": self.root,
        }

    def _about_there(self, name: str) -> dict[str, Any]:
        """Return the request for the target, where the profile can have another name."""
        return {**self._about(name), "name": self._frozen[name].name_there, "former": name}

    def _step(self, name: str, step: str, side: MoveSide, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        self.on_step(name, step)
        return side.ask(verb, request)


def refuse_all(problems: Sequence[Problem]) -> None:
    """Raise the first problem as a refusal, with the number of others."""
    if problems:
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise Refused(first.message + more, target=first.target, code=first.code, hint=first.hint)
