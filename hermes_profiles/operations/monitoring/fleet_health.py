"""The health of a fleet as one answer to a probe: whether all gateways that are to run do."""

from __future__ import annotations

import json

from ..gateways.fleet_status import FleetStatus
from .http_server import JSON, Reply

_OK, _UNAVAILABLE = 200, 503


def health_reply(status: FleetStatus) -> Reply:
    """Return 200 when every gateway that is to run does, else 503; its content names the down and degraded ones."""
    down = [each.profile for each in status.gateways if each.is_down]
    degraded = [each.profile for each in status.gateways if each.is_degraded]
    state = "down" if down or status.errors else "degraded" if degraded else "ok"
    content = {"status": state, "down": down, "degraded": degraded, "manager": not status.errors}
    return Reply(_UNAVAILABLE if state == "down" else _OK, (json.dumps(content) + "\n").encode(), JSON)
