"""Warnings about bots, accounts and ports that another profile already has."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.holders import shared_channels
from hermes_profiles.credentials.identities import PortClaim
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import ClaimedResources, claimed_resources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.ports import declared_ports

ONLY_ONE = "only one of the two gateways can use it"


def planned_resources(layout: Layout, profile: str, files: Mapping[str, bytes], catalog: Catalog) -> ClaimedResources:
    """Return what a profile would claim with these files in place of its own."""
    home = layout.home(profile)
    reader = HomeFiles(home, catalog.known_names)
    for name, raw in files.items():
        reader.expect(name, raw)
    return claimed_resources(home, catalog=catalog, files=reader)


def shared_with_others(
    layout: Layout,
    profile: str,
    files: Mapping[str, bytes],
    catalog: Catalog,
    *,
    channels: Collection[str],
    port: int | None = None,
    remedy: str,
) -> list[Problem]:
    """Return a warning for each other profile that has an identity or a port of the planned profile.

    `files`: the new bytes by name; `channels`: the channels that the change is about; `port`: a port in the change,
    also compared with ports that others only declare; `remedy`: a command with `{profile}` that removes it there.
    """
    before = claimed_resources(layout.home(profile), catalog=catalog)
    after = planned_resources(layout, profile, files, catalog)
    known = {identity.place for identity in before.identities}
    identities = [
        identity for identity in after.identities if identity.place not in known or identity.channel in channels
    ]
    ports = [claim for claim in after.ports if claim not in before.ports or claim.channel in channels]
    if not identities and not ports and port is None:
        return []
    warnings: list[Problem] = []
    for other in profile_names(layout):
        if other != profile:
            theirs = claimed_resources(layout.home(other), catalog=catalog)
            hint = f"remove it from one of them: `{remedy.format(profile=other)}`"
            warnings += [
                Problem("shared-identity", f"{other} holds the same {channel} {noun}: {ONLY_ONE}", other, hint)
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
