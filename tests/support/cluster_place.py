"""A root in a cluster that is entries of a list, and a move between it and a root on a disk; see `two_places`.

The cluster does what a StatefulSet and a volume of one pod do: with one replica and no loader there is a pod, and its
process runs each profile that may start; a loader is up when there is no pod.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from two_places import Gate, ListedEngine, PlaceInProcess, TwoPlaces

from hermes_profiles.kubernetes.loader import BEFORE, HOLDER
from hermes_profiles.kubernetes.place_objects import PlaceObjects
from hermes_profiles.kubernetes.volume_hold import VolumeHold
from hermes_profiles.model.errors import Refused
from hermes_profiles.moves.cluster_side import ClusterSide
from hermes_profiles.moves.mover import MovedProfile, Mover
from hermes_profiles.places.model import KubernetesTarget
from hermes_profiles.profiles.listing import profile_names

TARGET = KubernetesTarget("bots", "family")
STATEFUL_SET: Mapping[str, Any] = {
    "kind": "StatefulSet",
    "spec": {
        "template": {
            "spec": {
                "containers": [
                    {"name": "gateways", "image": "i", "volumeMounts": [{"name": "data", "mountPath": "/opt/data"}]}
                ],
                "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "family"}}],
            }
        }
    },
}


class PodEngineInProcess(ListedEngine):
    """The gateways of a pod: its process has a definition of each."""

    def install(self, name: str, *, enabled: bool | None) -> None:
        self.gate("install")


class LoaderEngineInProcess(PodEngineInProcess):
    """No gateway starts in a loader."""

    def start(self, name: str, channels: tuple[str, ...], timeout: float) -> None:
        self.gate("start")


class ClusterInProcess:
    """The objects of one place, as `ClusterObjects` has them."""

    def __init__(self, place: PlaceInProcess, pollers: list[str], gate: Gate) -> None:
        self.place, self.gate = place, gate
        self.pod_side, self.loader_side = place, PlaceInProcess(place.name, place.user, pollers, gate)
        self.pod_engine = PodEngineInProcess(place.layout, pollers, gate)
        self.loader_engine = LoaderEngineInProcess(place.layout, pollers, gate)
        for part, engine in ((place, self.pod_engine), (self.loader_side, self.loader_engine)):
            part.engine = engine
            for side in (part.source, part.target):
                side.side._part._engine = engine
        self.replicas, self.before, self.loader, self.has_pod = 1, None, "", False  # type: ignore[var-annotated]
        self.reconcile()

    def reconcile(self) -> None:
        """Do what the controller and the node do until nothing changes."""
        engine = self.pod_engine
        if self.replicas == 0 and self.has_pod:
            self.has_pod = False
            for name in sorted(engine.running):
                engine.running.remove(name)
                engine.pollers.remove(name)
            engine.services.clear()
        if self.replicas == 1 and not self.loader and not self.has_pod:
            self.has_pod = True
        if self.has_pod:
            for name in profile_names(self.place.layout):
                if name != "default" and self.place.may_start(name) and name not in engine.running:
                    assert name not in engine.pollers, f"{name} polls twice"
                    engine.services[name] = True
                    engine.running.add(name)
                    engine.pollers.append(name)
        assert not (self.loader and self.has_pod), "two pods have the volume"

    def read(self) -> PlaceObjects:
        self.reconcile()
        noted = {"annotations": {BEFORE: str(self.before)}} if self.before is not None else {}
        stateful = {**STATEFUL_SET, "metadata": noted, "spec": {**STATEFUL_SET["spec"], "replicas": self.replicas}}
        up = {"status": {"phase": "Running"}}
        loader = {**up, "metadata": {"name": "family-loader", "annotations": {HOLDER: self.loader}}}
        return PlaceObjects(
            stateful,
            {**up, "metadata": {"name": "family-0"}} if self.has_pod else None,
            loader if self.loader else None,
        )

    def scale(self, replicas: int, before: int | None) -> None:
        self.gate("scale")
        self.replicas, self.before = replicas, before
        self.gate("scaled")

    def create_loader(self, document: Mapping[str, Any]) -> None:
        self.gate("create-loader")
        self.loader = document["metadata"]["annotations"][HOLDER]
        self.gate("created-loader")

    def delete_loader(self) -> None:
        self.gate("delete-loader")
        self.loader = ""
        self.gate("deleted-loader")


class PlaceAndCluster(TwoPlaces):
    """`home` on a disk and `vps` in a cluster, where `shop` runs; `family` runs at home."""

    def __init__(self, folder: Path, *names: str) -> None:
        super().__init__(folder, *names)
        self.vps.make("shop", {"config.yaml": "model: x\n", ".env": "TELEGRAM_BOT_TOKEN=7100000078:CANARYshop\n"})
        self.cluster = ClusterInProcess(self.vps, self.pollers, self.gate)
        self.claims: set[str] = set()
        self.ran = {*self.names}
        self.claimed_elsewhere = False

    def hold(self) -> VolumeHold:
        return VolumeHold(TARGET, self.cluster, "home:/h", pause=0)

    def side(self, hold: VolumeHold, role: str) -> ClusterSide:
        pod, loader = self.cluster.pod_side, self.cluster.loader_side
        if role == "target":
            return ClusterSide(hold, pod.target, loader.target, self.claims.discard)
        return ClusterSide(hold, pod.source, loader.source, self.claims.discard)

    def claim(self, names: Any) -> None:
        self.gate("claim")
        if self.claimed_elsewhere:
            raise Refused("family is claimed by other/family", code="claimed-elsewhere")
        ran = [name for name in names if name in self.ran]
        assert all(name in self.pollers for name in ran), "claimed before it was seen connected"
        self.claims |= {*names}

    def move(self, *, back: bool = False) -> list[MovedProfile]:
        """Move, and give the volume back whatever happens, as the command does; not where the process is ended."""
        hold = self.hold()
        hold.held_by()  # as the look at both sides does
        try:
            done = self._mover(hold, back=back).run(self.names)
        except Exception:
            hold.release()
            raise
        hold.release()
        return done

    def _mover(self, hold: VolumeHold, *, back: bool) -> Mover:
        epochs = {name: 1 + max(self.home.epoch(name), self.vps.epoch(name)) for name in self.names}
        if back:
            root = str(self.vps.layout.root)
            return Mover(self.side(hold, "source"), self.home.target, "home", "vps", epochs, root, on_step=self.gate)
        mover = Mover(
            self.home.source, self.side(hold, "target"), "vps", "home", epochs, str(self.home.layout.root),
            on_step=self.gate,
        )  # fmt: skip
        mover.on_connected = lambda names: (self.claim(names), hold.keep_open())
        return mover

    def take_back(self) -> list[str]:
        hold = self.hold()
        try:
            return self._mover(hold, back=False).take_back(self.names)
        finally:
            hold.release()

    def cut(self, gate: Gate) -> None:
        """Have each request to the cluster, before it and after it, pass this gate."""
        self.cluster.gate = gate
        for place in (self.cluster.pod_side, self.cluster.loader_side):
            place.source.gate = place.target.gate = gate

    def check_at_rest(self) -> None:
        """Make sure that nothing is left of a move in the cluster, and that the other profile runs."""
        self.cluster.reconcile()
        assert (self.cluster.loader, self.cluster.before) == ("", None), "the move left something"
        assert (self.cluster.replicas, self.cluster.has_pod) == (1, True)
        assert "shop" in self.pollers, "the other profile did not come back"
        here = [name for name in self.names if self.vps.may_start(name)]
        assert self.claims == {*here}, "claims follow the profile"
