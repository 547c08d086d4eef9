"""`status --check`: what a probe of a container asks, which is the supervisor alone."""

from __future__ import annotations

from gateway_root import GatewayRoot


def test_probe_follows_the_supervisor(fleet: GatewayRoot) -> None:
    before = fleet.gateways("status", "--check")
    fleet.gok("install", "work", "--start")
    assert fleet.gateways("status", "--check").code == 0
    fleet.gok("stop", "work")
    assert fleet.gateways("status", "--check").code == 0, (
        "a gateway that was stopped on purpose does not restart the pod"
    )
    assert before.code == 3, before
