"""Writes the services of profiles: what each should be, what may be written, and what the manager is told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.changes.state_files import make_folder
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.conflicts.overlay import managed_folder
from hermes_profiles.fleet.install import ServiceInstallPlan, joined, log_folders, plan_installation, plan_writing
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind
from hermes_profiles.fleet.service_specs import ServiceOptions, build_spec, kept_options, to_keep
from hermes_profiles.gateways.hermes_install import HermesInstall as Hermes
from hermes_profiles.gateways.hermes_install import find_installation, program_for
from hermes_profiles.model.errors import HermesProfilesError, Problem, Refused
from hermes_profiles.profiles.profile_yaml import plan_meta
from hermes_profiles.services.manager import Manager
from hermes_profiles.services.spec import ServiceSpec

from .fleet_context import FleetSession
from .run_fleet import answer_of

THERE = (OutcomeKind.INSTALLED, OutcomeKind.ALREADY_INSTALLED)


class PendingInstall(NamedTuple):
    """One service that may be written; `kept`: the change that keeps its options with the profile; `enable`: whether it
    starts at boot or login."""

    installation: ServiceInstallPlan
    kept: ChangePlan | None
    enable: bool

    @property
    def profile(self) -> str:
        """Return whose service it is."""
        return self.installation.spec.profile


class ServiceInstaller:
    """Writes the services of profiles; `boot_stagger`: seconds between two of them at boot."""

    def __init__(
        self, session: FleetSession, options: ServiceOptions, boot_stagger: float | None = None, *, force: bool = False
    ) -> None:
        self._session = session
        self._options = options._replace(managed=managed_folder(session.environment, session.layout))
        self._stagger = boot_stagger
        self._force = force
        self._found: dict[str | None, Hermes] = {}
        self._warnings: list[Problem] = []
        self._due: list[PendingInstall] = []
        self._outcomes: dict[str, Outcome] = {}

    def spec(self, profile: str, number: int = 0) -> ServiceSpec:
        """Return the model of a profile's service; `number`: its place in the fleet, from 0."""
        world, environment = self._session.world, self._session.environment
        home = world.layout.home(profile)
        given = self._given(number)
        program = program_for(self._hermes(kept_options(home, given).python), home, world.user_home, environment)
        return build_spec(world, profile, program, environment, given)

    def _hermes(self, python: str | None) -> Hermes:
        if python not in self._found:
            self._found[python] = find_installation(self._session.layout, self._session.environment, given=python)
        return self._found[python]

    def _given(self, number: int) -> ServiceOptions:
        return self._options._replace(boot_delay=None if self._stagger is None else self._stagger * number)

    def unsupported(self, spec: ServiceSpec, manager: Manager) -> list[Problem]:
        """Return a warning for each thing asked for that the manager cannot do."""
        told = self._session.unsupported(spec, manager)
        return [Problem("unsupported", f"{spec.profile}: {text}", spec.profile) for text in told]

    def write(
        self, command: str, profiles: Sequence[str], manager: Manager, *, named: bool, load: bool, dry_run: bool
    ) -> Answer:
        """Write, and with `load` have the manager read, the services of profiles.

        What is wrong with one profile is told as its outcome; what is wrong with all of them is raised.
        """
        self._warnings = [*self._session.problems]
        self._plan_all(command, profiles, manager, named=named)
        plan = self._plan(command)
        if dry_run:
            return self._planned(command, plan, profiles)
        change = apply(plan, layout=self._session.layout).change_id if plan is not None else None
        failures = self._load(manager) if load else {}
        for each in self._due:
            self._outcomes[each.profile] = _written(each, failures.get(each.profile))
        if load and any(each.enable for each in self._due):
            self._warnings += self._session.linger_warning(manager)
        answer = answer_of(command, self._ordered(profiles), self._warnings, dry_run=False)
        if change is not None:
            answer.result.data["change"] = change
        return answer

    def _ordered(self, profiles: Sequence[str]) -> list[Outcome]:
        return [self._outcomes[name] for name in profiles if name in self._outcomes]

    def _plan_all(self, command: str, profiles: Sequence[str], manager: Manager, *, named: bool) -> None:
        """Sort profiles into those whose service is due and those with an outcome already."""
        served = {} if self._force else self._session.served(profiles)
        wrong: list[HermesProfilesError] = []
        for number, profile in enumerate(profiles):
            if profile in served:
                kind = OutcomeKind.REFUSED if named else OutcomeKind.SKIPPED
                hint = f"`hermes-gateways {command} {profile} --force` does it all the same"
                self._outcomes[profile] = Outcome(profile, kind, served[profile], hint=hint)
                continue
            try:
                self._plan_one(command, profile, number, manager)
            except HermesProfilesError as error:
                wrong.append(error)
                kind = OutcomeKind.REFUSED if isinstance(error, Refused) else OutcomeKind.FAILED
                self._outcomes[profile] = Outcome(profile, kind, error.problem.message, hint=error.problem.hint)
        if wrong and len(wrong) == len(profiles) and len({error.problem.message for error in wrong}) == 1:
            raise wrong[0]

    def _plan_one(self, command: str, profile: str, number: int, manager: Manager) -> None:
        spec = self.spec(profile, number)
        found = plan_installation(manager, spec)
        taken = next((each.profile for each in self._due if each.installation.spec.name == spec.name), None)
        if taken is not None:
            raise Refused(
                f"Hermes gives its service the name that {taken}'s has, {spec.name.unit}: its home is a link that "
                "leads out of the root",
                target=profile,
                code="name-clash",
                hint=f"put the folder itself where the link {self._session.layout.home(profile)} is",
            )
        if found.refusal is not None and not self._force:
            hint = f"see how it differs; `hermes-gateways {command} {profile} --force` writes over it"
            self._outcomes[profile] = Outcome(
                profile, OutcomeKind.REFUSED, found.refusal, log=found.drift.diff, hint=hint
            )
            return
        self._warnings += self.unsupported(spec, manager)
        layout, given = self._session.layout, self._given(number)
        options = to_keep(given)
        kept = plan_meta(layout, {profile: options}, command=command) if options else None
        enable = kept_options(layout.home(profile), given).enable is not False
        self._due.append(PendingInstall(found, kept, enable and profile not in self._session.disabled))

    def _plan(self, command: str) -> ChangePlan | None:
        plans = [each.kept for each in self._due]
        return joined(command, [*plans, plan_writing(command, [each.installation for each in self._due])])

    def _load(self, manager: Manager) -> dict[str, str]:
        """Have definitions read, once their log folders are there; returns reasons of those that failed."""
        failures: dict[str, str] = {}
        for each in self._due:
            try:
                for folder in log_folders(manager, [each.installation]):
                    make_folder(folder)
            except HermesProfilesError as error:
                failures[each.profile] = error.problem.message
        for enable in (True, False):
            services = [
                manager.service(each.installation.spec.name, each.profile)
                for each in self._due
                if each.enable is enable and each.profile not in failures
            ]
            if services:
                failures |= manager.load(services, enable=enable)
        return failures

    def _planned(self, command: str, plan: ChangePlan | None, profiles: Sequence[str]) -> Answer:
        answer = answer_of(command, self._ordered(profiles), self._warnings, dry_run=True)
        rows = {row["profile"]: row for row in answer.result.data["outcomes"]}
        for each in self._due:
            drift = each.installation.drift
            there = each.installation.is_there and each.kept is None
            rows[each.profile] = {
                "profile": each.profile,
                "outcome": "already-installed" if there else f"would-{command}",
                "detail": "; ".join(drift.details),
                "pid": None,
                "masked_channels": [],
                "log": list(drift.diff),
            }
        answer.result.data["outcomes"] = [rows[name] for name in profiles if name in rows]
        answer.result.data["plan"] = list(describe(plan)) if plan is not None else []
        return answer


def _written(each: PendingInstall, failure: str | None) -> Outcome:
    if failure is not None:
        return Outcome(each.profile, OutcomeKind.FAILED, failure)
    kind = OutcomeKind.ALREADY_INSTALLED if each.installation.is_there else OutcomeKind.INSTALLED
    return Outcome(each.profile, kind, str(each.installation.files[0][0]))
