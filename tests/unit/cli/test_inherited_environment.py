"""API_SERVER_* of a container's environment: the commands on the fleet name variables, port, profiles and holder."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest
from command_runner import Done
from gateway_root import GatewayRoot

from hermes_profiles.gateways.model import Gateway, ProcessSockets
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.inherited_api import inherited_api_warnings

KEY = "CANARY-api-key-0123456789abcdef"
CONTAINER = {"API_SERVER_KEY": KEY, "API_SERVER_PORT": "18765"}


def warnings_of(done: Done) -> list[str]:
    assert KEY not in done.stdout + done.stderr
    return [row["message"] for row in done.json["warnings"] if row["code"] == "inherited-api"]


@pytest.mark.parametrize("words", [("status",), ("install", "--dry-run"), ("install",), ("stage", "work")])
def test_command_names_the_port_that_the_environment_opens(fleet: GatewayRoot, words: tuple[str, ...]) -> None:
    fleet.home("night").joinpath(".env").write_text("API_SERVER_ENABLED=false\n")
    (message,) = warnings_of(fleet.gateways(*words, "--json", env=CONTAINER))
    assert "API_SERVER_KEY and API_SERVER_PORT" in message and "port 18765" in message
    assert "default, night, work; the first one that starts gets it" in message


def test_start_names_it_once(fleet: GatewayRoot) -> None:
    fleet.gok("install")
    assert len(warnings_of(fleet.gateways("start", "work", "--json", env=CONTAINER))) == 1
    assert len(warnings_of(fleet.gateways("install", "--start", "--json", env=CONTAINER))) == 1


@pytest.mark.parametrize(
    "environment", [{}, {"API_SERVER_PORT": "18765"}, {"API_SERVER_ENABLED": "false"}, {"API_SERVER_HOST": "0.0.0.0"}]
)
def test_environment_that_opens_nothing_is_not_named(fleet: GatewayRoot, environment: dict[str, str]) -> None:
    assert warnings_of(fleet.gateways("status", "--json", env=environment)) == []


def test_own_answer_of_a_profile_counts(fleet: GatewayRoot) -> None:
    for name, text in (("default", "API_SERVER_KEY=\n"), ("night", "API_SERVER_PORT=18766\n")):
        fleet.home(name).joinpath(".env").write_text(text)
    assert warnings_of(fleet.gateways("status", "--json", env=CONTAINER)) == []


def test_gateway_that_listens_is_named_as_the_holder(fleet: GatewayRoot) -> None:
    seen = SimpleNamespace(observation=SimpleNamespace(sockets=ProcessSockets(frozenset({18765}), ())))
    session = FleetSession(environment={**fleet.runner.environment, **CONTAINER})
    gateways: Any = {"work": seen}
    (problem,) = inherited_api_warnings(session, cast("dict[str, Gateway]", gateways))
    assert "work has it now" in problem.message
