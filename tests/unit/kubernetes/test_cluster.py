"""Claims, start and stop of a place with the real kubectls: on a stand-in API server, and on none."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path

import pytest
from cluster_place import STATEFUL_SET
from command_runner import REPOSITORY
from kubernetes_python import KUBECTLS, path_of_kubectl, stand_in_cluster, write_config
from ruamel.yaml import YAML

from hermes_profiles.kubernetes.claims import BotClaim, read_claims, release_claims, take_claims
from hermes_profiles.kubernetes.engine import KubernetesEngine, replica_fault
from hermes_profiles.kubernetes.kubectl import kubectl_words, read_objects, run_kubectl
from hermes_profiles.kubernetes.loader import loader_pod
from hermes_profiles.kubernetes.model import KubernetesPlace
from hermes_profiles.kubernetes.place_objects import KubectlObjects, loader_fault
from hermes_profiles.kubernetes.render import OBJECTS, render
from hermes_profiles.kubernetes.smoke import SmokeTest
from hermes_profiles.model.errors import ExitCode, Failed, Refused
from hermes_profiles.places.model import KubernetesTarget, Place, PlaceKind
from hermes_profiles.places.transport import PlaceSilent

TARGET = KubernetesTarget("bots", "family")
PLACE = Place("prod", PlaceKind.KUBERNETES, kubernetes=TARGET)
MARKS = ("0" * 32, "1" * 32, "2" * 32)
HERE = tuple(BotClaim(mark, "telegram", "prod", f"p{number}") for number, mark in enumerate(MARKS))


@pytest.fixture(params=KUBECTLS)
def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Mapping[str, str]]:
    with stand_in_cluster(tmp_path, request.param) as environment:
        yield environment


def test_second_claimant_is_refused_and_leaves_nothing(cluster: Mapping[str, str]) -> None:
    assert take_claims(TARGET, HERE[1:2], cluster).made == HERE[1:2]
    assert take_claims(TARGET, HERE[1:2], cluster).kept == HERE[1:2], "its own claim is no obstacle"
    others = [claim._replace(owner="backup", profile="copy") for claim in HERE]
    with pytest.raises(Refused) as caught:
        take_claims(TARGET, others, cluster)
    assert caught.value.exit_code is ExitCode.REFUSED
    assert "copy is claimed by prod/p1" in caught.value.problem.message
    assert read_claims(TARGET, cluster) == HERE[1:2], "all or none"
    release_claims(TARGET, others, cluster)
    assert read_claims(TARGET, cluster) == HERE[1:2], "claims of another place stay"
    release_claims(TARGET, HERE, cluster)
    assert take_claims(TARGET, others, cluster).made == tuple(others)


def test_stop_and_start_set_replicas_and_facts_follow(cluster: Mapping[str, str]) -> None:
    engine = KubernetesEngine()
    facts = engine.facts(PLACE, cluster)
    assert facts is not None and "no StatefulSet" in facts.detail
    with pytest.raises(Failed) as caught:
        engine.act(PLACE, "stop", cluster)
    assert caught.value.problem.code == "cluster-refused"
    document = {
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "family"}, "spec": {"replicas": 1}
    }  # fmt: skip
    words = ["create", "--validate=false", "-f", "-"]
    assert run_kubectl(TARGET, words, cluster, typed=json.dumps(document).encode()).code == 0
    stopped = engine.act(PLACE, "stop", cluster)
    assert stopped is not None and stopped.state == "stopped"
    assert engine.act(PLACE, "restart", cluster) is None


def test_rights_in_the_docs_are_enough(cluster: Mapping[str, str], tmp_path: Path) -> None:
    document = {**STATEFUL_SET, "apiVersion": "apps/v1", "metadata": {"name": "family"}}
    waiting = {"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff"}}}]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "family-0"}, "status": waiting}
    words = ["create", "--validate=false", "-f", "-"]
    for each in (document, pod):
        assert run_kubectl(TARGET, words, cluster, typed=json.dumps(each).encode()).code == 0
    (tmp_path / "requests").unlink()
    engine = KubernetesEngine()
    engine.act(PLACE, "start", cluster)
    take_claims(TARGET, HERE, cluster)
    take_claims(TARGET, HERE, cluster)
    release_claims(TARGET, read_claims(TARGET, cluster), cluster)
    objects = KubectlObjects(TARGET, cluster)
    objects.create_loader(loader_pod(TARGET, document, "home:/h"))
    objects.delete_loader()
    assert replica_fault(PLACE, cluster) is None and loader_fault(PLACE, cluster) is None
    asked = {tuple(line.split(" ")) for line in (tmp_path / "requests").read_text().splitlines()}
    assert {("create", "", "pods"), ("patch", "apps", "statefulsets"), ("get", "", "configmaps")} <= asked
    assert asked - documented_rights() == set()


def documented_rights() -> set[tuple[str, str, str]]:
    """Return the verbs, groups and resources of the Role in the docs."""
    text = (REPOSITORY / "docs/how-to/kubernetes.md").read_text()
    (block,) = [each for each in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "kind: Role\n" in each]
    rules = YAML(typ="safe").load(block)["rules"]
    return {
        (verb, group, resource)
        for rule in rules
        for group, resource, verb in product(rule["apiGroups"], rule["resources"], rule["verbs"])
    }


@pytest.mark.parametrize("which", KUBECTLS)
def test_cluster_that_does_not_answer_is_exit_code_4(tmp_path: Path, which: str) -> None:
    config = write_config(tmp_path, "http://127.0.0.1:1")
    environment = {"PATH": path_of_kubectl(which), "HOME": str(tmp_path), "KUBECONFIG": str(config)}
    with pytest.raises(PlaceSilent) as caught:
        KubernetesEngine().facts(PLACE, environment)
    assert caught.value.exit_code is ExitCode.MANAGER
    with pytest.raises(PlaceSilent):
        take_claims(TARGET, HERE, environment)


def test_missing_kubectl_and_one_that_hangs_are_silent(tmp_path: Path) -> None:
    environment = {"PATH": f"{tmp_path}:/nowhere"}
    # The program is looked up in the PATH of this process.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        with pytest.raises(PlaceSilent, match="not on PATH"):
            run_kubectl(TARGET, ["get", "pods"], environment)
        (tmp_path / "kubectl").write_text("#!/bin/sh\nexec /bin/sleep 30\n")
        (tmp_path / "kubectl").chmod(0o755)
        with pytest.raises(PlaceSilent, match=r"did not answer within 0\.2 s"):
            run_kubectl(TARGET, ["get", "pods"], environment, limit=0.2)


def test_no_mark_or_name_is_an_option() -> None:
    assert kubectl_words(TARGET._replace(context="home"), ["get"]) == [
        "kubectl", "--context", "home", "-n", "bots", "get"
    ]  # fmt: skip


def test_trial_with_the_real_kubectl_applies_and_cleans_up(
    cluster: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The stand-in API has no namespaces of its own, and no OpenAPI to validate by.
    monkeypatch.setattr(SmokeTest, "_namespace", lambda _: "")
    monkeypatch.setattr(SmokeTest, "apply_options", ("--validate=false",))
    small = KubernetesPlace("hermes", "registry.example.org/hermes:1", "b", 1, 1, 1.0, "0.1.0")
    files = dict(render(small))
    manifests = b"---\n".join(files[name] for name in OBJECTS)
    target = KubernetesTarget("hermes-smoke-1", "hermes")
    trial = SmokeTest(target, manifests, small.image, 1.0, "/opt/data", cluster, patience=0.0)
    steps = {step.name: step for step in trial.run()}
    assert [name for name in steps if steps[name].state == "ok"] == ["namespace", "apply", "removed"], steps
    assert "there is no pod" in steps["ready"].detail, "the stand-in has no controllers"
    kinds = ["statefulset/hermes", "service/hermes", "persistentvolumeclaim/hermes", "networkpolicy/hermes"]
    assert len(read_objects(target, kinds, cluster)) == 4, "the objects were accepted"
