"""What delete and rename do about a profile's gateway and services, around the change of its folder."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.fleet.attached import (
    Attached,
    attached_to,
    bring_up,
    check_may_go,
    forget,
    removal_steps,
    system_leftovers,
    take_down,
)
from hermes_profiles.fleet.overlay import managed_folder
from hermes_profiles.fleet.program import find_installation, program_for
from hermes_profiles.fleet.specs import ServiceOptions, build_spec
from hermes_profiles.fleet.survey import World
from hermes_profiles.model.result import NotFound, Problem
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.alias import signature
from hermes_profiles.services.managers.base import ManagerKind

from .fleet_session import FleetSession


class Going:
    """A profile that is about to lose its folder: what hangs on it goes first.

    Raises Refused when something may be at work that cannot be stopped.
    """

    def __init__(self, session: FleetSession, profile: str, verb: str) -> None:
        self.session = session
        self.profile = profile
        self.found = _everything(session, profile)
        for each in self.found:
            check_may_go(each, verb)
        self.data: dict[str, Any] = {
            "gateway_stopped": any(each.is_up for each in self.found),
            "services_removed": [str(path) for each in self.found for path in each.files],
        }

    def take_down(self, plan: ChangePlan, *, dry_run: bool) -> ChangePlan:
        """Stop the gateway and disable its services; returns the plan with the removal of their files."""
        if not dry_run:
            for each in self.found:
                take_down(each, self.session.catalog)
        steps: tuple[Step, ...] = tuple(step for each in self.found for step in removal_steps(each))
        return replace(plan, steps=(*plan.steps, *self.new_files(), *steps)) if steps else plan

    def new_files(self) -> tuple[Step, ...]:
        """Return the steps that write services for what comes after; none for a profile that goes for good."""
        return ()

    def finish(self, *, dry_run: bool) -> list[Problem]:
        """Have managers forget what is gone; returns warnings."""
        warnings = [*system_leftovers(self.session.world, self.profile), *self.session.manager_problems]
        if not dry_run:
            warnings += [problem for each in self.found for problem in forget(each)]
        return warnings


class Renaming(Going):
    """A profile that gets another name: its service follows, and its gateway runs again afterwards if it ran."""

    def __init__(self, session: FleetSession, profile: str, target: str, home: Path) -> None:
        super().__init__(session, profile, "rename")
        self._target = target
        self._home = home
        self._warnings: list[Problem] = []
        self._written = False

    def new_files(self) -> tuple[Step, ...]:
        """Return the steps that write the service under the new name."""
        session, main = self.session, self.found[0]
        manager = main.world.manager
        if manager is None or not main.is_installed:
            return ()
        try:
            found = find_installation(session.layout, session.environment)
        except NotFound as error:
            self._warnings.append(error.problem._replace(
                hint=f"install the service anew with `hermes-gateways install {self._target} --python PATH`",
            ))  # fmt: skip
            return ()
        program = program_for(found, session.layout.home(self._target), main.world.user_home, session.environment)
        options = ServiceOptions(managed=managed_folder(session.environment, session.layout))
        spec = build_spec(main.world, self._target, program, session.environment, options, files_of=self._home)
        self._written = True
        return tuple(
            ReplaceFile(path, Secret(content), mode, signature(path))
            for path, content, mode in manager.definitions(spec)
        )

    def finish(self, *, dry_run: bool) -> list[Problem]:
        """Have the manager forget the old name and load the new one, and start what ran; returns warnings."""
        warnings = [*super().finish(dry_run=dry_run), *self._warnings]
        main = self.found[0]
        manager, service = main.world.manager, main.world.service(self._target)
        if dry_run or not self._written or manager is None or service is None:
            return warnings
        return [*warnings, *bring_up(manager, service, enable=main.was_enabled, start=main.is_up)]


def _everything(session: FleetSession, profile: str) -> list[Attached]:
    """Return what hangs on a profile under the manager of this machine, and under the embedded one beside it."""
    found = [attached_to(session.world, profile)]
    if session.manager_kind != ManagerKind.SUPERVISOR and (session.layout.state / "supervisor" / "programs").is_dir():
        from hermes_profiles.services.managers.supervisord import SupervisorManager

        manager = SupervisorManager(session.layout.state, session.environment, os.getuid())
        world = World(session.layout, manager, session.world.processes)
        beside = attached_to(world, profile)
        if beside.is_installed:
            found.append(beside)
    return found
