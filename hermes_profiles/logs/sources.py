"""The log files and units of a profile's gateway; reads files only.

Checked on real gateways (Hermes 0.19.0): `gateway.log` has the records of the gateway's own loggers, from INFO up.
Standard error gets a copy of all records from WARNING up, without a time; standard output a banner at the start.
Under systemd both go to the journal, under launchd to `gateway.error.log` and `gateway.log`, under our supervisor to
`gateway.log`, which then has both copy and original.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.files import GATEWAY_ERROR_LOG, GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.hermes.service_names import LAUNCH_AGENTS, SYSTEM_UNITS
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.naming import launch_agent, system_unit, unit_folders

_LARGEST = 1024 * 1024


class LogSource(NamedTuple):
    """A file that a gateway writes to; `name` is its name in output."""

    profile: str
    name: str
    path: Path

    @property
    def is_errors(self) -> bool:
        """Return whether it holds the gateway's standard error."""
        return self.name == GATEWAY_ERROR_LOG


class Unit(NamedTuple):
    """A unit of systemd whose output goes to the journal; `scope`: "user" or "system"."""

    profile: str
    name: str
    scope: str


def sources_of(world: SystemContext, profile: str) -> list[LogSource]:
    """Return the log files of a profile's gateway, existing or not, each once."""
    logs = world.layout.home(profile) / LOGS_FOLDER
    found = [
        LogSource(profile, GATEWAY_LOG, logs / GATEWAY_LOG),
        LogSource(profile, GATEWAY_ERROR_LOG, logs / GATEWAY_ERROR_LOG),
    ]
    known = {os.path.realpath(source.path) for source in found}
    for path in _written_by_service(world, profile):
        real = os.path.realpath(path)
        if real not in known and os.path.isabs(path):
            known.add(real)
            found.append(LogSource(profile, path.name, path))
    return found


def _written_by_service(world: SystemContext, profile: str) -> Iterator[Path]:
    """Yield the files named in the definitions of a profile's service."""
    name = world.service_name(profile)
    if world.layout.platform == "darwin":
        yield from _of_plist(launch_agent(name, world.layout.user_home))
    program = world.layout.state / "supervisor" / "programs" / f"{name.unit}.conf"
    content = _content(program)
    if content:
        from hermes_profiles.services.supervisor.render import log_of

        log = log_of(content)
        if log:
            yield Path(log)


def _of_plist(path: Path) -> Iterator[Path]:
    content = _content(path)
    if not content:
        return
    from hermes_profiles.model.errors import Failed
    from hermes_profiles.services.launchd.render import parse_plist

    try:
        job = parse_plist(content)
    except Failed:  # doctor reports it
        return
    for key in ("StandardOutPath", "StandardErrorPath"):
        if isinstance(job.get(key), str):
            yield Path(job[key])


def units_of(world: SystemContext, profile: str) -> list[Unit]:
    """Return the units of systemd that run a profile's gateway, in either scope."""
    if world.layout.platform == "darwin":
        return []
    name = world.service_name(profile)
    found = []
    folders = unit_folders(world.layout.user_home, world.environment)
    user_units = [(folder / f"{name.unit}.service", "user") for folder in folders]
    for path, scope in (*user_units, (system_unit(name), "system")):
        if path.is_file() and _is_for(path, world, profile):
            found.append(Unit(profile, path.name, scope))
    return found


def definition_times(world: SystemContext) -> tuple[int, ...]:
    """Return when each folder with definitions of services was changed; a new or replaced definition changes it."""
    home = world.layout.user_home
    folders = (
        *unit_folders(home, world.environment),
        Path(SYSTEM_UNITS),
        home / LAUNCH_AGENTS,
        world.layout.state / "supervisor" / "programs",
    )
    return tuple(_changed(folder) for folder in folders)


def _changed(path: Path) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _is_for(path: Path, world: SystemContext, profile: str) -> bool:
    """Return whether a unit runs this profile: two roots of one account have the same unit names."""
    home = os.path.realpath(world.layout.home(profile))
    named = [line.partition(b"HERMES_HOME=")[2] for line in _content(path).splitlines() if b"HERMES_HOME=" in line]
    homes = [os.fsdecode(text.strip().strip(b'"').replace(b"%%", b"%")) for text in named]
    return not homes or any(os.path.realpath(other) == home for other in homes)


def _content(path: Path) -> bytes:
    try:
        return read_regular(path, _LARGEST)
    except OSError:
        return b""
