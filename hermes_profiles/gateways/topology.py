"""Topology: every profile has a gateway of its own, or a multiplexer serves them all.

Source: FACTS.md section 8, SERVICES.md section 6. Advice for the wrong topology breaks the machine (hermes-agent
issues 118320, 119009).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.profiles.profile import environment_of, read_sections

from .model import Gateway, GatewayState


class Topology(StrEnum):
    """How a root's profiles are served."""

    PER_PROFILE = "per-profile"
    MULTIPLEX = "multiplex"


def configured(config: Mapping[str, Any], environment: Mapping[str, str]) -> bool | None:
    """Return whether the default profile sets multiplexing on or off, None where it does not set it.

    `config`: its config.yaml; `environment`: what its `.env` sets; the variable wins.
    """
    given = environment.get(GATEWAY_MULTIPLEX_PROFILES, "").strip().lower()
    if given in multiplexing.ON:
        return True
    if given in multiplexing.OFF:
        return False
    gateway = config.get("gateway")
    for place in (config, gateway if isinstance(gateway, Mapping) else {}):
        if "multiplex_profiles" in place:
            return is_truthy(place["multiplex_profiles"])
    return None


def multiplexing_asked(home: Path, environment: Mapping[str, str]) -> bool | None:
    """Return whether the default profile's files and the environment set multiplexing; None where they do not."""
    config = read_sections(home / CONFIG_FILE, ("gateway", "multiplex_profiles"))
    return configured(config, {**environment, **environment_of(home)})


def topology(gateways: Mapping[str, Gateway], *, asked: bool | None, hermes: HermesFacts = BASE) -> Topology:
    """Return how profiles are served; running gateways override the setting.

    `asked`: the setting (`configured`); `hermes`: the installed one.
    """
    if any(gateway.state is GatewayState.SERVED for gateway in gateways.values()):
        return Topology.MULTIPLEX
    # Hermes' own guard reads the setting alone: it refuses a named profile's gateway even where the running default
    # gateway was started before the setting and serves no other profile.
    return Topology.MULTIPLEX if asked or hermes.has(Behaviour.ONE_GATEWAY) else Topology.PER_PROFILE
