"""Resolves the observed facts of a gateway to one state. Pure.

No single source is sufficient: files outlive processes, a manager is active between two crashes, pids are reused.
Where sources differ, `disagreement` names the difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_profiles.hermes import gateway_states as states
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.channel_log import LONGEST_SILENCE, POLLING
from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION
from hermes_profiles.hermes.files import STATE_FILE
from hermes_profiles.hermes.multiplexing import MIRRORED
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.services.manager import Activity, ServiceStatus

from .channel_records import current_channels, has_left_channels, is_current
from .displaced import displacement
from .lost_definition import gone_definition, is_without_definition
from .model import (
    DEAF,
    Gateway,
    GatewayChannel,
    GatewayFacts,
    GatewayState,
    LostLink,
    epoch_of,
    exit_meaning,
    is_run_by,
    iso_of,
    span,
)
from .processes import STOPPED, Process, Usage

if TYPE_CHECKING:
    from .hermes_files import ChannelRecord, PidRecord, StateRecord
    from .masks import Mask

# Hermes rewrites the heartbeat every 30 s; three missed ones are a fault.
HEARTBEAT_AGE = 90.0
_EXIT_TIME = 20.0  # seconds from the recorded end of a gateway to the end of its process
_LEAVING = 5.0  # seconds that a gateway takes to end after it has left its channels
_RECENT = 30.0  # seconds since data arrived on a link in use: a poll is answered within 10
# Seconds that a start may take before it is reported (each dead platform takes 30 s).
START_GRACE = 60.0
# A gateway that was started too often waits before it takes its pid file, up to five minutes (SERVICES.md 3.1).
BACK_OFF = 300.0
# Restarts that make a crash loop, the last one within a minute.
CRASH_LOOP = 3
_API_SERVER = "api_server"
# States of a profile without a running or starting gateway.
_WITHOUT = frozenset({GatewayState.STOPPED, GatewayState.STALE, GatewayState.FAILED})


def resolve(facts: GatewayFacts) -> Gateway:
    """Return the gateway that follows from the facts."""
    state, detail = _state(facts)
    process = facts.process
    pid = process.pid if process else None
    if state is GatewayState.SERVED:
        pid = facts.served_by
    elif pid is None and state in (GatewayState.STARTING, GatewayState.UNKNOWN):
        pid = next((each.pid for each in (facts.main, facts.unverified) if each), None)
    service = facts.service
    return Gateway(
        profile=facts.profile,
        state=state,
        pid=pid,
        detail=detail,
        usage=facts.usage if process else Usage(),
        restarts=service.restarts if service else None,
        last_exit=service.last_exit if service else None,
        channels=_channels(facts),
        masks=facts.masks,
        api=facts.api,
        disagreement=_disagreement(facts, state),
        process=process,
        service=service,
        settled=process is not None and _is_settled(facts),
        unserved=bool(facts.unserved) and not facts.is_expected and state in _WITHOUT,
        observation=facts,
    )


def _state(facts: GatewayFacts) -> tuple[GatewayState, str]:
    if facts.process is not None:
        return _of_process(facts, facts.process)
    if facts.served_by is not None:
        faults = _faults(facts)
        return GatewayState.SERVED, "; ".join((f"served by {facts.server} (PID {facts.served_by})", *faults))
    state, detail = _without_gateway(facts)
    if facts.is_expected and state in (GatewayState.STOPPED, GatewayState.STALE):
        return GatewayState.STARTING, facts.unserved
    return state, "; ".join(filter(None, (detail, _why_off(facts) if state in _WITHOUT else "")))


def _without_gateway(facts: GatewayFacts) -> tuple[GatewayState, str]:
    """Return the state of a profile without a gateway of its own, which no other one serves."""
    waiting = _of_manager(facts)
    if waiting is not None:
        return waiting
    if facts.unverified is not None:
        return (
            GatewayState.UNKNOWN,
            f"process {facts.unverified.pid} is alive, but it is not proven to be this gateway",
        )
    record, runtime = facts.record, facts.runtime
    # A pid file of another process than the failed one is newer.
    if runtime is not None and runtime.state == states.STARTUP_FAILED and (record is None or record.pid == runtime.pid):
        return GatewayState.FAILED, f"could not start{_colon(runtime.reason)}"
    if record is not None:
        return GatewayState.STALE, _stale_detail(facts, record)
    return GatewayState.STOPPED, ""


def _why_off(facts: GatewayFacts) -> str:
    """Return why no gateway serves a profile, "" where nothing is known."""
    if facts.parked:
        return "parked: the gateway for all profiles does not serve it"
    if facts.unserved:
        return facts.unserved
    if facts.standalone:
        return "standalone: it needs a gateway of its own"
    if facts.other_root is not None:
        return f"the gateway of another root (PID {facts.other_root.pid}, {facts.other_root.home}) has the host lock"
    return ""


def _of_process(facts: GatewayFacts, process: Process) -> tuple[GatewayState, str]:
    """Return the state of a gateway with a proven process."""
    if displaced := displacement(facts, process):
        return GatewayState.DEGRADED, displaced
    suspended = _frozen(facts) if process.state in STOPPED else ""
    service, uptime = facts.service, facts.usage.uptime
    if not is_supervised(facts, process) or is_without_definition(service):
        return _of_unsupervised(facts, process, suspended)
    if service is not None and (service.restarts or 0) >= CRASH_LOOP and uptime is not None and uptime < START_GRACE:
        return GatewayState.CRASH_LOOPING, _tries(facts, service)
    if suspended:
        return GatewayState.DEGRADED, suspended
    if _has_just_ended(facts) or (service is not None and service.activity is Activity.DEACTIVATING):
        return GatewayState.RUNNING, "is being stopped"
    if not _is_settled(facts):
        return _of_unsettled(facts, process)
    trouble = _trouble(facts)
    if trouble:
        return GatewayState.DEGRADED, trouble
    if facts.runtime is not None and facts.runtime.state == states.DRAINING:
        return GatewayState.RUNNING, f"draining, {facts.runtime.busy} agents busy"
    return GatewayState.RUNNING, ""


def _has_just_ended(facts: GatewayFacts) -> bool:
    """Return whether a process has recorded its end and has had no time to exit since."""
    runtime = facts.runtime
    if runtime is None or not is_current(facts, runtime) or runtime.state not in states.ENDED:
        return False
    written = epoch_of(runtime.updated)
    return written is not None and facts.now - written < _EXIT_TIME and not _is_settled(facts)


def _of_unsupervised(facts: GatewayFacts, process: Process, suspended: str) -> tuple[GatewayState, str]:
    """Return the state of a gateway that its own service does not run."""
    by, service = facts.supervisor, facts.service
    if service is not None and service.lost and has_left_channels(facts, _LEAVING):
        return GatewayState.UNSUPERVISED, f"{service.lost}: it is ending"
    trouble = suspended or (_trouble(facts) if _is_settled(facts) else "")
    if by is None or not by.revives:
        detail = by.sentence if by is not None else _unsupervised_detail(facts)
        return GatewayState.UNSUPERVISED, "; ".join(filter(None, (detail, trouble)))
    state = GatewayState.RUNNING
    if trouble:
        state = GatewayState.DEGRADED
    elif not _is_settled(facts):
        state, trouble = _of_unsettled(facts, process)
    return state, "; ".join(filter(None, (by.sentence, trouble)))


def _of_unsettled(facts: GatewayFacts, process: Process) -> tuple[GatewayState, str]:
    """Return the state of a gateway that has not reported running."""
    runtime, uptime, slow = facts.runtime, facts.usage.uptime, _starting_detail(facts)
    if uptime is None or uptime < START_GRACE:
        return GatewayState.STARTING, slow
    if (facts.record is None or facts.record.pid != process.pid) and uptime < BACK_OFF + START_GRACE:
        reason = "Hermes delays it after many starts"
        return GatewayState.STARTING, f"process {process.pid} has written no pid file after {uptime:.0f} s: {reason}"
    if runtime is not None and is_current(facts, runtime) and runtime.state in states.ENDED:
        return GatewayState.DEGRADED, "it recorded a stop, but its process is alive"
    if facts.record is None and runtime is None:
        return GatewayState.DEGRADED, f"it has no files after {uptime:.0f} s: they were removed, or it hangs"
    return GatewayState.DEGRADED, f"still starting after {uptime:.0f} s{_colon(slow)}"


def is_supervised(facts: GatewayFacts, process: Process) -> bool:
    """Return whether the service of a profile runs its process."""
    return is_run_by(facts.service, process, facts)


def _unsupervised_detail(facts: GatewayFacts) -> str:
    service = facts.service
    if service is not None and is_without_definition(service):
        return gone_definition(service)
    if service is not None and service.pid is not None:
        return f"not the process that the service runs (PID {service.pid})"
    if service is not None and service.installed:
        return f"runs outside its service; `hermes-gateways restart {facts.profile}` brings it back under it"
    return "started by hand: no manager restarts it" if facts.manager else "no service manager was queried"


def _is_settled(facts: GatewayFacts) -> bool:
    """Return whether this very process has recorded that it is running.

    Its heartbeat begins when it is running (Hermes 0.19.0, gateway/run.py). That counts where another process wrote
    the state file last: an ending one writes after its successor has started, and takes the file over.
    """
    runtime = facts.runtime
    if runtime is None or not is_current(facts, runtime):
        return _beats(facts)
    if runtime.state in states.ENDED:
        written = epoch_of(runtime.updated)
        return written is not None and _beats(facts, since=written)
    return runtime.state in states.UP or _beats(facts)


def _beats(facts: GatewayFacts, since: float = 0.0) -> bool:
    """Return whether this process wrote a heartbeat in time, and after `since` (epoch seconds)."""
    silent = _silent_for(facts)
    if silent is None or silent > HEARTBEAT_AGE:
        return False
    return facts.now - silent > max(since, (facts.started_at or 0.0) - 1)


def _starting_detail(facts: GatewayFacts) -> str:
    slow = [each.name for each in current_channels(facts) if each.state == states.CONNECTING]
    return f"connecting {', '.join(slow)}" if slow else ""


def _trouble(facts: GatewayFacts) -> str:
    """Return the fault of a running gateway, "" without one."""
    frozen = _frozen(facts)
    if frozen:
        return frozen
    slow = states.CONNECTING if (facts.usage.uptime or 0) > START_GRACE else ""
    if faults := _faults(facts, slow):
        return "; ".join(faults)
    if facts.api is not None and _is_api_lost(facts):
        return f"the API server does not answer{_colon(facts.api.detail)}"
    return ""


def _is_api_lost(facts: GatewayFacts) -> bool:
    return facts.api is not None and facts.api.healthy is False and (facts.usage.uptime or 0) > START_GRACE


def _faults(facts: GatewayFacts, slow: str = "") -> tuple[str, ...]:
    """Return the channels that a gateway lost, with the reasons; `slow`: another state that counts as lost."""
    found = []
    masked = {mask.channel for mask in facts.masks}  # its record is of an earlier run
    for record in (record for record in current_channels(facts) if record.name not in masked):
        each = _reported(facts, record)
        if (lost := facts.lost_links.get(each.name)) is not None and not lost.may_be_back:
            found.append(f"{each.name} {each.detail}")
        elif not record.is_mirrored and (each.state in states.LOST or (slow and each.state == slow)):
            found.append(f"{each.name} {each.state}{_colon(each.detail)}")
    return tuple(found)


def _silent_for(facts: GatewayFacts) -> float | None:
    """Return the seconds since the last heartbeat of this process, None without one."""
    beat = facts.heartbeat
    if beat is None or facts.process is None or beat.pid != facts.process.pid:
        return None
    at = epoch_of(beat.at)
    return facts.now - at if at is not None else None


def _of_manager(facts: GatewayFacts) -> tuple[GatewayState, str] | None:
    """Return the state that the manager reports while no gateway runs, None where it reports none."""
    service = facts.service
    if service is None:
        return None
    if service.queued and service.activity in (Activity.INACTIVE, Activity.FAILED):
        return GatewayState.STARTING, "queued in its manager"
    if service.lost and service.activity is Activity.INACTIVE:
        return GatewayState.FAILED, f"{service.lost}; start it with `hermes-gateways start {facts.profile}`"
    loops = (service.restarts or 0) >= CRASH_LOOP
    if service.waiting and service.unusable:
        return GatewayState.FAILED, f"cannot be started: {service.unusable}; its manager tries again"
    if service.waiting:
        return (GatewayState.CRASH_LOOPING if loops else GatewayState.STARTING), _tries(facts, service)
    # Between two tries systemd also cleans up after the last one.
    if loops and service.activity is Activity.DEACTIVATING:
        return GatewayState.CRASH_LOOPING, _tries(facts, service)
    if service.activity in (Activity.ACTIVE, Activity.ACTIVATING):
        if loops:
            return GatewayState.CRASH_LOOPING, _tries(facts, service)
        is_new = service.since is None or facts.now - service.since < START_GRACE
        if is_new or service.activity is Activity.ACTIVATING:
            return GatewayState.STARTING, ""
        return GatewayState.UNKNOWN, f"the service is active, but {_no_gateway(facts, service)}"
    # Hermes exits with 1 when it is stopped without its marker: systemd counts that stop as a failure.
    if service.activity is Activity.FAILED and (service.last_exit != 1 or service.reason not in ("exit-code", "")):
        return GatewayState.FAILED, _failure(facts, service)
    return None


def _no_gateway(facts: GatewayFacts, service: ServiceStatus) -> str:
    if service.pid is None:
        return "runs no gateway of this home"
    if facts.unverified is not None and service.pid in (facts.unverified.pid, facts.unverified.parent):
        return f"its process {service.pid} is not proven to be this gateway"
    return f"its process {service.pid} is not a gateway of this home"


def _tries(facts: GatewayFacts, service: ServiceStatus) -> str:
    """Return how often the manager has restarted a service, and the last exit."""
    count = service.restarts or 0
    often = "waits for its next try" if not count else "restarted once" if count == 1 else f"restarted {count} times"
    return "; ".join(word for word in (often, exit_meaning(service.last_exit), _said(facts)) if word)


def _said(facts: GatewayFacts) -> str:
    return facts.runtime.reason if facts.runtime and facts.runtime.state == states.STARTUP_FAILED else ""


def _failure(facts: GatewayFacts, service: ServiceStatus) -> str:
    reason = service.reason if service.reason != "exit-code" else ""
    meaning = exit_meaning(service.last_exit)
    if service.last_exit == FATAL_CONFIGURATION and _is_refused(facts):
        meaning = f"exit {FATAL_CONFIGURATION}: Hermes refuses a gateway of its own for {facts.profile}"
    return "; ".join(word for word in (meaning, reason, _said(facts)) if word)


def _is_refused(facts: GatewayFacts) -> bool:
    """Return whether Hermes refuses a gateway of a named profile: one for all serves it."""
    return facts.profile != DEFAULT and not facts.standalone and facts.hermes.has(Behaviour.ONE_GATEWAY)


def _stale_detail(facts: GatewayFacts, record: PidRecord) -> str:
    if record.pid == 0:
        return "gateway.pid cannot be parsed"
    if facts.other_program is not None:
        return f"gateway.pid names process {record.pid}, which is another program now"
    return f"gateway.pid names process {record.pid}, which is gone"


def _channels(facts: GatewayFacts) -> tuple[GatewayChannel, ...]:
    masked = {mask.channel: _masked(facts, mask) for mask in facts.masks}
    said = {each.name: each for each in current_channels(facts)}
    found = []
    for name in sorted({*facts.enabled_channels, *said, *masked}):
        if name in masked:
            found.append(GatewayChannel(name, "masked", masked[name]))
        elif name in said:
            found.append(_reported(facts, said[name]))
        else:
            found.append(_unreported(facts, name))
    return tuple(found)


def _reported(facts: GatewayFacts, each: ChannelRecord) -> GatewayChannel:
    """Return a channel that its gateway reports; its word counts while the gateway is seen at work."""
    lost = facts.lost_links.get(each.name)
    if each.name == _API_SERVER and each.state == states.CONNECTED and _is_api_lost(facts):
        return GatewayChannel(each.name, DEAF, facts.api.detail if facts.api else "", each.since)
    if lost is not None:
        state = "unknown" if lost.is_shared or lost.may_be_back else DEAF
        return GatewayChannel(each.name, state, _deafness(each.name, lost, facts.now), iso_of(lost.since) or each.since)
    reason = _frozen(facts) or _ending(facts)
    if reason and each.state in states.LIVE:
        return GatewayChannel(each.name, "unknown", f"its last word is {each.state}{_ago(facts, each)}: {reason}")
    if each.state == states.DISCONNECTED and _receives(facts, each.name):
        return GatewayChannel(
            each.name, "unknown", f"its last word is {each.state}{_ago(facts, each)}: it receives data"
        )
    return GatewayChannel(each.name, each.state or "unknown", each.message, each.retrying_since or each.since)


def _ending(facts: GatewayFacts) -> str:
    """Return why the channels of a gateway are about to end, "" where they are not.

    A gateway closes its channels for seconds, during which its file still calls them connected.
    """
    service, runtime, process = facts.service, facts.runtime, facts.process
    if process is None:
        return ""
    is_stopping = service is not None and service.activity is Activity.DEACTIVATING and service.pid == process.pid
    drains = runtime is not None and is_current(facts, runtime) and runtime.state == states.DRAINING
    return "it is being stopped" if is_stopping or (drains and runtime is not None and not runtime.busy) else ""


def _receives(facts: GatewayFacts, channel: str) -> bool:
    """Return whether the sockets of a gateway contradict the record that a channel is disconnected.

    The process that ended last can have written it into the file of its successor.
    """
    silent = facts.sockets.silent_for if facts.sockets is not None else None
    return channel in LONGEST_SILENCE and silent is not None and silent < _RECENT and _beats(facts)


def _frozen(facts: GatewayFacts) -> str:
    """Return why a living gateway writes nothing any more, "" where it writes."""
    if facts.process is not None and facts.process.state in STOPPED:
        return "the process is suspended (SIGSTOP)"
    silent = _silent_for(facts)
    return f"no heartbeat for {silent:.0f} s" if silent is not None and silent > HEARTBEAT_AGE else ""


def _ago(facts: GatewayFacts, each: ChannelRecord) -> str:
    at = epoch_of(each.since) if each.since else None
    return f", {span(facts.now - at)} ago" if at is not None else ""


def _deafness(channel: str, lost: LostLink, now: float) -> str:
    """Return what a lost link means, such as "has polled nothing for 4 min (401 Unauthorized)"."""
    verb = "has polled" if channel in POLLING else "has received"
    verb = f"of one of its profiles {verb}" if lost.is_shared else verb
    age = f" for {span(max(now - lost.since, 0))}" if lost.since is not None else ""
    doubt = f"; {lost.doubt}" if lost.doubt else ""
    return f"{verb} nothing{age}{f' ({lost.reason})' if lost.reason else ''}{doubt}"


def _masked(facts: GatewayFacts, mask: Mask) -> str:
    """Return the detail of a masked channel: what has it, or that a restart takes it over."""
    if not mask.is_free:
        return mask.sentence()
    return f"{mask.sentence()} then; it is free now: `hermes-gateways restart {facts.profile}` takes it over"


def _unreported(facts: GatewayFacts, name: str) -> GatewayChannel:
    """Return a channel that a profile enables and no gateway reports."""
    if facts.process is not None:
        return GatewayChannel(name, "unknown")
    if facts.served_by is None:
        return GatewayChannel(name, "off")
    if not facts.hermes.has(Behaviour.DUPLICATES_IN_STATE):  # such a gateway reports its own channels alone
        return GatewayChannel(name, "served")
    if name in MIRRORED and facts.hermes.has(Behaviour.ADOPTS_PROFILES):
        return GatewayChannel(name, "off", f"the gateway of {facts.server} has no {name} to serve it with")
    return GatewayChannel(name, "unknown", f"the gateway of {facts.server} does not report it")


def _disagreement(facts: GatewayFacts, state: GatewayState) -> tuple[str, ...]:
    differences = []
    service, process, record = facts.service, facts.process, facts.record
    if process is not None and record is not None and record.pid != process.pid:
        named = f"names process {record.pid}" if record.pid else "cannot be parsed"
        differences.append(f"gateway.pid {named}, the gateway is process {process.pid}")
    if process is not None and service is not None and service.pid is not None and not is_supervised(facts, process):
        differences.append(f"the service runs process {service.pid}, the gateway of this home is process {process.pid}")
    runtime = facts.runtime
    if process is not None and (runtime is None or not is_current(facts, runtime)) and _is_settled(facts):
        differences.append(f"{_whose_state(runtime)}: the states of its channels are not known")
    for pid, other in facts.moved.items():
        differences.append(f"process {pid} was started for this home and works in that of {other}")
    if facts.others:
        differences.append(f"this home has further gateways: {', '.join(f'PID {pid}' for pid in facts.others)}")
    if process is not None and facts.api is not None and facts.api.pid not in (None, process.pid):
        differences.append(f"process {facts.api.pid} answers on port {facts.api.port}, which is not this gateway")
    if process is None and facts.other_program is not None and record is not None:
        differences.append(f"process {record.pid} is another program that has the pid in gateway.pid")
    if service is not None and not service.installed and service.home is not None:
        differences.append(f"the service of this name belongs to another root: {service.home}")
    if service is not None and service.stale_definition:
        differences.append("the service definition changed on disk and was not reloaded")
    if process is not None and facts.served_by is not None:
        differences.append(
            f"this profile has a gateway of its own and is served by the multiplexer (PID {facts.served_by})"
        )
    if service is not None and service.waiting and state in (GatewayState.SERVED, GatewayState.UNSUPERVISED):
        differences.append(f"the service tries to start a second gateway: {_tries(facts, service)}")
    if state is GatewayState.STOPPED and service is not None and service.activity is Activity.FAILED:
        differences.append("the service is marked failed because it was stopped without a stop marker (exit 1)")
    return tuple(differences)


def _whose_state(runtime: StateRecord | None) -> str:
    if runtime is None:
        return f"{STATE_FILE} is missing or cannot be parsed"
    return f"{STATE_FILE} was written by process {runtime.pid}, not by this gateway"


def _colon(text: str) -> str:
    return f": {text}" if text else ""
