"""The user's launchd, through `launchctl`: queries for the whole fleet at once, changes a few jobs at a time."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any

from hermes_profiles.hermes.environment import HERMES_HOME
from hermes_profiles.model.errors import Failed
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.last_lines import last_lines
from hermes_profiles.services.manager import (
    Activity,
    LoadedJob,
    Manager,
    ManagerError,
    ManagerKind,
    Service,
    ServiceStatus,
)
from hermes_profiles.services.naming import ServiceName, launch_agent
from hermes_profiles.services.run_command import DEADLINE, Finished, Runner, listed_environment, run
from hermes_profiles.services.spec import ServiceSpec

from .parse import (
    IN_PROGRESS,
    LOADED_ALREADY,
    REFUSED,
    RETRIED,
    LaunchdJob,
    disabled_labels,
    domain_jobs,
    explain,
    is_gone,
    job_details,
    listed_jobs,
)

# Waits for launchd to finish: it returns 5 or 37 while an old job ends. The sum is a little above the minute after
# which launchd kills a job that does not end.
_WAITS = (0.1, 0.2, 0.4, 0.8, 1.5, 3.0) + (5.0,) * 12
# For a job that `print` does not show, a repeated 5 means that launchd rejects the plist.
_TRIES = 5
_JOBS_AT_ONCE = 8
_LARGEST = 1024 * 1024
# The domain of the daemons.
_SYSTEM = "system"


class _Settled(Enum):
    """The state of a job after launchd has finished with it."""

    RUNS = "runs"
    GONE = "gone"
    STAYS = "stays"


class LaunchdManager(Manager):
    """The manager of one user's LaunchAgents; see `Manager` for the verbs.

    A job is loaded into the first domain that takes it: `gui/UID` (a session at the screen), else `user/UID` (ssh, a
    machine without a screen). A gateway is never run without launchd when launchd refuses: the reason is returned.
    """

    kind = ManagerKind.LAUNCHD

    def __init__(
        self,
        user_home: Path,
        environment: Mapping[str, str],
        uid: int,
        *,
        runner: Runner = run,
        waits: Sequence[float] = _WAITS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._user_home = user_home
        self._environment = listed_environment(environment)
        self._candidates = (f"gui/{uid}", f"user/{uid}")
        self._runner = runner
        self._waits = tuple(waits)
        self._sleep = sleep
        self._usable: tuple[str, ...] = ()
        self._where: dict[str, str] = {}
        self._running: dict[int, str] | None = None
        self._system: dict[int, str] | None = None

    # -- definitions

    def definitions(self, spec: ServiceSpec) -> tuple[tuple[Path, bytes, int], ...]:
        """Return the property list of the LaunchAgent."""
        from .render import render_plist

        return ((launch_agent(spec.name, self._user_home), render_plist(spec), 0o644),)

    def service(self, spec_name: ServiceName, profile: str) -> Service:
        """Return the service of a profile: its LaunchAgent."""
        return Service(profile, spec_name, launch_agent(spec_name, self._user_home))

    # -- queries

    def check(self) -> None:
        """Raise ManagerError when launchd has no domain for this user."""
        self._domains()

    def _domains(self) -> tuple[str, ...]:
        if not self._usable:
            results = {domain: self._launchctl("print", domain) for domain in self._candidates}
            self._usable = tuple(domain for domain, done in results.items() if done.code == 0)
            if not self._usable:
                first = next(iter(results.values()))
                raise ManagerError(
                    f"launchd has no domain for this user ({', '.join(results)}): {first.complaint}",
                    target="launchd",
                    code="no-domain",
                    hint="log in as this user at the screen or by ssh, without sudo; "
                    "or use the bundled manager with `--manager supervisor`",
                )
        return self._usable

    def query(self, services: Sequence[Service]) -> Mapping[str, ServiceStatus]:
        """Return profile → status, from one `launchctl list` and one `print-disabled`.

        `list` covers the caller's domain only: over ssh it lacks the jobs of the session at the screen. While it lacks
        an installed job, each domain is printed once. Only `print LABEL` has the number of restarts, so `restarts` is
        unknown for many services.
        """
        if not services:
            return {}
        installed = [service for service in services if os.path.isfile(service.path)]
        jobs = self._jobs(installed)
        off = self._disabled() if installed else set()
        answer = {service.profile: _status(service, jobs.get(service.name.label), off) for service in services}
        if len(services) == 1 and services[0].name.label in jobs:
            return {services[0].profile: self._detailed(services[0], answer[services[0].profile])}
        return answer

    def _jobs(self, installed: Sequence[Service]) -> dict[str, LaunchdJob]:
        listed = self._launchctl("list")
        if listed.code != 0:
            self._domains()
            raise ManagerError(f"launchctl cannot list its jobs: {listed.complaint}", target="launchd")
        found = listed_jobs(listed.out)
        for domain in self._candidates:
            if all(service.name.label in found for service in installed):
                break
            done = self._launchctl("print", domain)
            for label, job in domain_jobs(done.out).items() if done.code == 0 else ():
                found.setdefault(label, job)
        self._running = {job.pid: label for label, job in found.items() if job.pid is not None}
        return found

    def job_of(self, pid: int) -> LoadedJob | None:
        """Return the job that ran as this process at the last query, else the daemon of the system, None without one.

        The daemons are asked for once, and only for a process that is no job of the user.
        """
        if self._running is None:
            self._jobs(())
        label = (self._running or {}).get(pid)
        if label is not None:
            domain = self._domain_of(label)
            return LoadedJob(label, domain) if domain is not None else None
        if self._system is None:
            done = self._launchctl("print", _SYSTEM)
            jobs = domain_jobs(done.out) if done.code == 0 else {}
            self._system = {job.pid: label for label, job in jobs.items() if job.pid is not None}
        return LoadedJob(self._system[pid], _SYSTEM) if pid in self._system else None

    def _domain_of(self, label: str) -> str | None:
        found = (domain for domain in self._candidates if self._launchctl("print", f"{domain}/{label}").code == 0)
        return next(found, None)

    def disabled_jobs(self) -> frozenset[str]:
        """Return the labels that the user has disabled."""
        return frozenset(self._disabled())

    def _detailed(self, service: Service, status: ServiceStatus) -> ServiceStatus:
        for domain in self._order(service):
            done = self._launchctl("print", f"{domain}/{service.name.label}")
            if done.code == 0:
                self._where[service.name.label] = domain
                details = job_details(done.out)
                restarts = None if details.runs is None else max(0, details.runs - 1)
                return status._replace(restarts=restarts, home=details.environment.get(HERMES_HOME))
        return status

    def _disabled(self) -> set[str]:
        """Return the labels that do not start at login; the domains of one user share the list."""
        for domain in self._candidates:
            done = self._launchctl("print-disabled", domain)
            if done.code == 0:
                return disabled_labels(done.out)
        return set()

    def journal_tail(self, service: Service, lines: int = 8) -> list[str]:
        """Return the last lines of a gateway's standard error, else of its standard output, not redacted."""
        definition = _definition(service.path)
        logs = [definition.get(key) for key in ("StandardErrorPath", "StandardOutPath")]
        return next((found for log in logs if isinstance(log, str) and (found := last_lines(log, lines))), [])

    # -- changes

    def load(self, services: Sequence[Service], *, enable: bool | None) -> Mapping[str, str]:
        """Make launchd read changed definitions: a loaded job is unloaded and loaded again, which restarts it.

        A job that is not loaded stays unloaded: launchd runs a job as soon as it is loaded, and reads its file at
        `start` and at login.
        """
        return self._each(services, lambda service: self._load(service, enable=enable))

    def _load(self, service: Service, *, enable: bool | None) -> str | None:
        if enable is not None and (reason := self._set_enabled(service, enabled=enable)):
            return reason
        domain = self._loaded(service)
        if domain is None:
            return None
        reason = self._boot_out(service, domain)
        if reason is None and not self._wait_until_gone(service):
            reason = _still_there(service, domain)
        return reason or self._bootstrap(service)

    def start(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Start the jobs; one that a stop has unloaded is loaded again first."""
        return self._each(services, self._start)

    def _start(self, service: Service) -> str | None:
        label = service.name.label
        for domain in self._order(service):
            done = self._launchctl("kickstart", f"{domain}/{label}")
            # In progress: either it runs already, or a stop has not finished.
            state = self._settled(service, domain) if done.code in IN_PROGRESS else _Settled.GONE
            if done.code == 0 or state is _Settled.RUNS:
                self._where[label] = domain
                return None
            if state is _Settled.STAYS:
                return _still_there(service, domain)
            if done.code in IN_PROGRESS:
                break
            if not is_gone(done) and done.code not in REFUSED:
                return explain("kickstart", f"{domain}/{label}", done)
        return self._bootstrap(service)

    def _settled(self, service: Service, domain: str) -> _Settled:
        """Wait until a job runs or is gone; return its state."""
        for wait in (0.0, *self._waits):
            self._sleep(wait)
            done = self._launchctl("print", f"{domain}/{service.name.label}")
            if done.code != 0:
                return _Settled.GONE
            if job_details(done.out).running:
                return _Settled.RUNS
        return _Settled.STAYS

    def stop(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Unload the jobs, which ends them: launchd restarts one that is only killed. They stay installed."""
        return self._each(services, self._stop)

    def _stop(self, service: Service) -> str | None:
        for domain in self._order(service):
            if self._is_loaded(service, domain):
                return self._boot_out(service, domain)
        return None

    def stop_unit(self, unit: str) -> str:
        """Unload the job of a label that is not ours; returns the reason of a failure.

        It is loaded again at the next login.
        """
        domain = self._domain_of(unit)
        if domain is None:
            return ""
        target = f"{domain}/{unit}"
        done = self._launchctl("bootout", target)
        if done.code == 0 or is_gone(done) or done.code in IN_PROGRESS:
            return ""
        return explain("bootout", target, done)

    def unload(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Unload the jobs, and remove their disabled marks, which would apply to a later job of that name."""
        off = self._disabled() if services else set()
        return self._each(services, lambda service: self._unload(service, off))

    def _unload(self, service: Service, off: set[str]) -> str | None:
        reason = self._stop(service)
        if reason is None and not self._wait_until_gone(service):
            reason = _still_there(service, self._order(service)[0])
        if reason is None and service.name.label in off:
            reason = self._set_enabled(service, enabled=True)
        self._where.pop(service.name.label, None)
        return reason

    def enable(self, services: Sequence[Service], *, enabled: bool) -> Mapping[str, str]:
        """Set whether the jobs start at login; running jobs continue."""
        return self._each(services, lambda service: self._set_enabled(service, enabled=enabled))

    def _set_enabled(self, service: Service, *, enabled: bool) -> str | None:
        verb, target = "enable" if enabled else "disable", f"{self._domains()[0]}/{service.name.label}"
        done = self._launchctl(verb, target)
        return None if done.code == 0 else explain(verb, target, done)

    # -- one job

    def _order(self, service: Service) -> tuple[str, ...]:
        """Return the domains to search, the one where the job was last seen first."""
        known = self._where.get(service.name.label)
        return tuple(sorted(self._domains(), key=lambda domain: domain != known))

    def _is_loaded(self, service: Service, domain: str) -> bool:
        is_loaded = self._launchctl("print", f"{domain}/{service.name.label}").code == 0
        if is_loaded:
            self._where[service.name.label] = domain
        return is_loaded

    def _loaded(self, service: Service) -> str | None:
        return next((domain for domain in self._order(service) if self._is_loaded(service, domain)), None)

    def _boot_out(self, service: Service, domain: str) -> str | None:
        target = f"{domain}/{service.name.label}"
        done = self._launchctl("bootout", target)
        if done.code == 0 or is_gone(done) or done.code in IN_PROGRESS:
            return None
        # 5 is also returned when the job ended by itself in between.
        return explain("bootout", target, done) if self._is_loaded(service, domain) else None

    def _wait_until_gone(self, service: Service) -> bool:
        for wait in (0.0, *self._waits):
            self._sleep(wait)
            if self._loaded(service) is None:
                return True
        return False

    def _bootstrap(self, service: Service) -> str | None:
        """Load a job into the first domain that accepts it, and start it."""
        if not os.path.isfile(service.path):
            return f"{service.path} is missing: create it with `hermes-gateways install {service.profile}`"
        if fault := _unusable(service):
            again = f"hermes-gateways install {service.profile} --force"
            return f"launchd cannot load {service.path} ({fault}): write it again with `{again}`"
        reason = None
        for domain in self._order(service):
            refusal = self._bring_up(service, domain)
            if refusal is None:
                self._where[service.name.label] = domain
                return None
            reason = explain(*refusal)
            if refusal[2].code not in REFUSED:
                break
        return reason

    def _bring_up(self, service: Service, domain: str) -> tuple[str, str, Finished] | None:
        """Load a job and start it; return (verb, target, result) of the command that failed, None for success."""
        label, plist = service.name.label, os.fspath(service.path)
        target, unseen, lifted = f"{domain}/{label}", 0, False
        refusal = None
        try:
            for wait in (*self._waits, 0.0):
                done = self._launchctl("bootstrap", domain, plist)
                refusal = ("bootstrap", f"{domain} {plist}", done)
                # launchd can load a job and still return an error: `print` shows whether it is loaded.
                if done.code == 0 or done.code in LOADED_ALREADY or self._is_loaded(service, domain):
                    kicked = self._launchctl("kickstart", target)
                    state = self._settled(service, domain) if kicked.code in IN_PROGRESS else _Settled.GONE
                    if kicked.code == 0 or state is _Settled.RUNS:
                        return None
                    refusal = ("kickstart", target, kicked)
                    # Gone: it was the old job, which has ended.
                    if state is _Settled.STAYS or not (is_gone(kicked) or kicked.code in IN_PROGRESS):
                        return refusal
                elif done.code not in RETRIED or unseen == _TRIES:
                    return refusal
                elif not unseen and label in self._disabled():
                    # A disabled job does not start at login. To run it now, it must be enabled while it is loaded.
                    lifted = self._launchctl("enable", target).code == 0
                    unseen, wait = 1, 0.0
                else:
                    unseen += 1
                self._sleep(wait)
            return refusal
        finally:
            if lifted:
                self._launchctl("disable", target)

    def _each(self, services: Sequence[Service], work: Callable[[Service], str | None]) -> dict[str, str]:
        """Run one action for many jobs, some at a time: each can wait for launchd."""
        if not services:
            return {}
        self._domains()
        if len(services) == 1:
            results = [work(services[0])]
        else:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(min(_JOBS_AT_ONCE, len(services))) as pool:
                results = list(pool.map(work, services))
        return {service.profile: reason for service, reason in zip(services, results, strict=True) if reason}

    def _launchctl(self, *words: str) -> Finished:
        return self._runner(("launchctl", *words), self._environment, DEADLINE)


def _still_there(service: Service, domain: str) -> str:
    target = f"{domain}/{service.name.label}"
    return f"launchd does not unload {target}: see its state with `launchctl print {target}`"


def _unusable(service: Service) -> str:
    """Return why launchd cannot load the definition of a service, "" where it can or none is there."""
    try:
        status = os.stat(service.path)
    except OSError:
        return ""
    if not stat.S_ISREG(status.st_mode):
        return ""
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "others than its owner can write it"
    job = _definition(service.path)
    if not job:
        return "no property list"
    if job.get("Label") != service.name.label:
        return f"its Label is not {service.name.label}"
    return "" if job.get("ProgramArguments") or job.get("Program") else "it names no program"


def _status(service: Service, job: LaunchdJob | None, off: set[str]) -> ServiceStatus:
    status = _activity(service, job, off)
    return status._replace(unusable=_unusable(service)) if status.installed else status


def _activity(service: Service, job: LaunchdJob | None, off: set[str]) -> ServiceStatus:
    installed = os.path.isfile(service.path)
    enabled = installed and service.name.label not in off
    if job is None:
        return ServiceStatus(installed=installed, enabled=enabled, activity=Activity.INACTIVE)
    if job.pid is not None:
        return ServiceStatus(
            installed=installed, enabled=enabled, activity=Activity.ACTIVE, pid=job.pid, last_exit=job.last_exit
        )
    waiting = _revives(service.path, job.last_exit)
    failed = bool(job.last_exit)
    activity = Activity.ACTIVATING if waiting else Activity.FAILED if failed else Activity.INACTIVE
    reason = ("signal" if (job.last_exit or 0) < 0 else "exit-code") if failed else ""
    return ServiceStatus(
        installed=installed, enabled=enabled, activity=activity, waiting=waiting, last_exit=job.last_exit, reason=reason
    )


def _revives(path: Path, last_exit: int | None) -> bool:
    """Return whether launchd will run a job again that is loaded and has no process; its definition says."""
    keep_alive = _definition(path).get("KeepAlive")
    if isinstance(keep_alive, dict):
        ends = {"SuccessfulExit": not last_exit, "Crashed": (last_exit or 0) < 0}
        return any(keep_alive.get(key) == is_so for key, is_so in ends.items())
    return keep_alive is True


def _definition(path: Path) -> Mapping[str, Any]:
    """Return what a property list says, {} when it cannot be read."""
    try:
        status = os.stat(path)
    except OSError:
        return {}
    return _parsed(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)  # a fleet is observed many times while it starts
def _parsed(path: Path, _changed: int, _size: int) -> Mapping[str, Any]:
    from .render import parse_plist

    try:
        return parse_plist(read_regular(path, _LARGEST))
    except (OSError, Failed):
        return {}
