"""What the fleet's loop may do to the world, done for real."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from hermes_profiles.changes.state_files import write_runtime
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.gateways.processes import Process
from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_ERROR_LOG, GATEWAY_LOG, LOGS_FOLDER, PLANNED_STOP_FILE
from hermes_profiles.profiles.redact import redacted, secrets_around
from hermes_profiles.services.manager import Manager, Service
from hermes_profiles.services.signals import end_process

from .protocols import StartDecision
from .service_specs import stop_seconds

_LOG_LINES = 6
_LOG_BYTES = 16 * 1024


class ServiceBackend:
    """The loop's hands; `prepare` decides about conflicts before a start (see `launch`)."""

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

    def look(self, profiles: Sequence[str]) -> Mapping[str, Gateway]:
        """Return the gateways of profiles, from one look."""
        return survey(self._world, profiles)

    def prepare(self, profiles: Sequence[str]) -> Mapping[str, StartDecision]:
        """Decide who keeps which channel, and lay the masks ready."""
        return self._prepare(profiles)

    def start(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Have the services started; returns reasons of those that were refused at once."""
        if self._manager is None:
            return dict.fromkeys(profiles, "there is no service manager")
        return self._manager.start(self._services(profiles))

    def announce_stop(self, gateway: Gateway) -> None:
        """Tell a gateway that it is being stopped on purpose: without this it counts as killed."""
        if gateway.process is not None:
            write_stop_marker(self._world, gateway.profile, gateway.process)

    def stop(self, profiles: Sequence[str]) -> Mapping[str, str]:
        """Have the services stopped, so that nothing revives them."""
        return {} if self._manager is None else self._manager.stop(self._services(profiles))

    def end(self, gateway: Gateway, *, kill: bool) -> None:
        """End the proven process of a gateway: SIGTERM, or SIGKILL."""
        if gateway.process is not None:
            end_process(gateway.process.pid, gateway.process.started, kill=kill)

    def log_lines(self, profile: str) -> tuple[str, ...]:
        """Return the last lines that the manager caught, else of the gateway's own log; secrets are taken out."""
        told = last_log_lines(self._world, profile)
        service = self._world.service(profile)
        caught: tuple[str, ...] = ()
        if self._manager is not None and service is not None:
            caught = tuple(self._manager.journal_tail(service, lines=_LOG_LINES))
        lines = _whole(caught) or told
        return redacted(lines[-_LOG_LINES:], secrets_around(self._world.layout, profile, self._catalog))

    def stop_seconds(self, profile: str) -> float:
        """Return how long a gateway may take to stop: its manager waits that long for busy agents before SIGKILL."""
        return stop_seconds(self._world.layout.home(profile))

    def now(self) -> float:
        """Return seconds of a clock that only goes forward."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def _services(self, profiles: Sequence[str]) -> tuple[Service, ...]:
        return self._world.services(profiles)


def write_stop_marker(world: SystemContext, profile: str, process: Process) -> None:
    """Write the planned-stop marker that Hermes 0.19.0 looks for: its time needs a zone, its start time must be the
    process's own, and it is believed for a minute (SERVICES.md 5.1).

    Nothing is written where the home is gone: that would make a profile of it again.
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
    write_runtime(home / PLANNED_STOP_FILE, json.dumps(marker).encode(), 0o600)


def last_log_lines(world: SystemContext, profile: str) -> tuple[str, ...]:
    """Return the last lines of the gateway's own error log, or of its log; () when it has none."""
    for name in (ERRORS_LOG, GATEWAY_ERROR_LOG, GATEWAY_LOG):
        path = world.layout.home(profile) / LOGS_FOLDER / name
        try:
            with open(path, "rb") as file:
                skipped = max(0, os.fstat(file.fileno()).st_size - _LOG_BYTES)
                file.seek(skipped)
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            continue
        # Half a line may be half a secret, which nobody would recognise.
        whole = lines[1:] if skipped else lines
        if whole:
            return tuple(whole[-_LOG_LINES:])
    return ()


def _whole(caught: tuple[str, ...]) -> tuple[str, ...]:
    """Return what a manager caught without a line that was cut: managers, too, read the last 16 KiB of a log."""
    size = sum(len(line.encode("utf-8", "replace")) + 1 for line in caught)
    return caught[1:] if size >= _LOG_BYTES - 1 else caught
