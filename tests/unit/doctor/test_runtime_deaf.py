"""The finding for a channel that its gateway calls connected and that receives nothing."""

from __future__ import annotations

import pytest

from hermes_profiles.doctor.checks.gateway_health import _deaf_finding
from hermes_profiles.gateways.model import DEAF, Gateway, GatewayChannel, GatewayFacts, GatewayState, LostLink


class Profile:
    """As much of a profile's facts as the finding reads."""

    name = "work"

    def at(self, name: str, key: str) -> tuple[str, str]:
        return name, key


@pytest.mark.parametrize(
    ("reason", "ended", "words"),
    [
        ("401 Unauthorized", True, "set a valid token"),
        ("Conflict: terminated by other getUpdates request", False, "stop the other program"),
        ("502 Bad Gateway", False, "the gateway keeps trying"),
        ("404", True, "has stopped trying"),
    ],
)
def test_deaf_channel_names_reason_and_way_out(reason: str, ended: bool, words: str) -> None:
    facts = GatewayFacts("work", lost_links={"telegram": LostLink(1.0, reason, ended)})
    channel = GatewayChannel("telegram", DEAF, f"has polled nothing for 4 min ({reason})")
    gateway = Gateway("work", GatewayState.DEGRADED, observation=facts)
    found = _deaf_finding(Profile(), gateway, facts, channel)  # type: ignore[arg-type]
    expected = f"the gateway of work runs and calls telegram connected, but telegram {channel.detail}"
    assert found.message == expected and words in found.fix.text
    assert found.fix.command == "hermes-gateways restart work" and found.channel == "telegram"


def test_deaf_channel_of_a_served_profile_names_its_gateway() -> None:
    facts = GatewayFacts("work", served_by=9, server="default", lost_links={"telegram": LostLink(1.0, "x")})
    gateway = Gateway("work", GatewayState.SERVED, observation=facts)
    found = _deaf_finding(Profile(), gateway, facts, GatewayChannel("telegram", DEAF, "x"))  # type: ignore[arg-type]
    assert found.message.startswith("the gateway of default runs and calls telegram of work connected, but")
    assert found.fix.command == "hermes-gateways restart default"


def test_stolen_api_port_names_the_listener() -> None:
    facts = GatewayFacts("work")
    gateway = Gateway("work", GatewayState.DEGRADED, observation=facts)
    channel = GatewayChannel("api_server", DEAF, "another process listens on port 8642, this gateway does not")
    found = _deaf_finding(Profile(), gateway, facts, channel)  # type: ignore[arg-type]
    assert "but api_server: another process listens on port 8642" in found.message
    assert "stop the process that listens there" in found.fix.text
