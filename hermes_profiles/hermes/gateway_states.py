"""States in gateway_state.json, and lifetimes of the files beside it. Hermes 0.19.0, gateway/{status,run}.py."""

from __future__ import annotations

# `gateway_state`.
STARTING = "starting"
RUNNING = "running"
DEGRADED = "degraded"
DRAINING = "draining"
STOPPED = "stopped"
STARTUP_FAILED = "startup_failed"
UP = frozenset({RUNNING, DEGRADED, DRAINING})
ENDED = frozenset({STOPPED, STARTUP_FAILED})

# `platforms.NAME.state`.
CONNECTED = "connected"
CONNECTING = "connecting"
RETRYING = "retrying"
DISCONNECTED = "disconnected"
PAUSED = "paused"
FATAL = "fatal"
# A gateway that runs does not have these channels.
LOST = frozenset({FATAL, RETRYING, PAUSED, DISCONNECTED})

HEARTBEAT_INTERVAL = 30.0  # seconds between two writes of the heartbeat (gateway/shutdown_watchdog.py)
MARKER_LIFETIME = 60.0  # seconds that a stop or takeover marker is obeyed (gateway/status.py)
