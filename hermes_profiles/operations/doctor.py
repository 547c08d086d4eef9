"""One visit to the doctor: look, mend, look again. What only mending needs is imported when it is asked for."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.changes.fingerprint_key import any_key
from hermes_profiles.cli.framework.run import require_yes
from hermes_profiles.doctor.collect import FactCollector
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.doctor.runner import Check, ReportedFinding, examine
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Result

from .context import command_at, is_debugging, user_home
from .fleet_context import FleetSession, no_root, other_managers

if TYPE_CHECKING:
    from hermes_profiles.doctor.fix_plan import FixPlan
    from hermes_profiles.services.spec import ServiceSpec

    from .install_services import ServiceInstaller
    from .repair_services import ServiceMending


class DoctorRun:
    """One visit; `named`: the profiles that the user names, none for all. Raises NotFound for one that is not there."""

    def __init__(self, session: FleetSession, checks: Sequence[Check], named: Sequence[str]) -> None:
        self._session = session
        self._checks = tuple(checks)
        if named:
            self._named: tuple[str, ...] | None = session.selection(named, (), None).profiles
        else:
            self._named = None
            if not session.layout.root.is_dir():  # a damaged root is looked at, none at all is said
                raise no_root(session.layout)
        self._warnings: list[Problem] = []
        self._key = self._fingerprint_key()
        self._writer: ServiceInstaller | None = None
        self._count = 0

    def _fingerprint_key(self) -> bytes:
        try:
            return any_key(self._session.layout)
        except HermesProfilesError as error:  # a damaged key keeps nobody from looking
            self._warnings.append(error.problem)
            return os.urandom(32)

    def look(self) -> Result:
        """Return what is found."""
        found = self._examine()
        return Result(("doctor",), self._data(found), [*self._session.problems, *self._warnings])

    def mend(self, *, yes: bool, dry_run: bool) -> Result:
        """Mend what can be mended safely, look again, and return what is left.

        Raises Refused when nobody agrees.
        """
        from hermes_profiles.changes.apply import apply, utc_now
        from hermes_profiles.changes.journal import Journal, iso
        from hermes_profiles.doctor.fix_plan import build_fix_plan

        from .repair_services import ServiceMending

        session = self._session
        self._warnings += session.recover(dry_run=dry_run)
        found = self._examine()
        now = utc_now()
        trash_id = Journal(session.layout.state).fresh_id(now)
        mending = build_fix_plan(found, session.layout, trash_id=trash_id, deleted_at=iso(now))
        services = ServiceMending(session, mending.services)
        rows = _rows(mending, services)
        data = self._data(found) | {"dry_run": dry_run, "plan": rows, "fixed": [], "changes": []}
        if dry_run or not rows:
            return Result(("doctor",), data, [*session.problems, *self._warnings, *mending.problems])
        if self._agree(found, rows, yes=yes):  # files may have changed while somebody read
            mending = build_fix_plan(found, session.layout, trash_id=trash_id, deleted_at=iso(now))
        with services.down():
            change = apply(mending.plan, layout=session.layout).change_id if mending.plan is not None else None
        problems = [*mending.problems, *services.finish()]
        self._look_anew()
        left = self._examine()
        remaining = {each.fingerprint for each in left}
        fixed = [self._row(each) for each in found if each.fingerprint not in remaining]
        changes = [each for each in (change, *services.changes) if each is not None]
        data = self._data(left) | {"dry_run": False, "plan": rows, "fixed": fixed, "changes": changes}
        return Result(("doctor",), data, [*self._session.problems, *self._warnings], problems)

    def exit_code(self, result: Result, *, strict: bool) -> ExitCode:
        """Return 1 when a repair failed, 3 when errors (with `strict`, warnings too) are left, else 0."""
        if result.errors:
            return ExitCode.FAILED
        summary = result.data["summary"]
        return ExitCode.NEGATIVE if summary["errors"] or (strict and summary["warnings"]) else ExitCode.OK

    def _agree(self, found: Sequence[ReportedFinding], rows: Sequence[dict[str, Any]], *, yes: bool) -> bool:
        """Return whether somebody was asked, and said yes. Raises Refused for anything else than yes."""
        from hermes_profiles.cli.framework import output
        from hermes_profiles.cli.render.clone import step_lines

        count = sum(each.automatic for each in found)
        question = f"mend {count} finding{'' if count == 1 else 's'}"
        if not yes and output.is_interactive():
            for line in (f"to {question}:", *step_lines(rows)):
                output.note(line)
        require_yes(question, "yes", yes=yes, hint="say `hermes-profiles doctor --fix --yes`, or look with `--dry-run`")
        return not yes

    def _look_anew(self) -> None:
        """Forget what was seen: files and services are others now."""
        old = self._session
        self._session = FleetSession(old.home_option, old.as_json, old.environment, manager_option=old.manager_option)
        self._writer = None

    def _examine(self) -> tuple[ReportedFinding, ...]:
        facts = FactCollector(self._around()).facts()
        self._count = len(self._named if self._named is not None else facts.profiles)
        return examine(facts, self._checks, key=self._key, profiles=self._named, debug=is_debugging())

    def _around(self) -> DoctorContext:
        session = self._session
        return DoctorContext(
            session.layout,
            session.catalog,
            session.environment,
            user_home(session.environment),
            os.getuid(),
            time.time(),
            session.world,
            session.look,
            (session.due, *other_managers(session)),
            session.manager_problems,
            self._spec_of,
        )

    def _spec_of(self, profile: str) -> ServiceSpec:
        """Return the service that would be written for a profile now. Raises HermesProfilesError when none can be."""
        if self._writer is None:
            from hermes_profiles.fleet.service_specs import ServiceOptions

            from .install_services import ServiceInstaller

            self._writer = ServiceInstaller(self._session, ServiceOptions())
        return self._writer.spec(profile)

    def _row(self, found: ReportedFinding) -> dict[str, Any]:
        row = found.as_data()
        row["fix"]["command"] = command_at(found.finding.fix.command, self._session.home_option) or None
        return row

    def _data(self, found: Sequence[ReportedFinding]) -> dict[str, Any]:
        counts = {severity: sum(each.severity is severity for each in found) for severity in Severity}
        return {
            "findings": [self._row(each) for each in found],
            "summary": {
                "profiles": self._count,
                "errors": counts[Severity.ERROR],
                "warnings": counts[Severity.WARNING],
                "infos": counts[Severity.INFO],
                "fixable": sum(each.automatic for each in found),
            },
        }


def _rows(mending: FixPlan, services: ServiceMending) -> list[dict[str, Any]]:
    """Return what will be done, step by step."""
    from hermes_profiles.changes.plan import describe

    return [*(describe(mending.plan) if mending.plan is not None else ()), *services.rows]
