"""Finds the masks whose conflict is over: the owner ended, or no longer has what the channel needs."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from hermes_profiles.gateways.masks import Mask, MaskCause
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.proof import process_in
from hermes_profiles.profiles.channels import ClaimedResources

from .claims import Claim, read_ledger
from .ledger import listening_now


def with_free_masks(
    world: SystemContext, profile: str, masks: Sequence[Mask], held: ClaimedResources
) -> tuple[Mask, ...]:
    """Return the masks of a running gateway; `is_free` is set where nothing has the channel any more.

    `held`: what the files of the profile claim.
    """
    if not masks:
        return ()
    ledger, now = read_ledger(world.layout), time.time()
    return tuple(mask._replace(is_free=_is_free(world, mask, held, ledger, now)) for mask in masks)


def _is_free(world: SystemContext, mask: Mask, held: ClaimedResources, ledger: Mapping[str, Claim], now: float) -> bool:
    owner = mask.owner
    if mask.cause is MaskCause.PORT and mask.port is not None:
        named = {one.address for one in held.ports if (one.channel, one.port) == (mask.channel, mask.port)}
        if listening_now(named or {(mask.port, "*")}):
            return False
    if owner.profile is None:
        return mask.cause is MaskCause.PORT or (owner.pid is not None and world.processes.find(owner.pid) is None)
    claim = ledger.get(owner.profile)
    if claim is not None and claim.is_waiting(now):
        return False
    if process_in(world.layout.home(owner.profile), world) is None:
        return not _is_starting(world, owner.profile)
    if claim is None:
        return False
    places = {identity.place for identity in claim.identities}
    needs = any(one.channel == mask.channel and one.place in places for one in held.identities)
    return not needs and not any(
        one.channel == mask.channel and any(one.conflicts_with(other) for other in claim.ports) for one in held.ports
    )


def _is_starting(world: SystemContext, profile: str) -> bool:
    """Return whether a process without a pid file, or the manager, is about to be the gateway of a profile."""
    from hermes_profiles.gateways.observe import live_gateways, survey

    return profile in live_gateways(survey(world, (profile,)))
