"""Gateways that run, and are not what they seem: deaf, silent, doubled, old, out of hand."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix, Severity
from hermes_profiles.gateways.model import Gateway, GatewayChannel, GatewayState, epoch_of
from hermes_profiles.gateways.model import GatewayFacts as Seen
from hermes_profiles.gateways.processes import STOPPED
from hermes_profiles.gateways.resolve import HEARTBEAT_AGE, START_GRACE
from hermes_profiles.hermes.files import HEARTBEAT_FILE, STATE_FILE
from hermes_profiles.hermes.gateway_states import CONNECTING, LOST, PAUSED

_CODE = re.compile(r"[a-z0-9_-]{1,40}")
_TOLD_PID = re.compile(r"\(PID (\d{1,10})\)")
_NEARLY_ALL = 0.8
_MUCH, _VERY_MUCH = 500 * 1024 * 1024, 2 * 1024**3
_TIMES = 3


def _running(facts: Facts) -> Iterator[tuple[ProfileFacts, Gateway, Seen]]:
    """Yield the gateways that have a process of their own."""
    for profile in facts.profiles.values():
        gateway = profile.gateway
        if gateway is not None and gateway.process is not None and gateway.seen is not None:
            yield profile, gateway, gateway.seen


def deaf(facts: Facts) -> Iterator[Finding]:
    """Yield channels that a gateway that is up does not hear: parked, or tried again and again. A masked one is not
    deaf, it was switched off on purpose."""
    for profile, gateway, seen in _running(facts):
        if not gateway.settled or _is_suspended(gateway):
            continue
        up = seen.usage.uptime
        for channel in gateway.channels:
            slow = channel.state == CONNECTING and up is not None and up > START_GRACE
            if channel.state in LOST or slow:
                yield _deaf(facts, profile, seen, channel)


def _deaf(facts: Facts, profile: ProfileFacts, seen: Seen, channel: GatewayChannel) -> Finding:
    name, code = profile.name, _code(seen, channel)
    words = f"the gateway of {name} runs, but its {channel.name} is {channel.state}{_since(channel)}"
    fix = Fix(
        f"see what it says (`hermes-gateways logs {name} --level warning`), mend that, and restart it",
        f"hermes-gateways restart {name}",
    )
    if channel.state == PAUSED:
        fix = Fix(f"somebody paused it: send `/platform resume {channel.name}` to it, or restart it", fix.command)
    elif code.endswith("_lock"):
        holder, pid = _holder(facts, profile, channel)
        words += f": {holder} holds its bot"
        fix = Fix("give each profile a bot of its own", f"hermes -p {name} gateway setup")
        if pid is None:
            fix = Fix("who held it is gone by now: restart it", f"hermes-gateways restart {name}")
    elif code:
        words += f" ({code})"
    return Finding(
        words,
        fix,
        profiles=(name,),
        channel=channel.name,
        evidence=(profile.at(STATE_FILE, channel.name),),
        severity=Severity.WARNING if channel.state == PAUSED else None,
    )


def _code(seen: Seen, channel: GatewayChannel) -> str:
    runtime = seen.runtime
    for each in runtime.channels if runtime is not None else ():
        if each.name == channel.name and _CODE.fullmatch(each.code):
            return each.code
    return ""


def _since(channel: GatewayChannel) -> str:
    at = epoch_of(channel.since) if channel.since else None
    return f" since {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" if at is not None else ""


def _holder(facts: Facts, profile: ProfileFacts, channel: GatewayChannel) -> tuple[str, int | None]:
    """Return who holds what a channel waits for, in words, and its process, None when it is gone; by Hermes' own lock,
    else by what the gateway was told."""
    digests = {each.key[:16] for each in profile.held.identities if each.channel == channel.name}
    pid = next((lock.pid for lock in facts.runtime.live_locks if lock.digest in digests), None)
    if pid is None:
        told = _TOLD_PID.search(channel.detail)
        pid = int(told.group(1)) if told is not None else None
        if not any(each.pid == pid for each in facts.profiles.values()):
            return (f"process {pid}" if pid is not None else "another process"), None
    owner = next((each.name for each in facts.profiles.values() if each.pid == pid), None)
    if owner is None:
        return f"process {pid}, which is no gateway of this root,", pid
    return f"the gateway of {owner} (process {pid})", pid


def silent(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that are alive and do nothing: suspended, or without a sign of life."""
    for profile, gateway, seen in _running(facts):
        process, name = gateway.process, profile.name
        if process is None:
            continue
        evidence = (profile.at(HEARTBEAT_FILE),)
        if _is_suspended(gateway):
            yield Finding(
                f"the gateway of {name} is suspended (process {process.pid}, SIGSTOP): nobody gets an answer",
                Fix("let it go on", f"kill -CONT {process.pid}"),
                profiles=(name,),
                evidence=evidence,
            )
            continue
        beat = seen.heartbeat
        at = epoch_of(beat.at) if beat is not None and beat.pid == process.pid else None
        if at is not None and seen.now - at > HEARTBEAT_AGE:
            yield Finding(
                f"the gateway of {name} (process {process.pid}) has given no sign of life for {_span(seen.now - at)}",
                Fix("restart it", f"hermes-gateways restart {name}"),
                profiles=(name,),
                evidence=evidence,
            )


def _is_suspended(gateway: Gateway) -> bool:
    return gateway.process is not None and gateway.process.state in STOPPED


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"


def two_gateways(facts: Facts) -> Iterator[Finding]:
    """Yield homes that several gateways serve at once."""
    for profile, gateway, seen in _running(facts):
        if seen.others and gateway.process is not None:
            pids = ", ".join(str(pid) for pid in sorted((gateway.process.pid, *seen.others)))
            yield Finding(
                f"{profile.name} has {len(seen.others) + 1} gateways (processes {pids}): they fight for its bots",
                Fix("stop it until none is left, then start it once", f"hermes-gateways stop {profile.name}"),
                profiles=(profile.name,),
                evidence=(Evidence(profile.name, str(profile.home)),),
            )


def unsupervised(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that nothing revives, where there is a manager that could."""
    for profile, gateway, _ in _running(facts):
        name, service = profile.name, gateway.service
        if gateway.state is not GatewayState.UNSUPERVISED or service is None:  # no manager, no service
            continue
        words = f"the gateway of {name} was started by hand: nothing revives it, and a reboot ends it"
        fix = Fix("give it a service", f"hermes-gateways install {name}")
        if service.installed:
            words = f"the gateway of {name} runs outside its service: nothing revives it"
            fix = Fix("restart it: that brings it under its service", f"hermes-gateways restart {name}")
        yield Finding(
            words,
            fix,
            profiles=(name,),
            evidence=(Evidence(name, str(profile.home)),),
            severity=None if service.installed else Severity.INFO,
        )


def old_code(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that still run the code of before an update."""
    for name, code in facts.runtime.newer_code.items():
        yield Finding(
            f"the gateway of {name} was started before {code.change}: it runs the old code",
            Fix("restart it", f"hermes-gateways restart {name}"),
            profiles=(name,),
            evidence=(Evidence(name, str(facts.profiles[name].home)),),
        )


def open_files(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that can open few more files: then every channel fails at once."""
    for profile, _, seen in _running(facts):
        count, limit = seen.usage.open_files, seen.usage.open_files_limit
        if count is not None and limit and count >= _NEARLY_ALL * limit:
            yield Finding(
                f"the gateway of {profile.name} has {count} files open and may open {limit}",
                Fix("restart it; if the number grows again, it leaks", f"hermes-gateways restart {profile.name}"),
                profiles=(profile.name,),
                evidence=(Evidence(profile.name, str(profile.home)),),
            )


def memory(facts: Facts) -> Iterator[Finding]:
    """Yield gateways that use far more memory than their siblings, or very much."""
    used = {profile.name: seen.usage.rss for profile, _, seen in _running(facts) if seen.usage.rss}
    for name, size in used.items():
        usual = _usual(used, name)
        if size > _VERY_MUCH or (usual and size > _MUCH and size > _TIMES * usual):
            compared = f", its siblings {_mb(usual)} MB" if usual else ""
            yield Finding(
                f"the gateway of {name} uses {_mb(size)} MB of memory{compared}",
                Fix("restart it", f"hermes-gateways restart {name}"),
                profiles=(name,),
                evidence=(Evidence(name, str(facts.profiles[name].home)),),
            )


def _usual(used: Mapping[str, int], name: str) -> float:
    """Return what the siblings of a gateway use, the one in the middle; 0 when they are too few to tell."""
    others = sorted(size for other, size in used.items() if other != name)
    return others[len(others) // 2] if len(others) > 1 else 0


def _mb(size: float) -> int:
    return round(size / 1024**2)
