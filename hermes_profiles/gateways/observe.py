"""Observes gateways: files, process table, one query of the service manager. Nothing is changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.files import LOCK_FILE
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import works_elsewhere
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import Activity, ServiceStatus

from .displaced import left_home
from .hermes_files import heartbeat, lock_record, pid_record
from .host.servers import find_servers, profile_of_home, redacted_state, with_server
from .model import Api, Gateway, GatewayFacts, GatewayState, LiveGateway
from .processes import Process, Usage, home_of
from .proof import match_process
from .resolve import is_supervised, resolve
from .system import SystemContext

if TYPE_CHECKING:
    from .masks import Mask

__all__ = ["SystemContext", "match_process"]


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
    servers = find_servers(world, own)
    seen = {}
    for profile, facts in own.items():
        masks = known.masks(profile, facts.process) if facts.process is not None else ()
        facts = with_server(world, facts, servers)
        seen[profile] = facts._replace(enabled_channels=known.channels.get(profile, ()), masks=masks)
    live = {name: facts for name, facts in seen.items() if facts.process is not None or facts.served_by is not None}
    if live:
        from .reception import with_reception  # a fleet at rest needs none

        live = with_reception(world, live)
        seen |= live
    answers = known.ask(live)
    statuses = world.statuses(profiles)
    return {
        profile: resolve(_with_service(world, facts, statuses.get(profile))._replace(api=answers.get(profile)))
        for profile, facts in seen.items()
    }


def _with_service(world: SystemContext, facts: GatewayFacts, status: ServiceStatus | None) -> GatewayFacts:
    own = own_status(world, facts.profile, status)
    main = world.processes.find(own.pid) if facts.process is None and own is not None and own.pid else None
    facts = facts._replace(service=own, main=main)
    process = facts.process
    if process is None or is_supervised(facts, process):
        return facts
    # A fleet under its own services needs none of these.
    from .supervision import parents_of, program_of_other_profile, supervisor_of

    if own is not None and own.pid is not None:
        facts = facts._replace(above=tuple(each.pid for each in parents_of(process, world.processes)))
        if is_supervised(facts, process):
            return facts
    manager = world.manager
    job_of = manager.job_of if manager is not None else lambda _: None
    found = supervisor_of(process, world.processes, world.processes.cgroup(process), job_of)
    name = world.service_name(facts.profile)
    if found is not None and found.unit in (f"{name.unit}.service", name.label) and found.is_user_unit:
        return facts  # its own service, started since the manager answered
    other = manager.program_of(process.pid) if manager is not None else None
    if other is None and found is not None and found.pid and manager is not None and manager.is_daemon(found.pid):
        return facts  # started since the daemon answered
    if other is not None:
        owner = profile_of_home(Path(other.home), world.layout) or other.name
        found = program_of_other_profile(other.name, owner, facts.profile)
    if found is not None and found.domain:  # launchd has no control groups
        unit = found
        others = _also_run(
            world, facts.profile, process, lambda each: supervisor_of(each, world.processes, "", job_of) == unit
        )
        found = found._replace(also_runs=others)
    elif found is not None and found.unit:
        group = world.processes.cgroup(process)
        others = _also_run(world, facts.profile, process, lambda each: world.processes.cgroup(each) == group)
        found = found._replace(also_runs=others)
    return facts._replace(supervisor=found)


def _also_run(
    world: SystemContext, profile: str, process: Process, is_with: Callable[[Process], bool]
) -> tuple[str, ...]:
    """Return the profiles, or else `PID n`, of the gateways of other homes in the unit of a process."""
    found = []
    for other in world.processes.gateways():
        if other.pid != process.pid and is_with(other):
            home = home_of(other, user_home=world.user_home)
            name = profile_of_home(Path(home), world.layout) if home is not None else None
            found.append(name or f"PID {other.pid}")
    return tuple(sorted({*found} - {profile}))


def own_status(world: SystemContext, profile: str, status: ServiceStatus | None) -> ServiceStatus | None:
    """Return the status of a profile's service; the unit of another root with the same name does not count.

    Two roots of one account share service names (SERVICES.md 1.1). A service for another home is not reported and not
    stopped; only of such a one `home` is kept.
    """
    if status is None or status.home is None:
        return status
    if os.path.realpath(status.home) == os.path.realpath(world.layout.home(profile)):
        return status._replace(home=None)
    return ServiceStatus(installed=False, enabled=False, activity=Activity.INACTIVE, home=status.home)


def observe_one(world: SystemContext, profile: str) -> Gateway:
    """Return the gateway of one profile."""
    return survey(world, (profile,))[profile]


def _own_facts(world: SystemContext, profile: str, strays: Mapping[str, tuple[Process, ...]]) -> GatewayFacts:
    """Return what was observed of a profile's own home, without a gateway that serves it from another one."""
    home = world.layout.home(profile)
    record = pid_record(home)
    proof = match_process(home, world, record)
    if proof.process is None:  # a gateway without its pid file still holds its lock
        proof = proof._replace(process=match_process(home, world, lock_record(home)).process)
    others = strays.get(os.path.realpath(home), ())
    process = proof.process or (others[0] if others else None)
    moved = _moved(world, profile, [each.pid for each in others if each is not proof.process])
    started_for = _started_for(world, profile, proof.process) if proof.process is not None else ""
    return GatewayFacts(
        profile=profile,
        record=record,
        process=process,
        other_program=proof.other_program,
        unverified=proof.unverified if process is None else None,
        others=tuple(
            each.pid for each in others if process is not None and each.pid != process.pid and each.pid not in moved
        ),
        started_for=started_for,
        moved=moved,
        sent_by=_sent_by(world, [each for each in (started_for, profile if moved else "") if each]),
        left_home=left_home(process, home, world.processes) if process is not None and process.pid not in moved else "",
        usage=world.processes.usage(process) if process is not None else Usage(),
        runtime=redacted_state(world.layout, profile),
        heartbeat=heartbeat(home) if process is not None else None,
        manager=world.manager.kind if world.manager is not None else None,
        now=world.clock(),
        started_at=world.processes.epoch(process) if process is not None else None,
    )


def _started_for(world: SystemContext, profile: str, process: Process) -> str:
    """Return the profile of this root that a gateway was started for, "" where it is the one in whose home it works.

    A process keeps the path it was started with, and its lock goes with the folder. A home that was renamed alone has
    left no folder at that path.
    """
    given, layout = home_of(process, user_home=world.user_home), world.layout
    if given is None or os.path.realpath(given) == os.path.realpath(layout.home(profile)):
        return ""
    name = profile_of_home(Path(given), layout)
    return name if name is not None and name != profile and layout.home(name).is_dir() else ""


def _sent_by(world: SystemContext, started_for: Sequence[str]) -> str:
    """Return the first of these profiles whose files make its gateway work in another home, "" for none."""
    return next((name for name in started_for if works_elsewhere(world.layout.home(name))), "")


def _moved(world: SystemContext, profile: str, pids: Sequence[int]) -> dict[int, str]:
    """Return those of the processes started for a profile that hold the lock of another home, with its profile."""
    found = {}
    for name in profile_names(world.layout) if pids else ():
        home = world.layout.home(name)
        record = pid_record(home) if name != profile else None
        if record is not None and record.pid in pids and world.processes.lock_owner(home / LOCK_FILE) == record.pid:
            found[record.pid] = name
    return found


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
