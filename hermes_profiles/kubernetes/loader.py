"""The loader: a pod without gateways that holds the volume of a place while files move. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME, HERMES_TIMEZONE
from hermes_profiles.model.errors import Refused
from hermes_profiles.places.model import KubernetesTarget

from .names import CONTAINER, MANAGED_BY, labels, loader_name

# Of the loader: whose move it serves. Of the StatefulSet: its replicas before the move.
HOLDER = "hermes-profiles.io/move"
BEFORE = "hermes-profiles.io/replicas-before-move"
# A mover that was killed leaves the loader; it ends by itself after this time.
SECONDS = 24 * 60 * 60
# With 0 the API server forgets a pod before its node has ended it, and two pods could hold the volume.
_GRACE = 1
_OF_POD = (
    "securityContext", "volumes", "imagePullSecrets", "nodeSelector", "affinity", "tolerations", "runtimeClassName",
    "priorityClassName", "schedulerName", "serviceAccountName",
)  # fmt: skip
_OF_CONTAINER = ("image", "imagePullPolicy", "workingDir", "resources", "securityContext", "volumeMounts")
# What our programs need; other variables can be secrets of the gateways.
_ENV = (HERMES_HOME, "HOME", "PATH", "TZ", "HERMES_PROFILES_MANAGER", HERMES_TIMEZONE)
# Volumes that the files need; Secrets and the like are for gateways.
_VOLUMES = ("persistentVolumeClaim", "emptyDir")


class LoaderTarget(KubernetesTarget):
    """The loader of a place, as the target of `kubectl exec`."""

    __slots__ = ()

    @property
    def pod(self) -> str:
        """Return the name of the loader."""
        return loader_name(self.name)


def loader_pod(target: KubernetesTarget, stateful_set: Mapping[str, Any], holder: str = "") -> dict[str, Any]:
    """Return the loader of a StatefulSet: its image and its volume, no gateway, no Secret, and no label it selects.

    `holder`: whose move it serves, "" for one that a person applies. Raises Refused without a volume.
    """
    spec = stateful_set.get("spec") or {}
    pod = dict((spec.get("template") or {}).get("spec") or {})
    containers = [each for each in pod.get("containers") or () if isinstance(each, Mapping)]
    container = next((each for each in containers if each.get("name") == CONTAINER), next(iter(containers), {}))
    volumes = _volumes(target, spec, pod)
    mounts = [each for each in container.get("volumeMounts") or () if each.get("name") in volumes]
    if not any("persistentVolumeClaim" in volumes[each["name"]] for each in mounts):
        raise no_stateful_set(target, f"the StatefulSet {target.name} mounts no PersistentVolumeClaim")
    used = {**container, "volumeMounts": mounts}
    name = loader_name(target.name)
    about = {"annotations": {HOLDER: holder}} if holder else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {**labels(name), **MANAGED_BY}, **about},
        "spec": {
            **{key: pod[key] for key in _OF_POD if key in pod},
            "volumes": [volumes[name] for name in dict.fromkeys(each["name"] for each in mounts)],
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": _GRACE,
            "activeDeadlineSeconds": SECONDS,
            "containers": [
                {
                    "name": "loader",
                    "command": ["sleep", str(SECONDS)],
                    "env": [
                        each for each in container.get("env") or () if each.get("name") in _ENV and "value" in each
                    ],
                    **{key: used[key] for key in _OF_CONTAINER if key in used},
                }
            ],
        },
    }


def _volumes(target: KubernetesTarget, spec: Mapping[str, Any], pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return name → volume; those of claim templates have the claim that the controller makes for the first pod."""
    found: dict[str, Mapping[str, Any]] = {
        str(each["name"]): each for each in pod.get("volumes") or () if any(kind in each for kind in _VOLUMES)
    }
    for template in spec.get("volumeClaimTemplates") or ():
        name = str(template["metadata"]["name"])
        found[name] = {"name": name, "persistentVolumeClaim": {"claimName": f"{name}-{target.pod}"}}
    return found


def no_stateful_set(target: KubernetesTarget, text: str) -> Refused:
    """Return the error of a place whose StatefulSet is missing or cannot be filled."""
    return Refused(
        f"{target.namespace}/{target.name}: {text}",
        target=f"{target.namespace}/{target.name}",
        code="no-stateful-set",
        hint="render it with `hermes-gateways render kubernetes --image REF -o DIR`, then `kubectl apply -k DIR`",
    )
