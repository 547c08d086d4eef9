"""The one gateway of an account: the profile it was started for, and the profiles without a gateway of their own.

Facts (Hermes 0.21.4 and later, gateway/host_attach.py, hermes_cli/gateway_profile_lifecycle.py): one gateway serves
every profile that is not parked, not standalone and has no gateway of its own. Hermes refuses a second one.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from pathlib import Path

from hermes_profiles.gateways.host.control_socket import STATUS, ask
from hermes_profiles.gateways.host.host_gateway import HostGateway, host_gateway
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import PROFILES_FOLDER
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT


class OneGateway(NamedTuple):
    """The one gateway of a root.

    `server`: the profile that it was started for, or will be; `pid`: its process, None while it is stopped; `members`:
    the other profiles that it serves or will serve; `served`: those that it serves now; `can_park`: it can stop serving
    one of them; `alone`: why it serves no other profile, "" where it does; `rival`: the live gateway of another root of
    this account.
    """

    server: str
    pid: int | None = None
    members: frozenset[str] = frozenset()
    served: frozenset[str] = frozenset()
    can_park: bool = True
    alone: str = ""
    rival: HostGateway | None = None

    @property
    def title(self) -> str:
        """Return the gateway as text."""
        return f"the gateway of {self.server}{f' (PID {self.pid})' if self.pid else ''}"

    def why_member(self, gateway: Gateway) -> str:
        """Return why a member needs no service of its own: who serves it, or will."""
        if gateway.profile in self.served:
            return gateway.detail
        if gateway.observation is not None and gateway.observation.parked:
            return f"parked; unparked, {self.title} serves it"
        return f"{self.title} serves {self.server} alone: {self.alone}" if self.alone else f"{self.title} will serve it"

    def touched(self, chosen: Collection[str]) -> tuple[str, ...]:
        """Return the served profiles outside a selection that the end of this gateway takes off."""
        return tuple(sorted(name for name in self.served if name not in chosen))


def one_gateway(world: SystemContext, gateways: Mapping[str, Gateway]) -> OneGateway | None:
    """Return the one gateway of a root, None where the installed Hermes runs one for each profile.

    `gateways`: those of all profiles of the root.
    """
    if not world.hermes.has(Behaviour.ONE_GATEWAY):
        return None
    layout = world.layout
    host = host_gateway(world.environment, layout.user_home, processes=world.processes, platform=layout.platform)
    owner = profile_of(host.home, layout) if host is not None else None
    server = _server(gateways, owner)
    own = gateways.get(server)
    process = own.process if own is not None else None
    served = frozenset(name for name, each in gateways.items() if name != server and _is_served(each))
    recorded = host.profiles if host is not None and owner == server else ()
    several = bool(served) or len(recorded) > 1 or (own is not None and _serves_all(own))
    members = frozenset(name for name, each in gateways.items() if name != server and _is_member(each, several=several))
    is_alone = process is not None and own is not None and own.settled and not several
    alone = (why_alone(layout.home(server)) or "it was started before the others existed") if is_alone else ""
    return OneGateway(
        server,
        process.pid if process is not None else None,
        members,
        served,
        world.hermes.has(Behaviour.PARKS_PROFILES),
        alone,
        host if owner is None else None,
    )


def profile_of(home: Path, layout: Layout) -> str | None:
    """Return the profile of this root that has a home, None for a home of another root."""
    place, root = os.path.realpath(home), os.path.realpath(layout.root)
    if place == root:
        return DEFAULT
    folder, name = os.path.split(place)
    return name if folder == os.path.join(root, PROFILES_FOLDER) else None


def _server(gateways: Mapping[str, Gateway], owner: str | None) -> str:
    """Return the profile of the gateway that serves others, else the owner of the host record, else default."""
    for gateway in gateways.values():
        if _is_served(gateway) and gateway.observation is not None:
            return gateway.observation.server
    found = gateways.get(owner) if owner is not None else None
    # The gateway of a standalone profile can be in the host record: it serves no other profile.
    return owner if owner is not None and found is not None and not _is_standalone(found) else DEFAULT


def _is_served(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.served_by is not None


def _is_standalone(gateway: Gateway) -> bool:
    return gateway.observation is not None and gateway.observation.standalone


def _serves_all(gateway: Gateway) -> bool:
    runtime = gateway.observation.runtime if gateway.observation is not None else None
    return (
        gateway.process is not None
        and runtime is not None
        and runtime.pid == gateway.process.pid
        and bool(runtime.served)
    )


def _is_member(gateway: Gateway, *, several: bool) -> bool:
    """Return whether a profile has no gateway of its own to start; `several`: a gateway for several profiles runs.

    An installed service of a named profile is a gateway of its own, while no such gateway runs.
    """
    if gateway.process is not None or _is_standalone(gateway):
        return False
    has_service = gateway.service is not None and gateway.service.installed
    return several or _is_served(gateway) or not has_service


def why_alone(home: Path) -> str:
    """Return what the running gateway of a home says about serving one profile alone, "" where it says nothing."""
    try:
        reason = ask(home, STATUS).get("multiplex_standalone_reason")
    except Failed:
        return ""
    return reason if isinstance(reason, str) else ""
