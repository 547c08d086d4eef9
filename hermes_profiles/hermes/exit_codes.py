"""Exit codes of `hermes gateway run` that a service manager must handle. Hermes 0.19.0, gateway/restart.py."""

from __future__ import annotations

RESTART_ME = 75  # GATEWAY_SERVICE_RESTART_EXIT_CODE: the manager must start the gateway again
FATAL_CONFIGURATION = 78  # GATEWAY_FATAL_CONFIG_EXIT_CODE: another start fails the same way
