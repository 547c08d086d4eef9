"""A service whose profile is gone: status, stop and uninstall of all name it."""

from __future__ import annotations

import pytest
from command_runner import Runner
from gateway_root import GatewayRoot


@pytest.fixture
def world(runner: Runner) -> GatewayRoot:
    world = GatewayRoot(runner)
    world.profile("default", "aa", "bb")
    return world


def orphans(world: GatewayRoot, *words: str) -> list[tuple[str, str]]:
    rows = world.gateways(*words, "--json").json["warnings"]
    return [(row["target"], row["hint"]) for row in rows if row["code"] == "orphaned-service"]


@pytest.mark.parametrize("words", [("status",), ("stop",), ("uninstall", "--yes")])
def test_service_of_a_renamed_home_is_named_by_commands_for_all(world: GatewayRoot, words: tuple[str, ...]) -> None:
    world.gok("stage")
    assert orphans(world, "status") == []
    world.home("aa").rename(world.home("zz"))
    assert orphans(world, *words) == [("aa", "stop and remove it with `hermes-gateways uninstall aa`")]
    assert orphans(world, "status", "bb") == []
    world.gok("uninstall", "aa")
    assert orphans(world, "status") == []
