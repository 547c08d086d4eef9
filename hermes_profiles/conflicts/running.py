"""The identities and ports that running gateways share. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from hermes_profiles.credentials.holders import shared_identities, shared_ports
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources


class RunningConflict(NamedTuple):
    """Running gateways that share an identity or a port; `holder`: the one whose process has Hermes' lock."""

    channel: str
    profiles: tuple[str, ...]
    what: str
    holder: str | None = None


def without(held: ClaimedResources, channels: Collection[str]) -> ClaimedResources:
    """Return the holdings without those of the given channels."""
    return held._replace(
        identities=tuple(one for one in held.identities if one.channel not in channels),
        ports=tuple(one for one in held.ports if one.channel not in channels),
        channels=tuple(name for name in held.channels if name not in channels),
    )


def running_conflicts(
    *,
    holdings: Mapping[str, ClaimedResources],
    live: Mapping[str, LiveGateway],
    locks: Sequence[LiveLock] = (),
    masked: Mapping[str, Collection[str]] | None = None,
) -> tuple[RunningConflict, ...]:
    """Return what running gateways share, masked channels left out; `status` reports it and stops nothing."""
    up = {name: state.pid for name, state in live.items() if state.pid is not None}
    held = {name: without(holdings.get(name, ClaimedResources()), (masked or {}).get(name, ())) for name in up}
    pid_of = {(lock.channel, lock.digest): lock.pid for lock in locks}
    conflicts: dict[tuple[str, tuple[str, ...]], RunningConflict] = {}
    for identity, names in shared_identities({name: each.identities for name, each in held.items()}):
        pid = pid_of.get((identity.channel, identity.key[:16]))
        holder = next((name for name in names if pid is not None and up[name] == pid), None)
        conflicts.setdefault((identity.channel, names), RunningConflict(identity.channel, names, identity.noun, holder))
    for port, claims in shared_ports({name: each.ports for name, each in held.items()}):
        names = tuple(dict.fromkeys(name for name, _ in claims))
        what = f"port {port}"
        conflicts.setdefault((what, names), RunningConflict(claims[0][1].channel, names, what))
    return tuple(conflicts.values())
