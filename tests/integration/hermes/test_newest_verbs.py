"""Verbs of hermes-gateways beside real gateways of the newest Hermes, under the bundled manager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from newest_gateway import NewestGateways, token

pytestmark = pytest.mark.newest


@pytest.fixture
def newest(short_folder: Path) -> Iterator[NewestGateways]:
    with NewestGateways(short_folder) as made:
        made.profile("default", bot=token(1))
        made.profile("a", bot=token(2))
        made.profile("b", bot=token(3))
        yield made
        made.ours("stop")


def outcomes(newest: NewestGateways, *words: str, code: int = 0) -> dict[str, str]:
    done = newest.ours(*words, "--json")
    assert done.code == code, (words, done.stdout, done.stderr)
    return {row["profile"]: row["outcome"] for row in done.data["outcomes"]}


def served(newest: NewestGateways) -> list[str]:
    """Return what the gateway itself says that it serves; exactly one runs."""
    assert len(newest.processes()) == 1
    names: Any = newest.control("default", "identify")["served_profiles"]
    return sorted(names)


def test_one_service_serves_all_profiles_and_verbs_act_on_one(newest: NewestGateways) -> None:
    refused = newest.ours("install", "a", "--json")
    assert refused.code == 6 and "install default --start" in refused.json["errors"][0]["hint"]
    installed = newest.ours("install", "--start", "--json")
    assert installed.code == 0, installed
    assert {row["outcome"] for row in installed.data["outcomes"]} == {"started"}
    assert served(newest) == ["a", "b", "default"]
    assert outcomes(newest, "install", "a") == {"a": "skipped"}

    assert outcomes(newest, "stop", "a") == {"a": "stopped"}
    assert served(newest) == ["b", "default"] and (newest.home("a") / "gateway.parked").exists()
    before = newest.polls()
    assert outcomes(newest, "restart", "b") == {"b": "restarted"}
    assert outcomes(newest, "start", "b") == {"b": "already-running"}
    newest.wait(lambda: newest.polls().get("b", 0) > before.get("b", 0) + 1)
    assert newest.polls().get("a", 0) == before.get("a", 0), "a parked profile was polled"
    assert outcomes(newest, "start") == {"default": "already-running", "a": "started", "b": "already-running"}
    assert served(newest) == ["a", "b", "default"]

    assert outcomes(newest, "disable", "b") == {"b": "disabled"} and served(newest) == ["a", "default"]
    log = newest.ours("logs", "a", "-n", "200").stdout
    assert "(profile: a)" in log and "Profile 'b'" not in log
    whole = newest.ours("restart", "default", "--json")
    assert whole.code == 6 and "also serves a" in whole.json["errors"][0]["message"]
    assert outcomes(newest, "restart") == {"default": "restarted", "a": "restarted", "b": "skipped"}
    assert served(newest) == ["a", "default"], "a disabled profile is served after a restart"
    assert outcomes(newest, "enable", "b") == {"b": "enabled"} and served(newest) == ["a", "b", "default"]
    assert outcomes(newest, "stop") == {"default": "stopped", "a": "stopped", "b": "stopped"}
    assert newest.processes() == {}


def test_shared_bot_in_one_process_is_named_before_the_start(newest: NewestGateways) -> None:
    newest.profile("a", bot=token(1), config={"gateway": {}})
    with (newest.root / "config.yaml").open("a") as file:
        file.write("gateway: {multiplex_profiles: true}\n")
    done = newest.ours("install", "--start", "--json")
    (warning,) = [each for each in done.json["warnings"] if each["code"] == "conflict"]
    assert "Hermes leaves telegram of a out: default has the same token" in warning["message"]
    assert "hermes-profiles repair" in warning["hint"]
    assert served(newest) == ["a", "b", "default"]
    assert newest.state("default")["platforms"]["a:telegram"]["error_code"] == "duplicate_credential"
    assert outcomes(newest, "stop", "a") == {"a": "stopped"}
    refused = newest.ours("start", "a", "--on-conflict", "refuse", "--json")
    assert refused.code == 6 and served(newest) == ["b", "default"]


@pytest.mark.nightly
def test_unset_mode_with_a_shared_bot_fails_with_the_reason_of_hermes(newest: NewestGateways) -> None:
    newest.profile("a", bot=token(1))
    done = newest.ours("install", "--start", "--json")
    found = {row["profile"]: row for row in done.data["outcomes"]}
    assert done.code == 1 and found["default"]["outcome"] == "started" and found["b"]["outcome"] == "failed"
    assert "serves default alone: " in found["b"]["detail"]


def test_gateway_of_a_named_profile_is_handed_over_and_never_doubled(newest: NewestGateways) -> None:
    pid = newest.up("--force", profile="a")
    newest.wait(lambda: "default" in newest.host_record().get("profiles", []))
    refused = newest.ours("install", "default", "--start", "--json")
    assert refused.code == 6 and f"served by a (PID {pid})" in refused.json["errors"][0]["message"]
    assert outcomes(newest, "start", "a") == {"a": "already-running"}
    assert newest.ours("stop", "a").code == 6, "the gateway of others was stopped without a question"
    assert list(newest.processes()) == [pid]
    assert outcomes(newest, "stop", "a", "--yes") == {"a": "stopped"}
    assert outcomes(newest, "install", "default", "--start") == {"default": "started"}
    assert served(newest) == ["a", "b", "default"]


@pytest.mark.nightly
def test_standalone_profile_gets_a_service_of_its_own(newest: NewestGateways) -> None:
    newest.profile("b", bot=token(3), config={"gateway": {"standalone": True}})
    done = newest.ours("install", "--start", "--json")
    assert done.code == 0 and {row["outcome"] for row in done.data["outcomes"]} == {"started"}, done
    assert [each["code"] for each in done.json["warnings"]].count("standalone") == 1
    assert len(newest.processes()) == 2
    assert outcomes(newest, "stop", "b") == {"b": "stopped"} and served(newest) == ["a", "default"]
    assert outcomes(newest, "start", "b") == {"b": "started"} and len(newest.processes()) == 2


@pytest.mark.nightly
def test_gateway_of_another_root_is_neither_doubled_nor_signalled(newest: NewestGateways) -> None:
    other = newest.user / "other"
    other.mkdir()
    (other / "config.yaml").write_text("model: {default: none/none}\n")
    (other / "SOUL.md").write_text("You are helpful.\n")
    pid = newest.start(env={"HERMES_HOME": str(other)})
    newest.wait(lambda: newest.host_record().get("pid") == pid, pid)
    done = newest.ours("install", "--start", "--json")
    assert done.code == 6
    assert all(f"{other} (PID {pid})" in each["message"] for each in done.json["errors"])
    assert list(newest.processes()) == [pid]
    newest.stop(pid)
