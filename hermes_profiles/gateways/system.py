"""The system that an observation reads: layout, service manager, process table, clock, installed Hermes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.services.located import definitions_of, installed_name
from hermes_profiles.services.naming import ServiceName, service_name

from .processes import Processes, processes_of

if TYPE_CHECKING:
    from hermes_profiles.hermes.version import HermesFacts
    from hermes_profiles.model.layout import Layout
    from hermes_profiles.services.manager import Manager, Service, ServiceStatus

    from .model import ProcessSockets


class BackgroundQuery:
    """A manager query in a daemon thread; `result` waits for it and raises its error.

    Not `concurrent.futures`: that loads logging, and its threads are joined at exit, so a hanging manager would keep
    the program from ending.
    """

    def __init__(self, query: Callable[[], Mapping[str, ServiceStatus]]) -> None:
        import threading

        self._answer: Mapping[str, ServiceStatus] = {}
        self._error: Exception | None = None
        self._query = query
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._answer = self._query()
        except Exception as error:  # noqa: BLE001  `result` raises it
            self._error = error

    def result(self) -> Mapping[str, ServiceStatus]:
        """Return the answer."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._answer


class SystemContext:
    """What an observation depends on: layout, manager, process table, clock, environment, sockets. Tests pass fakes.

    `sockets`: returns the TCP sockets of processes, {} where they are not to be read.
    """

    def __init__(
        self,
        layout: Layout,
        manager: Manager | None = None,
        processes: Processes | None = None,
        clock: Callable[[], float] = time.time,
        environment: Mapping[str, str] = {},
        sockets: Callable[[Sequence[int]], Mapping[int, ProcessSockets]] = lambda _: {},
    ) -> None:
        self.layout = layout
        self.manager = manager
        self.processes = processes_of("linux") if processes is None else processes
        self.clock = clock
        self.environment = environment
        self.sockets = sockets
        self._asked: tuple[tuple[str, ...], BackgroundQuery] | None = None

    def ask_ahead(self, profiles: Sequence[str]) -> None:
        """Start the manager query in the background; the next `survey` of exactly these profiles uses its answer.

        The query takes as long as the rest of a status.
        """
        services = self.services(profiles)
        if self.manager is not None and services:
            query = self.manager.query
            self._asked = (tuple(profiles), BackgroundQuery(lambda: query(services)))

    def statuses(self, profiles: Sequence[str]) -> Mapping[str, ServiceStatus]:
        """Return the service statuses of profiles. Raises ManagerError where the manager cannot be reached."""
        asked, self._asked = self._asked, None
        if asked is not None and asked[0] == tuple(profiles):
            return asked[1].result()
        services = self.services(profiles)
        return self.manager.query(services) if self.manager is not None and services else {}

    @cached_property
    def user_home(self) -> Path:
        """Return the user's home, links resolved."""
        return Path(os.path.realpath(self.layout.user_home))

    @property
    def hermes(self) -> HermesFacts:
        """Return the behaviours of the installed Hermes."""
        return self.layout.installed()

    def service_name(self, profile: str) -> ServiceName:
        """Return the name of the installed service of a profile, else the one that Hermes gives it."""
        return self.service_names((profile,))[profile]

    def service_names(self, profiles: Sequence[str]) -> dict[str, ServiceName]:
        """Return profile → the name of its service. The folders of the manager are listed once for all."""
        definitions = definitions_of(self.manager) if self.manager is not None else ()
        return {name: self._service_name(name, definitions) for name in profiles}

    def _service_name(self, profile: str, definitions: Sequence[Path]) -> ServiceName:
        home = Path(os.path.realpath(self.layout.home(profile)))
        name = service_name(home, self.user_home)
        # Only the name of a custom root depends on the release.
        hashed = name if name.suffix else service_name(home, self.user_home, has_hashed_roots=True)
        if self.manager is not None and definitions:
            found = installed_name(self.manager, home, tuple(dict.fromkeys((name, hashed))), definitions)
            if found is not None:
                return found
        return hashed if name != hashed and self.hermes.has(Behaviour.HASHED_ROOT_SERVICES) else name

    def service(self, profile: str) -> Service | None:
        """Return the service of a profile, None without a manager."""
        return self.manager.service(self.service_name(profile), profile) if self.manager is not None else None

    def services(self, profiles: Sequence[str]) -> tuple[Service, ...]:
        """Return the services of profiles, in their order."""
        if self.manager is None:
            return ()
        return tuple(self.manager.service(name, profile) for profile, name in self.service_names(profiles).items())


def sockets_of(platform: str) -> Callable[[Sequence[int]], Mapping[int, ProcessSockets]]:
    """Return the function that reads the TCP sockets of processes; it returns {} where the system does not list them.

    `platform`: a value of `sys.platform`.
    """

    def read(pids: Sequence[int]) -> Mapping[int, ProcessSockets]:
        if platform != "linux" or not pids:
            return {}
        from .sockets import linux_sockets  # loads sockets

        return linux_sockets(pids)

    return read
