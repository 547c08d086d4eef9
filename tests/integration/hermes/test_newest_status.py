"""Rows of `status` beside real gateways of the newest Hermes, its state files and its control socket."""

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
        yield made


def rows(newest: NewestGateways, *words: str) -> dict[str, Any]:
    data = newest.ours("status", "--json", *words).data
    return {row["profile"]: row for row in data["gateways"]}


def test_profiles_of_the_default_gateway_are_served(newest: NewestGateways) -> None:
    newest.profile("default", bot=token(1))
    newest.profile("a", bot=token(2))
    pid = newest.up()
    assert newest.host_record()["profiles"] == newest.control("default", "identify")["served_profiles"]
    found = rows(newest)
    assert {name: (row["state"], row["pid"]) for name, row in found.items()} == {
        "default": ("unsupervised", pid),
        "a": ("served", pid),
    }
    assert found["a"]["detail"] == f"served by default (PID {pid})"


def test_named_owner_with_parked_standalone_and_refused_profiles(newest: NewestGateways) -> None:
    newest.profile("default", bot=token(1))
    newest.profile("a", bot=token(2))
    newest.profile("parked", bot=token(3))
    newest.profile("alone", bot=token(4), config={"gateway": {"standalone": True}})
    newest.profile("twin", bot=token(1))
    (newest.home("parked") / "gateway.parked").touch()
    pid = newest.up("--force", profile="a", env={"GATEWAY_MULTIPLEX_PROFILES": "true"})
    newest.wait(lambda: "twin:telegram" in newest.state("a").get("platforms", {}), pid)
    served = newest.control("a", "identify")["served_profiles"]
    assert sorted(served) == sorted(newest.host_record()["profiles"]) == ["a", "default", "twin"]
    done = newest.ours("status", "--json")
    found = {row["profile"]: row for row in done.data["gateways"]}
    assert {name: row["served_by"] for name, row in found.items() if row["served_by"]} == {"default": "a", "twin": "a"}
    assert {row["pid"] for row in found.values() if row["profile"] in served} == {pid}
    assert (found["parked"]["state"], found["parked"]["parked"], found["parked"]["unserved"]) == (
        "stopped",
        True,
        False,
    )
    assert (found["alone"]["standalone"], found["alone"]["unserved"]) == (True, True)
    channels = {name: [(each["name"], each["state"]) for each in row["channels"]] for name, row in found.items()}
    assert channels["default"] == channels["a"] == [("telegram", "connected")]
    assert channels["twin"] == [("telegram", "fatal")] and channels["parked"] == [("telegram", "off")]
    (conflict,) = done.data["conflicts"]
    assert conflict["profiles"] == ["default", "twin"]
    accounts = {row["profile"]: row["state"] for row in done.data["accounts"]}
    assert accounts == {"default": "connected", "a": "connected", "twin": "refused", "parked": "off", "alone": "off"}
    assert done.code == 3, "alone has no gateway"
    doctor = {row["check"]: row for row in newest.ours("doctor", "--json", program="profiles").data["findings"]}
    assert f"the gateway of a uses it for default now (pid {pid})" in doctor["conflicts.shared-identity"]["message"]
    assert doctor["services.skipped-by-multiplexer"]["profiles"] == ["alone"]
    listed = [line.split() for line in newest.hermes("gateway", "list").stdout.splitlines()[1:]]
    assert {words[1] for words in listed if words[:1] == ["✓"]} == set(served)
    assert {words[1] for words in listed if words[:1] == ["✗"]} == {"alone", "parked"}
