"""The user's systemd, through `systemctl --user`: one call for the whole fleet."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.manager import Activity, Manager, ManagerError, ManagerKind, Service, ServiceStatus
from hermes_profiles.services.naming import ServiceName, drop_in, system_unit, unit_folders
from hermes_profiles.services.run_command import (
    DEADLINE,
    Finished,
    Runner,
    batches,
    listed_environment,
    plain_message,
    run,
)
from hermes_profiles.services.spec import ServiceSpec

from .show import PROPERTIES, blocks, status
from .user_bus import OTHERWISE, SystemdPaths, account_name, find_bus, lingers, no_bus

# Up to this number units are queried by name, which makes systemd read the files of idle units too (about 4 ms each).
# Above it, a pattern queries the loaded units, and the file system shows the idle ones.
_NAMED = 64
_PATTERN = f"{UNIT}*.service"
_OLDEST = 252  # the version assumed for definitions where systemctl cannot be run
_JOURNAL_SECONDS = 2.0
_UNREACHABLE = lazy_pattern(
    r"failed to (connect to|get d-bus)|transport endpoint is not connected|not been booted with systemd"
    r"|connection (refused|reset by peer|timed out|terminated)|disconnected from",
    re.IGNORECASE,
)
_COMPLAINT = lazy_pattern(r"^Failed to [^:]*?([\w.@\\-]+\.service):? (.+)$", re.MULTILINE)
_UNIT_NAME = lazy_pattern(r"[\w.@\\-]+\.service")


class SystemdManager(Manager):
    """The manager of one user's systemd units; see `Manager` for the verbs."""

    kind = ManagerKind.SYSTEMD

    def __init__(
        self,
        user_home: Path,
        environment: Mapping[str, str],
        uid: int,
        *,
        runner: Runner = run,
        places: SystemdPaths | None = None,
        units: Path | None = None,
    ) -> None:
        """`units`: the folder in which the installed Hermes looks for units."""
        folders = (*((units,) if units is not None else ()), *unit_folders(user_home, environment))
        self._folders = tuple(dict.fromkeys(folders))
        self._environment = environment
        self._uid = uid
        self._runner = runner
        self._places = places or SystemdPaths()
        self._bus: dict[str, str] | None = None
        self._version: int | None = None
        self._has_fallen: dict[str, bool] = {}

    # -- definitions

    def definitions(self, spec: ServiceSpec) -> tuple[tuple[Path, bytes, int], ...]:
        """Return Hermes' own unit, and the drop-in with our settings."""
        from .render import render_drop_in, render_unit

        unit = render_unit(spec)
        path = self._path(spec.name)
        try:
            version = self.version()
        except ManagerError:  # definitions can be written where systemd does not run
            version = _OLDEST
        ours = render_drop_in(spec, systemd_version=version, base=unit)
        return ((path, unit, 0o644), (drop_in(path), ours, 0o644))

    def service(self, spec_name: ServiceName, profile: str) -> Service:
        """Return the service of a profile: its user unit."""
        return Service(profile, spec_name, self._path(spec_name))

    def folders(self) -> tuple[Path, ...]:
        """Return the folders that can hold the user's units, the one that is written to first."""
        return self._folders

    def _path(self, name: ServiceName) -> Path:
        """Return the path of a unit; one that another release left in another folder stays there."""
        paths: list[Path] = [folder / f"{name.unit}.service" for folder in self._folders]
        return next((path for path in paths if os.path.lexists(path)), paths[0])

    # -- queries

    def check(self) -> None:
        """Raise ManagerError, with the command that fixes it, when the user's systemd has no socket."""
        if self._bus is None:
            self._bus = find_bus(self._environment, self._uid, self._places)
        if self._bus is None:
            raise no_bus(self._environment, self._uid, self._places)

    def query(self, services: Sequence[Service]) -> Mapping[str, ServiceStatus]:
        """Return profile → status, from one `systemctl show`.

        A unit that runs without a file is included. A unit of the system's systemd alone is read from the file system:
        its activity is unknown, its scope "system".
        """
        if not services:
            return {}
        few = len(services) <= _NAMED
        names = [_file_name(service) for service in services] if few else [_PATTERN]
        done = self._systemctl("show", f"--property={','.join(PROPERTIES)}", "--", *names)
        found = blocks(done.out)
        if done.code != 0 and not found:
            raise ManagerError(
                f"systemctl --user cannot show the services: {done.complaint}",
                target="systemd",
                hint="run `systemctl --user status` to see why",
            )
        enabled = set() if few else self._linked()
        system = _names(self._places.system_units)
        answer = {}
        for service in services:
            name = _file_name(service)
            is_link = not few and name in enabled
            answer[service.profile] = one = self._status(service, found.get(name), is_link, name in system)
            self._has_fallen[name] = one.activity is Activity.FAILED or bool(one.restarts)
        return answer

    def _linked(self) -> set[str]:
        """Return the names of all units that are enabled."""
        return set().union(*map(_links, self._folders))

    def _status(
        self, service: Service, block: Mapping[str, str] | None, is_enabled: bool, in_system: bool
    ) -> ServiceStatus:
        kind = _kind(service.path)
        installed = kind == "file"
        if in_system and kind == "missing" and (block is None or block.get("LoadState") == "not-found"):
            wanted = self._places.system_units / "multi-user.target.wants" / _file_name(service)
            return ServiceStatus(
                installed=True, enabled=os.path.lexists(wanted), activity=Activity.UNKNOWN, scope="system"
            )
        if block is not None:
            return status(block, installed=installed)
        if kind == "masked":
            return ServiceStatus(installed=False, enabled=False, activity=Activity.INACTIVE, reason="masked")
        return ServiceStatus(installed, installed and is_enabled, Activity.INACTIVE)

    def system_path(self, service: Service) -> Path:
        """Return the path of the unit of the same name in the system's scope, whether it exists or not."""
        return self._places.system_units / system_unit(service.name).name

    def version(self) -> int:
        """Return the version of systemd; works without a bus."""
        if self._version is None:
            done = self._runner(("systemctl", "--version"), listed_environment(self._environment), DEADLINE)
            match = re.search(r"systemd (\d+)", done.out)
            if match is None:
                raise ManagerError(f"`systemctl --version` prints no version: {done.complaint}", target="systemd")
            self._version = int(match[1])
        return self._version

    def linger(self) -> bool | None:
        """Return whether services run from boot and after the last logout; None without systemd."""
        return lingers(account_name(self._uid, self._environment), self._places)

    def enable_linger(self) -> None:
        """Let the user's services run from boot and after the last logout.

        Raises ManagerError when logind is missing or does not allow it.
        """
        account = account_name(self._uid, self._environment)
        words = ("loginctl", "--no-ask-password", "enable-linger", account)
        done = self._runner(words, listed_environment(self._environment), DEADLINE)
        if done.code != 0:
            raise ManagerError(
                f"cannot switch linger on for {account}: {done.complaint}",
                target=account,
                code="linger-off",
                hint=f"run as an administrator: `sudo loginctl enable-linger {account}`",
            )

    def journal_tail(self, service: Service, lines: int = 8) -> list[str]:
        """Return the last lines of a service in the journal, not redacted; [] without a journal."""
        words = (
            "journalctl",
            "--quiet",
            "--no-pager",
            "--output=cat",
            f"--lines={lines}",
            f"--user-unit={_file_name(service)}",
        )
        try:
            done = self._runner(words, listed_environment(self._environment), _JOURNAL_SECONDS)
        except ManagerError:  # no journalctl, or a journal that is too slow
            return []
        return done.out.splitlines()[-lines:] if done.code == 0 and lines > 0 else []

    # -- changes

    def load(self, services: Sequence[Service], *, enable: bool | None) -> Mapping[str, str]:
        """Make systemd read the files again. A running gateway keeps its old definition."""
        if not services:
            return {}
        failed, read_again = ({}, False) if enable is None else self._set_enabled(services, enabled=enable)
        if not read_again:
            self._reload()
        return failed

    def enable(self, services: Sequence[Service], *, enabled: bool) -> Mapping[str, str]:
        """Set whether the services start with the user's systemd, in one call unless systemd refuses one."""
        return self._set_enabled(services, enabled=enabled)[0]

    def _set_enabled(self, services: Sequence[Service], *, enabled: bool) -> tuple[dict[str, str], bool]:
        """Enable or disable units; return the failures, and whether systemd has reloaded all units itself.

        systemd changes none when it refuses one: that one is left out, and the call repeated.
        """
        failed = {service.profile: reason for service in services if enabled and (reason := _cannot_enable(service))}
        asked = [service for service in services if service.profile not in failed]
        if not enabled:
            # systemd refuses to disable what has neither a file nor a link.
            linked = self._linked()
            asked = [service for service in asked if _kind(service.path) != "missing" or _file_name(service) in linked]
        read_again = False
        for batch in _batches(asked):
            rest = list(batch)
            while rest:
                done = self._systemctl("enable" if enabled else "disable", "--", *map(_file_name, rest))
                if done.code == 0:
                    read_again = True
                    break
                named = set(_UNIT_NAME.findall(done.complaint))
                refused = [service for service in rest if _file_name(service) in named] or rest
                failed |= {service.profile: _explained(service, done.complaint) for service in refused}
                rest = [service for service in rest if service.profile not in failed]
        return failed, read_again

    def start(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Start the services; reset a failed state and the number of restarts first.

        systemd refuses the start of a failed unit, and counts on from the crashes before a start.
        """
        unseen = [service for service in services if _file_name(service) not in self._has_fallen]
        if unseen:
            self.query(unseen)
        fallen = [service for service in services if self._has_fallen.get(_file_name(service))]
        self._each("reset-failed", fallen)
        for service in fallen:
            self._has_fallen[_file_name(service)] = False
        return self._each("start", services, "--no-block")

    def stop(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Stop the services; systemd does not restart what it stopped itself."""
        failed = self._each("stop", services, "--no-block")
        return {profile: reason for profile, reason in failed.items() if " not loaded" not in reason}

    def stop_unit(self, unit: str) -> str:
        """Stop a unit of the user's systemd that is not ours; returns the reason of a failure, "" for success."""
        done = self._systemctl("stop", "--no-block", "--", unit)
        return "" if done.code == 0 else done.complaint

    def starters_of(self, unit: str) -> tuple[str, ...]:
        """Return the active units, such as timers, that start a unit of the user's systemd again after a stop."""
        shown = self._systemctl("show", "-p", "TriggeredBy,UpheldBy", "--value", "--", unit).out.split()
        if not shown:
            return ()
        states = self._systemctl("is-active", "--", *shown).out.split()
        return tuple(name for name, state in zip(shown, states, strict=False) if state == "active")

    def unload(self, services: Sequence[Service]) -> Mapping[str, str]:
        """Disable and reset stopped services; their files can still exist or be removed already."""
        if not services:
            return {}
        failed, read_again = self._set_enabled(services, enabled=False)
        if not read_again:
            self._reload()
        forgotten = self._each("reset-failed", services)
        return failed | {profile: reason for profile, reason in forgotten.items() if " not loaded" not in reason}

    def _reload(self) -> None:
        done = self._systemctl("daemon-reload")
        if done.code != 0:
            raise ManagerError(
                f"systemd cannot reload its units: {done.complaint}",
                target="systemd",
                hint="run `systemctl --user daemon-reload` to see why",
            )

    def _each(self, verb: str, services: Sequence[Service], *options: str) -> dict[str, str]:
        """Run one verb for many units; systemd continues after one that it refuses, and names it."""
        failed: dict[str, str] = {}
        for batch in _batches(services):
            done = self._systemctl(verb, *options, "--", *map(_file_name, batch))
            if done.code == 0:
                continue
            complaints = {unit: plain_message(reason) for unit, reason in _COMPLAINT.findall(done.err)}
            for service in batch:
                reason = complaints.get(_file_name(service)) if complaints else done.complaint
                if reason is not None:
                    failed[service.profile] = _explained(service, reason)
        return failed

    def ask(self, *words: str, **variables: str) -> Finished:
        """Run a program of systemd with the environment that leads to this user's manager.

        Raises ManagerError when the program or the manager is missing.
        """
        self.check()
        return self._runner(words, {**(self._bus or {}), **variables}, DEADLINE)

    def _systemctl(self, *words: str) -> Finished:
        self.check()
        done = self._runner(("systemctl", "--user", "--no-ask-password", *words), self._bus or {}, DEADLINE)
        if done.code != 0 and _UNREACHABLE.search(done.complaint):
            raise ManagerError(
                f"the systemd user manager does not answer: {done.complaint}",
                target="systemd",
                code="no-user-bus",
                hint=f"start it again with `sudo systemctl restart user@{self._uid}.service`; {OTHERWISE}",
            )
        return done


def _file_name(service: Service) -> str:
    return f"{service.name.unit}.service"


def _batches(services: Sequence[Service]) -> list[Sequence[Service]]:
    found, begin = [], 0
    for names in batches([_file_name(service) for service in services]):
        found.append(services[begin : begin + len(names)])
        begin += len(names)
    return found


def _names(folder: Path) -> set[str]:
    try:
        return set(os.listdir(folder))
    except OSError:  # missing, or not readable for us
        return set()


def _links(folder: Path) -> set[str]:
    """Return the names of all units that are enabled in a folder of units."""
    folders = [name for name in _names(folder) if name.endswith((".wants", ".requires"))]
    return set().union(*(_names(folder / name) for name in folders))


def _kind(path: Path) -> str:
    """Return "file", "masked" (a link to /dev/null) or "missing"; a folder in place of a file counts as missing."""
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return "missing"
    return "masked" if stat.S_ISCHR(mode) else "file" if stat.S_ISREG(mode) else "missing"


def _cannot_enable(service: Service) -> str | None:
    kind = _kind(service.path)
    if kind == "missing":
        return f"{service.path} is missing: create it with `hermes-gateways install {service.profile}`"
    return _explained(service, "the unit is masked") if kind == "masked" else None


def _explained(service: Service, reason: str) -> str:
    """Return systemd's reason with the command that fixes it."""
    name = _file_name(service)
    if "masked" in reason and _kind(service.path) == "file":
        return f"{reason}: its file is empty, write it again with `hermes-gateways install {service.profile} --force`"
    if "masked" in reason:
        return f"{reason}: remove the mask with `systemctl --user unmask {name}`"
    if "not found" in reason or "does not exist" in reason:
        return f"{reason}: create it with `hermes-gateways install {service.profile}`"
    if "bad unit file setting" in reason or "bad-setting" in reason:
        return f"{reason}: `systemd-analyze --user verify {service.path}` names the line"
    return reason
