"""The channel records of the very process that serves a profile: those of earlier processes stay in the file. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hermes_profiles.hermes.gateway_states import DISCONNECTED

from .model import GatewayFacts, epoch_of

if TYPE_CHECKING:
    from .hermes_files import ChannelRecord, StateRecord


def is_current(facts: GatewayFacts, runtime: StateRecord) -> bool:
    """Return whether the proven process of a profile wrote a state record last."""
    process = facts.process
    if process is None or runtime.pid != process.pid:
        return False
    return runtime.started is None or abs(runtime.started - process.started) <= 100


def current_channels(facts: GatewayFacts) -> tuple[ChannelRecord, ...]:
    """Return the channel records of the process that serves a profile, () where it has written none.

    A channel of another profile that serves this one as well counts only where this profile enables it.
    """
    record, started_at, pid = facts.runtime, facts.started_at, facts.process.pid if facts.process else None
    if facts.process is None and facts.served_by is not None:
        record, started_at, pid = facts.served_record, facts.server_started_at, facts.served_by
    elif record is not None and not is_current(facts, record):
        record = None
    return tuple(
        each
        for each in (record.channels if record is not None else ())
        if _is_of_this_run(each, started_at, pid) and (not each.is_mirrored or each.name in facts.enabled_channels)
    )


def has_left_channels(facts: GatewayFacts, seconds: float) -> bool:
    """Return whether a gateway has left all its channels in the last `seconds`: it does that first when it ends."""
    left = current_channels(facts)
    written = epoch_of(facts.runtime.updated) if facts.runtime is not None else None
    is_recent = written is not None and facts.now - written < seconds
    return bool(left) and is_recent and all(each.state == DISCONNECTED for each in left)


def _is_of_this_run(channel: ChannelRecord, started_at: float | None, pid: int | None) -> bool:
    if channel.writer:
        return channel.writer == pid
    at = epoch_of(channel.since) if channel.since else None
    # One second of tolerance: the start of a process is known to 10 ms, the boot time only to a second.
    return at is None or started_at is None or at >= started_at - 1
