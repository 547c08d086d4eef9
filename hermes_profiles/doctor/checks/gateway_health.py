"""Reports running gateways with disconnected channels, hangs, duplicates, old code or high resource use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.doctor.wording import join_names
from hermes_profiles.gateways.lost_definition import lost_definition
from hermes_profiles.gateways.model import (
    DEAF,
    Gateway,
    GatewayChannel,
    GatewayFacts,
    GatewayState,
    epoch_of,
    span,
)
from hermes_profiles.gateways.processes import STOPPED
from hermes_profiles.gateways.resolve import HEARTBEAT_AGE, START_GRACE
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.channel_log import REFUSED_TOKEN, SECOND_POLLER
from hermes_profiles.hermes.files import HEARTBEAT_FILE, STATE_FILE
from hermes_profiles.hermes.gateway_states import CONNECTING, LOCK_CODE, LOCK_HOLDER, LOST, PAUSED
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.patterns import lazy_pattern

_CODE = lazy_pattern(r"[a-z0-9_-]{1,40}")
_REPORTED_PID = lazy_pattern(LOCK_HOLDER)
_NEARLY_ALL = 0.8
_MUCH, _VERY_MUCH = 500 * 1024 * 1024, 2 * 1024**3
_TIMES = 3


def _running(facts: Facts) -> Iterator[tuple[ProfileFacts, Gateway, GatewayFacts]]:
    """Yield the gateways with a process of their own."""
    for profile in facts.profiles.values():
        gateway = profile.gateway
        if gateway is not None and gateway.process is not None and gateway.observation is not None:
            yield profile, gateway, gateway.observation


def deaf(facts: Facts) -> Iterator[Finding]:
    """Find channels that a running gateway does not serve: failed, paused, still connecting, or receiving nothing.

    A masked channel is disabled on purpose and not reported.
    """
    for profile, gateway, observed in _serving(facts):
        if _is_suspended(gateway):
            continue
        up = observed.usage.uptime
        for channel in gateway.channels:
            slow = channel.state == CONNECTING and up is not None and up > START_GRACE
            lost = observed.lost_links.get(channel.name)
            if channel.state == DEAF or (lost is not None and not lost.may_be_back):
                yield _deaf_finding(profile, gateway, observed, channel)
            elif channel.state in LOST or slow:
                yield _channel_finding(facts, profile, observed, channel)


def _serving(facts: Facts) -> Iterator[tuple[ProfileFacts, Gateway, GatewayFacts]]:
    """Yield the settled gateways with a process of their own, and the profiles that another one serves."""
    for profile in facts.profiles.values():
        gateway = profile.gateway
        if gateway is None or gateway.observation is None:
            continue
        if gateway.settled or gateway.state is GatewayState.SERVED:
            yield profile, gateway, gateway.observation


def _deaf_finding(profile: ProfileFacts, gateway: Gateway, observed: GatewayFacts, channel: GatewayChannel) -> Finding:
    """Return the finding for a channel that a gateway calls connected and that receives nothing."""
    name, lost = profile.name, observed.lost_links.get(channel.name)
    server = observed.server if gateway.state is GatewayState.SERVED else name
    detail = f"{channel.name} {channel.detail}" if lost is not None else f"{channel.name}: {channel.detail}"
    restart = f"hermes-gateways restart {server}"
    fix = Fix(f"the gateway keeps trying: read its log (`hermes-gateways logs {name}`), or restart it", restart)
    if lost is None:
        fix = Fix("stop the process that listens there, or set another port; then restart the gateway", restart)
    elif any(each in lost.reason for each in REFUSED_TOKEN):
        connect = f"hermes-profiles connect {name} {channel.name}"
        fix = Fix(f"set a valid token (`{connect}`), then restart the gateway", restart)
    elif SECOND_POLLER in lost.reason:
        fix = Fix("stop the other program that polls with this token; the gateway then reconnects by itself", restart)
    elif lost.ended:
        fix = Fix("fix the error in the log, then restart the gateway, which has stopped trying", restart)
    return Finding(
        f"the gateway of {server} runs and calls {channel.name}{'' if server == name else f' of {name}'} connected, "
        f"but {detail}",
        fix,
        profiles=(name,),
        channel=channel.name,
        evidence=(profile.at(STATE_FILE, channel.name),),
    )


def _channel_finding(facts: Facts, profile: ProfileFacts, observed: GatewayFacts, channel: GatewayChannel) -> Finding:
    name, code = profile.name, _code(observed, channel)
    message = f"the gateway of {name} runs, but its {channel.name} is {channel.state}{_since(channel)}"
    fix = Fix(
        f"fix the error in the log (`hermes-gateways logs {name} --level warning`), then restart the gateway",
        f"hermes-gateways restart {name}",
    )
    if channel.state == PAUSED:
        fix = Fix(f"send `/platform resume {channel.name}` to the gateway, or restart the gateway", fix.command)
    elif code.endswith(LOCK_CODE):
        holder, pid = _holder(facts, profile, channel)
        message += f": {holder} holds the lock of its bot"
        fix = Fix("set up a separate bot for each profile", f"hermes-profiles connect {name} {channel.name}")
        if pid is None:
            message = f"{message.rpartition(': ')[0]}: {holder} held the lock of its bot, which is free now"
            fix = Fix("restart the gateway", f"hermes-gateways restart {name}")
    elif code:
        message += f" ({code})"
    return Finding(
        message,
        fix,
        profiles=(name,),
        channel=channel.name,
        evidence=(profile.at(STATE_FILE, channel.name),),
        severity=Severity.WARNING if channel.state == PAUSED else None,
    )


def _code(observed: GatewayFacts, channel: GatewayChannel) -> str:
    runtime = observed.runtime
    for reported in runtime.channels if runtime is not None else ():
        if reported.name == channel.name and _CODE.fullmatch(reported.code):
            return reported.code
    return ""


def _since(channel: GatewayChannel) -> str:
    at = epoch_of(channel.since) if channel.since else None
    return f" since {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _holder(facts: Facts, profile: ProfileFacts, channel: GatewayChannel) -> tuple[str, int | None]:
    """Return (label, pid) of the process that holds the lock of a channel, with None for an ended process.

    The source is the lock of Hermes, or the message in the state of the gateway.
    """
    digests = {identity.key[:16] for identity in profile.held.identities if identity.channel == channel.name}
    pid = next((lock.pid for lock in facts.runtime.live_locks if lock.digest in digests), None)
    if pid is None:
        match = _REPORTED_PID.search(channel.detail)
        pid = int(match.group(1)) if match is not None else None
        if not any(other.pid == pid for other in facts.profiles.values()):
            return (f"process {pid}" if pid is not None else "another process"), None
    owner = next((other.name for other in facts.profiles.values() if other.pid == pid), None)
    if owner is None:
        return f"process {pid} (not a gateway of this root)", pid
    return f"the gateway of {owner} (process {pid})", pid


def silent(facts: Facts) -> Iterator[Finding]:
    """Find gateways that run but do not respond: suspended, or without a recent heartbeat."""
    for profile, gateway, observed in _running(facts):
        process, name = gateway.process, profile.name
        if process is None:
            continue
        evidence = (profile.at(HEARTBEAT_FILE),)
        if _is_suspended(gateway):
            yield Finding(
                f"the gateway of {name} is suspended (process {process.pid}, SIGSTOP) and does not answer messages",
                Fix("resume the process", f"kill -CONT {process.pid}"),
                profiles=(name,),
                evidence=evidence,
            )
            continue
        beat = observed.heartbeat
        at = epoch_of(beat.at) if beat is not None and beat.pid == process.pid else None
        if at is not None and observed.now - at > HEARTBEAT_AGE:
            yield Finding(
                f"the gateway of {name} (process {process.pid}) has had no heartbeat for {span(observed.now - at)}",
                Fix("restart the gateway", f"hermes-gateways restart {name}"),
                profiles=(name,),
                evidence=evidence,
            )


def _is_suspended(gateway: Gateway) -> bool:
    return gateway.process is not None and gateway.process.state in STOPPED


def two_gateways(facts: Facts) -> Iterator[Finding]:
    """Find homes with several running gateways."""
    for profile, gateway, observed in _running(facts):
        if observed.others and gateway.process is not None:
            pids = ", ".join(str(pid) for pid in sorted((gateway.process.pid, *observed.others)))
            yield Finding(
                f"{profile.name} has {len(observed.others) + 1} gateways (processes {pids}) that compete for its bots",
                Fix("stop all gateways of the profile, then start one", f"hermes-gateways stop {profile.name}"),
                profiles=(profile.name,),
                evidence=(Evidence(profile.name, str(profile.home)),),
            )


def swapped_homes(facts: Facts) -> Iterator[Finding]:
    """Find gateways whose homes were swapped or replaced while they ran: each works in another folder."""
    told: set[str] = set()
    for profile, gateway, observed in _running(facts):
        if observed.left_home:
            yield Finding(
                f"the gateway of {profile.name} writes nothing into its home: {gateway.detail}",
                Fix("restart the gateway", f"hermes-gateways restart {profile.name}"),
                profiles=(profile.name,),
                evidence=(Evidence(profile.name, str(profile.home)),),
            )
        # `files.redirected` has the variable that sends a gateway elsewhere.
        elif observed.swapped_with and not observed.sent_by and profile.name not in told:
            names = sorted({profile.name, *observed.swapped_with})
            told.update(names)
            yield _swapped(facts, names)


def _swapped(facts: Facts, names: Sequence[str]) -> Finding:
    both = " ".join(names)
    found = (gateway for _, gateway, _ in _running(facts) if gateway.profile in names)
    what = "; ".join(f"{each.profile}: {each.detail.partition(': the homes')[0]}" for each in found)
    return Finding(
        f"the homes of {join_names(names)} were swapped while their gateways ran: {what}",
        Fix("start them again", f"hermes-gateways stop {both} && hermes-gateways start {both}"),
        profiles=tuple(names),
        evidence=tuple(Evidence(name, str(facts.layout.home(name))) for name in names),
    )


def _service_fix(facts: Facts, name: str) -> Fix:
    """Return the fix for a gateway without a service; a named profile gets none on a Hermes with one gateway."""
    own = name == DEFAULT or name in facts.update.settings.standalone
    if own or not facts.update.hermes.has(Behaviour.ONE_GATEWAY):
        return Fix("install a service for the gateway", f"hermes-gateways install {name}")
    commands = f"hermes-gateways stop {name} --yes && hermes-gateways install {DEFAULT} --start"
    return Fix(f"stop the gateway, and have a service of {DEFAULT} serve all profiles", commands)


def unsupervised(facts: Facts) -> Iterator[Finding]:
    """Find gateways that no service manager restarts, where a manager is available."""
    for profile, gateway, observed in _running(facts):
        name, service = profile.name, gateway.service
        if gateway.state is not GatewayState.UNSUPERVISED or service is None:  # no manager, no service
            continue
        message = (
            f"the gateway of {name} was started by hand: no manager restarts the gateway after a crash or a reboot"
        )
        if observed.supervisor is not None:
            message = f"the gateway of {name} has no service of its own: {observed.supervisor.sentence}"
        fix = _service_fix(facts, name)
        if (by := gateway.foreign_supervisor) is not None and by.stop:
            fix = Fix(f"{by.stop}, then run `{fix.command}`")
        lost = lost_definition(gateway)
        if lost is not None:
            message, fix = lost.message, Fix(lost.fix, lost.command)
        elif service.installed:
            message = f"the gateway of {name} runs outside its service: no manager restarts the gateway after a crash"
            fix = Fix("restart the gateway under its service", f"hermes-gateways restart {name}")
        yield Finding(
            message,
            fix,
            profiles=(name,),
            evidence=(Evidence(name, str(profile.home)),),
            severity=None if service.installed or lost is not None else Severity.INFO,
        )


def old_code(facts: Facts) -> Iterator[Finding]:
    """Find gateways that were started before an update of their code."""
    for name, code in facts.runtime.newer_code.items():
        yield Finding(
            f"the gateway of {name} runs the code of before {code.change}",
            Fix("restart the gateway", f"hermes-gateways restart {name}"),
            profiles=(name,),
            evidence=(Evidence(name, str(facts.profiles[name].home)),),
        )


def open_files(facts: Facts) -> Iterator[Finding]:
    """Find gateways close to their limit of open files; at the limit every channel fails."""
    for profile, _, observed in _running(facts):
        count, limit = observed.usage.open_files, observed.usage.open_files_limit
        if count is not None and limit and count >= _NEARLY_ALL * limit:
            yield Finding(
                f"the gateway of {profile.name} has {count} of at most {limit} files open",
                Fix(
                    "restart the gateway, and report a leak if the number grows again",
                    f"hermes-gateways restart {profile.name}",
                ),
                profiles=(profile.name,),
                evidence=(Evidence(profile.name, str(profile.home)),),
            )


def memory(facts: Facts) -> Iterator[Finding]:
    """Find gateways that use far more memory than the others, or more than 2 GB."""
    used = {profile.name: observed.usage.rss for profile, _, observed in _running(facts) if observed.usage.rss}
    for name, size in used.items():
        usual = _usual(used, name)
        if size > _VERY_MUCH or (usual and size > _MUCH and size > _TIMES * usual):
            compared = f", other gateways {_mb(usual)} MB" if usual else ""
            yield Finding(
                f"the gateway of {name} uses {_mb(size)} MB of memory{compared}",
                Fix("restart the gateway", f"hermes-gateways restart {name}"),
                profiles=(name,),
                evidence=(Evidence(name, str(facts.profiles[name].home)),),
            )


def _usual(used: Mapping[str, int], name: str) -> float:
    """Return the median memory use of the other gateways, 0 when there are fewer than two."""
    others = sorted(size for other, size in used.items() if other != name)
    return others[len(others) // 2] if len(others) > 1 else 0


def _mb(size: float) -> int:
    return round(size / 1024**2)
