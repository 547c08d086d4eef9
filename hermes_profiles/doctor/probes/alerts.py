"""Reads where alerts are sent, and which of them do not arrive."""

from __future__ import annotations

from hermes_profiles.alerts.files import destinations_file, read_destinations, read_state
from hermes_profiles.alerts.model import AlertState, DestinationKind
from hermes_profiles.doctor.facts.alerts import AlertFacts, FailingAlert
from hermes_profiles.events.watch_state import watcher_pid
from hermes_profiles.model.layout import Layout


def probe_alerts(layout: Layout) -> AlertFacts:
    """Return the destinations of a root. Raises Failed for a file that cannot be read."""
    known = read_destinations(layout)
    if not known:
        return AlertFacts()
    state = read_state(layout) or AlertState()
    return AlertFacts(
        tuple(name for name, each in known.items() if each.kind is not DestinationKind.HEARTBEAT),
        tuple(
            FailingAlert(name, each.since, each.tries, each.error)
            for name, each in state.troubles.items()
            if name in known
        ),
        watcher_pid(layout) is not None,
        str(destinations_file(layout)),
    )
