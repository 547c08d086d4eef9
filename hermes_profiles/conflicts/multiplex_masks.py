"""Masks of the one gateway for all: what is switched off in its overlay is switched off for every profile it serves."""

from __future__ import annotations

from collections.abc import Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.masks import Mask
from hermes_profiles.gateways.topology import multiplexing_asked
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import profile_names


def without_shared_masks(
    layout: Layout, masks: Mapping[str, tuple[Mask, ...]], catalog: Catalog, environment: Mapping[str, str]
) -> tuple[dict[str, tuple[Mask, ...]], list[Problem]]:
    """Return masks without those of the default that would switch off other profiles' channels, and a warning for each.

    Hermes lays the managed directory of a process over the config.yaml of every profile it serves. Its own lock keeps
    the default's adapter out of what another process has.
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
            f"{mask.sentence('is not disabled for default')}; that would switch it "
            f"off for {on[mask.channel]}, too, which default's gateway serves",
            DEFAULT,
            "see who is in whose way with `hermes-profiles doctor`",
        )
        for mask in mine
        if mask.channel in on
    ]
    return {**masks, DEFAULT: tuple(mask for mask in mine if mask.channel not in on)}, problems
