"""What the engine of a place says when no program answers in it: the protocol that engines implement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hermes_profiles.model.named_tuple import NamedTuple

from .model import Place, PlaceKind


class EngineFacts(NamedTuple):
    """The state of a place by its engine. `state`: one of the states of a gateway; `detail`: why; `hint`: what to run.

    `unknown` is right where the engine does not answer: a place that cannot be seen is never called stopped.
    """

    state: str
    detail: str
    hint: str | None = None


class PlaceEngine(Protocol):
    """An engine that can be asked and that acts on a place as a whole."""

    def facts(self, place: Place, environment: Mapping[str, str]) -> EngineFacts | None:
        """Return the state of a place that is not up, None where the engine knows nothing of it."""

    def act(self, place: Place, verb: str, environment: Mapping[str, str]) -> EngineFacts | None:
        """Carry `start` or `stop` of a whole place out; None where the programs in the place do it."""


# Kind → engine. A host has none: a host that does not answer is unknown.
Engines = Mapping[PlaceKind, PlaceEngine]
