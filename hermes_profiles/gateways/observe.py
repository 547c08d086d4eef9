"""Observes gateways: files, process table, one query of the service manager. Nothing is changed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.hermes.files import CONFIG_FILE, LOCK_FILE, PROFILES_FOLDER, ROOT_FOLDER
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.host_options import is_parked, is_standalone
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.located import installed_name
from hermes_profiles.services.manager import Activity, Manager, Service, ServiceStatus
from hermes_profiles.services.naming import ServiceName, service_name

from .hermes_files import PidRecord, StateRecord, heartbeat, lock_record, pid_record, state_record
from .host_gateway import HostGateway, host_gateway
from .masks import Mask
from .model import Api, Gateway, GatewayFacts, GatewayState, LiveGateway
from .processes import Process, Processes, Usage, home_of, processes_of, same_start
from .resolve import resolve
from .topology import multiplexing_asked


class BackgroundQuery:
    """A manager query in a daemon thread; `result` waits for it and raises its error.

    Not `concurrent.futures`: that loads logging, and its threads are joined at exit, so a hanging manager would keep
    the program from ending.
    """

    def __init__(self, query: Callable[[], Mapping[str, ServiceStatus]]) -> None:
        import threading

        self._answer: Mapping[str, ServiceStatus] = {}
        self._error: Exception | None = None
        self._query = query
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._query()
        except Exception as error:  # noqa: BLE001  `result` raises it
            self._error = error

    def result(self) -> Mapping[str, ServiceStatus]:
        """Return the answer."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._answer


@dataclass
class SystemContext:
    """What an observation depends on: layout, manager, process table, clock, environment. Tests pass fakes."""

    layout: Layout
    manager: Manager | None = None
    processes: Processes = field(default_factory=lambda: processes_of("linux"))
    clock: Callable[[], float] = time.time
    environment: Mapping[str, str] = field(default_factory=dict)

    _asked: tuple[tuple[str, ...], BackgroundQuery] | None = None

    def ask_ahead(self, profiles: Sequence[str]) -> None:
        """Start the manager query in the background; the next `survey` of exactly these profiles uses its answer.

        The query takes as long as the rest of a status.
        """
        services = self.services(profiles)
        if self.manager is not None and services:
            query = self.manager.query
            self._asked = (tuple(profiles), BackgroundQuery(lambda: query(services)))

    def statuses(self, profiles: Sequence[str]) -> Mapping[str, ServiceStatus]:
        """Return the service statuses of profiles. Raises ManagerError where the manager cannot be reached."""
        asked, self._asked = self._asked, None
        if asked is not None and asked[0] == tuple(profiles):
            return asked[1].result()
        services = self.services(profiles)
        return self.manager.query(services) if self.manager is not None and services else {}

    @cached_property
    def user_home(self) -> Path:
        """Return the user's home, links resolved."""
        return Path(os.path.realpath(self.layout.user_home))

    @cached_property
    def hermes(self) -> HermesFacts:
        """Return the behaviours of the installed Hermes; it is searched once."""
        from .hermes_install import installed_facts

        return installed_facts(self.layout, self.environment)

    def service_name(self, profile: str) -> ServiceName:
        """Return the name of the installed service of a profile, else the one that Hermes gives it."""
        home = Path(os.path.realpath(self.layout.home(profile)))
        name, hashed = (service_name(home, self.user_home, has_hashed_roots=hashed) for hashed in (False, True))
        if self.manager is not None:
            found = installed_name(self.manager, home, tuple(dict.fromkeys((name, hashed))))
            if found is not None:
                return found
        # Only the name of a custom root depends on the release.
        return hashed if name != hashed and self.hermes.has(Behaviour.HASHED_ROOT_SERVICES) else name

    def service(self, profile: str) -> Service | None:
        """Return the service of a profile, None without a manager."""
        return self.manager.service(self.service_name(profile), profile) if self.manager is not None else None

    def services(self, profiles: Sequence[str]) -> tuple[Service, ...]:
        """Return the services of profiles, in their order."""
        return tuple(each for each in map(self.service, profiles) if each is not None)


class ProcessMatch(NamedTuple):
    """The verdict on the process in a pid file; at most one field is set, as in `GatewayFacts`."""

    process: Process | None = None
    other_program: Process | None = None
    unverified: Process | None = None


class ObservationHints(NamedTuple):
    """Facts from other packages for an observation.

    `channels`: profile → channels that its files enable; `masks`: (profile, process) → its masks; `ask`: queries the
    API servers of running gateways and returns profile → answer.
    """

    channels: Mapping[str, tuple[str, ...]] = {}
    masks: Callable[[str, Process], tuple[Mask, ...]] = lambda _, __: ()
    ask: Callable[[Mapping[str, GatewayFacts]], Mapping[str, Api]] = lambda _: {}


NOTHING_KNOWN = ObservationHints()


def survey(
    world: SystemContext, profiles: Sequence[str], known: ObservationHints = NOTHING_KNOWN
) -> dict[str, Gateway]:
    """Return profile → gateway, from one query of the manager and one scan of the process table.

    Raises ManagerError where the manager cannot be reached.
    """
    strays = _by_home(world)
    own = {profile: _own_facts(world, profile, strays) for profile in profiles}
    servers = _servers(world, own)
    seen = {}
    for profile, facts in own.items():
        masks = known.masks(profile, facts.process) if facts.process is not None else ()
        facts = _with_server(world, facts, servers)
        seen[profile] = facts._replace(enabled_channels=known.channels.get(profile, ()), masks=masks)
    answers = known.ask({profile: facts for profile, facts in seen.items() if facts.process is not None})
    statuses = world.statuses(profiles)
    return {
        profile: resolve(_with_service(world, facts, statuses.get(profile))._replace(api=answers.get(profile)))
        for profile, facts in seen.items()
    }


def _with_service(world: SystemContext, facts: GatewayFacts, status: ServiceStatus | None) -> GatewayFacts:
    own = _own(world, facts.profile, status)
    main = world.processes.find(own.pid) if facts.process is None and own is not None and own.pid else None
    return facts._replace(service=own, main=main)


def _own(world: SystemContext, profile: str, status: ServiceStatus | None) -> ServiceStatus | None:
    """Return the status of a profile's service; the unit of another root with the same name does not count.

    Two roots of one account share service names (SERVICES.md 1.1). A service for another home is not reported and not
    stopped.
    """
    if status is None or status.home is None:
        return status
    if os.path.realpath(status.home) == os.path.realpath(world.layout.home(profile)):
        return status
    return ServiceStatus(installed=False, enabled=False, activity=Activity.INACTIVE, home=status.home)


def observe_one(world: SystemContext, profile: str) -> Gateway:
    """Return the gateway of one profile."""
    return survey(world, (profile,))[profile]


def match_process(home: Path, world: SystemContext, record: PidRecord | None) -> ProcessMatch:
    """Return the verdict on a recorded process: pid, start time and home must all match (DESIGN.md, promise 5)."""
    process = world.processes.find(record.pid) if record is not None and record.pid else None
    if record is None or process is None:
        return ProcessMatch()
    if record.started is not None and not same_start(record.started, process.started, platform=world.layout.platform):
        return ProcessMatch(other_program=process)  # the pid was reused
    matched = _match_command(process, record, home, world)
    # The lock decides where the command line does not. It is read last: the kernel stops all locking while /proc/locks
    # is read, which takes as long as the rest (13 ms).
    if matched.process is None and world.processes.lock_owner(home / LOCK_FILE) == process.pid:
        return ProcessMatch(process)
    return matched


def _match_command(process: Process, record: PidRecord, home: Path, world: SystemContext) -> ProcessMatch:
    """Return the verdict from command line, environment and record."""
    if process.argv and not process.is_gateway:
        return ProcessMatch(other_program=process)
    if not process.argv or process.variables is None or record.started is None:
        return ProcessMatch(unverified=process)
    home_given = home_of(process, user_home=world.user_home)
    if home_given is not None:
        is_this = os.path.realpath(home_given) == os.path.realpath(home)
        return ProcessMatch(process) if is_this else ProcessMatch(other_program=process)
    if not _has_our_root(process, world):
        return ProcessMatch(other_program=process)
    return ProcessMatch(unverified=process) if _is_named_elsewhere(record, home, world) else ProcessMatch(process)


def _is_named_elsewhere(record: PidRecord, home: Path, world: SystemContext) -> bool:
    """Return whether another profile of the root has the same record: a copied home has a copied pid file."""
    others = (world.layout.home(name) for name in profile_names(world.layout))
    return any(pid_record(other) == record for other in others if os.path.realpath(other) != os.path.realpath(home))


def _has_our_root(process: Process, world: SystemContext) -> bool:
    """Return whether a gateway that was started without `-p` may serve a profile of this root.

    The sticky profile of that moment decided which one. The gateway wrote pid and start time into its home: together
    with the root, that is proof.
    """
    given = (process.variables or {}).get(HERMES_HOME, "").strip()
    own = (process.variables or {}).get("HOME", "").strip() or str(world.user_home)
    root = os.path.realpath(given) if given else os.path.join(os.path.realpath(own), ROOT_FOLDER)
    return root == os.path.realpath(world.layout.root)


def _own_facts(world: SystemContext, profile: str, strays: Mapping[str, tuple[Process, ...]]) -> GatewayFacts:
    """Return what was observed of a profile's own home, without a gateway that serves it from another one."""
    home = world.layout.home(profile)
    record = pid_record(home)
    proof = match_process(home, world, record)
    if proof.process is None:  # a gateway without its pid file still holds its lock
        proof = proof._replace(process=match_process(home, world, lock_record(home)).process)
    others = strays.get(os.path.realpath(home), ())
    process = proof.process or (others[0] if others else None)
    return GatewayFacts(
        profile=profile,
        record=record,
        process=process,
        other_program=proof.other_program,
        unverified=proof.unverified if process is None else None,
        others=tuple(each.pid for each in others if process is not None and each.pid != process.pid),
        usage=world.processes.usage(process) if process is not None else Usage(),
        runtime=_redacted_state(world.layout, profile),
        heartbeat=heartbeat(home) if process is not None else None,
        manager=world.manager.kind if world.manager is not None else None,
        now=world.clock(),
        started_at=world.processes.epoch(process) if process is not None else None,
    )


def _redacted_state(layout: Layout, profile: str) -> StateRecord | None:
    """Return the state record of the gateway without secrets.

    An error message of a library may contain a refused token; that of a multiplexer, tokens of the served profiles.
    """
    home = layout.home(profile)
    runtime = state_record(home)
    if runtime is None or not (runtime.reason or any(each.message for each in runtime.channels)):
        return runtime
    from hermes_profiles.profiles.redact import redacted, secrets_around, secrets_of

    secrets = secrets_around(layout, profile) if runtime.served else secrets_of(home)
    reason, *messages = redacted((runtime.reason, *(each.message for each in runtime.channels)), secrets)
    channels = tuple(each._replace(message=message) for each, message in zip(runtime.channels, messages, strict=True))
    return runtime._replace(reason=reason, channels=channels)


def _by_home(world: SystemContext) -> Mapping[str, tuple[Process, ...]]:
    """Return home → the gateways in the process table that were started for it.

    Some have no pid file so far: Hermes writes it after its back-off (SERVICES.md 3.1).
    """
    found: dict[str, tuple[Process, ...]] = {}
    for process in world.processes.gateways():
        home = home_of(process, user_home=world.user_home)
        if home is not None:
            key = os.path.realpath(home)
            found[key] = (*found.get(key, ()), process)
    return found


def live_gateways(gateways: Mapping[str, Gateway]) -> dict[str, LiveGateway]:
    """Return the running and the starting gateways, for decisions about channels.

    A profile that a multiplexer serves has no process of its own.
    """
    found = {}
    for name, gateway in gateways.items():
        service = gateway.service
        starting = gateway.state in (GatewayState.STARTING, GatewayState.CRASH_LOOPING) or bool(
            service is not None and (service.queued or service.waiting)
        )
        pid = gateway.process.pid if gateway.process is not None else None
        if pid is not None or starting:
            found[name] = LiveGateway(pid, starting)
    return found


def servers_of(world: SystemContext, profiles: Sequence[str]) -> dict[str, str]:
    """Return profile → the profile whose live gateway serves it, for those served by another profile's gateway.

    The manager is not queried.
    """
    servers = _servers(world, {})
    found = {name: _server_for(name, servers) for name in profiles}
    return {name: server.profile for name, server in found.items() if server is not None}


class Server(NamedTuple):
    """A live gateway that serves several profiles.

    `profile`: the one it was started for; `served`: those it serves, the first one has the channels whose names have no
    prefix in `record`, its state record; `started_at`: epoch seconds.
    """

    profile: str
    process: Process
    served: tuple[str, ...]
    record: StateRecord | None
    started_at: float | None


def _servers(world: SystemContext, own: Mapping[str, GatewayFacts]) -> tuple[Server, ...]:
    """Return the live gateways of this root that serve several profiles; that of the host record comes first."""
    host = host_gateway(
        world.environment, world.layout.user_home, processes=world.processes, platform=world.layout.platform
    )
    first = _profile_of(host.home, world) if host is not None else None
    names = dict.fromkeys(filter(None, (first, DEFAULT)))
    names |= dict.fromkeys(name for name, facts in own.items() if facts.process is not None)
    found = (_server(world, name, own.get(name), host if name == first else None) for name in names)
    return tuple(server for server in found if server is not None)


def _profile_of(home: Path, world: SystemContext) -> str | None:
    """Return the profile of this root that has a home, None for a home of another root."""
    place, root = os.path.realpath(home), os.path.realpath(world.layout.root)
    if place == root:
        return DEFAULT
    folder, name = os.path.split(place)
    return name if folder == os.path.join(root, PROFILES_FOLDER) else None


def _server(world: SystemContext, profile: str, own: GatewayFacts | None, host: HostGateway | None) -> Server | None:
    """Return the live gateway of a profile where it serves others, None for others; `host`: its host record.

    A list of served profiles counts only while its process lives: it stays in the file after multiplexing ends. The
    list in the host record is written when it is settled.
    """
    home = world.layout.home(profile)
    record = own.runtime if own is not None else state_record(home)
    if host is None and (record is None or not record.served):
        return None
    process = own.process if own is not None else _process_of(world, home)
    if process is None:
        return None
    is_current = record is not None and record.pid == process.pid
    if host is not None and host.process.pid == process.pid:
        served = host.profiles
    elif record is not None and is_current and not _serves_no_more(world, home, process):
        served = record.served
    else:
        return None
    if own is None and is_current:
        record = _redacted_state(world.layout, profile)
    return Server(profile, process, served, record if is_current else None, world.processes.epoch(process))


def _process_of(world: SystemContext, home: Path) -> Process | None:
    """Return the proven process in the pid file or the lock file of a home, None without one."""
    return match_process(home, world, pid_record(home)).process or match_process(home, world, lock_record(home)).process


def _server_for(profile: str, servers: Sequence[Server]) -> Server | None:
    """Return the gateway of another profile that serves this one, None without one."""
    return next((each for each in servers if each.profile != profile and profile in each.served), None)


def _with_server(world: SystemContext, facts: GatewayFacts, servers: Sequence[Server]) -> GatewayFacts:
    """Return the facts with the gateway that serves the profile, and what the profile says about it."""
    server = _server_for(facts.profile, servers)
    if server is not None:
        facts = facts._replace(served_by=server.process.pid, server=server.profile)
    if facts.profile == DEFAULT:  # Hermes ignores both in the default profile
        return facts
    home = world.layout.home(facts.profile)
    parks = is_parked(home) and world.hermes.has(Behaviour.PARKS_PROFILES)
    alone = world.hermes.has(Behaviour.PARKS_PROFILES) and is_standalone(home)
    return facts._replace(parked=parks, standalone=alone)


def _serves_no_more(world: SystemContext, home: Path, process: Process) -> bool:
    """Return whether a default gateway was started after multiplexing was switched off.

    Hermes keeps the list of profiles that an earlier gateway served, and writes the new pid beside it.
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
