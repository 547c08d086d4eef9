"""A place in a cluster: why its pod is down, start and stop as a whole, claims, replicas."""

from __future__ import annotations

import json

import pytest
from command_root import TOKEN, CommandRoot
from kubernetes_pods import KubernetesPods


@pytest.fixture
def pods(world: CommandRoot) -> KubernetesPods:
    pods = KubernetesPods(world.runner)
    home = pods.folder / "home/.hermes"
    (home / "config.yaml").write_text("platforms:\n  telegram:\n    enabled: true\n")
    (home / ".env").write_text(f"TELEGRAM_BOT_TOKEN={TOKEN}\n")
    places = world.user / ".config/hermes-profiles/places.toml"
    places.parent.mkdir(parents=True)
    places.write_text('[prod]\nkubernetes = { namespace = "bots", name = "family" }\n')
    return pods


def test_pod_that_is_down_has_its_word_and_reason(world: CommandRoot, pods: KubernetesPods) -> None:
    run = world.runner.gateways
    assert [row["profile"] for row in run("list", "--place", "prod", "--json").data["gateways"]] == ["default"]
    (pods.folder / "up").unlink()
    waiting = {"reason": "CrashLoopBackOff", "message": "back-off"}
    loop = {"state": {"waiting": waiting}, "lastState": {"terminated": {"exitCode": 78}}}
    pods.state({"phase": "Running", "containerStatuses": [loop]})
    found = run("status", "--place", "prod", "--json")
    (row,) = found.data["gateways"]
    assert (found.code, row["state"]) == (4, "crash-looping") and "exit code 78" in row["detail"]
    assert found.problem["message"] == "prod: crash-looping: CrashLoopBackOff: ended with exit code 78"
    assert found.problem["hint"] == "see why with `kubectl -n bots logs family-0 --previous`"
    assert "exit code 78" in run("list", "--place", "prod").stderr
    pods.state(None, replicas=0)
    found = run("status", "--place", "prod", "--json").problem
    assert (found["message"], found["hint"]) == (
        "prod: stopped: 0 replicas", "start it with `hermes-gateways start --place prod`"
    )  # fmt: skip
    pods.state({"phase": "Running", "containerStatuses": [{"state": {"running": {}}}]})
    found = run("status", "--place", "prod", "--json").problem
    assert "nothing in it answers (error: unable to upgrade connection: container not found)" in found["message"]


def test_start_and_stop_do_not_wait_for_what_does_not_come(world: CommandRoot, pods: KubernetesPods) -> None:
    run = world.runner.gateways
    (pods.folder / "up").unlink()
    (pods.folder / "stuck").touch()
    pods.state({"containerStatuses": [{"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}}]})
    started = run("start", "--place", "prod", "--json")
    assert (started.code, started.problem["message"]) == (4, "prod: failed: ImagePullBackOff: no image")
    pods.loader.write_text('{"kind": "Pod", "metadata": {"name": "family-loader"}}')
    refused = run("start", "--place", "prod", "--json")
    (row,) = refused.data["outcomes"]
    assert (refused.code, row["outcome"], refused.problem["code"]) == (6, "refused", "loader-in-use")
    pods.loader.unlink()
    pods.state({"phase": "Running"}, deletionTimestamp="2026-01-01T00:00:00Z")
    stopped = run("stop", "--place", "prod", "--json")
    assert stopped.code == 1 and "its node does not confirm the end" in stopped.problem["message"]
    assert "out-of-service" in stopped.problem["hint"]


def test_stop_of_the_whole_place_is_no_replica_and_start_is_one(world: CommandRoot, pods: KubernetesPods) -> None:
    run = world.runner.gateways
    stopped = run("stop", "--place", "prod", "--json")
    (row,) = stopped.data["outcomes"]
    assert (stopped.code, row["place"], row["outcome"], row["detail"]) == (0, "prod", "stopped", "0 replicas")
    run("stop", "default", "--place", "prod", "--json")
    assert [each["spec"] for each in pods.patches] == [{"replicas": 0}], "one gateway is stopped inside the pod"
    (pods.folder / "up").unlink()
    started = run("start", "--place", "prod", "--json")
    assert [each["spec"] for each in pods.patches[1:]] == [{"replicas": 1}]
    assert started.code == 4, "the pod of the stand-in does not come up"


def test_claims_refuse_a_second_place_with_one_bot(world: CommandRoot, pods: KubernetesPods) -> None:
    run = world.runner.gateways
    assert run("place", "claim", "prod", "--json").problem["code"] == "place-key", "nothing to compare bots by"
    assert run("place", "share-key", "prod", "--json").code == 0
    claimed = run("place", "claim", "prod", "--json").data
    assert claimed["outcome"] == "claimed" and claimed["claims"][0]["channel"] == "telegram"
    assert run("place", "claim", "prod", "--json").data["outcome"] == "unchanged"
    (claim,) = (pods.folder / "configmaps").iterdir()
    document = json.loads(claim.read_text())
    assert "CANARY" not in claim.read_text() and document["data"]["owner"] == "family"

    document["data"]["owner"] = document["metadata"]["labels"]["hermes-profiles.io/owner"] = "old"
    claim.write_text(json.dumps(document))
    refused = run("place", "claim", "prod", "--json")
    assert (refused.code, refused.problem["code"]) == (6, "claimed-elsewhere")
    assert "claimed by old/default" in refused.problem["message"]
    assert run("place", "claim", "prod", "--release", "--json").data["outcome"] == "unchanged"
    assert claim.exists(), "the claim of another place stays"
    assert run("place", "claim", "local", "--json").code == 2


def test_claim_that_goes_while_it_is_read_is_free_for_the_next_run(
    world: CommandRoot, pods: KubernetesPods, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.runner.gateways
    assert run("place", "share-key", "prod").code == 0 and run("place", "claim", "prod").code == 0
    (claim,) = (pods.folder / "configmaps").iterdir()
    with monkeypatch.context() as patch:
        patch.setattr("hermes_profiles.kubernetes.claims.read_objects", lambda *_: [])
        changed = run("place", "claim", "prod", "--json").problem
    assert (changed["code"], changed["hint"]) == ("claim-changed", "run the command again")
    claim.unlink()
    assert run("place", "claim", "prod", "--json").data["outcome"] == "claimed"


def test_check_names_more_than_one_replica(world: CommandRoot, pods: KubernetesPods) -> None:
    pods.state({"phase": "Running"}, replicas=2)
    found = world.runner.gateways("place", "check", "prod", "--json")
    assert found.code == 3 and "place-replicas" in [each["code"] for each in found.json["warnings"]]
    pods.state({"phase": "Running"})
    codes = [each["code"] for each in world.runner.gateways("place", "check", "prod", "--json").json["warnings"]]
    assert "place-replicas" not in codes
