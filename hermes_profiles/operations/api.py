"""The library: one object for a Hermes root, with the operations of both programs and their typed results."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from os import fspath
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.fleet.outcomes import Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.logs.filters import Filter

from .events import OnOutcome, OnProgress, ignore
from .fleet_context import FleetSession
from .gateways.run_fleet import FleetRequest, run_fleet

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hermes_profiles.changes.journal import ChangeEntry
    from hermes_profiles.changes.plan import ChangePlan
    from hermes_profiles.changes.trash import TrashEntry
    from hermes_profiles.logs.records import Level
    from hermes_profiles.settings.diff import ProfileDiff

    from .apply import ChangeResult
    from .fleet_result import FleetResult
    from .gateways.fleet_status import FleetStatus
    from .gateways.logs import LogLine
    from .profiles.change_profile import ProfileChange
    from .profiles.create_profile import PlannedProfile
    from .profiles.list_profiles import ListedProfile, ProfileDetails
    from .profiles.settings import SettingChange, SettingValue, VariableChange, VariableList, VariablesRemoved
    from .repairs.doctor import ConfirmFix, Diagnosis, DoctorRun, FixResult
    from .repairs.repair import ConfirmRepair, RepairResult, RepairRun
    from .run_mode.run_mode_result import RunModeResult
    from .undo import UndoResult


def open_root(
    home: str | Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    manager: str | None = None,
) -> Root:
    """Return the Hermes root at a home, without reading anything yet.

    `home`: as `--home`; None for HERMES_HOME or `~/.hermes`. `environment`: the variables that count instead of those
    of this process. `manager`: systemd, launchd or supervisor instead of the one of this machine.
    """
    return Root(home, environment=environment, manager=manager)


class Root:
    """A Hermes root. Each method reads the root again, so that it reports what is true now.

    Methods raise HermesProfilesError: `error.problem` has the code, the message, the target and the hint that `--json`
    prints. `names`: profiles, none for all. `on_outcome` is called with each Outcome as it comes; `on_progress` with
    an Event for each observation of the gateways under way.
    """

    def __init__(
        self, home: str | Path | None, *, environment: Mapping[str, str] | None = None, manager: str | None = None
    ) -> None:
        self._home = fspath(home) if home is not None else None
        self._environment = dict(environment) if environment is not None else None
        self._manager = manager

    def __repr__(self) -> str:
        return f"Root({self._home!r})"

    @property
    def path(self) -> Path:
        """Return the folder of the root."""
        return self._session().layout.root

    def _session(self, on_outcome: OnOutcome = ignore, on_progress: OnProgress = ignore) -> FleetSession:
        session = FleetSession(self._home, on_outcome=on_outcome, on_progress=on_progress, manager_option=self._manager)
        if self._environment is not None:
            session.environment = dict(self._environment)
        return session

    # Profiles

    def profiles(self) -> tuple[ListedProfile, ...]:
        """Return the profiles with their gateways and teams, as `hermes-profiles list` does."""
        from .profiles.list_profiles import list_profiles

        return list_profiles(self._session()).profiles

    def profile(self, name: str) -> ProfileDetails:
        """Return one profile with its keys and skills, as `hermes-profiles show` does."""
        from .profiles.list_profiles import show_profile

        return show_profile(self._session(), name)

    def plan_create(
        self, name: str, *, description: str | None = None, skills: bool = True, alias: bool = True
    ) -> PlannedProfile:
        """Return the plan of an empty profile."""
        from .profiles.create_profile import CreateRequest, plan_profile

        request = CreateRequest(name, description=description, skills=skills, alias=alias)
        return plan_profile(self._session(), request)

    def plan_clone(
        self,
        source: str,
        name: str,
        *,
        policy: ClonePolicy | None = None,
        everything: bool = False,
        description: str | None = None,
        skills: bool = True,
        alias: bool = True,
    ) -> PlannedProfile:
        """Return the plan of a clone and its report. `everything`: as `--clone-all`."""
        from .profiles.create_profile import CreateRequest, plan_profile

        scope = Scope.ALL if everything else Scope.AGENT
        chosen = policy if policy is not None else ClonePolicy()
        request = CreateRequest(name, source, scope, chosen, description, skills, alias, ("clone",))
        return plan_profile(self._session(), request)

    def rename(self, old: str, new: str, *, dry_run: bool = False) -> ProfileChange:
        """Rename a profile; its alias, services and links follow."""
        from .profiles.change_profile import rename_profile

        return rename_profile(self._session(), old, new, dry_run=dry_run)

    def delete(self, name: str, *, dry_run: bool = False) -> ProfileChange:
        """Stop a profile's gateway, remove its services and move it to the trash."""
        from .profiles.change_profile import delete_profile

        return delete_profile(self._session(), name, dry_run=dry_run)

    def restore(self, entry: str, name: str | None = None, *, dry_run: bool = False) -> ProfileChange:
        """Restore a profile from the trash, by its name or the id of the entry. `name`: the name it gets."""
        from .profiles.change_profile import restore_profile

        return restore_profile(self._session(), entry, name, dry_run=dry_run)

    def use(self, name: str, *, dry_run: bool = False) -> ProfileChange:
        """Make a profile the sticky default."""
        from .profiles.change_profile import use_profile

        return use_profile(self._session(), name, dry_run=dry_run)

    def trash(self) -> tuple[TrashEntry, ...]:
        """Return the entries of the trash, the newest first."""
        from .profiles.trash import list_trash

        return list_trash(self._session())

    # Changes

    def apply(
        self, planned: ChangePlan | PlannedProfile | RepairResult, *, progress: Callable[[int, int], None] | None = None
    ) -> ChangeResult:
        """Make a planned change. `progress` is called with the bytes copied and the total."""
        from hermes_profiles.changes.plan import ChangePlan

        from .apply import carry_out

        plan = planned if isinstance(planned, ChangePlan) else planned.plan
        session = self._session()
        session.recover(dry_run=False)
        return carry_out(session, plan, dry_run=False, progress=progress)

    def changes(self) -> tuple[ChangeEntry, ...]:
        """Return the journal, the newest change first."""
        from .undo import list_changes

        return list_changes(self._session()).entries

    def undo(
        self,
        change: str | None = None,
        *,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> UndoResult | RunModeResult:
        """Undo a change, None for the newest; services follow."""
        from .undo import undo_change

        return undo_change(self._session(on_outcome, on_progress), change, dry_run=dry_run)

    # Gateways

    def status(self, names: Iterable[str] = (), *, ask_api: bool = True) -> FleetStatus:
        """Return the status of gateways. `ask_api`: query their API servers."""
        from .gateways.fleet_status import fleet_status

        session = self._session()
        return fleet_status(session, session.selection(names, (), None).profiles, ask_api=ask_api)

    def start(
        self,
        names: Iterable[str] = (),
        *,
        owners: Sequence[str] = (),
        on_conflict: str = "mask",
        jobs: int | None = None,
        timeout: float = SETTLE,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> FleetResult:
        """Start gateways; one that runs is left alone. `owners`: the profiles that keep a channel several hold."""
        options = RunOptions(jobs=jobs, settle=timeout)
        request = FleetRequest(Verb.START, options, None, tuple(owners), on_conflict, force, dry_run)
        return self._run(request, names, on_outcome, on_progress)

    def stop(
        self,
        names: Iterable[str] = (),
        *,
        jobs: int | None = None,
        timeout: float | None = None,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> FleetResult:
        """Stop gateways, so that no service manager starts them again."""
        request = FleetRequest(Verb.STOP, RunOptions(jobs=jobs, stop=timeout), force=force, dry_run=dry_run)
        return self._run(request, names, on_outcome, on_progress)

    def restart(
        self,
        names: Iterable[str] = (),
        *,
        rolling: bool = False,
        owners: Sequence[str] = (),
        on_conflict: str = "mask",
        jobs: int | None = None,
        timeout: float = SETTLE,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> FleetResult:
        """Restart the gateways that run. `rolling`: one after the other, and a failure ends it."""
        options = RunOptions(jobs=jobs, rolling=rolling, settle=timeout)
        request = FleetRequest(Verb.RESTART, options, None, tuple(owners), on_conflict, force, dry_run)
        return self._run(request, names, on_outcome, on_progress)

    def _run(
        self, request: FleetRequest, names: Iterable[str], on_outcome: OnOutcome, on_progress: OnProgress
    ) -> FleetResult:
        session = self._session(on_outcome, on_progress)
        return run_fleet(session, request, session.selection(names, (), None))

    def install(
        self,
        names: Iterable[str] = (),
        *,
        options: ServiceOptions | None = None,
        start: bool = False,
        timeout: float = SETTLE,
        force: bool = False,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> FleetResult:
        """Write the services of profiles and load them. `start`: also start the gateways."""
        from .gateways.install_services import InstallRequest, install

        session = self._session(on_outcome, on_progress)
        chosen = options if options is not None else ServiceOptions()
        request = InstallRequest(chosen, None, force, start, timeout, dry_run)
        return install(session, request, session.selection(names, (), None))

    def uninstall(
        self,
        names: Iterable[str] = (),
        *,
        dry_run: bool = False,
        on_outcome: OnOutcome = ignore,
        on_progress: OnProgress = ignore,
    ) -> FleetResult:
        """Stop gateways and remove their services; the profiles stay."""
        from .gateways.install_services import uninstall

        return uninstall(self._session(on_outcome, on_progress), tuple(names), dry_run=dry_run)

    def logs(
        self,
        names: Iterable[str] = (),
        *,
        lines: int | None = 50,
        since: float | None = None,
        until: float | None = None,
        level: Level | None = None,
    ) -> tuple[LogLine, ...]:
        """Return the last records of gateways' logs, in order of time, their secrets masked.

        `lines`: how many, None for all; `since`, `until`: epoch seconds; `level`: this one and graver ones.
        """
        from .gateways.logs import LogCollector, LogReader, LogRequest

        collector = LogCollector()
        request = LogRequest(tuple(names), filter=Filter(since, until, level, None))
        LogReader(self._session(), request, collector).run(lines, follow=False)
        return tuple(collector.lines)

    # Faults

    def diagnose(
        self, names: Iterable[str] = (), *, only: Collection[str] = (), skip: Collection[str] = ()
    ) -> Diagnosis:
        """Return the findings of the doctor. `only`, `skip`: ids or families of checks."""
        return self._doctor(names, only, skip).diagnose()

    def plan_fix(
        self, names: Iterable[str] = (), *, only: Collection[str] = (), skip: Collection[str] = ()
    ) -> FixResult:
        """Return the steps that would fix findings, without doing them."""
        return self._doctor(names, only, skip).fix(dry_run=True)

    def fix(
        self,
        names: Iterable[str] = (),
        *,
        only: Collection[str] = (),
        skip: Collection[str] = (),
        confirm: ConfirmFix | None = None,
    ) -> FixResult:
        """Fix what can be fixed safely, and return what is left. `confirm` gets the plan first."""
        return self._doctor(names, only, skip).fix(confirm=confirm)

    def _doctor(self, names: Iterable[str], only: Collection[str], skip: Collection[str]) -> DoctorRun:
        from hermes_profiles.doctor.registry import CHECKS
        from hermes_profiles.doctor.runner import select_checks

        from .repairs.doctor import DoctorRun

        return DoctorRun(self._session(), select_checks(CHECKS, only, skip), tuple(names))

    def plan_repair(
        self,
        names: Sequence[str] = (),
        *,
        owners: Sequence[tuple[str, str]] = (),
        channels: Sequence[str] = (),
    ) -> RepairResult:
        """Return the repair of profiles that share an identity, without making it; `apply` makes it.

        `owners`: (channel, profile) pairs; `channels`: only these, none for all.
        """
        return self._repair(names, owners, channels).run(dry_run=True)

    def repair(
        self,
        names: Sequence[str] = (),
        *,
        owners: Sequence[tuple[str, str]] = (),
        channels: Sequence[str] = (),
        confirm: ConfirmRepair | None = None,
    ) -> RepairResult:
        """Take copied identities out of the profiles that do not own them, and return what is left."""
        return self._repair(names, owners, channels).run(confirm=confirm)

    def _repair(self, names: Sequence[str], owners: Sequence[tuple[str, str]], channels: Sequence[str]) -> RepairRun:
        from .repairs.repair import RepairRun, repair_request

        session = self._session()
        return RepairRun(session, repair_request(session, names, owners, channels))

    # Settings

    def setting(self, profile: str, path: str | None = None, *, reveal: bool = False) -> SettingValue:
        """Return a setting of config.yaml; secrets are masked unless `reveal` is set."""
        from .profiles.settings import get_setting

        return get_setting(self._session(), profile, path, reveal=reveal)

    def set_setting(self, profile: str, path: str, value: object, *, dry_run: bool = False) -> SettingChange:
        """Set a setting of config.yaml to a text, number, bool, list or mapping."""
        from hermes_profiles.settings.files import parse_value

        from .profiles.settings import change_setting, setting_target

        session = self._session()
        target = setting_target(session, profile, path, dry_run=dry_run)
        is_text = isinstance(value, str)
        new = parse_value(value if isinstance(value, str) else json.dumps(value), as_text=is_text)
        return change_setting(session, target, new, dry_run=dry_run)

    def unset_setting(self, profile: str, path: str, *, dry_run: bool = False) -> SettingChange:
        """Remove a setting of config.yaml, with all below it."""
        from .profiles.settings import change_setting, setting_target

        session = self._session()
        return change_setting(session, setting_target(session, profile, path, dry_run=dry_run), None, dry_run=dry_run)

    def diff(self, a: str, b: str) -> ProfileDiff:
        """Return how two profiles differ in settings, variables, skills and persona."""
        from .profiles.settings import compare_profiles

        return compare_profiles(self._session(), a, b)

    def variables(self, profile: str) -> VariableList:
        """Return the variables of a profile's `.env`, without their values."""
        from .profiles.settings import list_variables

        return list_variables(self._session(), profile)

    def set_variable(self, profile: str, name: str, value: str, *, dry_run: bool = False) -> VariableChange:
        """Set a variable in a profile's `.env`."""
        from .profiles.settings import set_variable, variable_target

        session = self._session()
        target = variable_target(session, profile, (name,), dry_run=dry_run)
        return set_variable(session, target, value, dry_run=dry_run)

    def unset_variables(self, profile: str, names: Iterable[str], *, dry_run: bool = False) -> VariablesRemoved:
        """Remove variables from a profile's `.env`."""
        from .profiles.settings import unset_variables, variable_target

        session = self._session()
        target = variable_target(session, profile, names, dry_run=dry_run)
        return unset_variables(session, target, dry_run=dry_run)
