"""The status of a fleet: gateways, channels, API servers, running conflicts, topology."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hermes_profiles.conflicts.running import RunningConflict, running_conflicts
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.holders import index_identities
from hermes_profiles.gateways.host.topology import Serving, Topology, multiplexing_asked, serving
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.model import Api, Gateway, GatewayFacts, GatewayState, servers_in
from hermes_profiles.gateways.observe import ObservationHints, SystemContext, live_gateways
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import API_SERVER_KEY, GATEWAY_HEALTH_URL
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import NOTHING_MANAGED, ClaimedResources, Managed, claimed_resources
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import environment_of

if TYPE_CHECKING:
    from hermes_profiles.gateways.health import Endpoint, HealthAnswer

_LARGEST = 16 * 1024 * 1024
_REMOTE_TIMEOUT = 3.0
API_SERVER = "api_server"
_EVERYWHERE = ("*", "0.0.0.0", "::")  # noqa: S104  compared, never bound


class Conflict(NamedTuple):
    """Running gateways that share an identity or a port."""

    channel: str
    profiles: tuple[str, ...]
    message: str

    def as_data(self) -> dict[str, Any]:
        """Return the conflict for JSON."""
        return {"channel": self.channel, "profiles": list(self.profiles), "message": self.message}


class Inventory(NamedTuple):
    """The status of a fleet."""

    gateways: Mapping[str, Gateway]
    serving: Serving
    conflicts: tuple[Conflict, ...]
    holdings: Mapping[str, ClaimedResources]
    warnings: tuple[Problem, ...]

    @property
    def topology(self) -> Topology:
        """Return whether each profile has a gateway of its own."""
        return self.serving.topology


def read_fleet_status(
    look: Callable[[Sequence[str], ObservationHints], dict[str, Gateway]],
    world: SystemContext,
    profiles: Sequence[str],
    *,
    catalog: Catalog,
    ask_api: bool,
    environment: Mapping[str, str],
    managed: Managed = NOTHING_MANAGED,
    in_detail: bool = False,
    held: Mapping[str, ClaimedResources] | None = None,
    held_by_all: Callable[[], Mapping[str, ClaimedResources]] | None = None,
) -> Inventory:
    """Return the status of these profiles; `look` is `survey`, or a variant that works without a manager.

    `in_detail`: query `/health/detailed` as well, which is slower; `held`: the claims of the profiles where they are
    known (the manager query is then already running); `held_by_all`: returns those of every profile of the root, where
    `profiles` are not all.
    """
    layout = world.layout
    if held is None:
        world.ask_ahead(profiles)
        held = {name: claimed_resources(layout.home(name), catalog=catalog, managed=managed) for name in profiles}

    def ask(seen: Mapping[str, GatewayFacts]) -> Mapping[str, Api]:
        return _ask(seen, held, layout.home, in_detail=in_detail) if ask_api else _places(seen, held)

    def masks(name: str, process: Process) -> tuple[Mask, ...]:
        from .observed_masks import observed_masks  # a fleet at rest has no masks

        return observed_masks(world, name, process, lambda: held[name])

    gateways = look(
        profiles,
        ObservationHints(
            channels={name: each.channels for name, each in held.items()},
            masks=masks,
            ask=ask,
        ),
    )
    asked = multiplexing_asked(layout.home(DEFAULT), environment)
    warnings = [problem for each in held.values() for problem in each.problems]
    return Inventory(
        gateways,
        serving(
            gateways,
            asked=asked,
            hermes=world.hermes,
            profiles=profile_names(layout),
            shared=lambda: _shared_identity(held_by_all() if held_by_all is not None else held),
        ),
        _conflicts(gateways, held, world, environment, catalog),
        held,
        tuple(warnings),
    )


def _shared_identity(held: Mapping[str, ClaimedResources]) -> str:
    """Return the first identity that two profiles hold, as text, "" without one."""
    index = index_identities({name: each.identities for name, each in held.items()})
    for name, each in held.items():
        for identity in each.identities:
            other = index.first(identity.place) or name
            if other != name:
                return f"{other} and {name} have one {identity.channel} {identity.noun}"
    return ""


def _api_place(facts: GatewayFacts, held: ClaimedResources) -> Api | None:
    """Return the address of the API server of a profile, None where it has none."""
    if facts.process is None or (facts.runtime is not None and facts.runtime.served[:1] not in ((), (facts.profile,))):
        return _shared_place(facts)
    claim = next((each for each in held.ports if each.channel == API_SERVER), None)
    if claim is None or any(mask.channel == API_SERVER for mask in facts.masks):
        return None
    return Api("127.0.0.1" if claim.bind in (*_EVERYWHERE, "localhost") else claim.bind, claim.port)


def _shared_place(facts: GatewayFacts) -> Api | None:
    """Return the address at which the listener of another profile serves this one."""
    record = facts.runtime if facts.process is not None else facts.served_record
    listener = next((each.listener for each in record.channels if each.name == API_SERVER), "") if record else ""
    if API_SERVER not in facts.enabled_channels or not listener:
        return None
    place = urlsplit(listener)
    try:
        return Api(place.hostname or "", place.port or 0, path=place.path)
    except ValueError:  # not a port
        return None


def _places(seen: Mapping[str, GatewayFacts], held: Mapping[str, ClaimedResources]) -> dict[str, Api]:
    """Return the addresses of the API servers of running gateways, without a query."""
    places = {name: _api_place(facts, held[name]) for name, facts in seen.items()}
    return {name: place for name, place in places.items() if place is not None}


def _ask(
    seen: Mapping[str, GatewayFacts],
    held: Mapping[str, ClaimedResources],
    home_of: Callable[[str], Path],
    *,
    in_detail: bool,
) -> dict[str, Api]:
    """Return the answers of the API servers.

    A server that its own gateway reports as failed is not queried: another profile answers on its port (SERVICES.md
    3.3).
    """
    places = _places(seen, held)
    dead = {name for name in places if _said(seen[name]) == "fatal"}
    own = [name for name, facts in seen.items() if facts.process is not None]
    remote = {name: url for name in own if (url := _health_url(home_of(name)))}
    if not places and not remote:
        return {}
    from hermes_profiles.gateways import health  # loads sockets

    local = {n: health.Endpoint(p.host, p.port, p.path) for n, p in places.items() if n not in dead and n not in remote}
    answers = health.ask_all(local)
    for name, endpoint in _elsewhere_on_loopback(local, answers, held).items():
        local[name], places[name] = endpoint, places[name]._replace(host=endpoint.host)
        answers[name] = health.HealthAnswer(healthy=True)
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
        answers[name] = health.HealthAnswer(healthy=False, detail="the gateway reports that it could not listen")
    for name in local:
        if answers[name].healthy and (other := _other_listener(seen, name, places[name].port)):
            answers[name] = health.HealthAnswer(healthy=False, detail=other)
    pids = {name: each.pid for name, each in who.items()}
    return {
        name: place._replace(healthy=answers[name].healthy, detail=answers[name].detail, pid=pids.get(name))
        for name, place in places.items()
    }


def _elsewhere_on_loopback(
    asked: Mapping[str, Endpoint], answers: Mapping[str, HealthAnswer], held: Mapping[str, ClaimedResources]
) -> dict[str, Endpoint]:
    """Return the servers bound to every address that answer on ::1 alone.

    asyncio binds `::` without IPv4 (create_server sets IPV6_V6ONLY): such a server refuses 127.0.0.1.
    """
    from hermes_profiles.gateways import health

    everywhere = {
        name
        for name, own in held.items()
        for each in own.ports
        if each.channel == API_SERVER and each.bind in _EVERYWHERE
    }
    refused = [name for name in asked if name in everywhere and "refused" in answers[name].detail]
    again = {name: asked[name]._replace(host="::1") for name in refused}
    return {name: again[name] for name, answer in health.ask_all(again).items() if answer.healthy}


def _other_listener(seen: Mapping[str, GatewayFacts], name: str, port: int) -> str:
    """Return what listens on a profile's port in place of its gateway, "" for the gateway and where it is not known."""
    own = seen[name].sockets
    if own is None or port in own.listens:
        return ""
    owner = next((n for n, facts in seen.items() if facts.sockets is not None and port in facts.sockets.listens), None)
    who = f"the gateway of {owner}" if owner is not None else "another process"
    return f"{who} listens on port {port}, this gateway does not"


def _said(facts: GatewayFacts) -> str:
    runtime, process = facts.runtime, facts.process
    if runtime is None or process is None or runtime.pid != process.pid:
        return ""
    return next((each.state for each in runtime.channels if each.name == API_SERVER), "")


def _health_url(home: Path) -> str:
    return environment_of(home).get(GATEWAY_HEALTH_URL, "").strip()


def _without_login(url: str) -> str:
    """Return a URL without login and query, for display."""
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
    together = tuple(_served_twice(gateways, held, world.hermes))
    live = live_gateways(gateways)
    if sum(state.pid is not None for state in live.values()) < 2:
        return together
    masked = {name: [mask.channel for mask in gateway.masks] for name, gateway in gateways.items()}
    locks = live_locks(
        environment, world.layout.user_home, catalog=catalog, processes=world.processes, platform=world.layout.platform
    )
    found = running_conflicts(holdings=held, live=live, locks=locks, masked=masked)
    return (*(Conflict(each.channel, each.profiles, _sentence(each)) for each in found), *together)


def _served_twice(
    gateways: Mapping[str, Gateway], held: Mapping[str, ClaimedResources], hermes: HermesFacts
) -> Iterator[Conflict]:
    """Yield accounts that one gateway would serve for two profiles.

    Hermes connects the first one (gateway/run.py, `_start_one_profile_adapters`), and 0.19.0 says nothing about the
    second; default comes first, whichever profile the gateway was started for, then the order of names.
    """
    served = {name for name, gateway in gateways.items() if gateway.state is GatewayState.SERVED}
    together = served.union(servers_in(gateways)) & gateways.keys()
    is_reported = hermes.has(Behaviour.DUPLICATES_IN_STATE)
    effect = "Hermes connects it for {other} alone" if is_reported else "Hermes ignores {name}'s without a message"
    names = sorted(together, key=lambda name: (name != DEFAULT, name))
    identities = {name: held.get(name, ClaimedResources()).identities for name in names}
    index = index_identities(identities)
    for name in names:
        for identity in identities[name]:
            other = index.first(identity.place) or name
            if other != name:
                message = f"{other} and {name} share one {identity.channel} {identity.noun} in one gateway"
                yield Conflict(identity.channel, (other, name), f"{message}; {effect.format(other=other, name=name)}")


def _sentence(conflict: RunningConflict) -> str:
    who = " and ".join(conflict.profiles)
    if conflict.what.startswith("port "):
        return f"{who} both want {conflict.what} ({conflict.channel})"
    holder = f"; {conflict.holder} has it now" if conflict.holder else ""
    return f"{who} run with the same {conflict.what} of {conflict.channel}{holder}"
