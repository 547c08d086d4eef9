"""A root with fake gateways under a real supervisord, which is ended by its pid after each test."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from hermes_profiles.services.manager import Activity, ManagerError, Service, ServiceStatus
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.spec import Program, ServiceSpec
from hermes_profiles.services.supervisor.client import DaemonNotRunning, call
from hermes_profiles.services.supervisor.manager import SupervisorManager
from hermes_profiles.services.supervisor.render import Delays

# Records each start and, once, its arguments and environment; exits with the next code of `exits`, else runs until
# it is stopped. The shell itself is the gateway, so that it has a child like a real one.
GATEWAY = """#!/bin/sh
cd "$HERMES_HOME" || exit 9
date +%s.%N >> starts
printf '%s\\0' "$0" "$@" > argv
env -0 > environment
pwd > folder
echo "hello from $$"
code=$(sed -n 1p exits 2>/dev/null)
if [ -n "$code" ]; then sed -i 1d exits; exit "$code"; fi
if [ -e deaf ]; then trap '' TERM; fi
echo $$ > up
sleep 1000 &
echo $! >> helpers
wait
"""
DEADLINE = 20.0


def until(what: Callable[[], object]) -> object:
    """Return the first true result; a timeout fails."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        answer = what()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError("timed out")


def daemon_pid(manager: SupervisorManager) -> int | None:
    """Return the pid of the answering daemon, or None."""
    status = manager._status()
    return None if status is None else int(status["pid"])


def is_gone(pid: int) -> bool:
    """Return whether a process has ended (a zombie counts as ended)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"Z"
    except OSError:
        return True


def variables_of(pid: int) -> dict[str, str]:
    """Return the initial environment of a process."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        return dict(each.split("=", 1) for each in os.fsdecode(file.read()).split("\0") if each)


class SupervisorRoot:
    """A state folder with gateways; `state` is created on demand, `environment` is the caller's."""

    def __init__(self, folder: Path, environment: Mapping[str, str], delays: Delays | None = None) -> None:
        self.folder = folder
        self.environment = dict(environment)
        self.state = folder / "state"
        self.python = folder / "python"
        folder.mkdir(parents=True, exist_ok=True)
        self.python.write_text(GATEWAY)
        self.python.chmod(0o755)
        self.manager = SupervisorManager(self.state, self.environment, os.getuid(), delays=delays)
        self.seen: set[int] = set()

    def home(self, name: str) -> Path:
        return self.folder / "homes" / name

    def spec(self, name: str) -> ServiceSpec:
        return ServiceSpec(
            name, self.home(name), self.folder, ServiceName(name, name),
            Program(str(self.python), None, ("/usr/bin", "/bin")), "somebody",
            self.folder, self.folder / "overlays" / name, (), self.home(name) / "logs" / "service.log",
        )  # fmt: skip

    def write(self, spec: ServiceSpec) -> Service:
        """Write the files of a service like the fleet, without loading it."""
        spec.home.mkdir(parents=True, exist_ok=True)
        for path, content, mode in self.manager.definitions(spec):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(mode)
        return self.manager.service(spec.name, spec.profile)

    def install(self, name: str, *, exits: str = "", enable: bool | None = None, start: bool = True) -> Service:
        service = self.write(self.spec(name))
        if exits:
            (self.home(name) / "exits").write_text(exits.replace(" ", "\n") + "\n")
        assert self.manager.load([service], enable=enable) == {}
        if start:
            assert self.manager.start([service]) == {}
        self.note()
        return service

    def note(self) -> int | None:
        pid = daemon_pid(self.manager)
        if pid is not None:
            self.seen.add(pid)
        return pid

    def status(self, service: Service) -> ServiceStatus:
        return self.manager.query([service])[service.profile]

    def reach(self, service: Service, what: Callable[[ServiceStatus], object]) -> ServiceStatus:
        """Return the first status that satisfies the condition."""
        found: list[ServiceStatus] = []

        def look() -> bool:
            found[:] = [self.status(service)]
            return bool(what(found[0]))

        try:
            until(look)
        except AssertionError:
            raise AssertionError(f"it never happened; last: {found}") from None
        return found[0]

    def is_up(self, service: Service) -> int:
        """Return the pid of a gateway once it is up."""
        up = self.home(service.profile) / "up"

        def is_up(status: ServiceStatus) -> bool:
            return status.activity is Activity.ACTIVE and up.exists() and up.read_text().strip() == str(status.pid)

        pid = self.reach(service, is_up).pid
        assert pid is not None
        return pid

    def helper(self, service: Service) -> int:
        """Return the pid of the child of the gateway started last."""
        path = self.home(service.profile) / "helpers"
        until(lambda: path.exists() and path.read_text().endswith("\n"))
        return int(path.read_text().split()[-1])

    def starts(self, service: Service) -> list[float]:
        path = self.home(service.profile) / "starts"
        return [float(line) for line in path.read_text().split()] if path.exists() else []

    def end(self) -> None:
        """End every recorded daemon with its gateways."""
        self.note()
        for pid in self.seen:
            for number in (signal.SIGCONT, signal.SIGTERM):
                if not is_gone(pid):
                    os.kill(pid, number)
        for pid in self.seen:
            try:
                until(lambda pid=pid: self._wake() or is_gone(pid))
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                raise
        for path in self.folder.glob("homes/*/helpers"):
            # A gateway of a killed daemon could not end its children.
            for pid in map(int, path.read_text().split()):
                if not is_gone(pid) and os.readlink(f"/proc/{pid}/cwd") == str(path.parent):
                    os.kill(pid, signal.SIGKILL)

    def _wake(self) -> None:
        """Wake the daemon: without another event it handles a signal only after a second."""
        try:
            call(self.manager._folder, "getStatus", [])
        except (DaemonNotRunning, ManagerError):
            pass
