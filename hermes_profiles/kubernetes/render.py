"""The files of a Kubernetes place: a Kustomize base and a Dockerfile. Pure.

One pod runs one root under `hermes-gateways run`. The reasons for each field are in docs/how-to/kubernetes.md. No file
has a secret: tokens are in the volume, or in Secrets that the cluster has by other means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hermes_profiles.documents.yaml.value import Value, block_lines, scalar
from hermes_profiles.hermes.environment import HERMES_DISABLE_LAZY_INSTALLS, HERMES_HOME, HERMES_TIMEZONE
from hermes_profiles.places.model import KubernetesTarget
from hermes_profiles.services.checksum import add_checksum

from .loader import loader_pod
from .model import DATA, LIMIT, USER, KubernetesPlace, check_place
from .names import CONTAINER, MANAGED_BY, labels

RUN = ("hermes-gateways", "run", "--inherit", "*")
PROBE = ("hermes-gateways", "status", "--check")
# Files of the base, in the order in which they are applied.
OBJECTS = ("pvc.yaml", "service.yaml", "networkpolicy.yaml", "statefulset.yaml")
LOADER = "loader.yaml"
_HEADER = "# Written by hermes-profiles: `hermes-gateways render kubernetes`; changes belong in an overlay."
_DATA, _TMP = "data", "tmp"
_VENV = "/opt/hermes-profiles"


def render(place: KubernetesPlace) -> tuple[tuple[str, bytes], ...]:
    """Return (name, content) of each file, with a checksum. Raises UsageProblem for values of no use."""
    check_place(place)
    target = KubernetesTarget(place.namespace, place.name)
    return (
        ("kustomization.yaml", _yaml(_kustomization(place))),
        ("pvc.yaml", _yaml(_claim(place), ["# `kubectl delete -k` deletes it, and with it all memory of the agents."])),
        ("service.yaml", _yaml(_service(place))),
        ("networkpolicy.yaml", _yaml(_policy(place))),
        ("statefulset.yaml", _yaml(_stateful_set(place), _about(place))),
        (
            LOADER,
            _yaml(
                loader_pod(target, _stateful_set(place)),
                ["# A pod that holds the volume while it is filled; not a part of the base."],
            ),
        ),
        ("Dockerfile", _dockerfile(place)),
    )


def _about(place: KubernetesPlace) -> list[str]:
    count = "1 profile" if place.profiles == 1 else f"{place.profiles} profiles"
    gateways = "1 gateway" if place.gateways == 1 else f"{place.gateways} gateways"
    return [f"# {count} in {gateways}. More than one replica is two holders of each bot: never scale it up."]


def _meta(name: str) -> dict[str, Any]:
    return {"name": name, "labels": {**labels(name), **MANAGED_BY}}


def _kustomization(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **({"namespace": place.namespace} if place.namespace else {}),
        "resources": list(OBJECTS),
    }


def _claim(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": _meta(place.name),
        "spec": {
            "accessModes": [place.access_mode],
            **({"storageClassName": place.storage_class} if place.storage_class else {}),
            "resources": {"requests": {"storage": place.storage}},
        },
    }


def _service(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _meta(place.name),
        "spec": {"clusterIP": "None", "selector": labels(place.name)},
    }


def _policy(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": _meta(place.name),
        "spec": {"podSelector": {"matchLabels": labels(place.name)}, "policyTypes": ["Ingress"]},
    }


def _stateful_set(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": _meta(place.name),
        "spec": {
            "replicas": place.replicas,
            "serviceName": place.name,
            # With OrderedReady a pod that never gets ready is not replaced, also after the right image was applied.
            "podManagementPolicy": "Parallel",
            "selector": {"matchLabels": labels(place.name)},
            "template": {"metadata": {"labels": {**labels(place.name), **MANAGED_BY}}, "spec": _pod(place)},
        },
    }


def _pod(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "terminationGracePeriodSeconds": place.grace,
        "automountServiceAccountToken": False,
        # Variables of other services of the namespace are not for the gateways.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(place)],
        "volumes": [
            {"name": _DATA, "persistentVolumeClaim": {"claimName": place.name}},
            {"name": _TMP, "emptyDir": {}},
        ],
    }


def _container(place: KubernetesPlace) -> dict[str, Any]:
    return {
        "name": CONTAINER,
        "image": place.image,
        "command": list(RUN),
        "workingDir": DATA,
        "env": [{"name": name, "value": text} for name, text in _variables(place).items()],
        **({"envFrom": [{"secretRef": {"name": name}} for name in place.secrets]} if place.secrets else {}),
        # supervisord answers before a gateway is up. Two minutes: a cold image and a slow volume.
        "startupProbe": _probe(period=5, failures=24),
        "livenessProbe": _probe(period=30, failures=4),
        "resources": {
            "requests": {"cpu": f"{place.cpu_request}m", "memory": f"{place.memory_request}Mi"},
            "limits": {"memory": f"{place.memory_request * LIMIT}Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": _DATA, "mountPath": DATA}, {"name": _TMP, "mountPath": "/tmp"}],  # noqa: S108
    }


def _variables(place: KubernetesPlace) -> dict[str, str]:
    return {
        HERMES_HOME: DATA,
        "HOME": DATA,
        "HERMES_PROFILES_MANAGER": "supervisor",
        **({HERMES_TIMEZONE: place.timezone} if place.timezone else {}),
        HERMES_DISABLE_LAZY_INSTALLS: "1",
    }


def _probe(*, period: int, failures: int) -> dict[str, Any]:
    return {
        "exec": {"command": list(PROBE)},
        "periodSeconds": period,
        "timeoutSeconds": 15,
        "failureThreshold": failures,
    }


def _dockerfile(place: KubernetesPlace) -> bytes:
    lines = [
        _HEADER,
        "# Hermes with hermes-profiles in an environment of its own: the libraries of Hermes stay as they are.",
        f"FROM {place.base}",
        "# Also an address of a wheel or a checkout: `docker build --build-arg HERMES_PROFILES=git+https://…`",
        f"ARG HERMES_PROFILES=hermes-profiles=={place.version}",
        "USER root",
        f"RUN python3 -m venv {_VENV} \\",
        f'    && {_VENV}/bin/pip install --no-cache-dir "$HERMES_PROFILES" \\',
        f"    && ln -s {_VENV}/bin/hermes-profiles {_VENV}/bin/hermes-gateways /usr/local/bin/",
        f"USER {USER}:{USER}",
        f"WORKDIR {DATA}",
        f"ENTRYPOINT [{_words(RUN[:1])}]",
        f"CMD [{_words(RUN[1:])}]",
        "",
    ]
    return add_checksum("\n".join(lines).encode())


def _words(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _yaml(document: Mapping[str, Any], comments: Sequence[str] = ()) -> bytes:
    return add_checksum("\n".join([_HEADER, *comments, *block_lines(_value(document), "", "  "), ""]).encode())


def _value(given: Any) -> Value:
    """Return the value of a YAML document for data of JSON's kinds."""
    if isinstance(given, Mapping):
        return Value("mapping", "map", items=tuple((scalar("str", name), _value(each)) for name, each in given.items()))
    if isinstance(given, list):
        return Value("sequence", "seq", items=tuple((None, _value(each)) for each in given))
    if isinstance(given, bool):
        return scalar("bool", "true" if given else "false")
    return scalar("int" if isinstance(given, int) else "str", str(given))
