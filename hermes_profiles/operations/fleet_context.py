"""The context of an operation on gateways: the service manager, the selected profiles, observations."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.gateways.installation.hermes_install import installed_facts
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import NOTHING_KNOWN, ObservationHints, SystemContext, survey
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.gateways.system import sockets_of
from hermes_profiles.hermes.service_names import LABEL, LAUNCH_AGENTS, SYSTEM_UNITS, UNIT
from hermes_profiles.model.errors import NotFound, Problem, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind
from hermes_profiles.services.naming import unit_folder, unit_folders

from .context import Session, user_home

if TYPE_CHECKING:
    from hermes_profiles.fleet.one_gateway import OneGateway
    from hermes_profiles.fleet.selection import Selection
    from hermes_profiles.gateways.masks import Mask
    from hermes_profiles.gateways.processes import Process
    from hermes_profiles.services.spec import ServiceSpec

_LARGEST_PLIST = 64 * 1024


class FleetSession(Session):
    """The context of one run on gateways."""

    @cached_property
    def manager_problems(self) -> list[Problem]:
        """Return the problems with the service manager so far; callers append to it."""
        return []

    def fresh(self, manager: str | None = None) -> FleetSession:
        """Return a session on the same root that has read nothing yet. `manager`: another service manager."""
        return FleetSession(
            self.home_option,
            self.as_json,
            self.environment,
            on_outcome=self.on_outcome,
            on_progress=self.on_progress,
            manager_option=manager or self.manager_option,
        )

    @classmethod
    def of(cls, session: Session, manager: str | None = None) -> FleetSession:
        """Return a session on gateways for the same root, which reports to the same caller.

        `manager`: as `--manager`.
        """
        return cls(
            session.home_option,
            session.as_json,
            session.environment,
            session.problems,
            session.on_outcome,
            session.on_progress,
            manager,
        )

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the fleet lock of a root; the profiles that were read before it waited are read again.

        Without a root there is nothing to lock. Raises Refused(code="busy") when another command does not end.
        """
        from hermes_profiles.fleet.fleet_lock import FleetLock

        from .events import Event

        if not self.layout.root.is_dir():
            yield
            return

        def waits(holder: str) -> None:
            text = f"{holder} works on these gateways: waiting for it"
            hint = "press Ctrl-C to give up; nothing is changed so far"
            self.on_progress(Event({}, Problem("waiting", text, None, hint)))

        with FleetLock(self.layout, processes_of(sys.platform), on_wait=waits) as lock:
            if lock.waited:
                self.forget_profiles()
            yield

    def forget_profiles(self) -> None:
        """Read the profiles of the root again when they are next asked for: another command may have changed them."""
        for name in ("existing", "meta"):
            self.__dict__.pop(name, None)

    @cached_property
    def existing(self) -> tuple[str, ...]:
        """Return all profiles in fleet order. Raises NotFound when the root has none."""
        names = profile_names(self.layout)
        if not names:
            raise no_root(self.layout)
        return names

    @cached_property
    def meta(self) -> Mapping[str, tuple[bool, tuple[str, ...]]]:
        """Return profile → (disabled, groups); a profile is read when it is asked for."""
        return _Metas(self.layout, self.existing)

    @property
    def disabled(self) -> frozenset[str]:
        """Return the profiles that fleet verbs pass over."""
        return frozenset(name for name, (off, _) in self.meta.items() if off)

    def selection(self, names: Iterable[str], excluded: Iterable[str], group: str | None) -> Selection:
        """Return the selected profiles."""
        from hermes_profiles.fleet.selection import select

        groups = {name: of for name, (_, of) in self.meta.items()} if group is not None else {}
        return select(self.existing, names, excluded=excluded, group=group, groups=groups)

    @property
    def manager_name(self) -> str | None:
        """Return the requested manager: `--manager`, else HERMES_PROFILES_MANAGER."""
        return self.manager_option or self.environment.get("HERMES_PROFILES_MANAGER") or None

    @cached_property
    def manager(self) -> Manager:
        """Return the service manager of this machine. Raises ManagerError when it cannot be used."""
        from hermes_profiles.services.detect import detect

        return detect(
            platform=sys.platform,
            environment=self.environment,
            user_home=user_home(self.environment),
            uid=os.getuid(),
            state=self.layout.state,
            wanted=self._wanted,
            units=units_of(self),
        )

    @property
    def _wanted(self) -> ManagerKind | None:
        """Return the requested manager. Raises UsageProblem, or ManagerError when only the environment is wrong.

        An operation that only reads can do without a manager.
        """
        if self.manager_name is None:
            return None
        try:
            return ManagerKind(self.manager_name)
        except ValueError:
            message, hint = f"{self.manager_name!r} is no service manager", f"use one of {', '.join(ManagerKind)}"
        if self.manager_option is not None:
            raise UsageProblem(message, target="--manager", hint=hint)
        raise ManagerError(f"HERMES_PROFILES_MANAGER: {message}", target="HERMES_PROFILES_MANAGER", hint=hint)

    @property
    def manager_kind(self) -> str | None:
        """Return the name of the manager, None without one."""
        return str(self.world.manager.kind) if self.world.manager is not None else None

    @cached_property
    def reachable(self) -> Manager | None:
        """Return the manager, None when it cannot be used; the reason is in `manager_problems`."""
        try:
            return self.manager
        except ManagerError as error:
            self.manager_problems.append(error.problem)
            return None

    @cached_property
    def world(self) -> SystemContext:
        """Return the system that is observed; without a manager when none can be used."""
        return self._system(self.reachable)

    def _system(self, manager: Manager | None) -> SystemContext:
        return SystemContext(
            self.layout,
            manager,
            processes_of(sys.platform),
            environment=self.environment,
            sockets=sockets_of(sys.platform),
        )

    @cached_property
    def due(self) -> Manager:
        """Return the manager of this machine for its names, paths and files; it need not be running."""
        from hermes_profiles.services.detect import describe

        try:
            wanted = self._wanted
        except ManagerError:  # reported where the real manager is used
            wanted = None
        choice = describe(
            platform=sys.platform,
            environment=self.environment,
            user_home=user_home(self.environment),
            uid=os.getuid(),
            state=self.layout.state,
            wanted=wanted,
        )
        return manager_of(choice.kind, self)

    def unsupported(self, spec: ServiceSpec, manager: Manager) -> tuple[str, ...]:
        """Return the options of a service that its manager does not support, as text."""
        if manager.kind is ManagerKind.LAUNCHD:
            from hermes_profiles.services.launchd.render import unsupported_options
        elif manager.kind is ManagerKind.SUPERVISOR:
            from hermes_profiles.services.supervisor.render import unsupported_options
        else:
            return ()
        return unsupported_options(spec)

    def one_gateway(self) -> OneGateway | None:
        """Return the one gateway of the account as it is now, None where each profile has its own."""
        from hermes_profiles.fleet.one_gateway import one_gateway
        from hermes_profiles.hermes.behaviours import Behaviour

        if not self.world.hermes.has(Behaviour.ONE_GATEWAY):
            return None
        return one_gateway(self.world, self.observe(self.existing))

    def served(self, profiles: Sequence[str]) -> dict[str, str]:
        """Return profile → why it needs no service, for those of these profiles that a multiplexer serves or will."""
        from hermes_profiles.gateways.host.topology import multiplexing_asked
        from hermes_profiles.model.names import DEFAULT

        one = self.one_gateway()
        if one is not None:
            gateways = self.observe(self.existing)
            return {name: one.why_member(gateways[name]) for name in profiles if name in one.members}
        gateways = self.observe(profiles)
        found = {name: gateway.detail for name, gateway in gateways.items() if gateway.state is GatewayState.SERVED}
        if multiplexing_asked(self.layout.home(DEFAULT), self.environment):
            words = "default is set to serve every profile (gateway.multiplex_profiles)"
            found |= {name: words for name in profiles if name != DEFAULT and name not in found}
        return found

    def linger_warning(self, manager: Manager) -> list[Problem]:
        """Return a warning when services end with the login session, and the command that fixes it."""
        if manager.linger() is not False:
            return []
        return [
            Problem(
                "linger",
                "services of this user end when the last session does, and do not start at boot",
                None,
                "keep them running with `loginctl enable-linger`",
            )
        ]

    def require_manager(self) -> Manager:
        """Return the manager. Raises ManagerError when it cannot be used."""
        return self.manager

    def observe_cheaply(self, profiles: Sequence[str]) -> dict[str, Gateway]:
        """Return the gateways of profiles with their masks; no manager is queried where no service can be."""
        known = ObservationHints(masks=self._masks)
        if not has_services(self):
            return survey(self._system(None), profiles, known)
        return self.observe(profiles, known)

    def _masks(self, name: str, process: Process) -> tuple[Mask, ...]:
        from hermes_profiles.fleet.observed_masks import observed_masks  # a fleet at rest has no masks
        from hermes_profiles.profiles.channels import claimed_resources

        held = lambda: claimed_resources(self.layout.home(name), catalog=self.catalog, managed=self.managed)  # noqa: E731
        return observed_masks(self._system(None), name, process, held)

    def observe(self, profiles: Sequence[str], known: ObservationHints = NOTHING_KNOWN) -> dict[str, Gateway]:
        """Return the gateways of profiles, without a manager when it does not answer.

        Its error is in `manager_problems`, and files and processes show the state.
        """
        try:
            return survey(self.world, profiles, known)
        except ManagerError as error:
            self.manager_problems.append(error.problem)
            self.world.manager = None
            return survey(self.world, profiles, known)


class _Metas(Mapping[str, tuple[bool, tuple[str, ...]]]):
    """Profile → (disabled, groups), each profile read once, when it is asked for."""

    def __init__(self, layout: Layout, names: Sequence[str]) -> None:
        self._layout = layout
        self._names = dict.fromkeys(names)
        self._read: dict[str, tuple[bool, tuple[str, ...]]] = {}

    def __getitem__(self, name: str) -> tuple[bool, tuple[str, ...]]:
        if name not in self._read:
            if name not in self._names:
                raise KeyError(name)
            self._read[name] = read_meta(self._layout.home(name))
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def no_root(layout: Layout) -> NotFound:
    """Return the error of a root without profiles."""
    return NotFound(
        f"no profiles in {layout.root}",
        target=str(layout.root),
        code="no-root",
        hint="use another root with `--home PATH`, or make a profile with `hermes-profiles create NAME`",
    )


def manager_of(kind: ManagerKind, session: Session) -> Manager:
    """Return a manager of this user without querying it."""
    home = user_home(session.environment)
    if kind is ManagerKind.LAUNCHD:
        from hermes_profiles.services.launchd.manager import LaunchdManager

        return LaunchdManager(home, session.environment, os.getuid())
    if kind is ManagerKind.SYSTEMD:
        from hermes_profiles.services.systemd.manager import SystemdManager

        return SystemdManager(home, session.environment, os.getuid(), units=units_of(session))
    from hermes_profiles.services.supervisor.manager import SupervisorManager

    return SupervisorManager(session.layout.state, session.environment, os.getuid())


def units_of(session: Session) -> Path:
    """Return the folder in which the installed Hermes looks for the user's units."""
    home = user_home(session.environment)
    folders = unit_folders(home, session.environment)
    if len(folders) == 1:
        return folders[0]
    return unit_folder(home, session.environment, installed_facts(session.layout, session.environment))


def other_managers(session: FleetSession) -> list[Manager]:
    """Return the managers that may have services here, besides the one of this machine; none is queried."""
    own = ManagerKind.LAUNCHD if sys.platform == "darwin" else ManagerKind.SYSTEMD
    return [manager_of(kind, session) for kind in (own, ManagerKind.SUPERVISOR) if kind is not session.due.kind]


def has_services(session: Session) -> bool:
    """Return whether there can be a gateway service: from file names, and from what the agents of launchd run.

    Most roots of one profile have none, and then no manager is queried.
    """
    home = user_home(session.environment)
    agents = home / LAUNCH_AGENTS
    for folder in (*unit_folders(home, session.environment), agents, Path(SYSTEM_UNITS)):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        if any(name.startswith((UNIT, LABEL)) for name in names):
            return True
        # Only launchd itself says which of its other agents runs a process.
        if folder == agents and any(_mentions_gateway(folder / name) for name in names if name.endswith(".plist")):
            return True
    return (session.layout.state / "supervisor").is_dir()


def _mentions_gateway(plist: Path) -> bool:
    try:
        content = read_regular(plist, _LARGEST_PLIST)
    except OSError:
        return False
    return b"hermes" in content.lower() and b"gateway" in content
