"""The backend of the executor for real gateways: manager calls, signals, logs."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_ERROR_LOG, GATEWAY_LOG, LOGS_FOLDER, PLANNED_STOP_FILE
from hermes_profiles.profiles.redact import redacted, secrets_around
from hermes_profiles.services.last_lines import last_lines
from hermes_profiles.services.manager import Manager, Service
from hermes_profiles.services.signals import end_process

from .protocols import StartDecision
from .service_specs import stop_seconds

_LOG_LINES = 6


class ServiceBackend:
    """The `GatewayBackend` of real gateways; `prepare` decides about conflicts before a start (`start_guard`)."""

    def __init__(
        self,
        world: SystemContext,
        manager: Manager | None,
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]],
        catalog: Catalog,
    ) -> None:
        self._world = world
        self._manager = manager
        self._prepare = prepare
        self._catalog = catalog

    def observe(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, from one observation."""
        return survey(self._world, profiles)

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Decide the masks before a start, and record them."""
        return self._prepare(profiles)

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Start the services; returns profile → reason for those that the manager refused."""
        if self._manager is None:
            return dict.fromkeys(profiles, "no service manager is available")
        return self._manager.start(self._services(profiles))

    def announce_stop(self, gateway: Gateway) -> None:
        """Write the planned-stop marker: without it a stop counts as a kill."""
        if gateway.process is not None:
            write_stop_marker(self._world, gateway.profile, gateway.process)

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Stop the services, so that the manager does not restart them."""
        return {} if self._manager is None else self._manager.stop(self._services(profiles))

    def stop_unit(self, unit: str) -> str:
        """Stop a unit of the manager by its name; returns the reason of a failure."""
        return "no service manager is available" if self._manager is None else self._manager.stop_unit(unit)

    def starters_of(self, unit: str) -> tuple[str, ...]:
        """Return the units that start a unit again after a stop."""
        return () if self._manager is None else self._manager.starters_of(unit)

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        """End the proven process of a gateway: SIGTERM, or SIGKILL."""
        if gateway.process is not None:
            end_process(gateway.process.pid, gateway.process.started, kill=kill)

    def log_lines(self, profile: str) -> tuple[str, ...]:
        """Return the last log lines of the manager, else of the gateway's own log, without secrets."""
        own = last_log_lines(self._world, profile)
        service = self._world.service(profile)
        caught: tuple[str, ...] = ()
        if self._manager is not None and service is not None:
            caught = tuple(self._manager.journal_tail(service, lines=_LOG_LINES))
        lines = caught or own
        return redacted(lines[-_LOG_LINES:], secrets_around(self._world.layout, profile, self._catalog))

    def stop_seconds(self, profile: str) -> float:
        """Return the seconds a gateway may take to stop: its manager waits that long for busy agents before SIGKILL."""
        return stop_seconds(self._world.layout.home(profile), self._world.hermes)

    def now(self) -> float:
        """Return the seconds of a monotonic clock."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _services(self, profiles: Sequence[str]) -> tuple[Service, ...]:
        return self._world.services(profiles)


def write_stop_marker(world: SystemContext, profile: str, process: Process) -> None:
    """Write the planned-stop marker of Hermes 0.19.0.

    Its time needs a zone, its start time must be that of the process, and it is valid for a minute (SERVICES.md 5.1).
    Nothing is written where the home is missing: the file would create the profile again.
    """
    home = world.layout.home(profile)
    if not home.is_dir():
        return
    marker = {
        "target_pid": process.pid,
        "target_start_time": round(process.started),
        "stopper_pid": os.getpid(),
        "written_at": datetime.now(UTC).isoformat(),
    }
    write_state_file(home / PLANNED_STOP_FILE, json.dumps(marker).encode(), 0o600)


def last_log_lines(world: SystemContext, profile: str) -> tuple[str, ...]:
    """Return the last lines of the gateway's own error log, or of its log, () without one."""
    logs = world.layout.home(profile) / LOGS_FOLDER
    for name in (ERRORS_LOG, GATEWAY_ERROR_LOG, GATEWAY_LOG):
        if lines := last_lines(logs / name, _LOG_LINES):
            return tuple(lines)
    return ()
