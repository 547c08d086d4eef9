"""Assigns identities and ports that several gateways want: one gateway keeps the channel, the others mask it. Pure.

One pass over the channels in the order of `ownership.priority`. A channel gets everything it needs or is masked whole;
a masked channel reserves nothing, so its ports stay free for the next channel.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.holders import shared_identities, shared_ports
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.masks import ChannelOwner, Mask, MaskCause
from hermes_profiles.gateways.model import LiveGateway, LiveLock
from hermes_profiles.profiles.channels import ClaimedResources

from .ownership import UsageEvidence, priority
from .running import without

# The port and the host of a listener.
Address = tuple[int, str]
# Addresses that another process has → its pid, None where it is not known.
Listening = Mapping[Address, int | None]


class _Reserved:
    """The identities and ports that are reserved so far, with their owners."""

    def __init__(self) -> None:
        self._identities: dict[tuple[str, str], ChannelOwner] = {}
        self._digests: dict[tuple[str, str], ChannelOwner] = {}
        self._ports: dict[int, list[tuple[PortClaim, ChannelOwner]]] = {}
        self._listening: dict[Address, ChannelOwner] = {}

    def reserve(self, owner: ChannelOwner, identities: Iterable[Identity], ports: Iterable[PortClaim]) -> None:
        """Reserve identities and ports for an owner; an earlier reservation stays."""
        for identity in identities:
            self._identities.setdefault(identity.place, owner)
        for claim in ports:
            self._ports.setdefault(claim.port, []).append((claim, owner))

    def lock(self, lock: LiveLock, owner: ChannelOwner) -> None:
        """Reserve the identity of a lock file for its holder."""
        self._digests.setdefault((lock.channel, lock.digest), owner)

    def listen(self, address: Address, owner: ChannelOwner) -> None:
        """Reserve an address for the process that has it."""
        self._listening.setdefault(address, owner)

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
                owner = next(
                    (one for other, one in others if other.conflicts_with(claim) and one.profile != profile), None
                )
                owner = owner or self._listening.get(claim.address)
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
    listening: Listening | None = None,
    freed: Collection[int] = (),
    masked: Mapping[str, Collection[str]] | None = None,
    evidence: Callable[[str, str], UsageEvidence] | None = None,
) -> dict[str, tuple[Mask, ...]]:
    """Return the masks of each profile to start, () for those that need none.

    `starting`: profiles in fleet order; `holdings`: of these and of every live profile; `live`: running and starting
    gateways; `owners`: the profiles of `--owner`, strongest first; `listening`: address → pid (None where unknown);
    `freed`: ports of the processes that are restarted, also where their files name others by now; `masked`: channels
    that are masked in live gateways; `evidence`: (profile, channel) → its use, called only where two starting profiles
    exclude each other (None: `live`, `locks` and `masked` are the only evidence).

    A gateway that is not restarted keeps what it has. Starting profiles are sorted by `ownership.priority`, as a repair
    sorts them.
    """
    masked = masked or {}
    position = {name: number for number, name in enumerate(starting)}
    reserved = _Reserved()
    profile_of = {state.pid: name for name, state in live.items() if state.pid is not None}
    locked = {(profile_of[lock.pid], lock.channel) for lock in locks if lock.pid in profile_of}
    for lock in locks:
        if profile_of.get(lock.pid) not in position:
            reserved.lock(lock, ChannelOwner(profile_of.get(lock.pid), lock.pid))
    _reserve_running(reserved, holdings, {n: s for n, s in live.items() if n not in position}, locked, masked)
    _reserve_ports(reserved, listening or {}, profile_of, position, holdings, freed)

    def known_use(profile: str, channel: str) -> UsageEvidence:
        state = live.get(profile)
        runs = state is not None and state.pid is not None and channel not in masked.get(profile, ())
        return UsageEvidence(locked=runs and (profile, channel) in locked, running=runs)

    def rank(profile: str, channel: str) -> tuple[object, ...]:
        named = owners.index(profile) if profile in owners else len(owners)
        known = (evidence or known_use)(profile, channel)
        return priority(known, named=named, position=position[profile])

    wanted = {name: holdings.get(name, ClaimedResources()) for name in starting}
    contested = _contested(wanted)
    queue = [(name, channel) for name in starting for channel in channels_held(wanted[name])]
    # The order matters only among channels that exclude each other.
    queue = sorted(contested, key=lambda pair: rank(*pair)) + [pair for pair in queue if pair not in contested]
    masks: dict[str, list[Mask]] = {name: [] for name in starting}
    for name, channel in queue:
        mask = _mask_or_reserve(reserved, name, channel, holdings[name], live)
        if mask is not None:
            masks[name].append(mask)
    return {name: tuple(sorted(of_profile, key=lambda mask: mask.channel)) for name, of_profile in masks.items()}


def _mask_or_reserve(
    reserved: _Reserved, name: str, channel: str, held: ClaimedResources, live: Mapping[str, LiveGateway]
) -> Mask | None:
    """Return the mask of a channel that is taken; reserve the channel and return None when it is free."""
    mask = reserved.mask(name, channel, held)
    if mask is not None:
        owner = mask.owner
        pid = owner.pid if owner.pid is not None else _pid(live, owner.profile)
        return mask._replace(owner=ChannelOwner(owner.profile, pid))
    reserved.reserve(
        ChannelOwner(name, None),
        [identity for identity in held.identities if identity.channel == channel],
        [claim for claim in held.ports if claim.channel == channel],
    )
    return None


def _contested(wanted: Mapping[str, ClaimedResources]) -> tuple[tuple[str, str], ...]:
    """Return the (profile, channel) pairs with an identity or a port that another starting profile wants too."""
    pairs: dict[tuple[str, str], None] = {}
    for identity, names in shared_identities({name: held.identities for name, held in wanted.items()}):
        pairs.update(dict.fromkeys((name, identity.channel) for name in names))
    for _, claims in shared_ports({name: held.ports for name, held in wanted.items()}):
        pairs.update(dict.fromkeys((name, claim.channel) for name, claim in claims))
    return tuple(pairs)


def channels_held(held: ClaimedResources) -> tuple[str, ...]:
    """Return the channels that need an identity or a port."""
    return tuple(dict.fromkeys([*(one.channel for one in held.identities), *(one.channel for one in held.ports)]))


def _pid(live: Mapping[str, LiveGateway], profile: str | None) -> int | None:
    state = live.get(profile) if profile is not None else None
    return state.pid if state is not None else None


def _reserve_running(
    reserved: _Reserved,
    holdings: Mapping[str, ClaimedResources],
    running: Mapping[str, LiveGateway],
    locked: Collection[tuple[str, str]],
    masked: Mapping[str, Collection[str]],
) -> None:
    """Reserve what gateways keep that are not restarted: lock holders first, then running, then starting ones."""
    for has_lock, is_up in ((True, True), (False, True), (False, False)):
        for name, state in running.items():
            if (state.pid is not None) is not is_up or not (is_up or state.starting):
                continue
            held = without(holdings.get(name, ClaimedResources()), masked.get(name, ()))
            away = [one for one in channels_held(held) if ((name, one) in locked) is not has_lock]
            held = without(held, away)
            reserved.reserve(ChannelOwner(name, state.pid), held.identities, held.ports)


def _reserve_ports(
    reserved: _Reserved,
    listening: Listening,
    profile_of: Mapping[int, str],
    position: Collection[str],
    holdings: Mapping[str, ClaimedResources],
    freed: Collection[int],
) -> None:
    """Reserve the ports with a listener, except listeners that end with a gateway that is restarted."""
    restarted = {name for name in profile_of.values() if name in position}
    freed = {*freed, *(claim.port for name in restarted for claim in holdings.get(name, ClaimedResources()).ports)}
    for address, pid in listening.items():
        profile = profile_of.get(pid) if pid is not None else None
        if profile in position or (profile is None and address[0] in freed):
            continue  # its own listener, or a helper that ends with it (the WhatsApp bridge)
        reserved.listen(address, ChannelOwner(profile, pid))
