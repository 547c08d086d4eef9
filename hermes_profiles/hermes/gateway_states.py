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
LIVE = frozenset({CONNECTED, CONNECTING, RETRYING})  # true only while the gateway that wrote them works
# A gateway that runs does not have these channels.
LOST = frozenset({FATAL, RETRYING, PAUSED, DISCONNECTED})

# `platforms.NAME.error_code` of an identity that another process holds, and its pid in `error_message`.
LOCK_CODE = "_lock"
LOCK_HOLDER = r"\(PID (\d{1,10})\)"

# The message of a taken port names a key that the API server does not read; it reads this variable
# (gateway/platforms/api_server.py, 0.19.0 and 0.22.2).
IGNORED_PORT_KEY = "platforms.api_server.port in config.yaml"
READ_PORT_KEY = "API_SERVER_PORT in .env"

HEARTBEAT_INTERVAL = 30.0  # seconds between two writes of the heartbeat (gateway/shutdown_watchdog.py)
# Seconds of a stop (gateway/restart.py): the shortest limit, what follows the wait for busy agents, and, from 0.21, the
# wait for timed jobs (`agent.cron_drain_timeout`, 0 for none) with the time after it.
STOP_FLOOR = 60
STOP_HEADROOM = 30
CRON_DRAIN = 30
CRON_RESERVE = 10
MARKER_LIFETIME = 60.0  # seconds that a stop or takeover marker is obeyed (gateway/status.py)
