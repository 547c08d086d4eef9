"""The gateways and services of profiles whose folders are renamed, deleted or brought back.

A multiplexer of Hermes 0.19.0 is stopped during such a change: it reads the profiles once, when it starts
(gateway/run.py, `_start_secondary_profile_adapters`). It would go on serving a profile that is moved away, and make its
folder again. A later one is asked to let go of the profile and to read the profiles again (`adopting_host`).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.events.causes import PROFILES
from hermes_profiles.events.requests import note_request
from hermes_profiles.fleet.attached_services import (
    Attached,
    attached_to,
    bring_down,
    check_may_go,
    forget,
    load_again,
    put_back,
    system_leftovers,
    take_down,
)
from hermes_profiles.fleet.install import plan_installation, removal_steps
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions, build_spec, kept_options
from hermes_profiles.gateways.installation.hermes_install import find_installation, program_for
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import SystemContext
from hermes_profiles.gateways.processes import processes_of
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.managed_folder import managed_folder
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.services.manager import ManagerError
from hermes_profiles.services.naming import drop_in

from ..fleet_context import FleetSession, has_services, other_managers
from ..fleet_exclusive import surviving_change
from .adopting_host import AdoptingHost, adopting_host, can_let_go, have_adopted
from .profile_identity import PENDING, move_rows, purge_rows
from .run_fleet import FleetRequest, start_recorded


class ProfileRemoval:
    """Profiles that are about to lose their folders: gateways and services are removed first.

    A multiplexer that serves one of them is down during the change.

    Raises Refused when a process may run that cannot be stopped, ManagerError when the manager of an installed service
    cannot be reached: the service would be left and start again.
    """

    def __init__(self, session: FleetSession, verb: str, *profiles: str) -> None:
        self.session = session
        self.profiles = profiles
        self.found = [each for profile in profiles for each in attached_services(session, profile)]
        for each in self.found:
            check_may_go(each, verb)
        self.multiplexer = self._multiplexer()
        self.data: dict[str, Any] = {
            "gateway_stopped": any(each.is_up for each in self.found),
            "services_removed": [str(path) for each in self.found for path in each.files],
            "multiplexer": self.multiplexer.data if self.multiplexer is not None else None,
        }
        self.errors: list[Problem] = []

    def _multiplexer(self) -> Multiplexer | AdoptingHost | None:
        return multiplexer_of(self.session, self.found, marks=True)

    def _move_rows(self) -> list[Problem]:
        """Have the rows of the profiles removed from the root's state.db; returns warnings."""
        warnings = []
        for name in self.profiles:
            done, problems = purge_rows(self.session, name)
            self._note_rows(done)
            warnings += problems
        return warnings

    def _note_rows(self, done: str | None) -> None:
        if done is not None and self.data.get("identity") != PENDING:
            self.data["identity"] = done

    @contextmanager
    def surviving(self, *, dry_run: bool) -> Iterator[None]:
        """Have what ran run again if this process is killed during the body: the change, and `finish`."""
        touched = () if dry_run else self.found
        runs, enabled = self._recorded(touched)
        with surviving_change(self.session, runs, enabled=enabled):
            yield

    def _recorded(self, touched: Sequence[Attached]) -> tuple[list[str], list[str]]:
        """Return (the profiles whose gateways must run again, those whose services start with their manager)."""
        runs = [each.profile for each in touched if each.is_up]
        if touched and self.multiplexer is not None and self.multiplexer.data["restarted"]:
            runs.append(DEFAULT)
        return runs, [each.profile for each in touched if each.is_up and each.is_installed and each.was_enabled]

    @contextmanager
    def down(self, *, dry_run: bool) -> Iterator[None]:
        """Stop the gateway and disable its services during the change inside; they are put back if it fails."""
        with ExitStack() as stack:
            if self.multiplexer is not None and not dry_run:
                stack.enter_context(self.multiplexer.down())
            stack.enter_context(stopped_during(self.session, () if dry_run else self.found))
            yield

    def with_services(self, plan: ChangePlan) -> ChangePlan:
        """Return a plan that also removes the files of the services, read after they are stopped."""
        steps: tuple[Step, ...] = tuple(step for each in self.found for step in removal_steps(each.files))
        if not steps:
            return plan
        return replace(plan, steps=(*plan.steps, *self.new_files(), *steps), running=self._ran_before())

    def _ran_before(self) -> tuple[str, ...]:
        """Return the profiles whose gateways an undo starts again, because it restores their services."""
        return tuple(dict.fromkeys(each.profile for each in self.found if each.is_up and each.is_installed))

    def new_files(self) -> tuple[Step, ...]:
        """Return the steps that write services for the profile afterwards; none for one that is removed."""
        return ()

    def finish(self, *, dry_run: bool) -> list[Problem]:
        """Have managers forget the services and start the multiplexer again; returns warnings.

        What does not start is in `errors`.
        """
        left = [problem for name in self.profiles for problem in system_leftovers(self.session.world, name)]
        warnings = [*left, *self.session.manager_problems]
        if not dry_run:
            warnings += [problem for each in self.found for problem in forget(each)]
            warnings += self._move_rows()
            if self.multiplexer is not None:
                self.errors += self.multiplexer.start()
        return warnings


class ProfileRename(ProfileRemoval):
    """A profile that gets another name: its services follow, and its gateway is started again if it ran."""

    def __init__(self, session: FleetSession, profile: str, target: str, home: Path) -> None:
        self._target = target
        self._home = home
        super().__init__(session, "rename", profile)
        self._warnings: list[Problem] = []
        self._written: list[Attached] = []

    def _multiplexer(self) -> Multiplexer | AdoptingHost | None:
        return multiplexer_of(self.session, self.found, arriving=(self._target,))

    def _recorded(self, touched: Sequence[Attached]) -> tuple[list[str], list[str]]:
        """Return the new name as well: the change may be done when this process is killed."""
        runs, enabled = super()._recorded(touched)
        for names in (runs, enabled):
            if self.profiles[0] in names:
                names.append(self._target)
        return runs, enabled

    def _move_rows(self) -> list[Problem]:
        done, warnings = move_rows(self.session, self.profiles[0], self._target)
        self._note_rows(done)
        return warnings

    def _ran_before(self) -> tuple[str, ...]:
        return ()  # its undo starts what runs under the new name then

    def new_files(self) -> tuple[Step, ...]:
        """Return the steps that write the services under the new name."""
        return tuple(step for each in self.found if each.is_installed for step in self._new_files(each))

    def _new_files(self, found: Attached) -> Iterator[Step]:
        session, manager = self.session, found.world.manager
        if manager is None:
            return
        given = ServiceOptions(managed=managed_folder(session.environment, session.layout))
        try:
            python = kept_options(self._home, given).python
            hermes = find_installation(session.layout, session.environment, given=python)
            target_home = session.layout.home(self._target)
            program = program_for(hermes, target_home, found.world.user_home, session.environment)
            spec = build_spec(found.world, self._target, program, session.environment, given, files_of=self._home)
            due = plan_installation(manager, spec)
        except HermesProfilesError as error:
            self._warn(error.problem.message)
            return
        if due.refusal is not None:
            self._warn(due.refusal)
            return
        self._written.append(found)
        for path, content, mode in due.files:
            if path in due.drift.files:
                yield ReplaceFile(path, Secret(content), mode, signature(path))

    def _warn(self, why: str) -> None:
        hint = f"fix it, then install: `hermes-gateways install {self._target}`"
        self._warnings.append(Problem("no-service", f"{self._target} gets no service: {why}", self._target, hint))

    def finish(self, *, dry_run: bool) -> list[Problem]:
        """Have managers load the new name, forget the old one and start what ran; returns warnings.

        What does not start is in `errors`.
        """
        self._warnings += [problem for each in self.found if (problem := self._left_drop_ins(each)) is not None]
        if dry_run:
            return [*super().finish(dry_run=True), *self._warnings]
        name = self._target
        is_disabled = read_meta(self.session.layout.home(name))[0]
        for each in self._written:
            self._warnings += load_again(each.world, {name: each.was_enabled and not is_disabled})
        warnings = [*super().finish(dry_run=False), *self._warnings]
        ran = [each for each in self.found if each.is_up]
        for each in self._written:
            if each in ran and not is_disabled:
                self.errors += start_and_wait(self.session, each.world, name)
        if ran and (is_disabled or not any(each in self._written for each in ran)):
            hint = f"run it again with `hermes -p {name} gateway run`" if not is_disabled else None
            warnings.append(Problem("not-started", f"the gateway was stopped and is not started as {name}", name, hint))
        return warnings

    def _left_drop_ins(self, found: Attached) -> Problem | None:
        """Return a warning about drop-ins of the user: they can name the old profile, so they stay where they are."""
        unit = next((path for path in found.files if path.suffix == ".service"), None)
        service = found.world.service(self._target)
        if unit is None or service is None:
            return None
        ours = drop_in(unit)
        mine = sorted(path for path in ours.parent.glob("*.conf") if path != ours)
        if not mine:
            return None
        there = drop_in(service.path).parent
        files = " ".join(quote(str(path)) for path in mine)
        return Problem(
            "drop-in-without-effect",
            f"{', '.join(path.name for path in mine)} in {ours.parent} has no effect: the service has another name now",
            str(ours.parent),
            f"move it, and install again: `mkdir -p {quote(str(there))} && mv {files} {quote(str(there))} && "
            f"hermes-gateways install {self._target}`",
        )


@contextmanager
def stopped_during(session: FleetSession, found: Iterable[Attached]) -> Iterator[None]:
    """Stop gateways and disable services during the change inside; they are put back if it fails."""
    touched = list(found)
    note_request(session.layout, sorted({each.profile for each in touched if each.is_up}), "", program=PROFILES)
    try:
        take_down(touched, session.catalog)
        yield
    except BaseException:
        for each in touched:
            try:
                put_back(each)
            except ManagerError:  # the first failure is reported
                continue
        raise


def start_and_wait(session: FleetSession, world: SystemContext, profile: str) -> list[Problem]:
    """Start a profile's gateway and wait until it is up; returns what went wrong."""
    kind = world.manager.kind if world.manager is not None else None
    fresh = session.fresh(kind)  # this session read the root before the change
    try:
        started = start_recorded(fresh, FleetRequest(Verb.START, RunOptions()), Selection((profile,), named=False))
        return list(started.errors)
    except HermesProfilesError as error:
        return [error.problem]


def attached_services(session: FleetSession, profile: str) -> list[Attached]:
    """Return the gateway and services of a profile: of the manager of this machine first, then of others.

    Raises ManagerError when there is such a service and its manager cannot be reached.
    """
    if not has_services(session):  # no manager is queried
        return [
            attached_to(
                SystemContext(session.layout, None, processes_of(sys.platform), environment=session.environment),
                profile,
            )
        ]
    found = [_main(session, profile)]
    for manager in other_managers(session):
        service = manager.service(session.world.service_name(profile), profile)
        if service.path.exists():
            found.append(
                _reached(
                    SystemContext(session.layout, manager, session.world.processes, environment=session.environment),
                    profile,
                    service.path,
                )
            )
    return [found[0], *(each for each in found[1:] if each.is_installed)]


def _main(session: FleetSession, profile: str) -> Attached:
    path = session.due.service(session.world.service_name(profile), profile).path
    if session.reachable is not None:
        try:
            return _reached(session.world, profile, path)
        except ManagerError as error:
            if path.exists():
                raise
            session.manager_problems.append(error.problem)
            session.world.manager = None
    elif path.exists():
        raise _out_of_reach(profile, path, session.manager_problems[-1])
    return attached_to(session.world, profile)


def _reached(world: SystemContext, profile: str, path: Path) -> Attached:
    try:
        if world.manager is not None:
            world.manager.check()
        return attached_to(world, profile)
    except ManagerError as error:
        if not path.exists():
            raise
        raise _out_of_reach(profile, path, error.problem) from error


def _out_of_reach(profile: str, path: Path, why: Problem) -> ManagerError:
    return ManagerError(
        f"{profile} has a service, {path}, that would be left behind: {why.message}",
        target=profile,
        code=why.code,
        hint=why.hint,
    )


class Multiplexer:
    """The running gateway of default, which serves `profile`. `found`: the gateway and service of default.

    Raises Refused when no service runs it: nothing could start it again.
    """

    def __init__(self, session: FleetSession, profile: str, found: Attached) -> None:
        self._session, self._found = session, found
        gateway = found.gateway
        check_may_go(found, "let go of a profile of")
        service = gateway.service
        if found.world.manager is None or service is None or not found.is_installed or service.pid is None:
            raise Refused(
                f"{profile} is served by the gateway of default (PID {gateway.pid}), which no service runs: it could "
                "not be started again",
                target=profile,
                code="served",
                hint="stop it first (`hermes-gateways stop default`) and start it again afterwards, or have it run as "
                "a service: `hermes-gateways install default --start`",
            )

    @property
    def data(self) -> dict[str, Any]:
        """Return it as the command contract has it."""
        return {"profile": DEFAULT, "pid": self._found.gateway.pid, "restarted": True}

    @contextmanager
    def down(self) -> Iterator[None]:
        """Stop it during the change inside; it is started again if that fails."""
        try:
            bring_down(self._found, self._session.catalog)
            yield
        except BaseException:
            try:
                put_back(self._found)
            except ManagerError:  # the first failure is reported
                pass
            raise

    def start(self) -> list[Problem]:
        """Start it and wait until it is up; returns what went wrong."""
        return start_and_wait(self._session, self._found.world, DEFAULT)


def multiplexer_of(
    session: FleetSession, found: list[Attached], *, arriving: Sequence[str] = (), marks: bool = False
) -> Multiplexer | AdoptingHost | None:
    """Return the gateway that serves one of these profiles now, None when none does. Raises Refused.

    `arriving`: the names that it serves after the change; `marks`: the change writes deletion markers, so the gateway
    cannot make a folder again. A gateway that adopts the change is not restarted.
    """
    served = [each.profile for each in found if each.gateway.state is GatewayState.SERVED]
    if not served:
        return None
    host = adopting_host(session)
    if host is not None and set(served) <= set(host.served):
        lets_go = can_let_go(host)
        host.expect(served, arriving, lets_go=lets_go)
        if lets_go or marks:
            return host
    default = attached_services(session, DEFAULT)
    return Multiplexer(session, served[0], next((each for each in default if each.is_up), default[0]))


def running_multiplexer(session: FleetSession) -> Attached | None:
    """Return the gateway and service of default when it is up and serves other profiles."""
    return next((each for each in attached_services(session, DEFAULT) if each.is_up and _served_by(each.gateway)), None)


def _served_by(gateway: Gateway) -> tuple[str, ...]:
    """Return the profiles that this gateway serves now: its state file counts only while it runs."""
    runtime = gateway.observation.runtime if gateway.observation is not None else None
    return runtime.served if runtime is not None and runtime.pid == gateway.pid else ()


def restart_for(session: FleetSession, profiles: Sequence[str]) -> tuple[list[Problem], list[Problem]]:
    """Have the multiplexer serve restored profiles, with a restart where it needs one; returns (warnings, errors)."""
    adopted = have_adopted(session, profiles)
    if adopted is not None:
        return adopted, []
    try:
        found = running_multiplexer(session) if profiles else None
        if found is None or all(name in _served_by(found.gateway) for name in profiles):
            return [], []
        multiplexer = Multiplexer(session, profiles[0], found)
        with multiplexer.down():
            pass
    except Refused:
        return [warning for name in profiles for warning in unserved_warning(session, name)], []
    except HermesProfilesError as error:
        return [], [error.problem]
    return [], multiplexer.start()


def unserved_warning(session: FleetSession, profile: str) -> list[Problem]:
    """Return a warning when the gateway of default serves the other profiles and not yet this one.

    A gateway that adopts profiles is asked to do so first.
    """
    adopted = have_adopted(session, (profile,))
    if adopted is not None:
        return adopted
    served = _served_by(session.observe_cheaply((DEFAULT,))[DEFAULT])
    if not served or profile in served:
        return []
    return [
        Problem(
            "not-served",
            f"the gateway of {DEFAULT} serves the other profiles, and {profile} after its next start",
            profile,
            f"restart it now: `hermes-gateways restart {DEFAULT}`",
        )
    ]
