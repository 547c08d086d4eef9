"""The engine of a place in a cluster: what its pod is like, and start and stop of the whole place."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import ClassVar

from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.errors import Problem
from hermes_profiles.places.engine import EngineFacts
from hermes_profiles.places.model import KubernetesTarget, Place

from .kubectl import kubectl_words, read_objects
from .place_objects import KubectlObjects
from .pod_states import has_lost_node, is_up, place_state, pod_state, replicas_of
from .volume_hold import in_use

# Seconds that a start or stop may take: the grace period of the pod and what the cluster needs.
_PATIENCE = 300
_REPLICAS = {"start": 1, "stop": 0}
_HOPELESS = (GatewayState.FAILED, GatewayState.CRASH_LOOPING)


class KubernetesEngine:
    """Kubernetes, by `kubectl`. `pause`: seconds between two looks at a pod."""

    pause: ClassVar[float] = 1.0

    def facts(self, place: Place, environment: Mapping[str, str]) -> EngineFacts | None:
        """Return the state of a place by one request. Raises PlaceSilent, Failed."""
        target = place.kubernetes
        if target is None:
            return None
        words = [f"statefulset/{target.name}", f"pod/{target.pod}", "--ignore-not-found"]
        return place_state(target, read_objects(target, words, environment), time.time())

    def act(self, place: Place, verb: str, environment: Mapping[str, str]) -> EngineFacts | None:
        """Set one replica (`start`) or none (`stop`), wait for the pod, and return the state.

        It survives that the pod moves to another node, which a stop inside the pod does not.
        Raises PlaceSilent, Failed, and Refused for a start while a loader has the volume.
        """
        target = place.kubernetes
        if target is None or verb not in _REPLICAS:
            return None
        objects = KubectlObjects(target, environment)
        if verb == "start" and (found := objects.read()).loader is not None:
            raise in_use(target, found.holder)
        objects.scale(_REPLICAS[verb], None)
        self._wait(objects, target, verb)
        return self.facts(place, environment)

    def _wait(self, objects: KubectlObjects, target: KubernetesTarget, verb: str) -> None:
        """Return when the pod is up (`start`) or gone (`stop`), or will not get there by itself.

        It asks again and again: `kubectl wait` and `kubectl rollout` need the rights to list and to watch, and hang
        without them.
        """
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline:
            pod, now = objects.read().pod, time.time()
            if verb == "stop" and (pod is None or has_lost_node(pod, now)):
                return
            if verb == "start" and pod is not None and (is_up(pod) or pod_state(target, pod, now).state in _HOPELESS):
                return
            time.sleep(self.pause)


def replica_fault(place: Place, environment: Mapping[str, str]) -> Problem | None:
    """Return the fault of a StatefulSet with several replicas: each holds every bot. Raises PlaceSilent."""
    target = place.kubernetes
    if target is None:
        return None
    found = read_objects(target, [f"statefulset/{target.name}", "--ignore-not-found"], environment)
    replicas = replicas_of(found[0]) if found else 1
    if replicas < 2:
        return None
    words = ["scale", "statefulset", target.name, "--replicas", "1"]
    return Problem(
        "place-replicas",
        f"{place.name}: {replicas} replicas are {replicas} holders of each bot",
        place.name,
        f"use `{' '.join(kubectl_words(target, words))}`",
    )
