"""Warnings about bots, accounts and ports that another profile already has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import cached_property

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.holders import HolderIndex, index_identities, shared_channels
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.ports import declared_ports

ONLY_ONE = "only one of the two gateways can use it"


class ProfileClaims:
    """The identities and ports that the profiles of a root claim; each profile is read once, when asked for."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self.layout = layout
        self.catalog = catalog
        self._claims: dict[str, ClaimedResources] = {}

    def of(self, profile: str) -> ClaimedResources:
        """Return what a profile claims with its files as they are."""
        if profile not in self._claims:
            self._claims[profile] = claimed_resources(self.layout.home(profile), catalog=self.catalog)
        return self._claims[profile]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Return the names of all profiles."""
        return profile_names(self.layout)

    def meeting(self, identities: Collection[Identity], ports: Collection[PortClaim]) -> tuple[str, ...]:
        """Return the profiles that claim one of these identities or port numbers, in the order of `names`."""
        met = {name for identity in identities for name in self._by_identity.holders(identity.place)}
        met |= {name for claim in ports for name in self._by_port.holders(claim.port)}
        return tuple(name for name in self.names if name in met) if met else ()

    @cached_property
    def _by_identity(self) -> HolderIndex[tuple[str, str], str]:
        return index_identities({name: self.of(name).identities for name in self.names})

    @cached_property
    def _by_port(self) -> HolderIndex[int, str]:
        return HolderIndex({name: [claim.port for claim in self.of(name).ports] for name in self.names})


def planned_resources(layout: Layout, profile: str, files: Mapping[str, bytes], catalog: Catalog) -> ClaimedResources:
    """Return what a profile would claim with these files in place of its own."""
    home = layout.home(profile)
    reader = HomeFiles(home, catalog.known_names)
    for name, raw in files.items():
        reader.expect(name, raw)
    return claimed_resources(home, catalog=catalog, files=reader)


def shared_with_others(
    claims: ProfileClaims,
    profile: str,
    files: Mapping[str, bytes],
    *,
    channels: Collection[str],
    port: int | None = None,
) -> list[Problem]:
    """Return a warning for each other profile that has an identity or a port of the planned profile.

    `files`: the new bytes by name; `channels`: the channels that the change is about; `port`: a port in the change,
    also compared with ports that others only declare.
    """
    layout, before = claims.layout, claims.of(profile)
    after = planned_resources(layout, profile, files, claims.catalog)
    known = {identity.place for identity in before.identities}
    identities = [
        identity for identity in after.identities if identity.place not in known or identity.channel in channels
    ]
    ports = [claim for claim in after.ports if claim not in before.ports or claim.channel in channels]
    if not identities and not ports and port is None:
        return []
    warnings: list[Problem] = []
    for other in claims.names if port is not None else claims.meeting(identities, ports):
        if other != profile:
            theirs = claims.of(other)
            warnings += [
                Problem(
                    "shared-identity",
                    f"{other} holds the same {channel} {noun}: {ONLY_ONE}",
                    other,
                    f"leave it to {other}: `hermes-profiles repair --channel {channel} --owner {channel}={other} "
                    f"--dry-run`; or give {profile} one of its own: `hermes-profiles connect {profile} {channel}`",
                )
                for channel, noun in shared_channels(identities, theirs.identities).items()
            ]
            warnings += _port_problems(layout, other, ports, port, theirs)
    return warnings


def _port_problems(
    layout: Layout, other: str, mine: Collection[PortClaim], port: int | None, theirs: ClaimedResources
) -> Iterator[Problem]:
    hint = f"see the ports with `hermes-profiles show {other}`, and choose another"
    met = {
        claim.port: other_claim.channel
        for claim in mine
        for other_claim in theirs.ports
        if claim.conflicts_with(other_claim)
    }
    if port is not None and port in declared_ports([layout.home(other)]):
        met.setdefault(port, "")
    for number, channel in met.items():
        what = f"{other} listens on port {number} too ({channel})" if channel else f"{other} names port {number} too"
        yield Problem("shared-port", what, other, hint)
