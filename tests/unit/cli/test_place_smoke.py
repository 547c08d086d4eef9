"""`place check --smoke`: the steps of a trial, the command that helps for each, and the namespace that never stays."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from command_root import CommandRoot
from command_runner import GATEWAYS
from smoke_cluster import SmokeCluster

from hermes_profiles.kubernetes import smoke
from hermes_profiles.operations.places import smoke_place

CHECK = ("place", "check", "prod", "--smoke")


@pytest.fixture
def cluster(world: CommandRoot, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmokeCluster]:
    monkeypatch.setattr(smoke.SmokeTest, "pause", 0.01)
    monkeypatch.setattr(smoke_place, "_STOP", 1.0)
    yield SmokeCluster(world.runner)


def steps(done: Any) -> dict[str, str]:
    return {row["step"]: row["state"] for row in done.data["smoke"]["steps"]}


def test_sound_cluster(world: CommandRoot, cluster: SmokeCluster) -> None:
    done = world.runner.gateways(*CHECK, "--json")
    assert done.code == 0 and set(steps(done).values()) == {"ok"}, done
    assert list(steps(done)) == ["namespace", "apply", "ready", "probe", "files", "claims", "stop", "removed"]
    assert cluster.namespaces == []
    applied = (cluster.folder / "applied").read_text()
    for text in ("image: registry.example.org/hermes:1", "ReadWriteOnce\n", "storageClassName: fast", "name: hermes\n"):
        assert text in applied, text
    own = done.data["smoke"]["namespace"]
    assert {call.split()[0] for call in cluster.calls} == {"bots", own} and own.startswith("hermes-smoke-")
    assert all("get" in call for call in cluster.calls if call.startswith("bots ")), "the place itself is only read"
    text = world.runner.gateways(*CHECK)
    assert text.code == 0 and "ready      ok" in text.stdout and "files: ok" in text.stderr


def test_dry_run_prints_what_would_be_applied_and_makes_nothing(world: CommandRoot, cluster: SmokeCluster) -> None:
    planned = world.runner.gateways(*CHECK, "--dry-run", "--json")
    assert planned.code == 0 and set(steps(planned).values()) == {"planned"}
    assert "kind: StatefulSet" in planned.data["smoke"]["manifests"]
    text = world.runner.gateways(*CHECK, "--dry-run", "--image", "registry.example.org/other:2").stdout
    assert "image: registry.example.org/other:2" in text and "apply --server-side -f -" in text
    assert all("get" in call for call in cluster.calls)


@pytest.mark.parametrize(("fault", "text", "step", "hint"), [
    ("forbidden", "", "namespace", "kubectl -n hermes-smoke-"),
    ("waiting", "ImagePullBackOff", "ready", "docker pull registry.example.org/hermes:1"),
    ("waiting", "CreateContainerConfigError", "ready", "docker run --rm --read-only registry.example.org/hermes:1"),
    ("probe", "3", "probe", "docker run --rm"),
    ("writable", "/\n/etc", "files", "get mutatingwebhookconfigurations"),
])  # fmt: skip
def test_fault_is_a_row_with_the_command_that_helps(
    world: CommandRoot, cluster: SmokeCluster, fault: str, text: str, step: str, hint: str
) -> None:
    cluster.fault(fault, text)
    done = world.runner.gateways(*CHECK, "--json")
    assert done.code == 3, done
    (row,) = [row for row in done.data["smoke"]["steps"] if row["state"] == "failed"]
    assert row["step"] == step and hint in row["hint"]
    (warning,) = done.json["warnings"]
    assert (warning["code"], warning["hint"]) == ("smoke-failed", row["hint"])
    assert cluster.namespaces == [] and steps(done)["removed"] == "ok"
    if step in ("namespace", "ready"):
        assert steps(done)["stop"] == "not-run"


@pytest.mark.parametrize("fault", ["", "unlisted"])
def test_namespace_of_a_killed_trial_is_removed_by_a_later_one(
    world: CommandRoot, cluster: SmokeCluster, fault: str
) -> None:
    for name, made in (("hermes-smoke-old", "2026-01-02T03:04:05Z"), ("hermes-smoke-now", "2126-01-02T03:04:05Z")):
        metadata = {"name": name, "creationTimestamp": made}
        text = json.dumps({"kind": "Namespace", "metadata": metadata})
        (cluster.folder / "namespaces" / name).write_text(text)
    if fault:
        cluster.fault(fault)
    done = world.runner.gateways(*CHECK, "--json")
    assert done.code == 0, done
    assert sorted(cluster.namespaces) == ["hermes-smoke-now", *(["hermes-smoke-old"] if fault else [])]
    (row,) = [row for row in done.data["smoke"]["steps"] if row["step"] == "namespace"]
    assert ("removed hermes-smoke-old, which an earlier trial left" in row["detail"]) is not bool(fault)


def test_pod_that_ignores_sigterm(world: CommandRoot, cluster: SmokeCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smoke, "_CONFIRM", 0.0)
    monkeypatch.setattr(smoke_place.KubernetesPlace, "grace", 0.05)
    cluster.fault("deaf")
    done = world.runner.gateways(*CHECK, "--json")
    assert (done.code, steps(done)["stop"]) == (3, "failed")
    assert "render kubernetes" in done.json["warnings"][0]["hint"] and cluster.namespaces == []


def test_cluster_that_falls_silent_is_exit_code_4(world: CommandRoot, cluster: SmokeCluster) -> None:
    cluster.fault("silent")
    done = world.runner.gateways(*CHECK, "--json")
    assert (done.code, done.problem["code"], steps(done)["apply"]) == (4, "smoke-failed", "failed")
    assert cluster.namespaces == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_deletes_the_namespace(world: CommandRoot, cluster: SmokeCluster, number: signal.Signals) -> None:
    cluster.fault("slow")
    with world.runner.process(*CHECK, "--json", command=GATEWAYS) as process:
        deadline = time.monotonic() + 30
        while not (cluster.folder / "applied").exists():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130 and b"interrupted" in out, (out, err)
    assert cluster.namespaces == []


def test_only_one_place_in_a_cluster_with_an_image(world: CommandRoot, cluster: SmokeCluster) -> None:
    run = world.runner.gateways
    assert run("place", "check", "--smoke", "--json").code == 2
    assert run("place", "check", "local", "--smoke", "--json").code == 2
    assert run("place", "check", "prod", "--dry-run", "--json").code == 2
    assert run(*CHECK, "--image", "no image", "--json").code == 2
    places = world.user / ".config/hermes-profiles/places.toml"
    places.write_text('[prod]\nkubernetes = { namespace = "elsewhere", name = "family" }\n')
    refused = run(*CHECK, "--json")
    assert (refused.code, refused.problem["code"]) == (6, "no-stateful-set") and "--image" in refused.problem["hint"]


def test_search_for_writable_folders_is_right_about_this_machine(tmp_path: Any) -> None:
    script = smoke._WRITES.replace("DATA", "/opt/data").replace(
        "for at in / ", f"for at in {tmp_path} {sys.prefix}/no "
    )
    script = script.replace("< /proc/mounts", "< /dev/null").replace("/etc /usr /usr/local /opt /var /var/tmp", "")
    script = script.replace("/root /home /run /srv", "").replace("/tmp|/tmp/*|", "").replace("/dev|/dev/*|", "")
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(tmp_path)] and list(tmp_path.iterdir()) == []
