"""The masks of a running gateway, with those whose conflict is over."""

from __future__ import annotations

from collections.abc import Callable

from hermes_profiles.conflicts.overlay import masks_in_force
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import Process
from hermes_profiles.profiles.channels import ClaimedResources


def observed_masks(
    world: SystemContext, name: str, process: Process, held: Callable[[], ClaimedResources]
) -> tuple[Mask, ...]:
    """Return the masks of a running gateway. `held`: returns what the files of its profile claim."""
    found = masks_in_force(world.layout, name, process)
    if not found:
        return ()
    from hermes_profiles.conflicts.free_masks import with_free_masks  # a fleet without masks needs no ledger

    return with_free_masks(world, name, found, held())
