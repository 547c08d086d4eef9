"""Takes the snapshot of a fleet that events are made of, from its status."""

from __future__ import annotations

from hermes_profiles.events.snapshot import FleetSnapshot, SeenConflict, SeenFault, seen_gateway

from .fleet_status import FleetStatus


def snapshot_of(status: FleetStatus, at: float, faults: tuple[SeenFault, ...] = ()) -> FleetSnapshot:
    """Return the snapshot of a status; `at`: epoch seconds; `faults`: what a status does not know."""
    gateways = {}
    for each in status.gateways:
        facts = each.gateway.observation
        parked = facts is not None and facts.parked
        expected = not each.disabled and not parked and (each.service.installed or each.gateway.unserved)
        gateways[each.profile] = seen_gateway(each.gateway, expected=expected)
    conflicts = tuple(SeenConflict(each.channel, each.profiles, each.message) for each in status.conflicts)
    return FleetSnapshot(at, gateways, conflicts, faults)
