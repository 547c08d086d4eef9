"""Masks under a multiplexer: a channel that is masked in its overlay is off for every profile that it serves."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.host.topology import multiplexing_asked
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names


def without_shared_masks(
    layout: Layout, masks: Mapping[str, tuple[Mask, ...]], catalog: Catalog, environment: Mapping[str, str]
) -> tuple[dict[str, tuple[Mask, ...]], list[Problem]]:
    """Return the masks without those of default that other profiles would lose a channel to, and a warning for each.

    Hermes applies the managed directory of a process to every profile that it serves. Hermes' own lock keeps the
    adapter of default from an identity that another process has.
    """
    mine = masks.get(DEFAULT, ())
    if not mine or not multiplexing_asked(layout.home(DEFAULT), environment):
        return dict(masks), []
    on: dict[str, str] = {}
    for name in profile_names(layout):
        for channel in claimed_resources(layout.home(name), catalog=catalog).channels if name != DEFAULT else ():
            on.setdefault(channel, name)
    problems = [
        Problem(
            "not-masked",
            f"{mask.sentence('is not disabled for default')}; the mask would also "
            f"disable it for {on[mask.channel]}, which default's gateway serves",
            DEFAULT,
            "see the conflicts with `hermes-profiles doctor`",
        )
        for mask in mine
        if mask.channel in on
    ]
    return {**masks, DEFAULT: tuple(mask for mask in mine if mask.channel not in on)}, problems
