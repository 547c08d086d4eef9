"""Diagnose the profiles of a root, and fix what can be fixed safely. Modules for fixes are imported when needed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.changes.fingerprint_key import answer_key
from hermes_profiles.doctor.collect import FactCollector
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.doctor.runner import Check, ReportedFinding, run_checks
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple

from ..context import is_debugging, user_home
from ..fleet_context import FleetSession, no_root, other_managers

if TYPE_CHECKING:
    from hermes_profiles.doctor.fix_plan import FixPlan
    from hermes_profiles.services.spec import ServiceSpec

    from ..gateways.install_services import ServiceInstaller
    from .chosen_fixes import FixOffer, FixOffers
    from .repair_services import ServiceRepairs


class Diagnosis(NamedTuple):
    """The findings of a run over a root. `profiles`: how many profiles were examined."""

    findings: tuple[ReportedFinding, ...]
    profiles: int
    warnings: tuple[Problem, ...] = ()

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(finding.severity is severity for finding in self.findings)

    @property
    def fixable(self) -> int:
        """Return the number of findings that `--fix` fixes."""
        return sum(finding.automatic for finding in self.findings)

    def exit_code(self, *, strict: bool) -> ExitCode:
        """Return 3 when there are errors (with `strict`, warnings too), else 0."""
        bad = self.count(Severity.ERROR) or (strict and self.count(Severity.WARNING))
        return ExitCode.NEGATIVE if bad else ExitCode.OK


class FixResult(NamedTuple):
    """The result of a fix. `steps`: what is done, in order; `diagnosis`: what is left, in a dry run what was found.

    `fixed`: the findings that are gone; `changes`: the ids of the changes that were made; `next_steps`: what is left to
    do after a repair of what profiles shared.
    """

    diagnosis: Diagnosis
    steps: tuple[Mapping[str, Any], ...]
    dry_run: bool
    fixed: tuple[ReportedFinding, ...] = ()
    changes: tuple[str, ...] = ()
    errors: tuple[Problem, ...] = ()
    next_steps: tuple[str, ...] = ()

    def exit_code(self, *, strict: bool) -> ExitCode:
        """Return 1 when a fix failed, otherwise the exit code of what is left."""
        return ExitCode.FAILED if self.errors else self.diagnosis.exit_code(strict=strict)


# Returns whether the user agrees to the steps of a fix.
ConfirmFix = Callable[[FixResult], bool]


class DoctorRun:
    """One run over a root. `named`: the profiles to report on, none for all. Raises NotFound for a missing one."""

    def __init__(self, session: FleetSession, checks: Sequence[Check], named: Sequence[str]) -> None:
        self._session = session
        self._checks = tuple(checks)
        if named:
            self._named: tuple[str, ...] | None = session.selection(named, (), None).profiles
        else:
            self._named = None
            if not session.layout.root.is_dir():  # a damaged root is examined, a missing one is an error
                raise no_root(session.layout)
        self._warnings: list[Problem] = []
        self._key = self._fingerprint_key()
        self._writer: ServiceInstaller | None = None
        self._count = 0

    def _fingerprint_key(self) -> bytes:
        try:
            return answer_key(self._session.layout)
        except HermesProfilesError as error:  # a damaged key does not prevent a diagnosis
            self._warnings.append(error.problem)
            return os.urandom(32)

    def diagnose(self) -> Diagnosis:
        """Return the findings."""
        return self._diagnosis(self._examine())

    def fix(self, *, dry_run: bool = False, confirm: ConfirmFix | None = None) -> FixResult:
        """Fix what can be fixed safely, diagnose again, and return what is left.

        `confirm` gets the planned steps first. Raises Refused when it returns False.
        """
        from hermes_profiles.changes.apply import apply, utc_now
        from hermes_profiles.changes.journal import Journal, iso
        from hermes_profiles.doctor.fix_plan import build_fix_plan

        from ..run_mode.repair_run_mode import RunModeRepair
        from .repair_services import ServiceRepairs

        session = self._session
        self._warnings += session.recover(dry_run=dry_run)
        findings = self._examine()
        now = utc_now()
        trash_id = Journal(session.layout.state).fresh_id(now)
        plan = build_fix_plan(findings, session.layout, trash_id=trash_id, deleted_at=iso(now))
        services = ServiceRepairs(session, plan.services)
        run_mode = RunModeRepair(session, plan.run_mode)
        steps = (*_steps(plan, services), *run_mode.rows)
        problems = (*plan.problems, *run_mode.problems)
        preview = FixResult(self._diagnosis(findings, problems), steps, dry_run)
        if dry_run or not steps:
            return preview
        if confirm is not None:
            if not confirm(preview):
                raise Refused("not confirmed, nothing changed", code="not-confirmed")
            # Files may have changed while the user read.
            plan = build_fix_plan(findings, session.layout, trash_id=trash_id, deleted_at=iso(now))
        with services.down():
            change = apply(plan.plan, layout=session.layout).change_id if plan.plan is not None else None
        errors = (*plan.problems, *services.finish(), *run_mode.apply())
        self._forget_observations()
        left = self._examine()
        remaining = {finding.fingerprint for finding in left}
        fixed = tuple(finding for finding in findings if finding.fingerprint not in remaining)
        changes = tuple(made for made in (change, *services.changes, run_mode.change) if made is not None)
        return FixResult(self._diagnosis(left), steps, dry_run, fixed, changes, errors)

    def converse(self, choose: Callable[[FixOffers], Sequence[FixOffer]]) -> FixResult:
        """Fix what a user chooses finding by finding, as one change, and return what is left.

        `choose` gets the offers and returns the accepted ones. Nothing is changed before it returns.
        """
        from .chosen_fixes import FixOffers

        self._warnings += self._session.recover(dry_run=False)
        findings = self._examine()
        offers = FixOffers(self._session, findings)
        chosen = choose(offers)
        if not chosen:
            return FixResult(self._diagnosis(findings), (), dry_run=False)
        done = offers.apply(chosen)
        self._forget_observations()
        left = self._examine()
        remaining = {finding.fingerprint for finding in left}
        fixed = tuple(finding for finding in findings if finding.fingerprint not in remaining)
        diagnosis = self._diagnosis(left)
        made = FixResult(diagnosis, done.steps, dry_run=False, fixed=fixed, changes=done.changes)
        return made._replace(errors=done.errors, next_steps=done.next_steps)

    def _forget_observations(self) -> None:
        """Forget what was read: files and services have changed."""
        self._session = self._session.fresh()
        self._writer = None

    def _examine(self) -> tuple[ReportedFinding, ...]:
        facts = FactCollector(self._context(), self._named).facts()
        self._count = len(self._named if self._named is not None else facts.profiles)
        return run_checks(facts, self._checks, key=self._key, profiles=self._named, debug=is_debugging())

    def _context(self) -> DoctorContext:
        return doctor_context(self._session, self._spec_of)

    def _spec_of(self, profile: str) -> ServiceSpec:
        """Return the service that an installation would write now. Raises HermesProfilesError when it cannot."""
        if self._writer is None:
            from hermes_profiles.fleet.service_specs import ServiceOptions

            from ..gateways.install_services import ServiceInstaller

            self._writer = ServiceInstaller(self._session, ServiceOptions())
        return self._writer.spec(profile)

    def _diagnosis(self, findings: tuple[ReportedFinding, ...], problems: Sequence[Problem] = ()) -> Diagnosis:
        return Diagnosis(findings, self._count, (*self._session.problems, *self._warnings, *problems))


def doctor_context(session: FleetSession, spec_of: Callable[[str], ServiceSpec]) -> DoctorContext:
    """Return the inputs of the probes. `spec_of`: the service that would be installed for a profile now."""
    return DoctorContext(
        session.layout,
        session.catalog,
        session.environment,
        user_home(session.environment),
        os.getuid(),
        time.time(),
        session.world,
        session.observe,
        (session.due, *other_managers(session)),
        session.manager_problems,
        spec_of,
    )


def _steps(plan: FixPlan, services: ServiceRepairs) -> tuple[Mapping[str, Any], ...]:
    """Return what is done, step by step."""
    from hermes_profiles.changes.plan import describe

    return (*(describe(plan.plan) if plan.plan is not None else ()), *services.rows)
