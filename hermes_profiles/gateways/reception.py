"""Finds channels that a living gateway calls connected and that receive nothing, from its log and its sockets.

A gateway rewrites its state file only when an adapter gives up. Until then, and for ever after a refused token, the
file says `connected` (hermes/channel_log.py). Channels of which neither log nor sockets say anything keep that word.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.channel_log import (
    CALLED_BY_PLATFORM,
    LONGEST_POLL,
    LONGEST_REST,
    LONGEST_SILENCE,
)
from hermes_profiles.hermes.gateway_states import CONNECTED, LOCK_CODE, LOCK_HOLDER
from hermes_profiles.model.layout import Layout

from .channel_records import current_channels
from .hermes_files import ChannelRecord, StateRecord
from .model import GatewayFacts, Link, LostLink, ProcessSockets, epoch_of
from .processes import STOPPED
from .system import SystemContext

# Between two polls a gateway can be without a connection for a moment.
_LOOKS, _PAUSE = 3, 0.1
_AT_REST = LostLink(None, "no request is open", doubt="it may poll again within seconds")


def with_reception(world: SystemContext, seen: Mapping[str, GatewayFacts]) -> dict[str, GatewayFacts]:
    """Return the facts of live gateways, and of served profiles, with their sockets and lost links of channels."""
    pids = [facts.process.pid for facts in seen.values() if facts.process is not None]
    sockets = world.sockets(pids) if pids else {}
    found = {}
    for name, facts in seen.items():
        process = facts.process
        facts = facts._replace(
            sockets=sockets.get(process.pid) if process is not None else None,
            runtime=_with_ended_holders(world, facts.runtime),
            served_record=_with_ended_holders(world, facts.served_record),
        )
        connected = _connected(facts)
        if connected and not (process is not None and process.state in STOPPED):
            facts = facts._replace(lost_links=_lost(world, facts, connected))
        found[name] = facts
    return found


def _with_ended_holders(world: SystemContext, record: StateRecord | None) -> StateRecord | None:
    """Return a state record whose messages say so where the process that held an identity has ended since.

    A gateway that was refused an identity keeps that message until its next try, up to five minutes later.
    """
    if record is None or not any(each.code.endswith(LOCK_CODE) for each in record.channels):
        return record
    return record._replace(channels=tuple(_with_ended_holder(world, each) for each in record.channels))


def _with_ended_holder(world: SystemContext, channel: ChannelRecord) -> ChannelRecord:
    holder = re.search(LOCK_HOLDER, channel.message) if channel.code.endswith(LOCK_CODE) else None
    if holder is None or world.processes.find(int(holder[1])) is not None:
        return channel
    return channel._replace(message=f"{channel.message.rstrip('.')}; process {holder[1]} has ended since")


def _connected(facts: GatewayFacts) -> dict[str, float]:
    """Return channel → epoch seconds at which this process called it connected.

    A time in the future is from before the clock was set back: the start of the process is the only one that is known.
    """
    records = (each for each in current_channels(facts) if each.state == CONNECTED and not each.is_mirrored)
    times = {each.name: at for each in records if (at := epoch_of(each.since or "")) is not None}
    start = facts.started_at if facts.process is not None else facts.server_started_at
    return {name: at if at <= facts.now or start is None else start for name, at in times.items()}


def _lost(world: SystemContext, facts: GatewayFacts, connected: Mapping[str, float]) -> Mapping[str, LostLink]:
    from .link_log import lost_links  # compiles patterns

    home = world.layout.home(facts.profile)
    lost = lost_links(home, connected, facts.now)
    record = facts.runtime if facts.process is not None else None
    if record is not None and len(record.served) > 1 and not world.hermes.has(Behaviour.PROFILE_LOGS):
        lost = {name: each._replace(is_shared=True) for name, each in lost.items()}
    for channel, since in connected.items():
        if channel not in lost and (silent := _silence(world, facts, channel, since)) is not None:
            lost[channel] = silent
    return _redacted(lost, world.layout, facts.profile)


def _silence(world: SystemContext, facts: GatewayFacts, channel: str, since: float) -> LostLink | None:
    """Return the lost link that the sockets of a gateway show, None where they show none or cannot be read."""
    longest, sockets, process = LONGEST_SILENCE.get(channel), facts.sockets, facts.process
    if longest is None or sockets is None or process is None or facts.now - since < LONGEST_REST:
        return None
    for look in range(_LOOKS):
        if look:
            time.sleep(_PAUSE)
            sockets = world.sockets((process.pid,)).get(process.pid)
        lost = _quiet(sockets, longest, since, facts.now)
        if lost is None or (lost.since is not None and not lost.doubt):
            break
    if lost is None or _is_called(world.layout.home(facts.profile), channel):
        return None
    return lost


def _quiet(sockets: ProcessSockets | None, longest: float, since: float, now: float) -> LostLink | None:
    if sockets is None:
        return None
    if not sockets.links:
        return LostLink(None, "no connection is open") if now - since > longest else None
    silent_for, polls = sockets.silent_for, any(map(_may_be_poll, sockets.links))
    if silent_for is None or (polls and silent_for <= longest):
        return None
    if silent_for <= LONGEST_REST:
        return _AT_REST._replace(since=now - silent_for)
    reason = "no answer" if any(each.is_waiting for each in sockets.links) else _AT_REST.reason
    return LostLink(now - silent_for, reason)


def _may_be_poll(link: Link) -> bool:
    """Return whether a link can be a poll that has no answer so far; some releases open a new link for each poll.

    On a new link with TLS the platform sends session tickets behind the request: it sent last while a poll is open.
    """
    return link.is_waiting if link.silent_for is None else link.silent_for <= LONGEST_POLL


def _is_called(home: Path, channel: str) -> bool:
    """Return whether the platform opens the connections of a channel."""
    from hermes_profiles.profiles.profile import environment_of

    return bool(environment_of(home).get(CALLED_BY_PLATFORM.get(channel, ""), "").strip())


def _redacted(lost: Mapping[str, LostLink], layout: Layout, profile: str) -> Mapping[str, LostLink]:
    """Return the lost links without secrets in their reasons: an error of a library can quote a URL with a token."""
    if not any(each.reason for each in lost.values()):
        return lost
    from hermes_profiles.profiles.redact import redacted, secrets_around

    texts = redacted([each.reason for each in lost.values()], secrets_around(layout, profile))
    return {name: each._replace(reason=text) for (name, each), text in zip(lost.items(), texts, strict=True)}
