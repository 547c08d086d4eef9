"""A side of a move in a cluster: runs the verbs in its pod, or in the loader while that holds the volume."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import IO, Any, TypeVar

from hermes_profiles.kubernetes.volume_hold import HeldBy, VolumeHold
from hermes_profiles.model.errors import ExitCode, HermesProfilesError

from .model import MoveSide

T = TypeVar("T")
# Key of a request: `pod` where gateways run beside the verb, `loader` where none run.
ENGINE = "engine"
_LOOKS = ("look", "state")


class ClusterSide:
    """The source or the target of a move in a cluster, as `MoveSide` has it.

    Files are read and written in the loader, while no gateway of the place runs. `start` is in the pod, which runs all
    profiles that may start. `drop_claims`: is called with a profile that does not live there any more.
    """

    def __init__(
        self, hold: VolumeHold, pod: MoveSide, loader: MoveSide, drop_claims: Callable[[str], None] = lambda _: None
    ) -> None:
        self._hold, self._pod, self._loader, self._drop_claims = hold, pod, loader, drop_claims

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a verb and return its answer. Raises HermesProfilesError; PlaceSilent where none came."""
        if verb == "start":
            return self._start(request)
        if verb in (*_LOOKS, "freeze") and self._hold.held_by() is HeldBy.POD:
            # A gateway that is stopped in the pod is noted as one that ran.
            return self._pod.ask(verb, {**request, ENGINE: str(HeldBy.POD)})
        name = str(request.get("name", ""))
        if verb == "commit":  # before it: the same command again finds only moves that were not committed
            self._drop_claims(name)
        answer = self._in_loader(lambda asked: self._loader.ask(verb, asked), request)
        if verb == "retire":
            self._drop_claims(name)
        return answer

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Write a home to a stream. Raises HermesProfilesError."""
        self._in_loader(lambda asked: self._loader.send(asked, out), request)

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Take a home from a stream. Raises HermesProfilesError."""
        return self._in_loader(lambda asked: self._loader.receive(asked, stream), request)

    def _start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Have the pod up, and return when the gateway is connected; it stays down for a profile that did not run."""
        if not request["running"]:
            return {}
        self._hold.open()
        return self._pod.ask("start", {**request, ENGINE: str(HeldBy.POD)})

    def _in_loader(self, call: Callable[[Mapping[str, Any]], T], request: Mapping[str, Any]) -> T:
        self._hold.take()
        try:
            return call({**request, ENGINE: str(HeldBy.LOADER)})
        except HermesProfilesError as error:
            if error.exit_code is ExitCode.MANAGER:
                self._hold.forget()
            raise
