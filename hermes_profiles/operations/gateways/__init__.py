"""Use cases of gateways: start, stop, restart, reset, status, logs, their services, and the step before a start."""
