"""restart, start and uninstall of the one gateway: the other profiles that it serves, and the question before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from command_runner import Runner
from multiplex_root import MultiplexRoot

from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import GatewayBackend, RunOptions


@pytest.fixture
def host(runner: Runner, monkeypatch: pytest.MonkeyPatch) -> Iterator[MultiplexRoot]:
    """Three profiles in one gateway of the newest Hermes, with its service."""
    monkeypatch.setattr("hermes_profiles.fleet.executor.DWELL", 0.1)
    monkeypatch.setattr("hermes_profiles.fleet.served_profiles._SETTLED", 60.0)
    world = MultiplexRoot(runner)
    world.member("anna")
    world.member("bob")
    (world.root / "config.yaml").write_text("gateway:\n  multiplex_profiles: true\n")
    world.update_hermes()
    world.gok("install", "--start")
    assert world.states() == {"default": "running", "anna": "served", "bob": "served"}
    yield world
    left = world.end()
    assert not left, f"processes of this test were left: {left}"


def test_install_makes_one_service_for_all(host: MultiplexRoot) -> None:
    assert [host.program(name).exists() for name in ("default", "anna", "bob")] == [True, False, False]


def test_restart_of_the_server_waits_for_the_profiles_served_before(host: MultiplexRoot) -> None:
    done = host.gok("restart", "default", "--yes", "--json")
    (row,) = done.data["outcomes"]
    assert (row["outcome"], row["detail"]) == ("restarted", "also serves anna, bob")
    assert [each["code"] for each in done.json["warnings"]] == ["whole-gateway"]


def test_restart_of_the_server_fails_for_a_profile_it_no_longer_serves(host: MultiplexRoot) -> None:
    (host.root / "leaves-out").write_text("anna")
    done = host.gateways("restart", "default", "--yes", "--timeout", "3", "--json")
    assert done.code == 1
    found = {row["profile"]: row for row in done.data["outcomes"]}
    assert {name: row["outcome"] for name, row in found.items()} == {"default": "restarted", "anna": "failed"}
    assert found["anna"]["detail"].endswith("does not serve it after 3 s")
    assert "hermes-gateways logs default" in done.json["errors"][0]["hint"]


def test_start_of_the_server_warns_of_a_profile_it_does_not_serve(host: MultiplexRoot) -> None:
    host.gok("stop")
    (host.root / "leaves-out").write_text("anna")
    done = host.gok("start", "default", "--timeout", "3", "--json")
    assert host.outcomes(done) == {"default": "started"}
    (warning,) = [each for each in done.json["warnings"] if each["code"] == "not-served"]
    assert warning["message"].startswith("anna: the gateway of default")


def test_stop_and_restart_of_the_server_ask(host: MultiplexRoot) -> None:
    before = host.pid("default")
    for verb in ("stop", "restart"):
        done = host.gateways(verb, "default", "--json")
        assert done.code == 6 and f"also serves anna, bob: {verb} all of them" in done.problem["message"]
    assert host.pid("default") == before


def test_uninstall_of_the_server_asks_and_names_the_others(host: MultiplexRoot) -> None:
    before = host.pid("default")
    done = host.gateways("uninstall", "default", "--json")
    assert done.code == 6 and "also serves anna, bob: uninstall all of them" in done.problem["message"]
    assert done.problem["hint"] == "use `hermes-gateways uninstall default --yes`"
    assert host.pid("default") == before and host.program("default").exists()
    (warning,) = host.untouched_by("uninstall", "default", "--dry-run", "--json").json["warnings"]
    assert warning["code"] == "whole-gateway" and "anna, bob: this also stops them" in warning["message"]
    assert "`hermes-gateways stop anna`" in warning["hint"] and host.untouched_by("stop", "anna", "--dry-run").code == 0
    done = host.gok("uninstall", "default", "--yes", "--json")
    assert host.outcomes(done) == {"default": "uninstalled"} and host.pid("default") is None
    assert [each["code"] for each in done.json["warnings"]] == ["whole-gateway"]


def test_uninstall_of_all_and_of_a_served_profile_does_not_ask(host: MultiplexRoot) -> None:
    assert host.outcomes(host.gok("uninstall", "anna", "--json")) == {"anna": "not-installed"}
    assert host.pid("default") is not None
    assert host.outcomes(host.gok("uninstall", "--yes", "--json"))["default"] == "uninstalled"


def test_gateways_start_one_by_one_where_one_serves_all(host: MultiplexRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    """A standalone gateway refuses to start beside one that does not answer so far."""
    jobs: list[int | None] = []
    real = FleetExecutor.__init__

    def watch(self: FleetExecutor, verb: Verb, backend: GatewayBackend, options: RunOptions, *more: Any) -> None:
        jobs.append(options.jobs)
        real(self, verb, backend, options, *more)

    monkeypatch.setattr(FleetExecutor, "__init__", watch)
    host.gok("restart", "default", "--yes")
    assert jobs == [1]
