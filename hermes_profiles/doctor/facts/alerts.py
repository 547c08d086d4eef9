"""Facts of the destinations of alerts."""

from __future__ import annotations

from hermes_profiles.model.named_tuple import NamedTuple


class FailingAlert(NamedTuple):
    """A destination whose last tries failed; `since`: epoch seconds of the first; `error`: of the last."""

    name: str
    since: float
    tries: int
    error: str


class AlertFacts(NamedTuple):
    """Destinations of alerts.

    `names`: of those that get alerts, heartbeats left out; `watched`: a watcher runs, without which nothing is sent;
    `file`: of the destinations.
    """

    names: tuple[str, ...] = ()
    failing: tuple[FailingAlert, ...] = ()
    watched: bool = False
    file: str = ""
