"""Drives the real SystemdManager through the life of some services; prints JSON in its last line."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.services.manager import Activity, Service, ServiceStatus
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.run_command import Finished, run
from hermes_profiles.services.systemd.manager import SystemdManager

HOME = Path(os.environ["HOME"])
CALLS: list[tuple[str, ...]] = []
SEEN: dict[str, Any] = {}


def counted(words: Sequence[str], environment: Mapping[str, str], seconds: float) -> Finished:
    CALLS.append(tuple(words))
    return run(words, environment, seconds)


def calls_of(action: Callable[[], object]) -> list[str]:
    """Return the verbs of the programs that an action starts."""
    CALLS.clear()
    failed = action()
    assert not failed or all(isinstance(each, ServiceStatus) for each in dict(failed).values()), failed  # type: ignore[call-overload]
    return [next(each for each in words[1:] if not each.startswith("--")) for words in CALLS]


def define(profile: str, command: str, home: str = "/nowhere") -> Service:
    service = manager.service(ServiceName(profile, profile), profile)
    service.path.parent.mkdir(parents=True, exist_ok=True)
    service.path.write_text(
        "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=simple\n"
        f"ExecStart={command}\nEnvironment=\"HERMES_HOME={home}\"\nRestart=always\nRestartSec=0.1\n"
        "RestartPreventExitStatus=78\nRestartForceExitStatus=75\nTimeoutStopSec=5\n[Install]\nWantedBy=default.target\n"
    )  # fmt: skip
    return service


def until(service: Service, holds: Callable[[ServiceStatus], bool]) -> ServiceStatus:
    """Wait until a condition holds, for at most twenty seconds."""
    deadline = time.monotonic() + 20
    while True:
        status = manager.query([service])[service.profile]
        if holds(status):
            return status
        assert time.monotonic() < deadline, f"{service.profile}: {status}"
        time.sleep(0.05)


def life() -> None:
    a, gone = define("a", "/bin/sleep 1000", "/x/a b'%%é"), define("gone", "/bin/sleep 1000")
    SEEN["load"] = calls_of(lambda: manager.load([a, gone], enable=True))
    SEEN["before"] = manager.query([a])["a"]
    SEEN["start"] = calls_of(lambda: manager.start([a, gone]))
    running = until(a, lambda status: status.activity is Activity.ACTIVE and status.pid is not None)
    SEEN["running"], SEEN["now"] = running, time.time()
    assert running.pid is not None
    os.kill(running.pid, signal.SIGKILL)
    SEEN["revived"] = until(a, lambda status: status.restarts == 1 and status.pid not in (None, running.pid))
    manager.start([a])
    SEEN["again"] = manager.query([a])["a"]
    SEEN["query"] = calls_of(lambda: manager.query([a, gone]))
    SEEN["stop"] = calls_of(lambda: manager.stop([a, gone]))
    until(a, lambda status: status.activity is Activity.INACTIVE)
    time.sleep(0.5)  # five times the delay before a restart
    SEEN["stopped"] = manager.query([a])["a"]
    manager.start([gone])
    until(gone, lambda status: status.pid is not None)
    gone.path.unlink()
    manager.load([a], enable=None)
    SEEN["without file"] = manager.query([gone])["gone"]
    manager.stop([gone])
    until(gone, lambda status: status.pid is None)
    SEEN["unknown"] = manager.query([manager.service(ServiceName("never", "never"), "never")])["never"]


def exits() -> None:
    marks = HOME / "marks"
    fatal = define("fatal", "/bin/sh -c 'echo giving up; exit 78'")
    again = define("again", f"/bin/sh -c 'test -e {marks} && exec sleep 1000; touch {marks}; exit 75'")
    missing = define("missing", "/nonexistent/python -m hermes_cli.main")
    broken = define("broken", "/bin/true")
    broken.path.write_text("[Service]\nRestart=always\n[Install]\nWantedBy=default.target\n")
    services = [fatal, again, missing, broken]
    manager.load(services, enable=False)
    manager.query(services)
    SEEN["start of four"] = manager.start(services)
    until(fatal, lambda status: status.activity is Activity.FAILED)
    SEEN["75"] = until(again, lambda status: status.restarts == 1 and status.pid is not None)
    SEEN["203"] = until(missing, lambda status: (status.restarts or 0) >= 2 and status.waiting)
    SEEN["78"] = manager.query([fatal])["fatal"]  # by now the others were restarted
    SEEN["broken"] = manager.query([broken])["broken"]
    deadline = time.monotonic() + 10
    while not (lines := manager.journal_tail(fatal)) and time.monotonic() < deadline:
        time.sleep(0.1)
    SEEN["journal"] = lines
    SEEN["forgive"] = calls_of(lambda: manager.start([fatal]))
    until(fatal, lambda status: status.activity is Activity.FAILED)
    manager.stop(services)
    until(again, lambda status: status.pid is None)
    SEEN["unload"] = calls_of(lambda: manager.unload([fatal, missing]))
    for service in services:
        service.path.unlink()
    SEEN["unload without files"] = manager.unload([again, broken])
    SEEN["after"] = manager.query([fatal])["fatal"]


def fleet() -> None:
    services = [define(f"p{number}", "/bin/sleep 1000") for number in range(50)]
    SEEN["fleet load"] = calls_of(lambda: manager.load(services, enable=True))
    manager.query(services)
    SEEN["fleet start"] = calls_of(lambda: manager.start(services[:20]))
    for service in services[:20]:
        until(service, lambda status: status.pid is not None)
    SEEN["fleet query"] = calls_of(lambda: manager.query(services))
    SEEN["fleet pids"] = [status.pid for status in manager.query(services).values()]
    # The same by a pattern, as for a fleet of more than a hundred.
    crowd = services + [manager.service(ServiceName(f"x{number}", f"x{number}"), f"x{number}") for number in range(60)]
    many = manager.query(crowd)
    few = manager.query(services)
    SEEN["both ways"] = [
        profile for profile, status in few.items()
        if (status.pid, status.enabled, status.installed, status.activity)
        != (many[profile].pid, many[profile].enabled, many[profile].installed, many[profile].activity)
    ]  # fmt: skip
    SEEN["fleet stop"] = calls_of(lambda: manager.stop(services))
    for service in services[:20]:
        until(service, lambda status: status.pid is None)
    SEEN["fleet unload"] = calls_of(lambda: manager.unload(services))
    for service in services:
        service.path.unlink()


if __name__ == "__main__":
    # No bus in the environment, like cron or a plain ssh command.
    manager = SystemdManager(HOME, {"PATH": os.environ["PATH"]}, os.getuid(), runner=counted)
    for part in sys.argv[1:]:
        {"life": life, "exits": exits, "fleet": fleet}[part]()
    left = [str(path.relative_to(HOME)) for path in (HOME / ".config").rglob("*") if not path.is_dir()]
    SEEN["version"], SEEN["linger"], SEEN["left"] = manager.version(), manager.linger(), left
    sys.stdout.write(json.dumps(SEEN, default=str) + "\n")
