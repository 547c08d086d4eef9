"""The state of a place from its StatefulSet and its pod, as kubectl prints them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.places.engine import EngineFacts
from hermes_profiles.places.model import KubernetesTarget

# Reasons of a waiting container that do not pass by themselves.
_WRONG_IMAGE = {"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "ErrImageNeverPull", "ImageInspectError"}
_WRONG_POD = {"CreateContainerConfigError", "CreateContainerError", "RunContainerError"}
_LOOP = "CrashLoopBackOff"
# Seconds after the end of the grace period in which a living kubelet confirms that a pod is gone.
_CONFIRMS = 30.0
_LONGEST_TEXT = 200


def place_state(target: KubernetesTarget, objects: Iterable[Mapping[str, Any]], now: float) -> EngineFacts:
    """Return the state of a place. `objects`: its StatefulSet and pod, whichever exist; `now`: epoch seconds.

    A pod that may run on a lost node is unknown, never stopped.
    """
    known = {str(each.get("kind")): each for each in objects if _name(each) in (target.name, target.pod)}
    stateful, pod = known.get("StatefulSet"), known.get("Pod")
    kubectl = _kubectl(target)
    if stateful is None and pod is None:
        text = f"there is no StatefulSet {target.name} in {target.namespace}"
        return _facts(GatewayState.UNKNOWN, text, "render it with `hermes-gateways render kubernetes`")
    replicas = replicas_of(stateful) if stateful is not None else 1
    if replicas > 1:
        text = f"{replicas} replicas are {replicas} holders of each bot"
        return _facts(GatewayState.FAILED, text, f"use `{kubectl} scale statefulset {target.name} --replicas 1`")
    if pod is not None:
        return pod_state(target, pod, now)
    if replicas == 0:
        return _facts(GatewayState.STOPPED, "0 replicas", None)
    return _facts(
        GatewayState.STARTING, "there is no pod yet", f"see it with `{kubectl} describe statefulset {target.name}`"
    )


def replicas_of(stateful: Mapping[str, Any]) -> int:
    """Return how many pods a StatefulSet is to have."""
    found = _below(stateful, "spec").get("replicas", 1)
    return found if isinstance(found, int) else 1


def is_up(pod: Mapping[str, Any]) -> bool:
    """Return whether commands can be run in a pod: its container has started and the pod is not being ended."""
    status = _below(pod, "status")
    if _below(pod, "metadata").get("deletionTimestamp") is not None or str(status.get("phase")) != "Running":
        return False
    return all("running" in _below(row, "state") and row.get("started") is not False for row in _statuses(status))


def annotation(row: Mapping[str, Any], name: str) -> str:
    """Return an annotation of an object, "" without it."""
    return str(_below(_below(row, "metadata"), "annotations").get(name) or "")


def has_ended(pod: Mapping[str, Any]) -> bool:
    """Return whether a pod is being ended, or has ended by itself."""
    phase = str(_below(pod, "status").get("phase"))
    return _below(pod, "metadata").get("deletionTimestamp") is not None or phase in ("Failed", "Succeeded")


def grace_of(stateful: Mapping[str, Any]) -> float:
    """Return the seconds that the pod of a StatefulSet may take to end."""
    found = _below(_below(_below(stateful, "spec"), "template"), "spec").get("terminationGracePeriodSeconds", 30)
    return float(found) if isinstance(found, int) else 30.0


def pod_state(target: KubernetesTarget, pod: Mapping[str, Any], now: float) -> EngineFacts:
    """Return the state of a pod in which no program answers."""
    status, pod_name = _below(pod, "status"), _name(pod)
    describe = f"see it with `{_kubectl(target)} describe pod {pod_name}`"
    node = str(_below(pod, "spec").get("nodeName", ""))
    if _below(pod, "metadata").get("deletionTimestamp") is not None:
        return _ending(target, node, is_lost=has_lost_node(pod, now))
    container = next(iter(_statuses(status)), {})
    waiting, ended = (_below(_below(container, "state"), key) for key in ("waiting", "terminated"))
    reason = str(waiting.get("reason", ""))
    if reason in _WRONG_IMAGE | _WRONG_POD:
        return _facts(GatewayState.FAILED, _text(reason, waiting.get("message")), describe)
    if reason == _LOOP:
        logs = f"see why with `{_kubectl(target)} logs {pod_name} --previous`"
        return _facts(GatewayState.CRASH_LOOPING, _text(reason, _last_exit(container)), logs)
    if str(status.get("phase")) == "Failed" or ended:
        why = _text(str(status.get("reason") or ended.get("reason") or "Failed"), status.get("message") or _exit(ended))
        return _facts(GatewayState.FAILED, why, describe)
    if str(status.get("phase")) == "Pending":
        scheduled = _condition(status, "PodScheduled")
        is_placed = scheduled.get("status") != "False"
        why = _text("Pending", reason if is_placed else scheduled.get("message"))
        return _facts(GatewayState.STARTING, why, describe)
    if _is_node_silent(status):
        return _lost(target, node, "its node does not answer")
    if container.get("started") is False:
        return _facts(GatewayState.STARTING, "supervisord does not answer yet", describe)
    return _facts(GatewayState.UNKNOWN, f"the pod runs on {node}, but nothing in it answers", describe)


def _is_node_silent(status: Mapping[str, Any]) -> bool:
    """Return whether the cluster took the node of a pod for lost.

    Its controller then sets the condition Ready of the pod to False and leaves that of its containers: no readiness
    gate and no probe of ours makes the two differ.
    """
    ready, containers = (_condition(status, kind).get("status") for kind in ("Ready", "ContainersReady"))
    return ready == "Unknown" or status.get("reason") == "NodeLost" or (ready == "False" and containers == "True")


def has_lost_node(pod: Mapping[str, Any], now: float) -> bool:
    """Return whether a pod that is being ended has a node that does not confirm the end. `now`: epoch seconds."""
    deleted = seconds_of(_below(pod, "metadata").get("deletionTimestamp"))
    return deleted is not None and (now - deleted > _CONFIRMS or _below(pod, "status").get("reason") == "NodeLost")


def _ending(target: KubernetesTarget, node: str, *, is_lost: bool) -> EngineFacts:
    if is_lost:
        return _lost(target, node, "it is Terminating, and its node does not confirm the end")
    wait = f"wait for it with `{_kubectl(target)} wait --for=delete pod/{target.pod}`"
    return _facts(GatewayState.UNKNOWN, "the pod is Terminating: its gateways are being stopped", wait)


def _lost(target: KubernetesTarget, node: str, why: str) -> EngineFacts:
    context = f"--context {target.context} " if target.context else ""
    taint = f"kubectl {context}taint nodes {node} node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"
    text = f"{why}: the gateways may still run on {node}"
    return _facts(GatewayState.UNKNOWN, text, f"when {node} is switched off, use `{taint}`")


def _last_exit(container: Mapping[str, Any]) -> str:
    return _exit(_below(_below(container, "lastState"), "terminated"))


def _exit(ended: Mapping[str, Any]) -> str:
    """Return how a container ended."""
    if not ended:
        return ""
    if ended.get("reason") == "OOMKilled":
        return "ended for lack of memory"
    return f"ended with exit code {ended.get('exitCode', 'unknown')}"


def _statuses(status: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the states of the containers, of init containers that did not succeed first."""
    found: list[Mapping[str, Any]] = []
    for key in ("initContainerStatuses", "containerStatuses"):
        rows = status.get(key)
        for row in rows if isinstance(rows, list) else ():
            is_done = key.startswith("init") and _below(_below(row, "state"), "terminated").get("exitCode") == 0
            if isinstance(row, Mapping) and not is_done:
                found.append(row)
    return found


def _condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    rows = status.get("conditions")
    found = (
        [row for row in rows if isinstance(row, Mapping) and row.get("type") == kind] if isinstance(rows, list) else []
    )
    return found[0] if found else {}


def _below(row: Any, key: str) -> Mapping[str, Any]:
    found = row.get(key) if isinstance(row, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _name(row: Mapping[str, Any]) -> str:
    return str(_below(row, "metadata").get("name", ""))


def seconds_of(text: Any) -> float | None:
    """Return the epoch seconds of a time of the API, None for none."""
    try:
        return datetime.strptime(str(text), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _text(reason: str, more: Any) -> str:
    """Return a reason with its message on one line, without control characters."""
    line = " ".join("".join(each if each.isprintable() else " " for each in str(more or "")).split())
    return f"{reason}: {line[:_LONGEST_TEXT]}" if line else reason


def _facts(state: GatewayState, detail: str, hint: str | None) -> EngineFacts:
    return EngineFacts(str(state), detail, hint)


def _kubectl(target: KubernetesTarget) -> str:
    context = f"--context {target.context} " if target.context else ""
    return f"kubectl {context}-n {target.namespace}"
