"""Install, stage and uninstall the services of profiles, and return their files."""

from __future__ import annotations

import grp
import os
from collections.abc import Sequence
from pathlib import Path

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.fleet.attached_services import system_leftovers
from hermes_profiles.fleet.install import (
    ServiceInstallPlan,
    joined,
    log_folders,
    plan_installation,
    plan_writing,
    replaced_edit,
)
from hermes_profiles.fleet.one_gateway import OneGateway
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.restart_record import without_profiles
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions, build_spec, kept_options, to_keep
from hermes_profiles.fleet.uninstall import orphaned, stops_with_its_service, uninstall_services
from hermes_profiles.gateways.installation.hermes_install import HermesInstall as Hermes
from hermes_profiles.gateways.installation.hermes_install import find_installation, launcher_warnings, program_for
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.multiplex.update_settings import fold_warning
from hermes_profiles.profiles.host_options import is_parked, is_standalone
from hermes_profiles.profiles.managed_folder import managed_folder, managed_values
from hermes_profiles.profiles.placement import require_here
from hermes_profiles.profiles.profile_yaml import plan_meta
from hermes_profiles.services.drift import DriftCode
from hermes_profiles.services.manager import Manager, ManagerKind, Service
from hermes_profiles.services.spec import ServiceSpec

from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively, surviving_change
from ..fleet_result import FleetResult, fleet_result, gravest
from .freed_masks import freed_warnings
from .inherited_api import inherited_api_warnings
from .listening import ListeningReader
from .orphaned_services import orphaned_service_warnings
from .other_supervisors import second_supervisor
from .run_fleet import (
    ConfirmWhole,
    FleetRequest,
    WholeGateway,
    also_touched,
    ask_whole,
    recover_fleet,
    run_fleet,
    standalone_warning,
)

INSTALLED = (OutcomeKind.INSTALLED, OutcomeKind.ALREADY_INSTALLED)


class InstallRequest(NamedTuple):
    """What a caller asks of an installation. `boot_stagger`: seconds between two gateways at boot or login.

    `force`: overwrite a changed or foreign file, and install for a served profile; `start`: start the gateways
    afterwards, each within `settle` seconds.
    """

    options: ServiceOptions = ServiceOptions()
    boot_stagger: float | None = None
    force: bool = False
    start: bool = False
    settle: float = SETTLE
    dry_run: bool = False


class ServiceFile(NamedTuple):
    """One file of a service."""

    path: Path
    definition: bytes
    mode: int


class RenderedService(NamedTuple):
    """The files of a service; `unsupported`: warnings about options and launchers that it does not have."""

    files: tuple[ServiceFile, ...]
    unsupported: tuple[Problem, ...]


class SystemUnits(NamedTuple):
    """Files that only an administrator can write, and the names of their units."""

    files: tuple[ServiceFile, ...]
    units: tuple[str, ...]


def install(session: FleetSession, request: InstallRequest, selection: Selection) -> FleetResult:
    """Write the services of the selected profiles, load them, and with `start` start them."""
    if request.dry_run:
        return _install(session, request, selection)
    with session.exclusive():
        return _install(session, request, selection)


def _install(session: FleetSession, request: InstallRequest, selection: Selection) -> FleetResult:
    installer = ServiceInstaller(session, request.options, request.boot_stagger, force=request.force)
    recover_fleet(session, dry_run=request.dry_run)
    manager = session.require_manager()
    installed = installer.write(
        "install", selection.profiles, manager, named=selection.named, load=True, dry_run=request.dry_run
    )
    one = session.one_gateway()
    members = one.members if one is not None else frozenset()
    ready = [
        outcome.profile
        for outcome in installed.outcomes
        if outcome.outcome in INSTALLED or (outcome.profile in members and outcome.outcome is OutcomeKind.SKIPPED)
    ]
    ready = [name for name in ready if name not in session.disabled]
    if not request.start or request.dry_run or not ready:
        reader = ListeningReader(session)
        outcomes = tuple(
            each if each.profile in session.disabled else reader.of_outcome(each) for each in installed.outcomes
        )
        return installed._replace(
            outcomes=outcomes, warnings=(*installed.warnings, *inherited_api_warnings(session, {}))
        )
    start = FleetRequest(Verb.START, RunOptions(settle=request.settle), force=request.force)
    return _with_start(installed, run_fleet(session, start, Selection(tuple(ready), named=False)))


def _with_start(installed: FleetResult, started: FleetResult) -> FleetResult:
    """Return the result of an installation followed by a start: one outcome for each profile."""
    outcomes = {outcome.profile: outcome for outcome in (*installed.outcomes, *started.outcomes)}
    return installed._replace(
        outcomes=tuple(outcomes.values()),
        warnings=tuple(dict.fromkeys((*installed.warnings, *started.warnings))),
        errors=(*installed.errors, *started.errors),
        exit_code=gravest(installed.exit_code, started.exit_code),
    )


def stage(session: FleetSession, request: InstallRequest, selection: Selection) -> FleetResult:
    """Write the services of the selected profiles and load nothing."""
    installer = ServiceInstaller(session, request.options, request.boot_stagger, force=request.force)
    recover_fleet(session, dry_run=request.dry_run)
    staged = installer.write(
        "stage", selection.profiles, session.due, named=selection.named, load=False, dry_run=request.dry_run
    )
    return staged._replace(warnings=(*staged.warnings, *inherited_api_warnings(session, {})))


@exclusively
def uninstall(
    session: FleetSession,
    names: Sequence[str],
    excluded: Sequence[str] = (),
    group: str | None = None,
    *,
    dry_run: bool,
    confirm: ConfirmWhole | None = None,
) -> FleetResult:
    """Stop the gateways of these profiles and remove their services. A deleted profile can be named as well.

    `confirm`: is asked before a gateway ends that serves other profiles (None: not asked). Raises Refused without it.
    """
    orphans = orphaned(session.world, session.due, names)
    rest = [name for name in names if name not in orphans]
    selected = session.selection(rest, excluded, group).profiles if rest or group or not orphans else ()
    profiles = (*selected, *orphans)
    if not dry_run:
        without_profiles(session.layout, profiles)
    recover_fleet(session, dry_run=dry_run)
    session.require_manager()
    touched = _also_ended(session, profiles, None if dry_run else confirm)
    up, enabled = _running_services(session, () if dry_run else selected)
    with surviving_change(session, up, enabled=enabled):
        done = uninstall_services(session.world, profiles, session.catalog, dry_run=dry_run)
    left = [problem for name in profiles for problem in system_leftovers(session.world, name)]
    left += [] if dry_run else freed_warnings(session, _ended(session, done.outcomes))
    if not names and not excluded and group is None:
        left += orphaned_service_warnings(session)
    return fleet_result(
        done.outcomes, [*session.problems, *touched, *left], dry_run=dry_run, plan=done.plan, change=done.change
    )


def _running_services(session: FleetSession, profiles: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the profiles whose gateways run and have a service, and those of them whose service is enabled."""
    found = session.observe(profiles) if profiles else {}
    up = {name: each.service for name, each in found.items() if each.is_alive and each.service is not None}
    installed = [name for name, service in up.items() if service.installed]
    return installed, [name for name in installed if up[name].enabled]


def _ended(session: FleetSession, outcomes: Sequence[Outcome]) -> list[str]:
    """Return the profiles without a service that have no gateway: one that was started by hand goes on."""
    names = [each.profile for each in outcomes if each.outcome is OutcomeKind.UNINSTALLED]
    gateways = session.observe_cheaply([name for name in names if name in session.existing])
    return [name for name in names if name not in gateways or gateways[name].process is None]


def _also_ended(session: FleetSession, profiles: Sequence[str], confirm: ConfirmWhole | None) -> list[Problem]:
    """Return the warning about other profiles whose gateway ends. Raises Refused where the user does not agree."""
    one = session.one_gateway()
    others = one.touched(profiles) if one is not None and one.server in profiles else ()
    if one is None or not others or not stops_with_its_service(session.world, one.server):
        return []
    whole = WholeGateway("uninstall", one.server, others)
    ask_whole(whole, confirm)
    return [also_touched(whole, one)]


def service_files(session: FleetSession, profile: str, options: ServiceOptions) -> RenderedService:
    """Return the files that an installation would write for a profile."""
    installer = ServiceInstaller(session, options)
    spec = installer.spec(profile)
    files = tuple(ServiceFile(*definition) for definition in session.due.definitions(spec))
    return RenderedService(files, (*installer.unsupported(spec, session.due), *installer.launchers()))


def system_units(session: FleetSession, request: InstallRequest, profiles: Sequence[str]) -> SystemUnits:
    """Return the system units of profiles, which an administrator can install."""
    from hermes_profiles.services.naming import drop_in, system_unit
    from hermes_profiles.services.systemd.render import render_drop_in, render_unit

    installer = ServiceInstaller(session, request.options, request.boot_stagger, force=request.force)
    files: list[ServiceFile] = []
    units: list[str] = []
    for number, profile in enumerate(profiles):
        spec = installer.spec(profile, number)
        unit = system_unit(spec.name)
        base = render_unit(spec, system_user=(spec.account, _group()))
        files.append(ServiceFile(unit, base, 0o644))
        files.append(ServiceFile(drop_in(unit), render_drop_in(spec, base=base), 0o644))
        units.append(unit.name)
    return SystemUnits(tuple(files), tuple(units))


def _group() -> str:
    try:
        return grp.getgrgid(os.getgid()).gr_name
    except KeyError:  # a container's group without an entry
        return str(os.getgid())


class PendingInstall(NamedTuple):
    """One service that may be written. `kept`: the change that stores its options with the profile.

    `enable`: whether it starts at boot or login.
    """

    installation: ServiceInstallPlan
    kept: ChangePlan | None
    enable: bool

    @property
    def profile(self) -> str:
        """Return the profile of the service."""
        return self.installation.spec.profile


class ServiceInstaller:
    """Writes the services of profiles. `boot_stagger`: seconds between two gateways at boot."""

    def __init__(
        self, session: FleetSession, options: ServiceOptions, boot_stagger: float | None = None, *, force: bool = False
    ) -> None:
        self._session = session
        self._options = options._replace(managed=managed_folder(session.environment, session.layout))
        self._stagger = boot_stagger
        self._force = force
        self._installs: dict[str | None, Hermes] = {}
        self._warnings: list[Problem] = []
        self._due: list[PendingInstall] = []
        self._outcomes: dict[str, Outcome] = {}
        self._serves: dict[str, tuple[str, ...]] = {}

    def spec(self, profile: str, number: int = 0) -> ServiceSpec:
        """Return the model of a profile's service; `number`: its place in the fleet, from 0."""
        world, environment = self._session.world, self._session.environment
        home = world.layout.home(profile)
        given = self._given(number)
        program = program_for(self._hermes(kept_options(home, given).python), home, world.user_home, environment)
        return build_spec(world, profile, program, environment, given)

    def _hermes(self, python: str | None) -> Hermes:
        if python not in self._installs:
            self._installs[python] = find_installation(self._session.layout, self._session.environment, given=python)
        return self._installs[python]

    def _given(self, number: int) -> ServiceOptions:
        return self._options._replace(boot_delay=None if self._stagger is None else self._stagger * number)

    def unsupported(self, spec: ServiceSpec, manager: Manager) -> list[Problem]:
        """Return a warning for each option that the manager does not support."""
        texts = self._session.unsupported(spec, manager)
        return [Problem("unsupported", f"{spec.profile}: {text}", spec.profile) for text in texts]

    def launchers(self) -> list[Problem]:
        """Return warnings about a `hermes` on PATH that services do not run, or whose vault they do not run."""
        return [problem for found in self._installs.values() for problem in launcher_warnings(found)]

    def write(
        self, command: str, profiles: Sequence[str], manager: Manager, *, named: bool, load: bool, dry_run: bool
    ) -> FleetResult:
        """Write the services of profiles; with `load` the manager reads them.

        A fault of one profile is its outcome; a fault that all of them share is raised.
        """
        self._warnings = [*self._session.problems]
        self._plan_all(command, profiles, manager, named=named)
        self._warn_standalone()
        self._warn_folded()
        self._warn_drop_ins()
        self._warnings += self.launchers()
        plan = self._plan(command)
        if dry_run:
            return self._planned(command, plan, profiles)
        change = apply(plan, layout=self._session.layout).change_id if plan is not None else None
        failures = self._load(manager) if load else {}
        for pending in self._due:
            serves = self._serves.get(pending.profile, ())
            self._outcomes[pending.profile] = _written(pending, failures.get(pending.profile), serves)
        if load and any(each.enable for each in self._due):
            self._warnings += self._session.linger_warning(manager)
        return fleet_result(self._ordered(profiles), self._warnings, change=change)

    def _warn_standalone(self) -> None:
        world = self._session.world
        names = [each.profile for each in self._due if each.profile != DEFAULT]
        if not world.hermes.has(Behaviour.PARKS_PROFILES):
            return
        found = [name for name in names if is_standalone(world.layout.home(name))]
        self._warnings += [standalone_warning(found)] if found else []

    def _warn_drop_ins(self) -> None:
        """Warn about drop-ins of the user: what they give to a gateway, and what has no effect beside ours."""
        from hermes_profiles.fleet.user_drop_ins import drop_in_warnings

        for pending in self._due:
            self._warnings += drop_in_warnings(self._session.world, pending.installation)

    def _warn_folded(self) -> None:
        """Warn about services that `hermes update` removes again."""
        session = self._session
        if not session.world.hermes.has(Behaviour.FOLDS_ON_UPDATE):
            return
        managed = managed_values(managed_folder(session.environment, session.layout), session.catalog)
        names = [each.profile for each in self._due]
        found = fold_warning(session.layout, session.world.hermes, names, managed.config)
        self._warnings += [found] if found is not None else []

    def _ordered(self, profiles: Sequence[str]) -> list[Outcome]:
        return [self._outcomes[name] for name in profiles if name in self._outcomes]

    def _plan_all(self, command: str, profiles: Sequence[str], manager: Manager, *, named: bool) -> None:
        """Plan each profile: its service is pending, or it has an outcome already."""
        one = self._session.one_gateway()
        if one is not None:
            parked = {name for name in one.members if is_parked(self._session.layout.home(name))}
            self._serves[one.server] = tuple(sorted(one.members - parked - self._session.disabled))
        served = {} if self._force else self._session.served(profiles)
        errors: list[HermesProfilesError] = []
        for number, profile in enumerate(profiles):
            if profile in served and one is not None:
                self._outcomes[profile] = self._member(one, profile, served[profile], profiles)
                continue
            if profile in served:
                kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
                hint = f"use `hermes-gateways {command} {profile} --force` to install it all the same"
                self._outcomes[profile] = Outcome(profile, kind, served[profile], hint=hint)
                continue
            try:
                self._plan_one(command, profile, number, manager)
            except HermesProfilesError as error:
                errors.append(error)
                kind = OutcomeKind.REFUSED if isinstance(error, Refused) else OutcomeKind.FAILED
                self._outcomes[profile] = Outcome(profile, kind, error.problem.message, hint=error.problem.hint)
        if errors and len(errors) == len(profiles) and len({error.problem.message for error in errors}) == 1:
            raise errors[0]

    def _member(self, one: OneGateway, profile: str, why: str, chosen: Sequence[str]) -> Outcome:
        """Return the outcome for a profile that the one gateway serves, or will: it gets no service."""
        server = self._session.observe((one.server,))[one.server]
        has_service = server.service is not None and server.service.installed
        if profile == DEFAULT and not has_service:
            # A named profile's gateway that was started by hand: a service of default would end with 75 for ever.
            commands = f"hermes-gateways stop {one.server} --yes && hermes-gateways install default --start"
            hint = f"hand over with `{commands}`"
            return Outcome(profile, OutcomeKind.REFUSED, f"{why}; Hermes runs one gateway", one.pid, hint=hint)
        if not has_service and one.server not in chosen and profile not in one.served:
            hint = f"install it with `hermes-gateways install {one.server} --start`; it serves all profiles"
            return Outcome(profile, OutcomeKind.REFUSED, f"{why}, and {one.server} has no service", hint=hint)
        detail = why if profile in one.served or one.alone else f"{why}; nothing to install"
        return Outcome(profile, OutcomeKind.SKIPPED, detail, one.pid)

    def _plan_one(self, command: str, profile: str, number: int, manager: Manager) -> None:
        require_here(self._session.layout, profile, "install its service", catalog=lambda: self._session.catalog)
        spec = self.spec(profile, number)
        if not self._force and (second := second_supervisor(self._session, profile, spec.name.unit)) is not None:
            self._outcomes[profile] = second
            return
        installation = plan_installation(manager, spec, force=self._force)
        from hermes_profiles.fleet.user_drop_ins import check_redirects

        check_redirects(self._session.world, installation.files[0][0], spec)
        if (taken := self._with_same_name(installation)) is not None:
            linked = taken if profile == DEFAULT else profile
            raise Refused(
                f"Hermes gives its service the name that {taken}'s has, {spec.name.unit}: the home of "
                f"{linked} is a link that leads out of the root",
                target=profile,
                code="name-clash",
                hint=f"put the folder itself where the link {self._session.layout.home(linked)} is",
            )
        if installation.refusal is not None and not self._force:
            hint = f"overwrite it with `hermes-gateways {command} {profile} --force`"
            self._outcomes[profile] = Outcome(
                profile, OutcomeKind.REFUSED, installation.refusal, log=installation.drift.diff, hint=hint
            )
            return
        if installation.refusal is not None:
            self._warnings.append(replaced_edit(installation))
        self._warnings += self.unsupported(spec, manager)
        layout, given = self._session.layout, self._given(number)
        options = to_keep(given)
        kept = plan_meta(layout, {profile: options}, command=command) if options else None
        enable = kept_options(layout.home(profile), given).enable is not False
        self._due.append(PendingInstall(installation, kept, enable and profile not in self._session.disabled))

    def _with_same_name(self, installation: ServiceInstallPlan) -> str | None:
        """Return another profile that has the name of a service, None without one.

        One without a service now counts only where the installed service belongs to another home: that is rare, and
        the names of all profiles cost a look at each home.
        """
        spec = installation.spec
        taken = next((each.profile for each in self._due if each.installation.spec.name == spec.name), None)
        if taken is None and installation.drift.code is DriftCode.FOREIGN:
            world = self._session.world
            others = (name for name in self._session.existing if name != spec.profile)
            taken = next((name for name in others if world.service_name(name) == spec.name), None)
        return taken

    def _plan(self, command: str) -> ChangePlan | None:
        plans = [each.kept for each in self._due]
        return joined(command, [*plans, plan_writing(command, [each.installation for each in self._due])])

    def _load(self, manager: Manager) -> dict[str, str]:
        """Make the log folders and have the manager read the definitions; returns profile → failure."""
        failures: dict[str, str] = {}
        for each in self._due:
            try:
                for folder in log_folders(manager, [each.installation]):
                    make_folder(folder)
            except HermesProfilesError as error:
                failures[each.profile] = error.problem.message
        for enable in (True, False):
            due = [each for each in self._due if each.enable is enable and each.profile not in failures]
            # launchd reads a definition by a restart of its gateway: one that is current is not read again.
            current = [each for each in due if manager.kind is ManagerKind.LAUNCHD and each.installation.is_there]
            if changed := [_service(manager, each) for each in due if each not in current]:
                failures |= manager.load(changed, enable=enable)
            if current:
                failures |= manager.enable([_service(manager, each) for each in current], enabled=enable)
        return failures

    def _planned(self, command: str, plan: ChangePlan | None, profiles: Sequence[str]) -> FleetResult:
        for pending in self._due:
            drift = pending.installation.drift
            is_current = pending.installation.is_there and pending.kept is None
            kind = OutcomeKind.ALREADY_INSTALLED if is_current else OutcomeKind(f"would-{command}")
            serves = self._serves.get(pending.profile, ())
            details = (*drift.details, *((f"also serves {', '.join(serves)}",) if serves else ()))
            self._outcomes[pending.profile] = Outcome(pending.profile, kind, "; ".join(details), log=tuple(drift.diff))
        return fleet_result(self._ordered(profiles), self._warnings, dry_run=True, plan=plan)


def _written(pending: PendingInstall, failure: str | None, serves: Sequence[str]) -> Outcome:
    """Return the outcome of a written service; `serves`: other profiles that its gateway serves."""
    if failure is not None:
        return Outcome(pending.profile, OutcomeKind.FAILED, failure)
    kind = OutcomeKind.ALREADY_INSTALLED if pending.installation.is_there else OutcomeKind.INSTALLED
    path = str(pending.installation.files[0][0])
    return Outcome(pending.profile, kind, f"{path}; also serves {', '.join(serves)}" if serves else path)


def _service(manager: Manager, pending: PendingInstall) -> Service:
    return manager.service(pending.installation.spec.name, pending.profile)
