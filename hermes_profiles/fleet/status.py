"""All that `status` tells of a fleet: gateways, channels, API servers, conflicts between those that run, topology."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hermes_profiles.conflicts.decide import RunningConflict, running_conflicts
from hermes_profiles.conflicts.overlay import masks_in_force
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.holders import index_identities
from hermes_profiles.gateways.hermes_install import installed_version
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import Api, Gateway, GatewayFacts, GatewayState
from hermes_profiles.gateways.observe import ObservationHints, SystemContext, live_gateways
from hermes_profiles.gateways.topology import Topology, multiplexing_asked, topology
from hermes_profiles.hermes.environment import API_SERVER_KEY, GATEWAY_HEALTH_URL
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources
from hermes_profiles.profiles.profile import environment_of

_LARGEST = 16 * 1024 * 1024
_REMOTE_TIMEOUT = 3.0


class Conflict(NamedTuple):
    """Running gateways that are in each other's way."""

    channel: str
    profiles: tuple[str, ...]
    message: str

    def as_data(self) -> dict[str, Any]:
        """Return the conflict for JSON."""
        return {"channel": self.channel, "profiles": list(self.profiles), "message": self.message}


class Inventory(NamedTuple):
    """What was found."""

    gateways: Mapping[str, Gateway]
    topology: Topology
    conflicts: tuple[Conflict, ...]
    holdings: Mapping[str, ClaimedResources]
    warnings: tuple[Problem, ...]


def read_fleet_status(
    look: Callable[[Sequence[str], ObservationHints], dict[str, Gateway]],
    world: SystemContext,
    profiles: Sequence[str],
    *,
    catalog: Catalog,
    ask_api: bool,
    environment: Mapping[str, str],
    in_detail: bool = False,
    held: Mapping[str, ClaimedResources] | None = None,
) -> Inventory:
    """Return what is true of these profiles now; `look` is `survey`, or one that bears a missing manager.

    `in_detail`: whether API servers are asked who they are, too, which takes longer; `held`: what their files would
    have gateways hold, where it is known already (the manager was then asked ahead as well).
    """
    layout = world.layout
    if held is None:
        world.ask_ahead(profiles)
        held = {name: claimed_resources(layout.home(name), catalog=catalog) for name in profiles}

    def ask(seen: Mapping[str, GatewayFacts]) -> Mapping[str, Api]:
        return _ask(seen, held, layout.home, in_detail=in_detail) if ask_api else _places(seen, held)

    gateways = look(
        profiles,
        ObservationHints(
            channels={name: each.channels for name, each in held.items()},
            masks=lambda name, process: masks_in_force(layout, name, process),
            ask=ask,
        ),
    )
    asked = multiplexing_asked(layout.home(DEFAULT), environment)
    warnings = [problem for each in held.values() for problem in each.problems]
    return Inventory(
        gateways,
        topology(gateways, asked=asked, version=installed_version(layout, environment)),
        _conflicts(gateways, held, world, environment, catalog),
        held,
        tuple(warnings),
    )


def _api_place(facts: GatewayFacts, held: ClaimedResources) -> Api | None:
    claim = next((each for each in held.ports if each.channel == "api_server"), None)
    if claim is None or any(mask.channel == "api_server" for mask in facts.masks):
        return None
    return Api("127.0.0.1" if claim.bind == "*" else claim.bind, claim.port)


def _places(seen: Mapping[str, GatewayFacts], held: Mapping[str, ClaimedResources]) -> dict[str, Api]:
    """Return where the API servers of gateways that are up should listen, nobody asked."""
    places = {name: _api_place(facts, held[name]) for name, facts in seen.items()}
    return {name: place for name, place in places.items() if place is not None}


def _ask(
    seen: Mapping[str, GatewayFacts],
    held: Mapping[str, ClaimedResources],
    home_of: Callable[[str], Path],
    *,
    in_detail: bool,
) -> dict[str, Api]:
    """Return what the API servers answer; one that its own gateway calls dead is not asked, for whoever answers on
    the port is another profile's (SERVICES.md 3.3)."""
    places = _places(seen, held)
    dead = {name for name in places if _said(seen[name]) == "fatal"}
    remote = {name: url for name in seen if (url := _health_url(home_of(name)))}
    if not places and not remote:
        return {}
    from hermes_profiles.gateways import health  # loads sockets

    local = {n: health.Endpoint(p.host, p.port) for n, p in places.items() if n not in dead and n not in remote}
    answers = health.ask_all(local)
    who: dict[str, health.Detailed] = {}
    for name in [name for name, answer in answers.items() if in_detail and answer.healthy]:
        key = environment_of(home_of(name)).get(API_SERVER_KEY, "")
        if key:
            who[name] = health.ask_detailed(local[name], Secret(key))
            answers[name] = health.HealthAnswer(who[name].healthy, who[name].detail)
    answers |= health.ask_urls(remote, timeout=_REMOTE_TIMEOUT)
    for name, url in remote.items():
        places.setdefault(name, Api(_without_login(url), 0))
    for name in dead:
        answers[name] = health.HealthAnswer(healthy=False, detail="the gateway says that it could not listen")
    pids = {name: each.pid for name, each in who.items()}
    return {
        name: place._replace(healthy=answers[name].healthy, detail=answers[name].detail, pid=pids.get(name))
        for name, place in places.items()
    }


def _said(facts: GatewayFacts) -> str:
    runtime, process = facts.runtime, facts.process
    if runtime is None or process is None or runtime.pid != process.pid:
        return ""
    return next((each.state for each in runtime.channels if each.name == "api_server"), "")


def _health_url(home: Path) -> str:
    return environment_of(home).get(GATEWAY_HEALTH_URL, "").strip()


def _without_login(url: str) -> str:
    """Return an address to be shown: the name and password in it, and what it is asked with, are taken out."""
    scheme, _, rest = url.partition("://")
    place = re.split(r"[?#]", rest, maxsplit=1)[0]
    return f"{scheme}://{place.rpartition('@')[2]}"


def _conflicts(
    gateways: Mapping[str, Gateway],
    held: Mapping[str, ClaimedResources],
    world: SystemContext,
    environment: Mapping[str, str],
    catalog: Catalog,
) -> tuple[Conflict, ...]:
    together = tuple(_served_twice(gateways, held))
    live = live_gateways(gateways)
    if sum(state.pid is not None for state in live.values()) < 2:
        return together
    masked = {name: [mask.channel for mask in gateway.masks] for name, gateway in gateways.items()}
    locks = live_locks(
        environment, world.layout.user_home, catalog=catalog, processes=world.processes, platform=world.layout.platform
    )
    found = running_conflicts(holdings=held, live=live, locks=locks, masked=masked)
    return (*(Conflict(each.channel, each.profiles, _sentence(each)) for each in found), *together)


def _served_twice(gateways: Mapping[str, Gateway], held: Mapping[str, ClaimedResources]) -> Iterator[Conflict]:
    """Yield accounts that one gateway is to serve for two profiles: Hermes drops the second without a word
    (gateway/run.py, `_start_one_profile_adapters`), the default's and then the first by name counts."""
    served = [name for name, gateway in gateways.items() if gateway.state is GatewayState.SERVED]
    if not served:
        return
    names = (*((DEFAULT,) if DEFAULT in gateways else ()), *sorted(served))
    identities = {name: held.get(name, ClaimedResources()).identities for name in names}
    index = index_identities(identities)
    for name in names:
        for identity in identities[name]:
            other = index.first(identity.place) or name
            if other != name:
                words = f"{other} and {name} are served by one gateway with the same {identity.noun} of"
                yield Conflict(
                    identity.channel, (other, name), f"{words} {identity.channel}; {name} is left out without a word"
                )


def _sentence(conflict: RunningConflict) -> str:
    who = " and ".join(conflict.profiles)
    if conflict.what.startswith("port "):
        return f"{who} both want {conflict.what} ({conflict.channel})"
    holder = f"; {conflict.holder} has it now" if conflict.holder else ""
    return f"{who} run with the same {conflict.what} of {conflict.channel}{holder}"
