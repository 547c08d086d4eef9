"""The kind of a fault, from the words with which Hermes and the system describe it. Pure."""

from __future__ import annotations

import re

from hermes_profiles.hermes.exit_codes import FATAL_CONFIGURATION

from .model import EventKind
from .snapshot import SeenChannel, SeenGateway

_WORDS = (
    (EventKind.DISK_FULL, r"No space left on device|\[Errno 28\]|Disk quota exceeded"),
    (EventKind.TOKEN_REFUSED, r"\b401\b|Unauthorized|[Ii]nvalid (?:bot )?token|token (?:refused|rejected|revoked)"),
    (EventKind.PORT_LOST, r"\bport \d+ (?:is )?already in use"),
    (EventKind.CONFLICT, r"\bConflict\b|\b409\b|already in use|other getUpdates|another (?:gateway|poller) "),
    (EventKind.PORT_LOST, r"could not listen|[Aa]ddress already in use|listens on port|API server does not answer"),
    (EventKind.CONFIGURATION_BROKEN, r"config(?:uration)?\b.*(?:invalid|broken|cannot work|cannot be parsed)|exit 78"),
)
_API_SERVER = "api_server"
_SLOW = "did not answer in time"  # it has its port (gateways/health.py)


def fault_kind(text: str, otherwise: EventKind) -> EventKind:
    """Return the kind of a fault with this description."""
    if _SLOW in text and re.search(r"API server does not answer", text):
        return otherwise
    return next((kind for kind, pattern in _WORDS if re.search(pattern, text)), otherwise)


def channel_fault(channel: SeenChannel) -> EventKind:
    """Return the kind of the fault of a channel that its gateway does not serve."""
    kind = fault_kind(channel.detail, EventKind.DEGRADED)
    if channel.name == _API_SERVER and _SLOW not in channel.detail and kind in (EventKind.DEGRADED, EventKind.CONFLICT):
        return EventKind.PORT_LOST
    return kind


def end_kind(gateway: SeenGateway) -> EventKind:
    """Return the kind of an end: `down`, unless the configuration or the disk is the reason."""
    if gateway.last_exit == FATAL_CONFIGURATION and not gateway.pid:
        return EventKind.CONFIGURATION_BROKEN
    kind = fault_kind(f"{gateway.detail} {gateway.ended_reason}", EventKind.DOWN)
    return kind if kind in (EventKind.DISK_FULL, EventKind.CONFIGURATION_BROKEN) else EventKind.DOWN
