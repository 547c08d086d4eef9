"""Whether the host is kept awake while gateways run, how and by which; and the changes that switch it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from hermes_profiles.changes.journal import Journal, Status
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import Process, home_of
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import Activity, Manager, ManagerKind, Service
from hermes_profiles.services.naming import AWAKE_UNIT
from hermes_profiles.services.own_files import is_ours, own_content, plan_no_own_files, plan_own_files
from hermes_profiles.services.systemd.manager import SystemdManager

from . import render
from .caffeinate import asserting

ON, OFF = ("awake", "on"), ("awake", "off")
OLDER_FILES = "its service still has older files"


class Programs(NamedTuple):
    """The absolute paths of the programs in the definitions."""

    inhibit: str = ""
    sleep: str = ""
    python: str = sys.executable


class Uncounted(NamedTuple):
    """A gateway that runs and does not keep the host awake."""

    profile: str
    reason: str


class Wakefulness(NamedTuple):
    """The current state.

    `ways`: the locks (systemd) or the options of caffeinate (launchd); `held`: whether the host is kept awake now;
    `kept_by`: the gateways that want it, profiles by name, those of other roots by unit or pid; `broken`: why it is
    incomplete, "" when it is complete.
    """

    is_on: bool = False
    held: bool = False
    ways: tuple[str, ...] = ()
    kept_by: tuple[str, ...] = ()
    uncounted: tuple[Uncounted, ...] = ()
    files: tuple[Path, ...] = ()
    broken: str = ""

    @property
    def is_missing(self) -> bool:
        """Return whether gateways want it and it is not held."""
        return self.is_on and not self.held and bool(self.kept_by)

    @property
    def is_unread(self) -> bool:
        """Return whether the manager uses older files."""
        return any(gateway.reason == OLDER_FILES for gateway in self.uncounted)


def service_of(manager: Manager) -> Service:
    """Return the service that keeps the host awake, for queries of its manager."""
    return manager.service(render.AWAKE, "awake")


def paths(manager: Manager) -> tuple[Path, ...]:
    """Return the paths of our files, existing or not, the service's own first."""
    own = service_of(manager).path
    return (own, *render.drop_ins(own.parent)) if manager.kind is ManagerKind.SYSTEMD else (own,)


def definitions(manager: Manager, programs: Programs, ways: Sequence[str]) -> tuple[tuple[Path, bytes], ...]:
    """Return the files of the service: (path, content) each.

    Raises UsageProblem for a path that no service file can hold.
    """
    if manager.kind is ManagerKind.LAUNCHD:
        return tuple(
            zip(paths(manager), [render.render_agent(render.hold_command(programs.python, ways))], strict=True)
        )
    unit = render.render_unit(programs.inhibit, programs.sleep, ways)
    return tuple(zip(paths(manager), (unit, render.render_drop_in(), render.render_drop_in()), strict=True))


def plan_on(files: Iterable[tuple[Path, bytes]], *, force: bool = False) -> ChangePlan | None:
    """Return the change that writes the differing files, None when there are none.

    Raises Refused for a file that is not ours, or was edited.
    """
    return plan_own_files(ON, files, force=force)


def plan_off(manager: Manager, layout: Layout) -> tuple[ChangePlan | None, tuple[Path, ...]]:
    """Return the change that removes our files and the empty folders created for them, and foreign files.

    Without files of ours there is no change; foreign files stay.
    """
    folders = [path.parent for path in paths(manager)[1:]]
    return plan_no_own_files(OFF, paths(manager), (*folders, *_made(layout)))


def _made(layout: Layout) -> list[Path]:
    """Return the folders created since it was last switched off, from the journal, the deepest first."""
    made: set[str] = set()
    for entry in Journal(layout.state).entries():
        if entry.status is Status.DONE and entry.command == OFF:
            break
        if entry.status is Status.DONE and entry.command == ON:
            made.update(folder for record in entry.steps for folder in record.made)
    return [Path(folder) for folder in sorted(made, key=lambda folder: (-folder.count("/"), folder))]


def is_touched(manager: Manager, changed: Iterable[Path]) -> bool:
    """Return whether a change touches our files."""
    return not {*paths(manager)}.isdisjoint(changed)


def follow(world: SystemContext) -> list[Problem]:
    """Make the manager use the files: load and start them if a gateway runs, or stop and remove them.

    Returns its failures. Raises ManagerError when it cannot be reached.
    """
    manager = world.manager
    if manager is None:
        return []
    service = service_of(manager)
    if not service.path.exists():
        refused = {**manager.stop([service]), **manager.unload([service])}
    else:
        refused = dict(manager.load([service], enable=None))
        if isinstance(manager, SystemdManager) and _runs_older(world, service):
            manager.ask("systemctl", "--user", "try-restart", "--", f"{AWAKE_UNIT}.service")
        if not refused and (manager.kind is ManagerKind.LAUNCHD or keepers(world)):
            refused = dict(manager.start([service]))
    return [Problem("awake", f"{manager.kind} refuses: {why}", service.name.unit) for why in refused.values()]


def _runs_older(world: SystemContext, service: Service) -> bool:
    """Return whether the running process has other locks than the unit.

    Times of files are no proof: an undo restores them.
    """
    pid = world.manager.query([service])["awake"].pid if world.manager is not None else None
    process = world.processes.find(pid) if pid is not None else None
    ways = render.held_by_unit(own_content(service.path) or b"")
    return process is not None and f"--what={':'.join(ways)}" not in process.argv


def wakefulness(world: SystemContext, gateways: Mapping[str, Gateway]) -> Wakefulness:
    """Return the current state; `gateways`: those of the profiles of this root.

    Raises ManagerError when it is switched on and the manager cannot be reached.
    """
    manager = world.manager
    if manager is None:
        return Wakefulness()
    files = tuple(path for path in paths(manager) if (found := own_content(path)) is not None and is_ours(found))
    service = service_of(manager)
    if service.path not in files:
        return Wakefulness(files=files, broken=f"{service.path} is missing" if files else "")
    content = own_content(service.path) or b""
    lacking = [path for path in paths(manager) if path not in files]
    broken = f"{lacking[0]} is missing" if lacking else ""
    status = manager.query([service])["awake"]
    asked = keepers(world)
    is_systemd = manager.kind is ManagerKind.SYSTEMD
    ways = render.held_by_unit(content) if is_systemd else render.held_by_agent(content)
    if not is_systemd and not ways:
        broken = f"{service.path} does not say what to hold"
    return Wakefulness(
        is_on=True,
        held=status.activity is Activity.ACTIVE
        and status.pid is not None
        and _is_effective(world, content, status.pid),
        ways=ways,
        kept_by=asked,
        uncounted=tuple(_uncounted(world, gateways, asked)) if is_systemd else (),
        files=files,
        broken=broken,
    )


def _is_effective(world: SystemContext, content: bytes, pid: int) -> bool:
    """Return whether the lock of a process is effective; where that is unknown, the process itself counts."""
    manager = world.manager
    if isinstance(manager, SystemdManager):
        from hermes_profiles.services.systemd.unit_file import parse_unit

        from .inhibit import lock_holders

        words = parse_unit(content).command("ExecStart")
        locks = lock_holders(manager, words[0]) if words else None
        return locks is None or pid in locks
    effective = asserting(dict(os.environ))
    found = map(world.processes.find, effective or ())
    return effective is None or any(process is not None and process.parent == pid for process in found)


def keepers(world: SystemContext) -> tuple[str, ...]:
    """Return the gateways that want the host awake now. Raises ManagerError without a reachable manager."""
    manager = world.manager
    if isinstance(manager, SystemdManager):
        from .inhibit import gateway_units

        names = {name.unit: profile for profile, name in world.service_names(profile_names(world.layout)).items()}
        units = gateway_units(manager, AWAKE_UNIT)
        found = (names.get(unit, unit) for unit, wants in units.items() if wants)
        return tuple(sorted(found, key=lambda name: (name != DEFAULT, name)))
    homes = {os.path.realpath(world.layout.home(name)): name for name in profile_names(world.layout)}
    return tuple(_called(world, process, homes) for process in world.processes.gateways())


def _called(world: SystemContext, process: Process, homes: Mapping[str, str]) -> str:
    home = home_of(process, user_home=world.user_home)
    return homes.get(os.path.realpath(home), f"pid {process.pid}") if home is not None else f"pid {process.pid}"


def _uncounted(world: SystemContext, gateways: Mapping[str, Gateway], counted: Sequence[str]) -> Iterable[Uncounted]:
    """Yield running gateways that do not want the service in systemd's view."""
    for name, gateway in gateways.items():
        if gateway.pid is None or not gateway.is_alive or gateway.state is GatewayState.SERVED or name in counted:
            continue
        service = gateway.service
        if service is not None and service.scope == "system":
            yield Uncounted(name, "a system service runs it")
        elif service is not None and service.activity is Activity.ACTIVE and service.pid == gateway.pid:
            yield Uncounted(name, OLDER_FILES)
        else:
            yield Uncounted(name, "it was started by hand")


def wait_until_held(observe: Callable[[], Wakefulness], sleep: Callable[[float], None]) -> Wakefulness:
    """Return the state once the lock is held or not wanted, or after five seconds."""
    for wait in (0.05, 0.1, 0.2, 0.4, 0.8, 1.5, 2.0):
        found = observe()
        if not found.is_missing:
            return found
        sleep(wait)
    return observe()
