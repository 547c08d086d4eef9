"""Finds the gateways that serve profiles of other homes, and why one of them does not serve a profile.

Any profile may own the gateway for all (Hermes 0.21.4 and later, gateway/host_rendezvous.py). The host record of the
account names it; where the gateway of another root has the record, its own state file does.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes import gateway_states, multiplexing
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import CONFIG_FILE, IDENTITY_FILES, PROFILES_FOLDER
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.host_options import is_parked, is_standalone

from ..hermes_files import StateRecord, channels_of, state_record
from ..model import GatewayFacts, OtherRoot
from ..proof import process_in
from .host_gateway import HostGateway, host_gateway
from .topology import STARTED_ALONE, multiplexing_asked

if TYPE_CHECKING:
    from hermes_profiles.model.layout import Layout

    from ..processes import Process
    from ..system import SystemContext

# Seconds after a change in a home in which the live gateway may not have read `profiles/` again.
_ADOPTION = multiplexing.ADOPTION_INTERVAL + 15.0


class Server(NamedTuple):
    """A live gateway that serves other profiles, or could.

    `profile`: the one it was started for; `served`: those it serves, () where it serves its own alone or has not
    settled; `record`: its state record, None where this process has written none; `started_at`: epoch seconds;
    `is_standalone`: its profile asks for a gateway of its own.
    """

    profile: str
    process: Process
    served: tuple[str, ...]
    record: StateRecord | None
    started_at: float | None
    is_standalone: bool = False

    @property
    def is_settled(self) -> bool:
        """Return whether it has started: until then the profiles that it will serve are unknown."""
        return bool(self.served) or (self.record is not None and self.record.state in gateway_states.UP)


class Servers(NamedTuple):
    """The live gateways of this root, the owner of the host record first; and the owner where it is another root's."""

    live: tuple[Server, ...]
    other_root: OtherRoot | None = None

    def of(self, profile: str) -> Server | None:
        """Return the gateway of another profile that serves this one, None without one."""
        return next((each for each in self.live if each.profile != profile and profile in each.served), None)

    @property
    def main(self) -> Server | None:
        """Return the gateway that should serve all profiles, None where none runs."""
        rank = {True: 0, False: 1}
        wanted = [each for each in self.live if not each.is_standalone]
        return min(wanted, key=lambda each: (rank[len(each.served) > 1], rank[each.profile == DEFAULT]), default=None)


def servers_of(world: SystemContext, profiles: Sequence[str]) -> dict[str, str]:
    """Return profile → the profile whose live gateway serves it, for those served by another profile's gateway.

    The manager is not queried.
    """
    servers = find_servers(world, {})
    found = {name: servers.of(name) for name in profiles}
    return {name: server.profile for name, server in found.items() if server is not None}


def find_servers(world: SystemContext, own: Mapping[str, GatewayFacts]) -> Servers:
    """Return the live gateways of this root that serve several profiles, or could; `own`: profiles observed already."""
    host = host_gateway(
        world.environment, world.layout.user_home, processes=world.processes, platform=world.layout.platform
    )
    first = profile_of_home(host.home, world.layout) if host is not None else None
    names = dict.fromkeys(filter(None, (first, DEFAULT)))
    if any(facts.process is not None for facts in own.values()) and world.hermes.has(Behaviour.ONE_GATEWAY):
        names |= dict.fromkeys(name for name, facts in own.items() if facts.process is not None)
    found = (_server(world, name, own.get(name), host if name == first else None) for name in names)
    other = OtherRoot(host.process.pid, str(host.home)) if host is not None and first is None else None
    return Servers(tuple(server for server in found if server is not None), other)


def profile_of_home(home: Path, layout: Layout) -> str | None:
    """Return the profile of this root that has a home, None for a home of another root."""
    place, root = os.path.realpath(home), os.path.realpath(layout.root)
    if place == root:
        return DEFAULT
    folder, name = os.path.split(place)
    return name if folder == os.path.join(root, PROFILES_FOLDER) else None


def _server(world: SystemContext, profile: str, own: GatewayFacts | None, host: HostGateway | None) -> Server | None:
    """Return the live gateway of a profile, None without one; `host`: its host record.

    A list of served profiles counts only while its process lives: it stays in the file after multiplexing ends. The
    list in the host record is written when it is settled. Before the host record, only lists make a server.
    """
    if own is not None and own.process is None:
        return None
    home = world.layout.home(profile)
    record = own.runtime if own is not None else redacted_state(world.layout, profile)
    if host is None and not (record is not None and record.served) and not world.hermes.has(Behaviour.ONE_GATEWAY):
        return None
    process = own.process if own is not None else process_in(home, world)
    if process is None:
        return None
    current = record if record is not None and record.pid == process.pid else None
    if host is not None and host.process.pid == process.pid:
        served = host.profiles
    elif current is not None and not _serves_no_more(world, home, process):
        served = current.served
    else:
        served = ()
    is_named = profile != DEFAULT and world.hermes.has(Behaviour.PARKS_PROFILES)
    alone = is_named and len(served) < 2 and is_standalone(home)
    return Server(profile, process, served, current, world.processes.epoch(process), alone)


def _serves_no_more(world: SystemContext, home: Path, process: Process) -> bool:
    """Return whether a default gateway was started after multiplexing was switched off.

    Hermes 0.19.0 keeps the list of profiles that an earlier gateway served, and writes the new pid beside it.
    """
    started = world.processes.epoch(process)
    try:
        changed = os.stat(home / CONFIG_FILE).st_mtime
    except OSError:
        return False
    if started is None or started <= changed:
        return False
    # A variable of the service, or a release that always multiplexes, is not visible here: nothing was switched off.
    return multiplexing_asked(home, process.variables or {}) is False and not world.hermes.has(Behaviour.ONE_GATEWAY)


def redacted_state(layout: Layout, profile: str) -> StateRecord | None:
    """Return the state record of a profile's gateway without secrets, None without one.

    An error message of a library may contain a refused token; that of a multiplexer, tokens of the served profiles.
    """
    home = layout.home(profile)
    runtime = state_record(home)
    if runtime is None:
        return None
    texts = (runtime.reason, runtime.standalone_reason, *(each.message for each in runtime.channels))
    if not any(texts):
        return runtime
    from hermes_profiles.profiles.redact import redacted, secrets_around, secrets_of

    secrets = secrets_around(layout, profile) if runtime.served else secrets_of(home)
    reason, standalone, *messages = redacted(texts, secrets)
    channels = tuple(each._replace(message=message) for each, message in zip(runtime.channels, messages, strict=True))
    return runtime._replace(reason=reason, standalone_reason=standalone, channels=channels)


def with_server(world: SystemContext, facts: GatewayFacts, servers: Servers) -> GatewayFacts:
    """Return the facts with the gateway that serves the profile, and with its own channels alone."""
    name = facts.profile
    if facts.runtime is not None:
        facts = facts._replace(runtime=_of_profile(facts.runtime, name, name))
    server = servers.of(name)
    if server is not None:
        record = _of_profile(server.record, server.profile, name) if server.record is not None else None
        facts = facts._replace(
            served_by=server.process.pid,
            server=server.profile,
            served_record=record,
            server_started_at=server.started_at,
        )
    facts = facts._replace(hermes=world.hermes)
    if name != DEFAULT and world.hermes.has(Behaviour.PARKS_PROFILES):  # Hermes ignores both marks in default
        home = world.layout.home(name)
        facts = facts._replace(parked=is_parked(home), standalone=is_standalone(home))
    return facts if facts.process is not None else _without_process(world, facts, servers)


def _of_profile(record: StateRecord, server: str, profile: str) -> StateRecord:
    return record._replace(channels=channels_of(record, server, profile))


def _without_process(world: SystemContext, facts: GatewayFacts, servers: Servers) -> GatewayFacts:
    """Return the facts of a profile without a gateway of its own: whether it wants one, and why none serves it."""
    if servers.other_root is not None and not world.hermes.has(Behaviour.ROOTS_COEXIST):
        facts = facts._replace(other_root=servers.other_root)
    server = servers.main
    if facts.served_by is not None or facts.parked or server is None or not world.hermes.has(Behaviour.ONE_GATEWAY):
        return facts
    reason, is_expected = _why_unserved(world, facts, server)
    return facts._replace(unserved=reason, is_expected=is_expected, server=server.profile)


def _why_unserved(world: SystemContext, facts: GatewayFacts, server: Server) -> tuple[str, bool]:
    """Return why a live gateway does not serve a profile, and whether it will within seconds."""
    home = world.layout.home(facts.profile)
    its = f"the gateway of {server.profile} (PID {server.process.pid})"
    if facts.standalone:
        return f"it is standalone: {its} does not serve it, and it has no gateway of its own running", False
    if not server.is_settled:
        return f"{its} is starting", True
    if len(server.served) < 2:
        return f"{its} serves {server.profile} alone{_why_alone(server)}", False
    if facts.now - _changed_at(home) < _ADOPTION:
        return f"{its} takes new profiles in within {multiplexing.ADOPTION_INTERVAL:.0f} s", True
    return f"{its} does not serve it", False


def _changed_at(home: Path) -> float:
    """Return when a home or a file that makes it a profile was changed last."""
    times = [0.0]
    for path in (home, *(home / name for name in IDENTITY_FILES)):
        try:
            times.append(os.stat(path).st_mtime)
        except OSError:
            continue
    return max(times)


def _why_alone(server: Server) -> str:
    """Return why a gateway serves one profile alone. Other reasons are long; a report has them once, in `Serving`."""
    reason = server.record.standalone_reason if server.record is not None else ""
    return f": {STARTED_ALONE}" if reason.startswith(multiplexing.ONLY_PROFILE) else ""
