"""A side of a move in this process: its verbs by name, one at a time for a root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import IO, Any

from hermes_profiles.model.errors import UsageProblem

from .source_side import SourceSide
from .target_side import TargetSide

SOURCE_VERBS = ("state", "freeze", "verify", "hand-over", "take-back", "commit")
TARGET_VERBS = ("state", "adopt", "arm", "start", "retire")


class OwnSide:
    """The source or the target of a move, as `MoveSide` has it."""

    def __init__(
        self, part: SourceSide | TargetSide, lock: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._part, self._lock = part, lock

    def ask(self, verb: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a verb and return its answer. Raises HermesProfilesError."""
        verbs = SOURCE_VERBS if isinstance(self._part, SourceSide) else TARGET_VERBS
        if verb not in verbs:
            raise UsageProblem(f"{verb!r} is not a verb of a move", target=verb)
        with self._lock():
            answer: dict[str, Any] = getattr(self._part, verb.replace("-", "_"))(request)
        return answer

    def send(self, request: Mapping[str, Any], out: IO[bytes]) -> None:
        """Write a home to a stream. Raises HermesProfilesError."""
        if not isinstance(self._part, SourceSide):
            raise UsageProblem("the target of a move sends nothing", target="send")
        self._part.send(request, out)

    def receive(self, request: Mapping[str, Any], stream: IO[bytes]) -> dict[str, Any]:
        """Take a home from a stream. Raises HermesProfilesError."""
        if not isinstance(self._part, TargetSide):
            raise UsageProblem("the source of a move receives nothing", target="receive")
        with self._lock():
            return self._part.receive(request, stream)
