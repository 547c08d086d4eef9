"""Topology: every profile has a gateway of its own, or a multiplexer serves them all.

Source: FACTS.md section 8, SERVICES.md section 6. Advice for the wrong topology breaks the machine (hermes-agent
issues 118320, 119009).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import GATEWAY_MULTIPLEX_PROFILES
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.truthy import is_truthy
from hermes_profiles.profiles.profile import environment_of, read_sections

from ..model import Gateway, servers_in

# Why a gateway serves its own profile alone, where Hermes says that there was one profile.
STARTED_ALONE = "it was started when no other profile existed"


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


class Serving(NamedTuple):
    """How profiles are served. `server`: the profile whose live gateway serves others, None without one.

    `reason`: why a Hermes with one gateway for all serves one profile alone, "" where it does not or says nothing;
    `alone`: that profile, where its gateway runs.
    """

    topology: Topology
    server: str | None = None
    reason: str = ""
    alone: str | None = None


def serving(
    gateways: Mapping[str, Gateway],
    *,
    asked: bool | None,
    hermes: HermesFacts = BASE,
    profiles: Sequence[str] = (),
    shared: Callable[[], str] = str,
) -> Serving:
    """Return how profiles are served; running gateways override the setting.

    `asked`: the setting (`configured`); `hermes`: the installed one; `profiles`: all of the root; `shared`: returns an
    identity that several of them hold, as text. Without a live gateway, the answer is what the next start will do.
    """
    servers = servers_in(gateways)
    if servers:
        return Serving(Topology.MULTIPLEX, servers[0])
    if not hermes.has(Behaviour.ONE_GATEWAY):
        # Hermes' own guard reads the setting alone: it refuses a named profile's gateway even where the running default
        # gateway was started before the setting and serves no other profile.
        return Serving(Topology.MULTIPLEX if asked else Topology.PER_PROFILE)
    live = _live_alone(gateways)
    if live is not None:
        record = live.observation.runtime if live.observation is not None else None
        reason = record.standalone_reason if record is not None else ""
        if reason.startswith(multiplexing.ONLY_PROFILE):
            reason = STARTED_ALONE if len({*profiles, *gateways}) > 1 else ""
        return Serving(Topology.PER_PROFILE, reason=reason, alone=live.profile)
    return _next_start(gateways, profiles, shared, is_asked=bool(asked))


def _live_alone(gateways: Mapping[str, Gateway]) -> Gateway | None:
    """Return the live gateway that should serve all profiles and serves one alone, None without one."""
    live = [
        gateway
        for gateway in gateways.values()
        if gateway.settled and (gateway.observation is None or not gateway.observation.standalone)
    ]
    return min(live, key=lambda gateway: gateway.profile != DEFAULT, default=None)


def _next_start(
    gateways: Mapping[str, Gateway], profiles: Sequence[str], shared: Callable[[], str], *, is_asked: bool
) -> Serving:
    """Return what the next gateway of default will do (Hermes 0.21.4, hermes_cli/gateway_multiplex_mode.py).

    An explicit true is not checked. `false` is ignored, and an unset one is true unless something is in the way.
    """
    alone = {name for name, gateway in gateways.items() if gateway.observation and gateway.observation.standalone}
    if len({*profiles, *gateways} - alone) < 2:
        return Serving(Topology.PER_PROFILE)
    if is_asked:
        return Serving(Topology.MULTIPLEX)
    own = [
        name
        for name, gateway in gateways.items()
        if name not in {DEFAULT, *alone}
        and (gateway.process is not None or (gateway.service is not None and gateway.service.installed))
    ]
    if own:
        return Serving(Topology.PER_PROFILE, reason=f"gateways or services of their own: {', '.join(own)}")
    reason = shared()
    return Serving(Topology.PER_PROFILE, reason=reason) if reason else Serving(Topology.MULTIPLEX)
