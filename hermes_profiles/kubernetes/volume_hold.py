"""The volume of a place, taken from its pod for a move and given back: replicas, the loader, and the waits between."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.places.model import KubernetesTarget

from .kubectl import kubectl_words
from .loader import LoaderTarget, loader_pod, no_stateful_set
from .names import loader_name
from .place_objects import ClusterObjects, PlaceObjects
from .pod_states import grace_of, has_ended, is_up, pod_state

# Seconds for a node to find an image and to mount a volume, and beyond the grace period for it to confirm an end.
_START, _CONFIRM = 300.0, 60.0
_HOPELESS = (GatewayState.FAILED, GatewayState.CRASH_LOOPING)


class HeldBy(StrEnum):
    """What runs on the volume of a place."""

    POD = "pod"
    LOADER = "loader"
    NOTHING = ""


@dataclass
class VolumeHold:
    """The volume of one place during a move. `holder`: names the move, for other movers and for people.

    `before`: the replicas before the move, None before the first look. They are noted in the StatefulSet, so another
    command ends what a killed one left.
    """

    target: KubernetesTarget
    objects: ClusterObjects
    holder: str
    on_step: Callable[[str], None] = lambda _: None
    pause: float = 1.0
    before: int | None = None
    _held: HeldBy | None = None

    def held_by(self) -> HeldBy:
        """Return what runs on the volume now. Raises Refused where it serves the move of another."""
        found = self._read()
        if found.pod is not None and is_up(found.pod):
            return HeldBy.POD
        return HeldBy.LOADER if found.loader is not None and is_up(found.loader) else HeldBy.NOTHING

    def take(self) -> None:
        """Have the loader hold the volume; the pod and its gateways have ended before. Raises Failed, PlaceSilent."""
        if self._held is HeldBy.LOADER:
            return
        found = self._read()
        if found.replicas != 0 or found.before is None:
            self.on_step("place-stop")
            self.objects.scale(0, self.before)
        stateful_set = found.stateful_set or {}
        found = self._until(lambda now: now.pod is None, grace_of(stateful_set) + _CONFIRM, "end", self.target)
        if found.loader is not None and has_ended(found.loader):
            self._drop_loader()
            found = found._replace(loader=None)
        if found.loader is None:
            self.objects.create_loader(loader_pod(self.target, stateful_set, self.holder))
        loader = LoaderTarget(*self.target)
        found = self._until(lambda now: now.loader is not None and is_up(now.loader), _START, "start", loader)
        if found.holder != self.holder:  # two commands saw none, and the other one made it
            raise in_use(self.target, found.holder)
        self._held = HeldBy.LOADER

    def open(self) -> None:
        """Have the pod of the place hold the volume, with its gateways. Raises Failed, PlaceSilent."""
        if self._held is HeldBy.POD:
            return
        self._read()
        self._held = None
        self._drop_loader()
        self.on_step("place-start")
        self.objects.scale(1, self.before)
        self._until_pod()
        self._held = HeldBy.POD

    def forget(self) -> None:
        """Look again before the next step: what held the volume does not answer."""
        self._held = None

    def keep_open(self) -> None:
        """Note that the pod stays up after the move: what runs in it now lives there. Raises Failed, PlaceSilent."""
        if self._held is HeldBy.POD and self.before == 0:
            self.before = 1
            self.objects.scale(1, self.before)

    def release(self) -> None:
        """End the hold: no loader, no note, and the replicas as before. Raises Failed, PlaceSilent.

        Nothing happens where nothing was taken, now or by a command that was killed, or while another move has it.
        """
        if self.before is None:
            return
        wanted = self.before
        found, self._held = self.objects.read(), None
        if found.loader is not None and found.holder != self.holder:
            return
        if found.loader is not None:
            self._drop_loader()
        if found.before is None and found.replicas == wanted:
            return
        if wanted and not found.replicas:
            self.on_step("place-start")
        self.objects.scale(wanted, None)
        if wanted:
            self._until_pod()

    def _read(self) -> PlaceObjects:
        """Return the objects, and remember the replicas before the move. Raises Refused for one that cannot be used."""
        found = self.objects.read()
        if found.stateful_set is None:
            raise no_stateful_set(self.target, f"there is no StatefulSet {self.target.name}")
        if found.loader is not None and found.holder != self.holder:
            raise in_use(self.target, found.holder)
        if self.before is None:
            self.before = min(1, found.replicas if found.before is None else found.before)
        return found

    def _drop_loader(self) -> None:
        self.objects.delete_loader()
        self._until(lambda now: now.loader is None, _CONFIRM, "end", LoaderTarget(*self.target))

    def _until_pod(self) -> None:
        self._until(lambda now: now.pod is not None and is_up(now.pod), _START, "start", self.target)

    def _until(
        self, is_so: Callable[[PlaceObjects], bool], limit: float, what: str, target: KubernetesTarget
    ) -> PlaceObjects:
        """Return the objects when they are as wanted. Raises Failed when that does not come."""
        deadline = time.monotonic() + limit
        while True:
            found = self.objects.read()
            if is_so(found):
                return found
            pod = found.loader if isinstance(target, LoaderTarget) else found.pod
            is_hopeless = what == "start" and pod is not None and _state(target, pod)[0] in _HOPELESS
            if is_hopeless or time.monotonic() >= deadline:
                raise _not_so(target, pod, what, limit)
            time.sleep(self.pause)


def in_use(target: KubernetesTarget, holder: str) -> Refused:
    """Return the error of a place whose loader serves another move."""
    name = loader_name(target.name)
    remove = " ".join(kubectl_words(target, ["delete", "pod", name]))
    return Refused(
        f"the pod {name} holds the volume of {target.namespace}/{target.name} for the move of {holder or 'a person'}",
        target=f"{target.namespace}/{name}",
        code="loader-in-use",
        hint=f"finish that move first; when it will not be finished, use `{remove}`",
    )


def _state(target: KubernetesTarget, pod: Mapping[str, Any]) -> tuple[str, str, str | None]:
    facts = pod_state(target, pod, time.time())
    return facts.state, facts.detail, facts.hint


def _not_so(target: KubernetesTarget, pod: Mapping[str, Any] | None, what: str, limit: float) -> Failed:
    describe = f"see it with `{' '.join(kubectl_words(target, ['describe', 'pod', target.pod]))}`"
    detail, hint = _state(target, pod)[1:] if pod is not None else ("there is no pod yet", None)
    return Failed(
        f"the pod {target.namespace}/{target.pod} did not {what} within {limit:g} s: {detail}",
        target=f"{target.namespace}/{target.pod}",
        code="pod-not-ready",
        hint=hint or describe,
    )
