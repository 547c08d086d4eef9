"""Whether one gateway serves all profiles."""

from __future__ import annotations

from typing import Any

import pytest

from hermes_profiles.gateways.host.topology import Topology, configured, serving
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.hermes.version import facts_of


@pytest.mark.parametrize(("config", "environment", "expected"), [
    ({}, {}, None),
    ({"gateway": {"multiplex_profiles": True}}, {}, True),
    ({"gateway": {"multiplex_profiles": False}}, {}, False),
    ({"multiplex_profiles": "yes"}, {}, True),
    ({"multiplex_profiles": False, "gateway": {"multiplex_profiles": True}}, {}, False),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": "0"}, False),
    ({"gateway": {"multiplex_profiles": False}}, {"GATEWAY_MULTIPLEX_PROFILES": " TRUE "}, True),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": "perhaps"}, True),
    ({"gateway": {"multiplex_profiles": True}}, {"GATEWAY_MULTIPLEX_PROFILES": ""}, True),
    ({"gateway": "on"}, {}, None), ({"gateway": None}, {}, None),
])  # fmt: skip
def test_configured_reads_variable_and_config(
    config: dict[str, Any], environment: dict[str, str], expected: bool | None
) -> None:
    assert configured(config, environment) is expected


@pytest.mark.parametrize(("states", "asked", "version", "expected"), [
    ((GatewayState.RUNNING, GatewayState.STOPPED), None, None, Topology.PER_PROFILE),
    ((GatewayState.RUNNING, GatewayState.SERVED), None, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING, GatewayState.SERVED), False, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING,), True, None, Topology.MULTIPLEX),
    ((GatewayState.RUNNING,), False, None, Topology.PER_PROFILE),
    ((), None, (0, 19, 0), Topology.PER_PROFILE), ((), None, (0, 21, 4), Topology.MULTIPLEX),
    ((), None, (0, 21, 3), Topology.PER_PROFILE), ((), None, (1, 0), Topology.MULTIPLEX),
])  # fmt: skip
def test_topology_prefers_running_gateways(
    states: tuple[GatewayState, ...], asked: bool | None, version: tuple[int, ...] | None, expected: Topology
) -> None:
    gateways = {str(number): Gateway(str(number), state) for number, state in enumerate(states)}
    assert serving(gateways, asked=asked, hermes=facts_of(version or ()), profiles=("0", "1")).topology is expected
