"""The protocol of service managers, and the values they return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Protocol

from hermes_profiles.model.errors import ExitCode, HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple

from .naming import ServiceName

if TYPE_CHECKING:
    from .spec import ServiceSpec


class ManagerError(HermesProfilesError):
    """The service manager cannot be reached, or refuses to work at all (exit 4)."""

    exit_code: ClassVar[ExitCode] = ExitCode.MANAGER
    default_code: ClassVar[str] = "no-manager"


class ManagerKind(StrEnum):
    """The kinds of managers; a gateway that none of them runs is unsupervised."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    SUPERVISOR = "supervisor"


class Activity(StrEnum):
    """The activity of a service, as its manager reports it."""

    ACTIVE = "active"
    ACTIVATING = "activating"  # on its way up, or waiting before the next try (`waiting` is then true)
    DEACTIVATING = "deactivating"
    INACTIVE = "inactive"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Service(NamedTuple):
    """A service of a profile: its names, and its definition file for one manager."""

    profile: str
    name: ServiceName
    path: Path


class ServiceStatus(NamedTuple):
    """The status of one service; None where its manager does not report a value.

    `installed`: its definition file is there; `enabled`: it starts with the manager; `waiting`: between a failure and
    the next try; `queued`: the manager has a job for it that has not run yet; `restarts`: how often the manager itself
    has revived it since its last explicit start; `last_exit`: exit code of the last end, negative for a signal;
    `since`: epoch seconds of the last change of activity; `reason`: the manager's term for a failure
    ("exit-code", "start-limit-hit", …); `stale_definition`: the file changed and was not read again;
    `home`: the HERMES_HOME the loaded definition sets; `scope`: "user" or "system"; `lost`: why a service does not run
    that was to run, "" for any other: its manager ended without stopping it; `unusable`: why its definition, which is
    there, cannot start it again (the LoadState of systemd), "" where it can.
    """

    installed: bool
    enabled: bool
    activity: Activity
    pid: int | None = None
    waiting: bool = False
    queued: bool = False
    restarts: int | None = None
    last_exit: int | None = None
    since: float | None = None
    reason: str = ""
    stale_definition: bool = False
    home: str | None = None
    scope: str = "user"
    lost: str = ""
    unusable: str = ""


class RunningProgram(NamedTuple):
    """A program that a manager runs: its name, and the HERMES_HOME of its definition."""

    name: str
    home: str


class LoadedJob(NamedTuple):
    """A job of launchd: its label, and the domain in which it is loaded (`gui/501`, `system`)."""

    label: str
    domain: str


class Manager(Protocol):
    """A service manager. Each method takes many services and calls the manager as few times as possible.

    `query` returns a status for each profile. The others return profile → reason of each failure, {} for success. They
    do not wait until a gateway is up or gone: the caller observes all gateways together. All raise ManagerError when
    the manager cannot be reached.
    """

    kind: ManagerKind

    def definitions(self, spec: ServiceSpec) -> tuple[tuple[Path, bytes, int], ...]:
        """Return the files that define a service: (path, content, mode) each, the main one first."""
        ...

    def service(self, spec_name: ServiceName, profile: str) -> Service:
        """Return the service of a profile, with the path of its definition."""
        ...

    def query(self, services: Sequence[Service]) -> Mapping[str, ServiceStatus]:
        """Return profile → status, from one call."""
        ...

    def load(self, services: Sequence[Service], *, enable: bool | None) -> Mapping[str, str]:
        """Read new or changed definitions.

        `enable`: whether the services start with the manager, None for no change.
        """
        ...

    def start(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Start the services; one that runs already is left alone."""
        ...

    def stop(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Stop the services, so that the manager does not restart them; their definitions stay."""
        ...

    def unload(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Remove stopped services from the manager: not enabled, no failed state left."""
        ...

    def enable(self, services: Sequence[Service], *, enabled: bool) -> Mapping[str, str]:
        """Set whether services start with the manager."""
        ...

    # Not every manager has these; the defaults are for one without them.

    def check(self) -> None:
        """Raise ManagerError when the manager cannot be reached; one that is started on demand always can."""
        return

    def version(self) -> int | None:
        """Return the version that decides what a definition can say, None where none does."""
        return None

    def stop_unit(self, unit: str) -> str:
        """Stop a unit of this manager that is not ours; returns the reason of a failure, "" for success."""
        return f"{self.kind} has no unit {unit}"

    def starters_of(self, unit: str) -> tuple[str, ...]:
        """Return the active units of this manager, such as timers, that start a unit again after a stop."""
        return ()

    def program_of(self, pid: int) -> RunningProgram | None:
        """Return what a manager of one root ran as this process at the last query, None for another process."""
        return None

    def job_of(self, pid: int) -> LoadedJob | None:
        """Return the job of launchd that runs as this process, ours or not, None without one."""
        return None

    def disabled_jobs(self) -> frozenset[str]:
        """Return the labels of launchd that the user has disabled."""
        return frozenset()

    def is_daemon(self, pid: int) -> bool:
        """Return whether a process was, at the last query, the manager of this root alone."""
        return False

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that can hold definitions, the one that is written to first."""
        return (self.service(ServiceName("", ""), "").path.parent,)

    def system_path(self, service: Service) -> Path | None:
        """Return the path of the same service in the system's scope, None without such a scope."""
        return None

    def linger(self) -> bool | None:
        """Return whether services run from boot and after the last logout; None where that is not a setting."""
        return None

    def enable_linger(self) -> None:
        """Let services run from boot and after the last logout, where that is a setting. Raises ManagerError."""
        return

    def journal_tail(self, service: Service, lines: int = 8) -> list[str]:
        """Return the last lines that the manager caught from a service, not redacted; [] when it has none."""
        return []
