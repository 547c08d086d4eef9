"""The word and the reason for a place whose pod is not up."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_profiles.kubernetes.pod_states import place_state
from hermes_profiles.places.model import KubernetesTarget

TARGET = KubernetesTarget("bots", "family", "home")
NOW = 1_800_000_000.0  # 2027-01-15T08:00:00Z


def stateful(replicas: int = 1) -> dict[str, Any]:
    return {"kind": "StatefulSet", "metadata": {"name": "family"}, "spec": {"replicas": replicas}}


def pod(status: dict[str, Any], **metadata: str) -> dict[str, Any]:
    return {
        "kind": "Pod", "metadata": {"name": "family-0", **metadata}, "spec": {"nodeName": "node-b"}, "status": status
    }  # fmt: skip


def waiting(reason: str, message: str = "", **more: Any) -> dict[str, Any]:
    container = {"state": {"waiting": {"reason": reason, "message": message}}, **more}
    return pod({"phase": "Pending", "containerStatuses": [container]})


OOM = {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}
NO_NODE = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available:\n insufficient memory"}
RUNNING = {"phase": "Running", "containerStatuses": [{"state": {"running": {}}, "started": True}]}


@pytest.mark.parametrize(("objects", "state", "detail", "command"), [
    ([], "unknown", "there is no StatefulSet family", "hermes-gateways render"),
    ([stateful(0)], "stopped", "0 replicas", None),
    ([stateful(2), pod(RUNNING)], "failed", "2 replicas are 2 holders", "scale statefulset family --replicas 1"),
    ([stateful()], "starting", "there is no pod yet", "describe statefulset family"),
    ([stateful(), pod({"phase": "Pending", "conditions": [NO_NODE]})], "starting",
     "Pending: 0/3 nodes are available: insufficient memory", "describe pod family-0"),
    ([stateful(), waiting("ContainerCreating")], "starting", "Pending: ContainerCreating", "describe pod"),
    ([stateful(), waiting("ImagePullBackOff", "Back-off pulling")], "failed", "ImagePullBackOff: Back-off", "describe"),
    ([stateful(), waiting("CreateContainerConfigError", "no x")], "failed", "CreateContainerConfigError", "describe"),
    ([stateful(), waiting("CrashLoopBackOff", "back-off", lastState={"terminated": {"exitCode": 78}})], "crash-looping",
     "CrashLoopBackOff: ended with exit code 78", "logs family-0 --previous"),
    ([stateful(), waiting("CrashLoopBackOff", **OOM)], "crash-looping", "for lack of memory", "--previous"),
    ([stateful(), pod({"phase": "Failed", "reason": "Evicted", "message": "node was low on memory"})], "failed",
     "Evicted: node was low on memory", "describe pod"),
    ([stateful(0), pod(RUNNING, deletionTimestamp="2027-01-15T08:01:00Z")], "unknown", "are being stopped", "wait"),
    ([stateful(), pod(RUNNING, deletionTimestamp="2027-01-15T07:00:00Z")], "unknown",
     "its node does not confirm the end: the gateways may still run on node-b",
     "kubectl --context home taint nodes node-b node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"),
    ([stateful(), pod({**RUNNING, "conditions": [{"type": "Ready", "status": "Unknown"}]})], "unknown",
     "its node does not answer", "taint nodes node-b"),
    # What the controllers of Kubernetes 1.36 wrote when a node did not answer any more.
    ([stateful(), pod({**RUNNING, "conditions": [{"type": "ContainersReady", "status": "True"},
                                                 {"type": "Ready", "status": "False"}]})], "unknown",
     "its node does not answer", "taint nodes node-b"),
    ([stateful(), pod({"phase": "Running", "containerStatuses": [{"state": {"running": {}}, "started": False}]})],
     "starting", "supervisord does not answer yet", "describe"),
    ([stateful(), pod(RUNNING)], "unknown", "nothing in it answers", "describe pod family-0"),
])  # fmt: skip
def test_place_state_has_the_word_the_reason_and_the_command(
    objects: list[dict[str, Any]], state: str, detail: str, command: str | None
) -> None:
    found = place_state(TARGET, objects, NOW)
    assert found.state == state and detail in found.detail
    assert (command is None and found.hint is None) or command in (found.hint or "")
    assert "\n" not in found.detail


@pytest.mark.parametrize("broken", [
    {}, {"kind": "Pod"}, {"kind": "Pod", "metadata": {"name": "family-0"}, "status": []},
    {"kind": "StatefulSet", "metadata": {"name": "other"}, "spec": None},
])  # fmt: skip
def test_place_state_of_odd_objects_never_is_stopped(broken: dict[str, Any]) -> None:
    assert place_state(TARGET, [broken], NOW).state == "unknown"
