"""Which manager runs this user's gateways: launchd, systemd, else supervisor."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from hermes_profiles.hermes.service_names import LABEL, LAUNCH_AGENTS, UNIT
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.services.supervisor.client import PROGRAMS
from hermes_profiles.services.systemd.user_bus import SystemdPaths, find_bus, is_wsl

from .manager import Manager, ManagerError, ManagerKind
from .naming import unit_folders

Which = Callable[[str], str | None]
_HOME = lazy_pattern(rb'^Environment="?HERMES_HOME=(.*?)"?$', re.MULTILINE)


class ManagerChoice(NamedTuple):
    """The manager that runs the gateways of a root, and why that one."""

    kind: ManagerKind
    why: str


def detect(
    *,
    platform: str,
    environment: Mapping[str, str],
    user_home: Path,
    uid: int,
    state: Path,
    wanted: ManagerKind | None = None,
    which: Which | None = None,
    places: SystemdPaths | None = None,
    units: Path | None = None,
) -> Manager:
    """Return the manager of this user; `state` is our folder in the root, `platform` is `sys.platform`.

    `units`: the folder in which the installed Hermes looks for units.

    Raises ManagerError, with the command that fixes it, when that manager cannot be reached. Another one is used only
    on request (`wanted`): two managers would run every gateway twice.
    """
    choice = describe(
        platform=platform,
        environment=environment,
        user_home=user_home,
        uid=uid,
        state=state,
        wanted=wanted,
        places=places,
    )
    if choice.kind is ManagerKind.LAUNCHD:
        from hermes_profiles.services.launchd.manager import LaunchdManager

        _require("launchctl", choice, environment, which)
        return LaunchdManager(user_home, environment, uid)
    if choice.kind is ManagerKind.SYSTEMD:
        from hermes_profiles.services.systemd.manager import SystemdManager

        _require("systemctl", choice, environment, which)
        manager = SystemdManager(user_home, environment, uid, places=places, units=units)
        manager.check()
        return manager
    from hermes_profiles.services.supervisor.manager import SupervisorManager

    return SupervisorManager(state, environment, uid)


def describe(
    *,
    platform: str,
    environment: Mapping[str, str],
    user_home: Path,
    uid: int,
    state: Path,
    wanted: ManagerKind | None = None,
    places: SystemdPaths | None = None,
) -> ManagerChoice:
    """Return which manager to use, and why; reads the file system only."""
    places = places or SystemdPaths()
    if wanted is not None:
        return ManagerChoice(wanted, "chosen with --manager")
    native = _native(platform, environment, uid, places)
    root = state.parent.parent
    programs = state / "supervisor" / PROGRAMS
    supervised = next(_files(programs, UNIT, ".conf"), None) is not None
    # Units also count where systemd is not booted: a container can share the home of its host.
    folders = unit_folders(user_home, environment)
    unit = next(_plists(user_home, root) if platform == "darwin" else _units(folders, root), None)
    own = ManagerKind.LAUNCHD if platform == "darwin" else ManagerKind.SYSTEMD
    if unit is not None and supervised:
        return ManagerChoice(native.kind, f"{native.why}; services are installed under {own} ({unit}) and supervisor")
    if unit is not None:
        return ManagerChoice(own, f"services of this root are installed under it: {unit}")
    if supervised and native.kind is not ManagerKind.SUPERVISOR:
        return ManagerChoice(ManagerKind.SUPERVISOR, f"services of this root are installed under it: {programs}")
    return native


def _native(platform: str, environment: Mapping[str, str], uid: int, places: SystemdPaths) -> ManagerChoice:
    """Return the manager of a machine on which nothing is installed yet."""
    if platform == "darwin":
        return ManagerChoice(ManagerKind.LAUNCHD, "this is macOS")
    if find_bus(environment, uid, places) is not None:
        return ManagerChoice(ManagerKind.SYSTEMD, "the user's systemd runs")
    if os.path.exists(places.booted):
        return ManagerChoice(ManagerKind.SYSTEMD, "this machine was booted with systemd")
    if is_wsl(environment, places):
        return ManagerChoice(ManagerKind.SUPERVISOR, "this WSL distribution runs without systemd")
    return ManagerChoice(ManagerKind.SUPERVISOR, "no systemd was booted here")


def _require(program: str, choice: ManagerChoice, environment: Mapping[str, str], which: Which | None) -> None:
    import shutil

    find = which or (lambda name: shutil.which(name, path=environment.get("PATH")))
    if find(program) is None:
        raise ManagerError(
            f"{choice.kind} is the manager here ({choice.why}), but `{program}` is not on PATH",
            target=str(choice.kind),
            code="no-program",
            hint=f"put the folder of `{program}` on PATH; or use the bundled manager with `--manager supervisor`",
        )


def _units(folders: Iterable[Path], root: Path) -> Iterator[Path]:
    """Yield the systemd units that run a profile of a root."""
    for path in (path for folder in folders for path in _files(folder, UNIT, ".service")):
        found = _HOME.search(_content(path))
        if found and _belongs(os.fsdecode(found[1].replace(b"%%", b"%")), root):
            yield path


def _plists(user_home: Path, root: Path) -> Iterator[Path]:
    """Yield the LaunchAgents that run a profile of a root."""
    from .located import home_in

    for path in _files(user_home / LAUNCH_AGENTS, LABEL, ".plist"):
        if _belongs(home_in(ManagerKind.LAUNCHD, path), root):
            yield path


def _files(folder: Path, prefix: str, suffix: str) -> Iterator[Path]:
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return
    yield from (folder / name for name in names if name.startswith(prefix) and name.endswith(suffix))


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _belongs(home: str, root: Path) -> bool:
    """Return whether a home is the root or one of its profiles; services name homes with links followed."""
    real = os.path.realpath(root)
    return home in (str(root), real) or os.path.dirname(home) in (f"{root}/profiles", f"{real}/profiles")
