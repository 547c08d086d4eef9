"""Start and stop of a place in a cluster whose pod does not get where it should: no endless wait, no second holder."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest

from hermes_profiles.kubernetes import engine as module
from hermes_profiles.kubernetes.engine import KubernetesEngine
from hermes_profiles.kubernetes.loader import HOLDER
from hermes_profiles.kubernetes.place_objects import PlaceObjects
from hermes_profiles.model.errors import ExitCode, Refused
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind

PLACE = Place("prod", PlaceKind.KUBERNETES, kubernetes=KubernetesTarget("bots", "family"))
STATEFUL_SET = {"kind": "StatefulSet", "metadata": {"name": "family"}, "spec": {"replicas": 1}}
RUNNING = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}, "started": True}]}
LONG_AGO = "2020-01-15T07:00:00Z"


def pod(status: Mapping[str, Any], **metadata: str) -> dict[str, Any]:
    return {
        "kind": "Pod", "metadata": {"name": "family-0", **metadata}, "spec": {"nodeName": "node-b"}, "status": status
    }  # fmt: skip


def waiting(reason: str) -> dict[str, Any]:
    return pod({"phase": "Pending", "containerStatuses": [{"state": {"waiting": {"reason": reason}}}]})


class Cluster:
    """A cluster that shows one state after the other, the last one for ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *states: PlaceObjects) -> None:
        self.states, self.reads, self.scaled = states, 0, list[int]()
        monkeypatch.setattr(module, "KubectlObjects", lambda *_: self)
        monkeypatch.setattr(KubernetesEngine, "facts", lambda *_: None)
        monkeypatch.setattr(module.time, "monotonic", lambda: float(self.reads))  # a look takes a second

    def read(self) -> PlaceObjects:
        self.reads += 1
        return self.states[min(self.reads, len(self.states)) - 1]

    def scale(self, replicas: int, before: int | None) -> None:
        self.scaled.append(replicas)


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)


def test_start_beside_a_loader_is_refused_with_its_move(monkeypatch: pytest.MonkeyPatch) -> None:
    loader = {"metadata": {"name": "family-loader", "annotations": {HOLDER: "laptop:/home/ann/.hermes"}}}
    cluster = Cluster(monkeypatch, PlaceObjects(STATEFUL_SET, None, loader))
    with pytest.raises(Refused) as caught:
        KubernetesEngine().act(PLACE, "start", {})
    assert caught.value.exit_code is ExitCode.REFUSED and caught.value.problem.code == "loader-in-use"
    assert "for the move of laptop:/home/ann/.hermes" in caught.value.problem.message
    assert cluster.scaled == [], "no pod beside the loader on one volume"


@pytest.mark.parametrize(("verb", "states", "reads"), [
    ("stop", [pod(RUNNING), pod(RUNNING), None], 3),
    ("stop", [pod(RUNNING), pod(RUNNING, deletionTimestamp=LONG_AGO)], 2),  # its node is lost
    ("start", [None, waiting("ContainerCreating"), waiting("ImagePullBackOff")], 4),
    ("start", [None, waiting("CrashLoopBackOff")], 3),
])  # fmt: skip
def test_wait_ends_where_nothing_more_will_happen(
    verb: str, states: list[dict[str, Any] | None], reads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [PlaceObjects(STATEFUL_SET)] if verb == "start" else []  # the look for a loader
    cluster = Cluster(monkeypatch, *before, *(PlaceObjects(STATEFUL_SET, each) for each in states))
    KubernetesEngine().act(PLACE, verb, {})
    assert cluster.reads == reads and cluster.scaled == [1 if verb == "start" else 0]


def test_wait_for_a_pod_that_never_comes_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(monkeypatch, PlaceObjects(STATEFUL_SET))
    KubernetesEngine().act(PLACE, "start", {})
    assert 290 < cluster.reads < 310
