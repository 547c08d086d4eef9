"""A root whose gateways are observed: a process table, a manager with given statuses, and the files of gateways."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.gateways.processes import Process, Usage
from hermes_profiles.hermes.version import HermesFacts
from hermes_profiles.model.layout import Layout
from hermes_profiles.services.manager import Activity, LoadedJob, ManagerKind, RunningProgram, Service, ServiceStatus
from hermes_profiles.services.naming import ServiceName

NOW = 1_800_000_000.0
RUN = ("hermes", "gateway", "run")


class Table:
    """A process table: pid → process; counts how often it is searched."""

    def __init__(self) -> None:
        self.live: dict[int, Process] = {}
        self.owners: dict[Path, int] = {}
        self.searched = 0

    def add(self, pid: int, *words: str, parent: int = 1, started: float = 1000.0, **variables: str) -> None:
        self.live[pid] = Process(pid, started, "S", parent, words or RUN, variables)

    def find(self, pid: int) -> Process | None:
        return self.live.get(pid)

    def gateways(self) -> tuple[Process, ...]:
        self.searched += 1
        return tuple(each for each in self.live.values() if each.is_gateway)

    def lock_owner(self, path: Path) -> int | None:
        return self.owners.get(path)

    def folder(self, process: Process) -> str:
        return ""

    def standard_input(self, process: Process) -> str:
        return ""

    def cgroup(self, process: Process) -> str:
        return ""

    def usage(self, process: Process) -> Usage:
        return Usage(1, 1, 1, 3600.0)

    def epoch(self, process: Process) -> float | None:
        return NOW - 3600.0


class Told:
    """A manager with given statuses that counts its queries."""

    kind = ManagerKind.SYSTEMD

    def __init__(self, **statuses: ServiceStatus) -> None:
        self.statuses = statuses
        self.asked: list[tuple[str, ...]] = []

    def service(self, name: ServiceName, profile: str) -> Service:
        return Service(profile, name, Path("/units") / f"{name.unit}.service")

    def folders(self) -> tuple[Path, ...]:
        return (Path("/units"),)

    def program_of(self, pid: int) -> RunningProgram | None:
        return None

    def job_of(self, pid: int) -> LoadedJob | None:
        return None

    def is_daemon(self, pid: int) -> bool:
        return False

    def query(self, services: Sequence[Service]) -> dict[str, ServiceStatus]:
        self.asked.append(tuple(each.profile for each in services))
        none = ServiceStatus(False, False, Activity.INACTIVE)
        return {each.profile: self.statuses.get(each.profile, none) for each in services}


class Root:
    def __init__(self, user_home: Path, *profiles: str) -> None:
        self.layout = Layout(user_home / ".hermes", user_home)
        self.table = Table()
        self.manager = Told()
        self.world = SystemContext(self.layout, self.manager, self.table, lambda: NOW)  # type: ignore[arg-type]
        self.profiles = profiles
        for name in profiles:
            self.layout.home(name).mkdir(parents=True, exist_ok=True)

    def home(self, name: str) -> str:
        return str(self.layout.home(name))

    def write(self, profile: str, name: str, data: Any) -> None:
        path = self.layout.home(profile) / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(data if isinstance(data, str) else json.dumps(data))

    def runs(self, profile: str, pid: int, *, state: str = "running", parent: int = 1, **more: Any) -> None:
        """Have a gateway run that wrote all its files."""
        self.table.add(pid, "hermes", "-p", profile, "gateway", "run", parent=parent, HERMES_HOME=self.home(profile))
        me = {"pid": pid, "start_time": 1000}
        self.write(profile, "gateway.pid", me)
        self.write(profile, "gateway_state.json", {**me, "gateway_state": state, "platforms": {}, **more})

    def states(self, **more: Any) -> dict[str, str]:
        return {name: str(each.state) for name, each in survey(self.world, self.profiles, **more).items()}

    def uses(self, hermes: HermesFacts) -> None:
        """Have this Hermes be the installed one."""
        self.layout = self.world.layout = self.layout._replace(installed=lambda: hermes)

    def publishes(self, pid: int, home: str, *profiles: str, started: float = 1000.0) -> None:
        """Write the host record of a gateway."""
        folder = self.layout.user_home / ".local" / "state" / "hermes" / "gateway-locks"
        folder.mkdir(parents=True, exist_ok=True)
        record = {"role": "gateway", "pid": pid, "startTime": started, "home": home, "profiles": list(profiles)}
        (folder / "host-gateway.json").write_text(json.dumps({**record, "protocolVersion": 1}))


def status(activity: Activity = Activity.ACTIVE, pid: int | None = None, **more: Any) -> ServiceStatus:
    return ServiceStatus(True, True, activity, pid)._replace(**more)
