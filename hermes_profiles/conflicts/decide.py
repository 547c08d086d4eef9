"""Who may speak for a bot or listen on a port when several gateways would: one keeps it, the others are masked. Pure.

The decision is one pass over channels in the order of their right to them; a channel is given everything it needs or
is masked whole, and what is masked holds nothing, so that a port it would have taken stays free for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from hermes_profiles.credentials.holders import shared_identities, shared_ports
from hermes_profiles.credentials.identities import Identity, PortClaim
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.profiles.channels import ClaimedResources

from .ownership import UsageEvidence, priority


class RunningConflict(NamedTuple):
    """Gateways that run now and are in each other's way; `holder` is the one whose process has Hermes' own lock."""

    channel: str
    profiles: tuple[str, ...]
    what: str
    holder: str | None = None


class _Reserved:
    """What is given away already."""

    def __init__(self) -> None:
        self._identities: dict[tuple[str, str], ChannelOwner] = {}
        self._digests: dict[tuple[str, str], ChannelOwner] = {}
        self._ports: dict[int, list[tuple[PortClaim, ChannelOwner]]] = {}
        self._listening: dict[int, ChannelOwner] = {}

    def give(self, owner: ChannelOwner, identities: Iterable[Identity], ports: Iterable[PortClaim]) -> None:
        """Note what an owner has; who came first keeps it."""
        for identity in identities:
            self._identities.setdefault(identity.place, owner)
        for claim in ports:
            self._ports.setdefault(claim.port, []).append((claim, owner))

    def lock(self, lock: LiveLock, owner: ChannelOwner) -> None:
        """Note the holder of a lock file."""
        self._digests.setdefault((lock.channel, lock.digest), owner)

    def listen(self, port: int, owner: ChannelOwner) -> None:
        """Note who listens on a port."""
        self._listening.setdefault(port, owner)

    def mask(self, profile: str, channel: str, held: ClaimedResources) -> Mask | None:
        """Return the mask of a channel that a profile cannot have, None when it can have the channel."""
        for identity in held.identities:
            if identity.channel == channel:
                owner = self._digests.get((channel, identity.key[:16])) or self._identities.get(identity.place)
                if owner is not None and owner.profile != profile:
                    return Mask(channel, MaskCause(identity.noun), owner)
        for claim in held.ports:
            if claim.channel == channel:
                others = self._ports.get(claim.port, ())
                owner = next((one for other, one in others if other.meets(claim) and one.profile != profile), None)
                owner = owner or self._listening.get(claim.port)
                if owner is not None and owner.profile != profile:
                    return Mask(channel, MaskCause.PORT, owner, claim.port)
        return None


def assign_channels(
    *,
    starting: Sequence[str],
    holdings: Mapping[str, ClaimedResources],
    live: Mapping[str, LiveGateway],
    locks: Sequence[LiveLock] = (),
    owners: Sequence[str] = (),
    listening: Mapping[int, int | None] | None = None,
    masked: Mapping[str, Collection[str]] | None = None,
    evidence: Callable[[str, str], UsageEvidence] | None = None,
) -> dict[str, tuple[Mask, ...]]:
    """Return the masks of each profile to start, () for those that need none.

    `starting`: in fleet order; `holdings`: of these and of every live profile; `live`: who runs or is coming; `owners`:
    what `--owner` named, the first strongest; `listening`: port → pid (None when it cannot be seen); `masked`: channels
    that are masked in gateways that run or come now; `evidence`: (profile, channel) → its use, called only where two
    starting profiles exclude each other (None: `live`, `locks` and `masked` are all that is known).

    A gateway that is not restarted keeps what it has. Starting profiles are sorted by `ownership.priority`, as a repair
    sorts them.
    """
    masked = masked or {}
    begun = {name: number for number, name in enumerate(starting)}
    taken = _Reserved()
    profile_of = {state.pid: name for name, state in live.items() if state.pid is not None}
    locked = {(profile_of[lock.pid], lock.channel) for lock in locks if lock.pid in profile_of}
    for lock in locks:
        if profile_of.get(lock.pid) not in begun:
            taken.lock(lock, ChannelOwner(profile_of.get(lock.pid), lock.pid))
    _give_to_the_running(taken, holdings, {n: s for n, s in live.items() if n not in begun}, locked, masked)
    _give_ports(taken, listening or {}, profile_of, begun, holdings)

    def known_use(profile: str, channel: str) -> UsageEvidence:
        state = live.get(profile)
        runs = state is not None and state.pid is not None and channel not in masked.get(profile, ())
        return UsageEvidence(locked=runs and (profile, channel) in locked, running=runs)

    def rank(profile: str, channel: str) -> tuple[object, ...]:
        named = owners.index(profile) if profile in owners else len(owners)
        known = (evidence or known_use)(profile, channel)
        return priority(known, named=named, position=begun[profile])

    wanted = {name: holdings.get(name, ClaimedResources()) for name in starting}
    contested = _contested(wanted)
    queue = [(name, channel) for name in starting for channel in channels_held(wanted[name])]
    # The order matters only among channels that exclude each other.
    queue = sorted(contested, key=lambda pair: rank(*pair)) + [pair for pair in queue if pair not in contested]
    found: dict[str, list[Mask]] = {name: [] for name in starting}
    for name, channel in queue:
        held = holdings[name]
        mask = taken.mask(name, channel, held)
        if mask is None:
            taken.give(
                ChannelOwner(name, None),
                [one for one in held.identities if one.channel == channel],
                [one for one in held.ports if one.channel == channel],
            )
        else:
            owner = mask.owner
            pid = owner.pid if owner.pid is not None else _pid(live, owner.profile)
            found[name].append(mask._replace(owner=ChannelOwner(owner.profile, pid)))
    return {name: tuple(sorted(masks, key=lambda mask: mask.channel)) for name, masks in found.items()}


def _contested(wanted: Mapping[str, ClaimedResources]) -> tuple[tuple[str, str], ...]:
    """Return the (profile, channel) pairs with an identity or a port that another starting profile wants too."""
    pairs: dict[tuple[str, str], None] = {}
    for identity, names in shared_identities({name: held.identities for name, held in wanted.items()}):
        pairs.update(dict.fromkeys((name, identity.channel) for name in names))
    for _, claims in shared_ports({name: held.ports for name, held in wanted.items()}):
        pairs.update(dict.fromkeys((name, claim.channel) for name, claim in claims))
    return tuple(pairs)


def channels_held(held: ClaimedResources) -> tuple[str, ...]:
    """Return the channels with something that only one gateway may have."""
    return tuple(dict.fromkeys([*(one.channel for one in held.identities), *(one.channel for one in held.ports)]))


def without(held: ClaimedResources, channels: Collection[str]) -> ClaimedResources:
    """Return the holdings without those of some channels."""
    return held._replace(
        identities=tuple(one for one in held.identities if one.channel not in channels),
        ports=tuple(one for one in held.ports if one.channel not in channels),
        channels=tuple(name for name in held.channels if name not in channels),
    )


def _pid(live: Mapping[str, LiveGateway], profile: str | None) -> int | None:
    state = live.get(profile) if profile is not None else None
    return state.pid if state is not None else None


def _give_to_the_running(
    taken: _Reserved,
    holdings: Mapping[str, ClaimedResources],
    running: Mapping[str, LiveGateway],
    locked: Collection[tuple[str, str]],
    masked: Mapping[str, Collection[str]],
) -> None:
    """Note what gateways have that run on: first those whose process has Hermes' lock, then all that are up."""
    for has_lock, is_up in ((True, True), (False, True), (False, False)):
        for name, state in running.items():
            if (state.pid is not None) is not is_up or not (is_up or state.coming):
                continue
            held = without(holdings.get(name, ClaimedResources()), masked.get(name, ()))
            away = [one for one in channels_held(held) if ((name, one) in locked) is not has_lock]
            held = without(held, away)
            taken.give(ChannelOwner(name, state.pid), held.identities, held.ports)


def _give_ports(
    taken: _Reserved,
    listening: Mapping[int, int | None],
    profile_of: Mapping[int, str],
    begun: Collection[str],
    holdings: Mapping[str, ClaimedResources],
) -> None:
    """Note who listens now; a listener that a profile about to be restarted accounts for goes away by itself."""
    restarted = {name for name in profile_of.values() if name in begun}
    leaving = {claim.port for name in restarted for claim in holdings.get(name, ClaimedResources()).ports}
    for port, pid in listening.items():
        profile = profile_of.get(pid) if pid is not None else None
        if profile in begun or (profile is None and port in leaving):
            continue  # its own, or a helper's that ends with it (the bridge of WhatsApp)
        taken.listen(port, ChannelOwner(profile, pid))


def running_conflicts(
    *,
    holdings: Mapping[str, ClaimedResources],
    live: Mapping[str, LiveGateway],
    locks: Sequence[LiveLock] = (),
    masked: Mapping[str, Collection[str]] | None = None,
) -> tuple[RunningConflict, ...]:
    """Return what gateways that run now contend for, masked channels left out: `status` says so, nobody is stopped."""
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
