"""The bundled manager: supervisord, one daemon for each root, started when it is first needed.

For machines without systemd and launchd (containers, WSL without systemd, CI). A daemon starts no gateway by itself: a
command for one profile may start the daemon, and must not start the others. A start of the whole fleet starts what ran
when the last daemon ended. No service is enabled before a command enables it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hermes_profiles.changes.lock import StateLock, lock_holder
from hermes_profiles.changes.state_files import own_folder, remove_state_file, write_state_file
from hermes_profiles.model.errors import HermesProfilesError, Refused
from hermes_profiles.services.last_lines import last_lines
from hermes_profiles.services.manager import (
    Activity,
    Manager,
    ManagerError,
    ManagerKind,
    RunningProgram,
    Service,
    ServiceStatus,
)
from hermes_profiles.services.naming import ServiceName
from hermes_profiles.services.spec import INHERITED, ServiceSpec, matches_name

from .client import (
    CONF,
    DESIRED,
    DISABLED,
    LOCK,
    LOG,
    PROGRAMS,
    SOCKET,
    DaemonNotRunning,
    WrongDaemon,
    call,
    choose_socket,
    listener_of,
    log_hint,
    names_in,
)
from .render import Delays, inherited_of, log_of, render_daemon, render_program

_A_PLACE = "run the command again after `mkdir -p -m 700 ~/.cache/run && export XDG_RUNTIME_DIR=~/.cache/run`"
_DAEMON = "hermes_profiles.services.managers.supervisor_daemon"
_START_SECONDS = 30.0
_ANSWER_SECONDS = 10.0  # for a daemon that starts or ends
_MOVED_SECONDS = 2.0  # for one that answers for another path of its root
_POLL = 0.05
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Variables for the daemon itself, besides those that gateways inherit: they lead to its code.
_ITS_OWN = ("HOME", "PYTHONPATH")
# Variables of the manager that runs the caller: a gateway with them would report to that manager.
_OF_ANOTHER_MANAGER = (
    "INVOCATION_ID",
    "JOURNAL_STREAM",
    "NOTIFY_SOCKET",
    "WATCHDOG_*",
    "SYSTEMD_EXEC_PID",
    "MEMORY_PRESSURE_*",
    "XPC_*",
)
_DAEMON_ENDED = "supervisord, which ran it, no longer runs"
_NOT_STARTED_SINCE = "supervisord ended while it ran, and was started again without it"
_ACTIVITIES = {
    "STARTING": Activity.ACTIVE,
    "RUNNING": Activity.ACTIVE,
    "BACKOFF": Activity.ACTIVATING,
    "STOPPING": Activity.DEACTIVATING,
    "STOPPED": Activity.INACTIVE,
    "FATAL": Activity.FAILED,
}


class SupervisorManager(Manager):
    """The manager of one root's daemon; `state` is `Layout.state`, the files are in `state/supervisor/`.

    A running daemon keeps its environment: a further name in `ServiceSpec.inherited` counts from its next start on.
    """

    kind = ManagerKind.SUPERVISOR

    def __init__(self, state: Path, environment: Mapping[str, str], uid: int, *, delays: Delays | None = None) -> None:
        self._folder = state / "supervisor"
        self._environment = environment
        self._uid = uid
        self._delays = delays
        self._running: dict[int, RunningProgram] = {}
        self._daemon: int | None = None

    # -- queries

    def definitions(self, spec: ServiceSpec) -> tuple[tuple[Path, bytes, int], ...]:
        """Return the file that defines a service: (path, content, mode)."""
        return ((self._program(spec.name), render_program(spec), 0o600),)

    def service(self, spec_name: ServiceName, profile: str) -> Service:
        """Return the service of a profile, with the path of its definition."""
        return Service(profile, spec_name, self._program(spec_name))

    def query(self, services: Sequence[Service]) -> Mapping[str, ServiceStatus]:
        """Return profile → status, from one call; the daemon is never started for it."""
        answer = self._status()
        status = answer or {}
        disabled = names_in(self._folder / DISABLED)
        desired = names_in(self._folder / DESIRED) if answer is None else set()
        programs, broken = status.get("programs", {}), status.get("broken", {})
        self._daemon = status.get("pid")
        self._running = {
            each["pid"]: RunningProgram(name, each["home"]) for name, each in programs.items() if each["pid"]
        }
        return {
            service.profile: _status_of(
                programs.get(service.name.unit),
                broken.get(service.name.unit, ""),
                installed=os.path.isfile(service.path),
                enabled=service.name.unit not in disabled,
                lost=_DAEMON_ENDED if service.name.unit in desired else "",
            )
            for service in services
        }

    def program_of(self, pid: int) -> RunningProgram | None:
        """Return the program that ran as this process at the last query, None for another process."""
        return self._running.get(pid)

    def is_daemon(self, pid: int) -> bool:
        """Return whether a process was the daemon of this root at the last query."""
        return pid == self._daemon

    def journal_tail(self, service: Service, lines: int = 8) -> list[str]:
        """Return the last lines of a gateway's log, not redacted; [] without a log."""
        content = _bytes_of(service.path)
        log = log_of(content) if content is not None else None
        return last_lines(log, lines) if log else []

    # -- changes

    def load(self, services: Sequence[Service], *, enable: bool | None) -> Mapping[str, str]:
        """Make the daemon read these definitions. A running gateway uses a changed one from its next start on."""
        if not services:
            return {}
        with StateLock(self._folder):
            if enable is not None:
                self._enable(services, enabled=enable)
            return _by_profile(services, self._insist("load", services))

    def start(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Start services, without waiting.

        One that waits for its next try is tried at once; one that is stopping is started again afterwards.
        """
        if not services:
            return {}
        with StateLock(self._folder):
            return _by_profile(services, self._insist("start", services))

    def stop(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Stop services, without waiting; they stay stopped when the daemon starts again."""
        if not services or not os.path.isdir(self._folder):
            return {}
        with StateLock(self._folder):
            try:
                return _by_profile(services, self._ask("stop", services))
            except DaemonNotRunning:
                self._drop(DESIRED, services)
                return {}

    def stop_unit(self, unit: str) -> str:
        """Stop a program of the daemon by its name; returns the reason of a failure, "" for success."""
        with StateLock(self._folder):
            try:
                reasons = self._ask_for("stop", (unit,))
            except DaemonNotRunning:
                return ""
        return str(reasons.get(unit, ""))

    def unload(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Remove stopped services from the daemon, which ends when it has none left."""
        if not services or not os.path.isdir(self._folder):
            return {}
        with StateLock(self._folder):
            try:
                reasons = _by_profile(services, self._ask("unload", services))
            except DaemonNotRunning:
                reasons = {}
                self._drop(DESIRED, services)
            self._drop(DISABLED, [service for service in services if service.profile not in reasons])
            self._shut_down_if_empty()
        return reasons

    def enable(self, services: Sequence[Service], *, enabled: bool) -> Mapping[str, str]:
        """Set whether services start with the daemon; starts and stops none."""
        if services:
            with StateLock(self._folder):
                self._enable(services, enabled=enabled)
        return {}

    # -- the daemon

    def is_gone(self) -> bool:
        """Return whether no daemon runs."""
        return lock_holder(self._folder / LOCK) is None

    def end_if_idle(self) -> bool:
        """End the daemon if none of its programs runs or is to be started; return whether it has ended."""
        with StateLock(self._folder):
            try:
                if not self._ask("endIfIdle", ())["ends"]:
                    return False
            except DaemonNotRunning:
                return True
            return self._wait_for_end()

    def _wait_for_end(self) -> bool:
        deadline = time.monotonic() + _ANSWER_SECONDS
        while not self.is_gone():
            if time.monotonic() >= deadline:
                return False
            time.sleep(_POLL)
        return True

    def _program(self, name: ServiceName) -> Path:
        return self._folder / PROGRAMS / f"{name.unit}.conf"

    def _status(self) -> dict[str, Any] | None:
        try:
            status: dict[str, Any] = self._ask("getStatus", ())
        except DaemonNotRunning:
            return None
        return status

    def _ask(self, method: str, services: Sequence[Service]) -> Any:
        return self._ask_for(method, [service.name.unit for service in services])

    def _ask_for(self, method: str, units: Sequence[str]) -> Any:
        """Return the daemon's result. Raises DaemonNotRunning only when no process holds the daemon's lock.

        A process with the lock will answer or end soon.
        """
        begun = time.monotonic()
        deadline = begun + _ANSWER_SECONDS
        while True:
            try:
                return call(self._folder, method, units)
            except DaemonNotRunning as error:
                pid = lock_holder(self._folder / LOCK)
                if pid is None:
                    raise
                if isinstance(error, WrongDaemon):  # its own daemon may be about to open another socket
                    deadline = min(deadline, begun + _MOVED_SECONDS)
            if time.monotonic() >= deadline:
                raise ManagerError(
                    f"supervisord (process {pid or 'unknown'}) runs for {self._folder}, but cannot be reached",
                    target=str(self._folder),
                    code="manager-timeout",
                    hint=log_hint(self._folder) + (f"; `kill {pid}` ends it and its gateways" if pid else ""),
                )
            time.sleep(_POLL)

    def _insist(self, method: str, services: Sequence[Service]) -> Any:
        """Return the daemon's result; start it if it does not run."""
        try:
            return self._ask(method, services)
        except DaemonNotRunning:
            self._start_daemon()
        try:
            return self._ask(method, services)
        except DaemonNotRunning as error:
            raise self._no_daemon("it ended at once") from error

    def _start_daemon(self) -> None:
        """Start the daemon; when this returns, it is detached and its socket is open."""
        import subprocess

        socket = choose_socket(self._folder, self._environment, self._uid)
        try:
            own_folder(socket.parent, self._uid)
        except HermesProfilesError as error:
            raise ManagerError(
                f"cannot create the socket of supervisord: {error}",
                target=str(socket.parent),
                hint=error.problem.hint if isinstance(error, Refused) else _A_PLACE,
            ) from error
        conf = self._folder / CONF
        write_state_file(conf, render_daemon(socket, self._delays))
        # -P: no modules from the folder `/`. utf8: paths are bytes in any locale.
        words = [sys.executable, "-P", "-X", "utf8", "-m", _DAEMON, "-c", str(conf)]
        try:
            # It detaches (fork, new session) once its socket is open; the process started here ends then.
            done = subprocess.run(
                words,
                env=self._daemon_environment(),
                cwd="/",
                umask=0o077,
                start_new_session=True,
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=_START_SECONDS,
            )
        except subprocess.TimeoutExpired as error:
            raise self._no_daemon(f"it was not up after {_START_SECONDS:g} s") from error
        except OSError as error:
            raise self._no_daemon(f"{words[0]}: {error.strerror}") from error
        if done.returncode != 0 and (pid := listener_of(socket)) is not None:
            raise ManagerError(
                f"supervisord does not start: process {pid} listens on {socket}, as the supervisord of a root that was "
                "removed from this path or moved while it ran",
                target=str(self._folder),
                code="no-supervisord",
                hint=f"end it and its gateways with `kill {pid}`, then run the command again",
            )
        if done.returncode != 0:
            output = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            reasons = [line for line in output if not line.startswith("For help")]
            raise self._no_daemon("; ".join(reasons[-3:]) or f"exit code {done.returncode}")

    def _no_daemon(self, reason: str) -> ManagerError:
        log = self._folder / LOG
        tail = "".join(f"\n  {line}" for line in last_lines(log, 3))
        return ManagerError(
            f"supervisord does not start: {reason}{tail}",
            target=str(self._folder),
            code="no-supervisord",
            hint=log_hint(self._folder) if log.exists() else "look for the cause with `hermes-profiles doctor`",
        )

    def _daemon_environment(self) -> dict[str, str]:
        wanted = set(INHERITED) | set(_ITS_OWN)
        folder = self._folder / PROGRAMS
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            wanted.update(inherited_of(_bytes_of(folder / name) or b""))
        found = {"PATH": _PATH}
        for name, text in self._environment.items():
            if matches_name(name, wanted) and not matches_name(name, _OF_ANOTHER_MANAGER):
                found[name] = text
        return found

    def _enable(self, services: Sequence[Service], *, enabled: bool) -> None:
        if enabled:
            self._drop(DISABLED, services)
            return
        found = names_in(self._folder / DISABLED) | {service.name.unit for service in services}
        write_state_file(self._folder / DISABLED, json.dumps(sorted(found)).encode())

    def _drop(self, record: str, services: Sequence[Service]) -> None:
        """Remove services from a list file; an empty one is removed."""
        path = self._folder / record
        before = names_in(path)
        after = before - {service.name.unit for service in services}
        if not after:
            remove_state_file(path)
        elif after != before:
            write_state_file(path, json.dumps(sorted(after)).encode())

    def _shut_down_if_empty(self) -> bool:
        try:
            if not self._ask("endIfEmpty", ())["ends"]:
                return False
        except DaemonNotRunning:
            pass
        if not self._wait_for_end():
            return False
        for name in (CONF, SOCKET):
            remove_state_file(self._folder / name)
        self._drop(DESIRED, ())
        return True


def _status_of(
    program: Mapping[str, Any] | None, broken: str, *, installed: bool, enabled: bool, lost: str
) -> ServiceStatus:
    if program is None:
        activity = Activity.FAILED if broken else Activity.INACTIVE
        lost = lost if installed else ""
        return ServiceStatus(installed, installed and enabled, activity, reason=broken, lost=lost)
    state, last = program["state"], program["last_exit"]
    activity = _ACTIVITIES.get(state, Activity.UNKNOWN)
    if state == "EXITED":
        activity = Activity.FAILED if last else Activity.INACTIVE
    reason = ""
    if activity in (Activity.FAILED, Activity.ACTIVATING):
        reason = program["spawnerr"] or ("signal" if last is not None and last < 0 else "exit-code")
    return ServiceStatus(
        installed,
        installed and enabled,
        activity,
        pid=program["pid"] or None,
        waiting=program["waiting"],
        queued=program["queued"],
        restarts=program["restarts"],
        last_exit=last,
        since=program["changed"],
        reason=reason or broken,
        stale_definition=program["stale"],
        home=program["home"],
        lost=_NOT_STARTED_SINCE if program.get("lost") else "",
        unusable=program["spawnerr"] or "" if program["waiting"] else "",
    )


def _by_profile(services: Sequence[Service], reasons: Mapping[str, str]) -> dict[str, str]:
    return {service.profile: reasons[service.name.unit] for service in services if service.name.unit in reasons}


def _bytes_of(path: Path) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return None
