"""Reports a fleet that alerts nowhere, alerts that do not arrive, and alerts without the watcher that sends them."""

from __future__ import annotations

from collections.abc import Iterator

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix
from hermes_profiles.gateways.model import span

# With fewer services, a user sees by himself that one is down.
_FLEET = 3
# One failed try is followed by the next after 15 s: not each is worth a warning.
_TRIES = 3


def no_alert(facts: Facts) -> Iterator[Finding]:
    """Find fleets of three services and more of which no fall is sent to anyone."""
    served = {each.profile for each in facts.services.definitions if facts.is_profile(each.profile)}
    if len(served) >= _FLEET and not facts.runtime.alerts.names:
        yield Finding(
            f"no alert is set up for {len(served)} services: a gateway that falls is not noticed",
            Fix("see how one is set up", "hermes-gateways alert add --help"),
        )


def failing_alert(facts: Facts) -> Iterator[Finding]:
    """Find destinations that refuse alerts or do not answer."""
    alerts = facts.runtime.alerts
    for each in alerts.failing:
        if each.tries >= _TRIES:
            yield Finding(
                f"alerts do not arrive for {span(facts.now - each.since)}: {each.error}",
                Fix(
                    "send a test to see why; the next alert that arrives ends this",
                    f"hermes-gateways alert test {each.name}",
                ),
                evidence=(Evidence(None, alerts.file),),
            )


def unwatched_alert(facts: Facts) -> Iterator[Finding]:
    """Find destinations of a root that nothing watches, so that nothing is sent."""
    alerts = facts.runtime.alerts
    if alerts.names and not alerts.watched:
        yield Finding(
            "alerts are set up, but nothing watches the gateways, so none is sent",
            Fix("turn the watcher on", "hermes-gateways watch on"),
            evidence=(Evidence(None, alerts.file),),
        )
