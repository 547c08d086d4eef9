"""Keep the host awake while gateways run, and report whether it is kept awake."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass

from hermes_profiles.awake import status as fleet_awake
from hermes_profiles.awake.status import Programs, Wakefulness
from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.profiles.alias import find_command
from hermes_profiles.profiles.listing import profile_names
from hermes_profiles.services.manager import Manager, ManagerError, ManagerKind

from ..fleet_context import FleetSession, manager_of
from .own_service import OwnServiceResult, foreign_file

NOT_AWAKE = Wakefulness()


@dataclass(frozen=True, kw_only=True)
class AwakeResult(OwnServiceResult):
    """Whether the machine is kept awake. `linger`: whether services outlive the session."""

    wakefulness: Wakefulness = NOT_AWAKE
    linger: bool | None = None

    @property
    def is_working(self) -> bool:
        """Return false when it is on, a gateway runs and nothing is held."""
        return not self.wakefulness.is_missing and not self.wakefulness.broken


class AwakeRun:
    """Wakefulness of this machine: turn it on or off, or report it."""

    def __init__(self, session: FleetSession, *, dry_run: bool = False) -> None:
        self._session = session
        self._warnings: list[Problem] = []
        self._dry_run = dry_run

    @property
    def due(self) -> Manager:
        """Return the manager that runs the gateways here."""
        return self._session.due

    @property
    def _own(self) -> Manager:
        """Return the manager of this system that has the files: supervisord has none for this."""
        if self.due.kind is not ManagerKind.SUPERVISOR:
            return self.due
        return manager_of(ManagerKind.LAUNCHD if sys.platform == "darwin" else ManagerKind.SYSTEMD, self._session)

    def _world(self, manager: Manager) -> SystemContext:
        manager.check()
        return SystemContext(
            self._session.layout, manager, processes_of(sys.platform), environment=self._session.environment
        )

    def on(self, ways: tuple[str, ...], *, linger: bool, force: bool) -> AwakeResult:
        """Turn wakefulness on. Raises Refused or ManagerError, before anything is written, where it cannot work."""
        session, manager = self._session, self.due
        self._warnings += session.recover(dry_run=self._dry_run)
        if manager.kind is ManagerKind.SUPERVISOR:
            raise _without_manager(session)
        world = self._world(manager)
        programs = self._programs(manager, ways)
        plan = fleet_awake.plan_on(fleet_awake.definitions(manager, programs, ways), force=force)
        if self._dry_run:
            return self._planned("on", plan)
        if linger:
            _linger(manager)
        change = apply(plan, layout=session.layout).change_id if plan is not None else None
        before = self._observe(world)
        is_due = plan is not None or before.is_missing or before.is_unread
        problems = fleet_awake.follow(world) if is_due else []
        found = fleet_awake.wait_until_held(lambda: self._observe(world), time.sleep)
        outcome = "on" if plan is not None else "already-on"
        errors = problems or ([_not_held(manager, found)] if found.is_missing else [])
        self._warnings += session.linger_warning(manager)
        return self._result(manager, found, outcome, errors, change)

    def _programs(self, manager: Manager, ways: tuple[str, ...]) -> Programs:
        """Return the programs that are named; systemd's were tried. Raises Refused or ManagerError."""
        from hermes_profiles.services.systemd.manager import SystemdManager

        if not isinstance(manager, SystemdManager):
            return Programs()
        from hermes_profiles.awake.inhibit import check_may_hold
        from hermes_profiles.services.systemd.user_bus import SystemdPaths, is_wsl

        if is_wsl(self._session.environment, SystemdPaths()):
            raise Refused(
                "Windows decides when this machine sleeps: nothing inside WSL can keep it awake",
                code="wsl",
                target="systemd",
                hint="in Windows: `powercfg.exe /change standby-timeout-ac 0`",
            )
        found = {name: find_command(name, self._session.environment) for name in ("systemd-inhibit", "sleep")}
        for name, path in found.items():
            if path is None:
                raise ManagerError(
                    f"`{name}` is not on PATH",
                    target=name,
                    code="no-program",
                    hint="systemd-inhibit is a part of systemd; see `command -v systemd-inhibit`",
                )
        programs = Programs(found["systemd-inhibit"] or "", found["sleep"] or "")
        check_may_hold(manager, programs.inhibit, programs.sleep, ways)
        return programs

    def off(self) -> AwakeResult:
        """Turn wakefulness off and remove its files. Raises ManagerError when their manager cannot be reached."""
        self._warnings += self._session.recover(dry_run=self._dry_run)
        manager = self._own
        plan, foreign = fleet_awake.plan_off(manager, self._session.layout)
        self._warnings += map(foreign_file, foreign)
        if plan is None:
            return self._result(manager, NOT_AWAKE, "already-off", [])
        world = self._world(manager)
        if self._dry_run:
            return self._planned("off", plan)
        change = apply(plan, layout=self._session.layout).change_id
        return self._result(manager, NOT_AWAKE, "off", fleet_awake.follow(world), change)

    def status(self) -> AwakeResult:
        """Return whether wakefulness is on, and for which gateways."""
        manager = self._own
        if not self._has_files(manager):  # nothing was written: no manager is queried
            return self._result(self.due, NOT_AWAKE, None, [])
        found = self._observe(self._world(manager))
        return self._result(manager, found, None, [])

    def _has_files(self, manager: Manager) -> bool:
        return any(path.exists() for path in fleet_awake.paths(manager))

    def _observe(self, world: SystemContext) -> Wakefulness:
        is_systemd = world.manager is not None and world.manager.kind is ManagerKind.SYSTEMD
        return fleet_awake.wakefulness(
            world, self._session.observe(profile_names(self._session.layout)) if is_systemd else {}
        )

    def _planned(self, action: str, plan: ChangePlan | None) -> AwakeResult:
        outcome = f"would-be-{action}" if plan is not None else f"already-{action}"
        return AwakeResult(
            manager=self.due.kind, outcome=outcome, dry_run=True, plan=plan, warnings=tuple(self._warnings)
        )

    def _result(
        self,
        manager: Manager,
        found: Wakefulness,
        outcome: str | None,
        errors: list[Problem],
        change: str | None = None,
    ) -> AwakeResult:
        return AwakeResult(
            manager=manager.kind,
            wakefulness=found,
            linger=manager.linger(),
            outcome=outcome,
            change=change,
            warnings=tuple(self._warnings),
            errors=tuple(errors),
        )


def _linger(manager: Manager) -> None:
    if manager.linger() is not True:
        manager.enable_linger()


def _without_manager(session: FleetSession) -> Refused:
    daemon = session.layout.state / "supervisor" / "supervisord.pid"
    by_hand = (
        f'caffeinate -i -w "$(cat {daemon})"'
        if sys.platform == "darwin"
        else f'systemd-inhibit --what=idle:sleep tail --pid="$(cat {daemon})" -f /dev/null'
    )
    return Refused(
        "supervisor runs the gateways here, and it cannot keep a machine awake: no service is written",
        code="supervisor",
        target="supervisor",
        hint=f"hold it by hand while its daemon runs: `{by_hand}`",
    )


def _not_held(manager: Manager, found: Wakefulness) -> Problem:
    tail = manager.journal_tail(fleet_awake.service_of(manager), 1)
    why = f": {tail[-1]}" if tail else ""
    return Problem(
        "not-held",
        f"wakefulness is on and {', '.join(found.kept_by)} run, but this machine is not kept awake{why}",
        "awake",
        "turn it off with `hermes-gateways awake off`",
    )
