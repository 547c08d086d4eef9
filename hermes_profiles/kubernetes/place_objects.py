"""The objects of a place in its cluster, read and changed by `kubectl`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.places.model import KubernetesTarget, Place

from .kubectl import REQUEST, kubectl_words, read_objects, refused_by_server, run_kubectl
from .loader import BEFORE, HOLDER
from .names import loader_name
from .pod_states import annotation, replicas_of

_REQUESTS = f"--request-timeout={REQUEST}s"


class PlaceObjects(NamedTuple):
    """The StatefulSet of a place, its pod and its loader; None for one that is missing."""

    stateful_set: Mapping[str, Any] | None = None
    pod: Mapping[str, Any] | None = None
    loader: Mapping[str, Any] | None = None

    @property
    def replicas(self) -> int:
        """Return the wanted replicas."""
        return replicas_of(self.stateful_set) if self.stateful_set is not None else 0

    @property
    def before(self) -> int | None:
        """Return the replicas before an unfinished move, None without one."""
        noted = annotation(self.stateful_set, BEFORE) if self.stateful_set is not None else ""
        return int(noted) if noted.isdigit() else None

    @property
    def holder(self) -> str:
        """Return whose move the loader serves."""
        return annotation(self.loader, HOLDER) if self.loader is not None else ""


class ClusterObjects(Protocol):
    """How the objects of a place are read and changed. Each method may be called again after it was cut short."""

    def read(self) -> PlaceObjects:
        """Return the objects as they are now. Raises PlaceSilent, Failed."""
        ...

    def scale(self, replicas: int, before: int | None) -> None:
        """Set the replicas, and in the same request the note of those before a move, None to remove it."""
        ...

    def create_loader(self, document: Mapping[str, Any]) -> None:
        """Create the loader unless one exists."""
        ...

    def delete_loader(self) -> None:
        """Delete the loader if it exists; it may still be ending afterwards."""
        ...


class KubectlObjects:
    """The objects of a place by `kubectl`, as `ClusterObjects` has them. Raises PlaceSilent, Failed."""

    def __init__(self, target: KubernetesTarget, environment: Mapping[str, str]) -> None:
        self._target, self._environment = target, environment

    def read(self) -> PlaceObjects:
        """Return the objects as they are now."""
        target, loader = self._target, loader_name(self._target.name)
        words = [f"statefulset/{target.name}", f"pod/{target.pod}", f"pod/{loader}", "--ignore-not-found"]
        found = {_key(each): each for each in read_objects(target, words, self._environment)}
        return PlaceObjects(
            found.get(("StatefulSet", target.name)), found.get(("Pod", target.pod)), found.get(("Pod", loader))
        )

    def scale(self, replicas: int, before: int | None) -> None:
        """Set the replicas and the note of those before a move."""
        noted = str(before) if before is not None else None
        patch = json.dumps({"metadata": {"annotations": {BEFORE: noted}}, "spec": {"replicas": replicas}})
        self._run(["patch", f"statefulset/{self._target.name}", "--type", "merge", "-p", patch])

    def create_loader(self, document: Mapping[str, Any]) -> None:
        """Create the loader unless one exists."""
        self._run(["create", "--validate=false", "-f", "-"], json.dumps(document).encode(), is_well="AlreadyExists")

    def delete_loader(self) -> None:
        """Delete the loader if it exists."""
        self._run(["delete", "pod", loader_name(self._target.name), "--ignore-not-found", "--wait=false"])

    def _run(self, words: list[str], typed: bytes = b"", *, is_well: str = "") -> None:
        done = run_kubectl(self._target, [*words, _REQUESTS], self._environment, typed=typed)
        if done.code and (not is_well or done.reason != is_well):
            raise refused_by_server(self._target, done)


def loader_fault(place: Place, environment: Mapping[str, str]) -> Problem | None:
    """Return the fault of a place whose loader was left by a move, or is in use. Raises PlaceSilent, Failed."""
    target = place.kubernetes
    if target is None:
        return None
    found = KubectlObjects(target, environment).read()
    if found.loader is None and found.before is None:
        return None
    name = loader_name(target.name)
    whose = f" of {found.holder}" if found.holder else ""
    what = f"the pod {name} holds its volume" if found.loader is not None else "its gateways are stopped"
    remove = " ".join(kubectl_words(target, ["delete", "pod", name, "--ignore-not-found"]))
    return Problem(
        "place-loader",
        f"{place.name}: {what} for a move{whose}",
        place.name,
        f"run the command of that move again; or, when it will not be finished, `{remove}`, and then "
        f"`hermes-gateways start --place {place.name}`",
    )


def _key(row: Mapping[str, Any]) -> tuple[str, str]:
    metadata = row.get("metadata")
    return str(row.get("kind")), str(metadata.get("name", "")) if isinstance(metadata, Mapping) else ""
