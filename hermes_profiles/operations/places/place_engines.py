"""The engines of places, by kind. A host has none: its programs answer, or it is unknown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import SCHEMA, ExitCode, Problem, Refused
from hermes_profiles.places.answers import PlaceAnswer
from hermes_profiles.places.engine import EngineFacts, Engines
from hermes_profiles.places.model import Place, PlaceKind

_START, _STOP = "start", "stop"


class ClusterEngine:
    """Kubernetes; its code is loaded when a place in a cluster is asked."""

    def facts(self, place: Place, environment: Mapping[str, str]) -> EngineFacts | None:
        """Return the state of a place. Raises PlaceSilent, Failed."""
        from hermes_profiles.kubernetes.engine import KubernetesEngine

        return KubernetesEngine().facts(place, environment)

    def act(self, place: Place, verb: str, environment: Mapping[str, str]) -> EngineFacts | None:
        """Start or stop a place as a whole. Raises PlaceSilent, Failed."""
        from hermes_profiles.kubernetes.engine import KubernetesEngine

        return KubernetesEngine().act(place, verb, environment)


def engines() -> Engines:
    """Return the engines that are asked about a place in which no program answers."""
    return {PlaceKind.KUBERNETES: ClusterEngine()}


def act_on_whole(
    place: Place, words: Sequence[str], environment: Mapping[str, str], known: Engines
) -> PlaceAnswer | None:
    """Start or stop a whole place by its engine; None where the programs in the place also have to answer.

    `words`: the command; one that names profiles or has options is for the programs alone. A stop inside a pod would
    end the pod, and Kubernetes starts it again.
    """
    engine = known.get(place.kind)
    plain = [word for word in words if word != "--json"]
    if engine is None or len(plain) != 2 or plain[1] not in (_START, _STOP):
        return None
    from hermes_profiles.fleet.outcomes import OutcomeKind
    from hermes_profiles.gateways.model import GatewayState

    try:
        found = engine.act(place, plain[1], environment)
    except Refused as error:
        return _whole(place, OutcomeKind.REFUSED, error.exit_code, error.problem)
    if found is None or plain[1] == _START:
        return None
    if found.state == GatewayState.STOPPED:
        return _whole(place, OutcomeKind.STOPPED, ExitCode.OK, Problem("", found.detail))
    return _whole(place, OutcomeKind.FAILED, ExitCode.FAILED, Problem("failed", found.detail, hint=found.hint))


def _whole(place: Place, outcome: str, code: ExitCode, problem: Problem) -> PlaceAnswer:
    """Return the answer for a whole place; `problem`: the detail of its row, and its error unless the code is 0."""
    row: dict[str, Any] = {
        "profile": None,
        "outcome": str(outcome),
        "detail": problem.message,
        "pid": None,
        "masked_channels": [],
    }
    data = {"dry_run": False, "outcomes": [row]}
    errors = [] if code is ExitCode.OK else [problem._asdict()]
    envelope = {"schema": SCHEMA, "exit_code": int(code), "data": data, "warnings": [], "errors": errors}
    return PlaceAnswer(place, envelope)
