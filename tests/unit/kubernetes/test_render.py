"""The rendered files of a Kubernetes place: properties over generated roots, and validation by other programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kubernetes_python import KUBECTLS, kubernetes_python, path_of_kubectl
from nightly import NIGHTLY
from ruamel.yaml import YAML

from hermes_profiles.kubernetes.model import KubernetesPlace, is_official, is_pinned
from hermes_profiles.kubernetes.names import LONGEST
from hermes_profiles.kubernetes.render import LOADER, OBJECTS, render
from hermes_profiles.model.errors import UsageProblem
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.places.render_kubernetes import RenderRequest, place_of
from hermes_profiles.services.checksum import checksum_matches

IMAGE = "registry.example.org:5000/team/hermes:1.2@sha256:" + "a" * 64
BASE = "nousresearch/hermes-agent:v1@sha256:" + "b" * 64
TOKEN = "7100000001:CANARYtelegramCANARYtelegramCANARY1"
PLACE = KubernetesPlace("hermes-family", IMAGE, BASE, 3, 3, 75.0, "0.1.0", "Europe/Berlin")

_NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=64).filter(
    lambda text: text[0] not in "_-" and text != "default"
)
_DRAINS = st.integers(0, 900)


def documents(files: tuple[tuple[str, bytes], ...]) -> dict[str, Any]:
    """Return kind → object of the rendered YAML files."""
    found = [YAML(typ="safe").load(content) for name, content in files if name in OBJECTS]
    return {each["kind"]: each for each in found}


@st.composite
def roots(draw: st.DrawFn) -> dict[str, tuple[str, str, int]]:
    """Return profile → (.env, config.yaml, seconds of its drain)."""
    found = {}
    for name in ("default", *sorted(draw(st.sets(_NAMES, max_size=4)))):
        drain = draw(_DRAINS)
        zone = draw(st.sampled_from(["", "timezone: Asia/Tokyo\n"]))
        config = f"agent:\n  restart_drain_timeout: {drain}\n{zone}gateway:\n  note: CANARY-config\n"
        found[name] = (f"TELEGRAM_BOT_TOKEN={TOKEN}\nOPENAI_API_KEY=sk-CANARY-0123456789\n", config, drain)
    return found


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(root=roots(), group=st.none() | _NAMES, one=st.booleans(), data=st.data())
def test_render_of_a_root_is_what_a_cluster_needs(
    tmp_path: Path,
    root: dict[str, tuple[str, str, int]],
    group: str | None,
    one: bool,
    data: st.DataObject,
) -> None:
    home = tmp_path / ".hermes"
    shutil.rmtree(home, ignore_errors=True)
    members = [name for name in root if data.draw(st.booleans())] or ["default"]
    for name, (env, config, _) in root.items():
        folder = home if name == "default" else home / "profiles" / name
        folder.mkdir(parents=True)
        (folder / ".env").write_text(env + ("GATEWAY_MULTIPLEX_PROFILES=1\n" if one and name == "default" else ""))
        (folder / "config.yaml").write_text(config)
        if group is not None and name in members:
            (folder / "profile.yaml").write_text(f"groups:\n  {group!r}: true\n")
    environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "TZ": "Europe/Berlin"}
    request = RenderRequest(IMAGE, tmp_path / "out", group=group)

    def rendered() -> tuple[KubernetesPlace, tuple[tuple[str, bytes], ...]]:
        place = place_of(FleetSession(str(home), environment=environment), request, [])
        return place, render(place)

    place, files = rendered()
    assert rendered() == (place, files), "the same root gives the same bytes"
    assert all(b"CANARY" not in content and checksum_matches(content) for _, content in files)
    selected = members if group is not None else list(root)
    assert place.profiles == len(selected) and place.gateways == (1 if one else len(selected))

    found = documents(files)
    stateful, claim = found["StatefulSet"], found["PersistentVolumeClaim"]
    template = stateful["spec"]["template"]
    pod = template["spec"]
    assert stateful["spec"]["replicas"] == 1
    assert len(stateful["metadata"]["name"]) <= LONGEST
    for selector in (
        stateful["spec"]["selector"]["matchLabels"], found["Service"]["spec"]["selector"],
        found["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
    ):  # fmt: skip
        assert selector and selector.items() <= template["metadata"]["labels"].items()
    assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]
    assert pod["volumes"][0]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    drain = max(root[name][2] for name in selected)
    assert pod["terminationGracePeriodSeconds"] >= max(60, drain + 30) + 15, "SIGKILL of ours comes first"
    assert {each["name"]: each["value"] for each in pod["containers"][0]["env"]}["HERMES_TIMEZONE"] == "Europe/Berlin"


def test_render_hardens_the_pod() -> None:
    found = documents(render(PLACE._replace(secrets=("tokens",))))
    pod = found["StatefulSet"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["automountServiceAccountToken"] is False and pod["enableServiceLinks"] is False
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 10000, "runAsGroup": 10000, "fsGroup": 10000,
        "fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}
    }  # fmt: skip
    assert {each["mountPath"] for each in container["volumeMounts"]} == {"/opt/data", "/tmp"}
    assert container["command"] == ["hermes-gateways", "run", "--inherit", "*"]
    assert container["startupProbe"]["exec"] == container["livenessProbe"]["exec"]
    assert container["livenessProbe"]["exec"]["command"] == ["hermes-gateways", "status", "--check"]
    assert "readinessProbe" not in container, "nothing serves"
    assert "cpu" not in container["resources"]["limits"]
    assert container["envFrom"] == [{"secretRef": {"name": "tokens"}}]
    assert (
        found["NetworkPolicy"]["spec"]["policyTypes"] == ["Ingress"] and "ingress" not in found["NetworkPolicy"]["spec"]
    )
    assert set(found) == {"PersistentVolumeClaim", "Service", "NetworkPolicy", "StatefulSet"}, "no budget, no Secret"


def test_loader_holds_the_volume_and_is_selected_by_nothing() -> None:
    files = dict(render(PLACE._replace(secrets=("tokens",))))
    loader, found = YAML(typ="safe").load(files[LOADER]), documents(tuple(files.items()))
    pod = found["StatefulSet"]["spec"]["template"]["spec"]
    assert loader["spec"]["securityContext"] == pod["securityContext"] and loader["spec"]["volumes"] == pod["volumes"]
    (container,) = loader["spec"]["containers"]
    assert container["securityContext"] == pod["containers"][0]["securityContext"]
    assert "envFrom" not in container and container["image"] == IMAGE
    assert "HERMES_HOME" in {each["name"] for each in container["env"]}, "our programs find the root"
    selector = found["StatefulSet"]["spec"]["selector"]["matchLabels"]
    assert not selector.items() <= loader["metadata"]["labels"].items()
    assert LOADER.encode() not in files["kustomization.yaml"]


def test_render_requests_what_the_gateways_need() -> None:
    def memory(place: KubernetesPlace) -> tuple[str, str]:
        found = documents(render(place))["StatefulSet"]["spec"]["template"]["spec"]["containers"][0]["resources"]
        return found["requests"]["memory"], found["limits"]["memory"]

    assert memory(PLACE) == ("1248Mi", "4992Mi")
    assert memory(PLACE._replace(memory=256)) == ("864Mi", "3456Mi")
    assert memory(PLACE._replace(profiles=30, gateways=1)) == ("712Mi", "2848Mi")


def test_failed_image_is_replaced_by_the_next_one() -> None:
    # Kubernetes 1.36 kept a pod in ImagePullBackOff with the default, OrderedReady, after the right image was applied.
    assert documents(render(PLACE))["StatefulSet"]["spec"]["podManagementPolicy"] == "Parallel"


def test_render_options_are_in_the_files() -> None:
    files = dict(
        render(PLACE._replace(storage_class="fast", namespace="bots", access_mode="ReadWriteOnce", replicas=0))
    )
    assert b"storageClassName: fast" in files["pvc.yaml"] and b"- ReadWriteOnce\n" in files["pvc.yaml"]
    assert b"namespace: bots" in files["kustomization.yaml"]
    assert b"replicas: 0" in files["statefulset.yaml"]
    assert f"\nFROM {BASE}\n".encode() in files["Dockerfile"]
    assert f"image: {IMAGE}".encode() in files["statefulset.yaml"]


@pytest.mark.parametrize(("field", "text"), [
    ("name", "Family"), ("image", "a b"), ("image", "x:1\nRUN id"), ("base", "x@sha256:1"), ("storage", "10"),
    ("access_mode", "ReadWriteMany"), ("storage_class", "a_b"), ("namespace", "a/b"), ("timezone", "Mars/\nX"),
    ("secrets", ("a=b",)),
])  # fmt: skip
def test_render_refuses_values_of_no_use(field: str, text: Any) -> None:
    with pytest.raises(UsageProblem):
        render(PLACE._replace(**{field: text}))


def test_image_references() -> None:
    assert is_pinned(IMAGE) and not is_pinned("hermes:1")
    assert is_official(BASE) and is_official("docker.io/nousresearch/hermes-agent")
    assert not is_official("nousresearch/hermes-agent-web:1")


@pytest.mark.parametrize("which", KUBECTLS)
def test_kubectl_builds_base_and_overlay(tmp_path: Path, which: str) -> None:
    environment = {**os.environ, "PATH": path_of_kubectl(which)}
    base, overlay = tmp_path / "base", tmp_path / "overlay"
    base.mkdir()
    place = PLACE._replace(image="registry.example.org/hermes:1.2")
    for name, content in render(place):
        (base / name).write_bytes(content)
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text(
        "bases: [../base]\nimages:\n  - name: registry.example.org/hermes\n    newTag: '2'\n"
    )

    def built(folder: Path) -> list[Any]:
        words = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return list(YAML(typ="safe").load_all(done.stdout))

    assert {each["kind"]: each for each in built(base)} == documents(render(place))
    (stateful,) = [each for each in built(overlay) if each["kind"] == "StatefulSet"]
    assert stateful["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.example.org/hermes:2"


VERSIONS = [f"1.{minor}" for minor in range(25, 38)]


_VALIDATE = """
import json, sys
import kubernetes_validate
for version, document in json.load(sys.stdin):
    kubernetes_validate.validate(document, version, strict=True)
    print(version, document["kind"])
"""


def test_files_are_valid_for_the_api() -> None:
    python = kubernetes_python()
    places = [PLACE, PLACE._replace(secrets=("a", "b"), storage_class="fast", timezone="", access_mode="ReadWriteOnce")]
    found = [[*documents(render(each)).values(), YAML(typ="safe").load(dict(render(each))[LOADER])] for each in places]
    versions = VERSIONS if NIGHTLY else [VERSIONS[0], VERSIONS[-1]]
    jobs = [(version, each) for version in versions for each in (found[0] + found[1] if NIGHTLY else found[1])]
    done = subprocess.run(
        [python, "-c", _VALIDATE], input=json.dumps(jobs), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(jobs) >= 10
