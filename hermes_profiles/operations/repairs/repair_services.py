"""Service managers during `doctor --fix`: stop, write, load and forget services around the change of files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, Step, describe
from hermes_profiles.doctor.findings import InstallService, ReloadManager, RemoveService
from hermes_profiles.doctor.fix_plan import ServiceRepair
from hermes_profiles.doctor.probes.service_files import is_executable
from hermes_profiles.fleet.attached_services import Attached, attached_to, bring_down, check_may_go, forget, put_back
from hermes_profiles.fleet.install import ServiceInstallPlan, plan_installation, plan_writing
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.hermes.service_names import UNIT
from hermes_profiles.model.errors import HermesProfilesError, Problem
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind
from hermes_profiles.services.parse_definition import parse_definition, with_programs_of

from ..fleet_context import FleetSession, other_managers
from ..gateways.install_services import ServiceInstaller


class ServiceRepairs:
    """The services among the repairs. `rows`: the steps, for a dry run; `changes`: the ids of their changes.

    `is_joined`: the caller puts `steps` into its own change, so that one undo is enough.
    """

    def __init__(self, session: FleetSession, repairs: Sequence[ServiceRepair], *, is_joined: bool = False) -> None:
        self.is_joined = is_joined
        self._session = session
        self._removed = [each for each in repairs if isinstance(each, RemoveService)]
        self._written = [each.profile for each in repairs if isinstance(each, InstallService)]
        self._reload = [each.manager for each in repairs if isinstance(each, ReloadManager)]
        self._down: list[Attached] = []
        self._problems: list[Problem] = []
        self.changes: list[str] = []

    @property
    def rows(self) -> list[dict[str, Any]]:
        """Return the steps."""
        rows: list[dict[str, Any]] = [
            {"kind": "stop", "manager": each.manager, "target": each.unit} for each in self._removed
        ]
        if self._writing is not None:
            rows += describe(self._writing)
        loaded = [(str(self._session.due.kind), each.spec.name.unit) for each in self._due]
        loaded += [(kind, "changed definitions") for kind in self._reload]
        return rows + [{"kind": "load", "manager": kind, "target": target} for kind, target in loaded]

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return the steps that write service files."""
        return self._writing.steps if self._writing is not None else ()

    @cached_property
    def _new(self) -> frozenset[str]:
        """Return the profiles whose service is not there yet: it starts with the manager, unless they are disabled."""
        return frozenset(each.spec.profile for each in self._due if not each.files[0][0].exists())

    @cached_property
    def _due(self) -> list[ServiceInstallPlan]:
        """Return the services to write again; one that cannot be written is a problem."""
        found = []
        writer = ServiceInstaller(self._session, ServiceOptions())
        for profile in self._written:
            try:
                due = self._installation(writer, profile)
            except HermesProfilesError as error:
                self._problems.append(error.problem)
                continue
            if due.refusal is not None:
                self._problems.append(Problem("refused", f"{profile}: {due.refusal}", profile))
            elif not due.is_there:
                found.append(due)
        return found

    def _installation(self, writer: ServiceInstaller, profile: str) -> ServiceInstallPlan:
        """Return what writing a service again does; it keeps the programs it runs, if they work."""
        manager, spec = self._session.due, writer.spec(profile)
        contents = [read_document(path) or b"" for path, _, _ in manager.definitions(spec)]
        said = parse_definition(manager.kind, contents[0], contents[1:])
        return plan_installation(manager, with_programs_of(spec, said, works=is_executable))

    @cached_property
    def _writing(self) -> ChangePlan | None:
        plan = plan_writing("install", self._due)
        names = ", ".join(each.spec.profile for each in self._due)
        return plan and ChangePlan(
            ("doctor", "--fix"), f"doctor --fix: the services of {names}", plan.steps, profiles=plan.profiles
        )

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop services that are removed, during the change inside; they are started again if it fails.

        Their files say whether they start with the manager, and are part of the change. Raises Failed, or Refused,
        when a gateway does not stop.
        """
        try:
            for each in self._removed:
                found = self._attached(each)
                check_may_go(found, "remove the service of")
                self._down.append(found)
                bring_down(found, self._session.catalog)
            yield
        except BaseException:
            for found in self._down:
                try:
                    put_back(found)
                except ManagerError:  # the first failure is reported
                    continue
            raise

    def _attached(self, repair: RemoveService) -> Attached:
        world = SystemContext(
            self._session.layout,
            self._manager(repair.manager),
            self._session.world.processes,
            environment=self._session.environment,
        )
        return attached_to(world, repair.unit.removeprefix(f"{UNIT}-"))

    def _manager(self, kind: str) -> Manager:
        """Return a manager that responds. Raises ManagerError."""
        session = self._session
        if session.due.kind == kind:
            return session.require_manager()
        manager = next(each for each in other_managers(session) if each.kind == kind)
        manager.check()
        return manager

    def finish(self) -> list[Problem]:
        """Have managers forget removed services and read new ones; returns what failed."""
        for found in self._down:
            self._problems += forget(found)
            manager = found.world.manager
            if manager is None or found.service is None or manager.kind is ManagerKind.SYSTEMD or found.was_enabled:
                continue
            # systemd has links for it, which come back with the files; an undo finds here what others knew.
            manager.enable((found.service,), enabled=False)
        try:
            self._write()
            self._load_again()
        except HermesProfilesError as error:
            self._problems.append(error.problem)
        return self._problems

    def _write(self) -> None:
        if self._writing is None:
            return
        session = self._session
        new = self._new - session.disabled
        if not self.is_joined:
            self.changes.append(apply(self._writing, layout=session.layout).change_id)
        manager = session.require_manager()
        for enable in (None, True):
            services = [
                manager.service(each.spec.name, each.spec.profile)
                for each in self._due
                if (each.spec.profile in new) is bool(enable)
            ]
            if services:
                self._refused(manager.load(services, enable=enable))

    def _load_again(self) -> None:
        """Have managers read what changed on disk."""
        for kind in dict.fromkeys(self._reload):
            manager = self._manager(kind)
            services = SystemContext(
                self._session.layout, manager, self._session.world.processes, environment=self._session.environment
            ).services(self._session.existing)
            changed = [name for name, status in manager.query(services).items() if status.stale_definition]
            if changed:
                self._refused(manager.load([each for each in services if each.profile in changed], enable=None))

    def _refused(self, reasons: Any) -> None:
        for name, reason in reasons.items():
            hint = f"try `hermes-gateways install {name}`"
            self._problems.append(Problem("service", f"{name}: {reason}", name, hint))
