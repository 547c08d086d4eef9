"""The index identity → holders: which profiles share an identity, a credential or a port. Pure.

Every command that reports or resolves a shared identity reads it: start, status, doctor, repair, teams, `config`.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Generic, TypeVar

from hermes_profiles.model.named_tuple import NamedTuple

from .channels.port_claim import PortClaim
from .identities import Identity

Key = TypeVar("Key", bound=Hashable)
Holder = TypeVar("Holder", bound=Hashable)


class HolderIndex(Generic[Key, Holder]):
    """What several holders have, by what they have; keys and holders stay in the order in which they were given."""

    def __init__(self, held: Mapping[Holder, Iterable[Key]]) -> None:
        self._order = tuple(held)
        self._holders: dict[Key, dict[Holder, None]] = {}
        for holder, keys in held.items():
            for key in keys:
                self._holders.setdefault(key, {})[holder] = None

    def holders(self, key: Key) -> tuple[Holder, ...]:
        """Return the holders of a key, the first given first."""
        return tuple(self._holders.get(key, ()))

    def first(self, key: Key) -> Holder | None:
        """Return the first holder of a key, None without one."""
        return next(iter(self._holders.get(key, ())), None)

    def shared(self) -> Iterator[tuple[Key, tuple[Holder, ...]]]:
        """Yield (key, holders) of what more than one holder has."""
        for key, holders in self._holders.items():
            if len(holders) > 1:
                yield key, tuple(holders)

    def sharing(self) -> tuple[Holder, ...]:
        """Return the holders that share a key with another one; of a thousand profiles hardly any."""
        found = {holder for _, holders in self.shared() for holder in holders}
        return tuple(holder for holder in self._order if holder in found)


class SharedGroup(NamedTuple):
    """Identities of one channel that the same profiles hold."""

    channel: str
    profiles: tuple[str, ...]
    identities: tuple[Identity, ...]


def index_identities(held: Mapping[str, Iterable[Identity]]) -> HolderIndex[tuple[str, str], str]:
    """Return the index of the identities of profiles, by `Identity.place`."""
    return HolderIndex({name: [identity.place for identity in identities] for name, identities in held.items()})


def shared_identities(held: Mapping[str, Sequence[Identity]]) -> Iterator[tuple[Identity, tuple[str, ...]]]:
    """Yield (identity, profiles) of each identity that several profiles hold; the first profile's noun counts."""
    known: dict[tuple[str, str], Identity] = {}
    for identities in held.values():
        for identity in identities:
            known.setdefault(identity.place, identity)
    for place, profiles in index_identities(held).shared():
        yield known[place], profiles


def shared_groups(held: Mapping[str, Sequence[Identity]]) -> tuple[SharedGroup, ...]:
    """Return the shared identities by channel and profiles; what only some of a group share belongs to that group."""
    sets: dict[tuple[str, tuple[str, ...]], list[Identity]] = {}
    for identity, profiles in shared_identities(held):
        sets.setdefault((identity.channel, profiles), []).append(identity)
    groups: dict[str, list[tuple[tuple[str, ...], list[Identity]]]] = {}
    for (channel, profiles), identities in sorted(sets.items(), key=lambda item: -len(item[0][1])):
        larger = next((each for each in groups.get(channel, ()) if set(each[0]).issuperset(profiles)), None)
        if larger is not None:
            larger[1].extend(identities)
        else:
            groups.setdefault(channel, []).append((profiles, identities))
    return tuple(
        SharedGroup(channel, profiles, tuple(identities))
        for channel, several in groups.items()
        for profiles, identities in several
    )


def shared_channels(mine: Sequence[Identity], theirs: Sequence[Identity]) -> dict[str, str]:
    """Return channel → noun (token, session, …) of the identities that two profiles share."""
    return {one.channel: one.noun for one, _ in shared_identities({"mine": mine, "theirs": theirs})}


def shared_ports(
    claims: Mapping[str, Collection[PortClaim]],
) -> Iterator[tuple[int, tuple[tuple[str, PortClaim], ...]]]:
    """Yield (port, claims with their profiles) where claims of different profiles exclude each other."""
    index = HolderIndex({name: [claim.port for claim in mine] for name, mine in claims.items()})
    for port, profiles in index.shared():
        wanted = [(name, claim) for name in profiles for claim in claims[name] if claim.port == port]
        excluded = tuple(
            (name, claim)
            for name, claim in wanted
            if any(other.conflicts_with(claim) for whose, other in wanted if whose != name)
        )
        if excluded:
            yield port, excluded
