"""The volume of a place with the real kubectls on a stand-in API server, and the reasons of pods that do not come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cluster_place import STATEFUL_SET
from kubernetes_python import KUBECTLS, stand_in_cluster

from hermes_profiles.kubernetes.kubectl import run_kubectl
from hermes_profiles.kubernetes.loader import loader_pod
from hermes_profiles.kubernetes.place_objects import KubectlObjects, PlaceObjects
from hermes_profiles.kubernetes.volume_hold import VolumeHold
from hermes_profiles.model.errors import Failed, Refused
from hermes_profiles.places.model import KubernetesTarget

TARGET = KubernetesTarget("bots", "family")
NAMED = {**STATEFUL_SET, "apiVersion": "apps/v1", "metadata": {"name": "family"}}


@pytest.mark.parametrize("which", KUBECTLS)
def test_objects_are_read_and_changed_by_kubectl(tmp_path: Path, which: str) -> None:
    with stand_in_cluster(tmp_path, which) as environment:
        objects = KubectlObjects(TARGET, environment)
        assert objects.read() == PlaceObjects()
        document = {**NAMED, "spec": {**STATEFUL_SET["spec"], "replicas": 1}}
        words = ["create", "--validate=false", "-f", "-"]
        assert run_kubectl(TARGET, words, environment, typed=json.dumps(document).encode()).code == 0
        hold = VolumeHold(TARGET, _Answering(objects), "home:/h", pause=0)
        hold.take()
        found = objects.read()
        assert (found.replicas, found.before, found.holder) == (0, 1, "home:/h")
        assert found.loader is not None and found.loader["spec"]["restartPolicy"] == "Never"
        other = VolumeHold(TARGET, objects, "server:/r", pause=0)
        with pytest.raises(Refused, match="for the move of home:/h"):
            other.take()
        objects.create_loader(loader_pod(TARGET, document, "home:/h"))  # a second time changes nothing
        hold.open()
        assert (objects.read().replicas, objects.read().before, objects.read().loader) == (1, 1, None)
        hold.release()
        assert (objects.read().replicas, objects.read().before) == (1, None)
        objects.delete_loader()


class _Answering:
    """The objects of the stand-in, whose pods have no state: they are up, and the pod of the place is its replica."""

    def __init__(self, objects: KubectlObjects) -> None:
        self._objects = objects
        self.scale, self.create_loader = objects.scale, objects.create_loader
        self.delete_loader = objects.delete_loader

    def read(self) -> PlaceObjects:
        found = self._objects.read()
        pod = {"metadata": {"name": "family-0"}, "status": {"phase": "Running"}} if found.replicas else None
        loader = {**found.loader, "status": {"phase": "Running"}} if found.loader is not None else None
        return found._replace(pod=pod, loader=loader)


class _Stuck(_Answering):
    """A place whose pod waits for something that does not come."""

    def __init__(self, waiting: Mapping[str, Any]) -> None:
        self._status = {"phase": "Pending", "containerStatuses": [{"state": {"waiting": waiting}}]}
        self.scale = lambda *_: None
        self.create_loader = self.delete_loader = lambda *_: None

    def read(self) -> PlaceObjects:
        stateful = {**NAMED, "spec": {**STATEFUL_SET["spec"], "replicas": 1}}
        return PlaceObjects(stateful, {"metadata": {"name": "family-0"}, "status": self._status})


def test_pod_that_does_not_start_has_its_reason() -> None:
    waiting = {"reason": "ImagePullBackOff", "message": "no such image"}
    with pytest.raises(Failed, match=r"did not start within .* ImagePullBackOff: no such image") as caught:
        VolumeHold(TARGET, _Stuck(waiting), "home:/h", pause=0).open()
    assert caught.value.problem.code == "pod-not-ready"
    assert "kubectl -n bots describe pod family-0" in (caught.value.problem.hint or "")


def test_loader_has_the_volume_and_no_secret_of_the_gateways() -> None:
    spec = STATEFUL_SET["spec"]["template"]["spec"]
    mounts = [{"name": "data", "mountPath": "/opt/data"}, {"name": "keys", "mountPath": "/keys"}]
    container = {
        **spec["containers"][0],
        "volumeMounts": mounts,
        "env": [
            {"name": "HERMES_HOME", "value": "/opt/data"},
            {"name": "TOKEN", "value": "CANARY"},
            {"name": "HOME", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ],
        "envFrom": [{"secretRef": {"name": "tokens"}}],
    }
    pod = {**spec, "containers": [container], "initContainers": [container]}
    pod["volumes"] = [{"name": "keys", "secret": {"secretName": "tokens"}}]
    claims = [{"metadata": {"name": "data"}}]
    made = loader_pod(TARGET, {"spec": {"template": {"spec": pod}, "volumeClaimTemplates": claims}}, "home:/h")
    text = json.dumps(made)
    assert "CANARY" not in text and "tokens" not in text and "secretKeyRef" not in text
    assert made["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-family-0"}}]
    assert made["spec"]["terminationGracePeriodSeconds"] > 0, "with 0 the API forgets it before its node has ended it"
    with pytest.raises(Refused, match="mounts no PersistentVolumeClaim"):
        loader_pod(TARGET, {"spec": {"template": {"spec": pod}}})
