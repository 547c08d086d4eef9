"""Names the running profiles that can take over a channel, because the profile that had it goes or loses it."""

from __future__ import annotations

from collections.abc import Iterable

from hermes_profiles.conflicts.overlay import has_overlay, masks_of
from hermes_profiles.model.errors import Problem

from ..fleet_context import FleetSession


def freed_warnings(session: FleetSession, gone: Iterable[str]) -> list[Problem]:
    """Return a warning for each running gateway with a channel that is masked in favour of one of these profiles."""
    owners = frozenset(gone)
    masked = {
        name: [mask for mask in masks_of(session.layout, name) if mask.owner.profile in owners]
        for name in session.existing
        if name not in owners
    }
    masked = {name: masks for name, masks in masked.items() if masks}
    gateways = session.observe_cheaply(tuple(masked)) if masked else {}
    found = []
    for name, gateway in gateways.items():
        if gateway.process is not None and has_overlay(session.layout, name, gateway.process):
            channels = ", ".join(mask.channel for mask in masked[name])
            text = f"{name} runs without {channels}, which {masked[name][0].owner.profile} had: it is free now"
            hint = f"let {name} take it over with `hermes-gateways restart {name}`"
            found.append(Problem("mask-free", text, name, hint))
    return found
