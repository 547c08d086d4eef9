"""Fixes that a user chooses one by one: repairs of findings, owners of what profiles share, services; one change."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from hermes_profiles.changes.apply import apply, utc_now
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, describe
from hermes_profiles.clone.strip.report import StripReport
from hermes_profiles.conflicts.ownership import DecisionKey
from hermes_profiles.conflicts.repair_plan import Asked
from hermes_profiles.doctor.findings import InstallService
from hermes_profiles.doctor.fix_plan import FixPlan, build_fix_plan
from hermes_profiles.doctor.runner import ReportedFinding
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple

from ..fleet_context import FleetSession
from ..gateways.other_supervisors import second_supervisor
from ..gateways.profile_services import start_and_wait
from ..run_mode.repair_run_mode import RunModeRepair
from .repair import RepairResult, RepairRun, SharedResource
from .repair_services import ServiceRepairs

_REPAIR = ["hermes-profiles", "repair", "--channel"]
_INSTALL = ["hermes-gateways", "install"]
_START = "--start"


class FixOffer(NamedTuple):
    """A finding that can be fixed in this run.

    `shared`: what profiles share, with the owner that is proposed or was named; `owners`: those that the user named;
    `installs`, `starts`: profiles whose service is written, and whose gateway is started.
    """

    finding: ReportedFinding
    shared: tuple[SharedResource, ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    installs: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()

    @property
    def holders(self) -> tuple[str, ...]:
        """Return the profiles of which one can keep what is shared."""
        return tuple(dict.fromkeys(name for each in self.shared for name in each.decision.key.holders))

    @property
    def keys(self) -> frozenset[DecisionKey]:
        """Return which decisions it is about."""
        return frozenset(each.decision.key for each in self.shared)

    def repaired(self) -> ReportedFinding:
        """Return the finding with the repairs of this offer."""
        repairs = (*self.finding.finding.repairs, *map(InstallService, self.installs))
        return self.finding._replace(finding=self.finding.finding._replace(repairs=repairs))


class FixPreview(NamedTuple):
    """What an accepted offer does: steps, what profiles lose, and what cannot be done."""

    steps: tuple[Mapping[str, Any], ...]
    losses: tuple[StripReport, ...] = ()
    problems: tuple[Problem, ...] = ()


class AppliedFixes(NamedTuple):
    """The result of chosen fixes. `changes`: the ids of the changes, one where no run mode is switched."""

    steps: tuple[Mapping[str, Any], ...]
    changes: tuple[str, ...]
    errors: tuple[Problem, ...]
    next_steps: tuple[str, ...]


class FixOffers:
    """The offers of a run of the doctor, the worst first. Nothing is changed before `apply`."""

    def __init__(self, session: FleetSession, findings: Sequence[ReportedFinding]) -> None:
        self._session = session
        self.findings = tuple(findings)
        self._shared = self._all_shared()
        self.offers = {each.fingerprint: offer for each in findings if (offer := self._offer(each)) is not None}

    def _all_shared(self) -> tuple[SharedResource, ...]:
        if not any(_repaired_channel(each) for each in self.findings):
            return ()
        return self._repair(Asked({}, None, frozenset(self._session.existing))).shared

    def _repair(self, asked: Asked) -> RepairResult:
        return RepairRun(self._session, asked).run(dry_run=True)

    def _offer(self, row: ReportedFinding) -> FixOffer | None:
        if row.automatic:
            return FixOffer(row)
        channel = _repaired_channel(row)
        if channel is not None:
            shared = tuple(each for each in self._shared if _concerns(each, channel, row.finding.profiles))
            return FixOffer(row, shared) if shared else None
        installs, starts = self._installed(row)
        return FixOffer(row, installs=installs, starts=starts) if installs else None

    def _installed(self, row: ReportedFinding) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return the profiles whose service a finding's command would write, and those that it would start."""
        words = _words(row)
        if words[:2] != _INSTALL:
            return (), ()
        names = tuple(word for word in words[2:] if word != _START)
        if not names or not {*names} <= {*self._session.existing} or self._session.served(names):
            return (), ()
        world = self._session.world
        if any(second_supervisor(self._session, name, world.service_name(name).unit) for name in names):
            return (), ()
        return names, names if _START in words else ()

    def with_owner(self, offer: FixOffer, owner: str) -> FixOffer:
        """Return an offer in which a profile keeps what is shared, as the user says."""
        owners = tuple((channel, owner) for each in offer.shared for channel in each.decision.channel.split(", "))
        found = self._repair(self._asked([offer._replace(owners=owners)])).shared
        return offer._replace(owners=owners, shared=found)

    def _asked(self, chosen: Sequence[FixOffer]) -> Asked:
        owners: dict[str, tuple[str, ...]] = {}
        for offer in chosen:
            for channel, owner in offer.owners:
                owners[channel] = tuple(dict.fromkeys((*owners.get(channel, ()), owner)))
        keys = frozenset(key for offer in chosen for key in offer.keys)
        return Asked(owners, None, frozenset(self._session.existing), keys)

    def preview(self, chosen: Sequence[FixOffer]) -> FixPreview:
        """Return what accepted offers do."""
        repair, plan, services, run_mode = self._plans(chosen)
        steps = (*(describe(plan.plan) if plan.plan is not None else ()), *services.rows, *run_mode.rows)
        problems = (*plan.problems, *run_mode.problems, *(repair.errors if repair is not None else ()))
        return FixPreview(steps, repair.profiles if repair is not None else (), problems)

    def _plans(self, chosen: Sequence[FixOffer]) -> tuple[RepairResult | None, FixPlan, ServiceRepairs, RunModeRepair]:
        session = self._session
        asked = self._asked(chosen)
        repair = self._repair(asked) if asked.only else None
        before: tuple[Step, ...] = repair.plan.steps if repair is not None and repair.plan is not None else ()
        rows = [offer.repaired() for offer in chosen if not offer.shared]
        now = utc_now()
        # Another second than that of the repair: each has an entry of its own in the trash.
        trash_id = Journal(session.layout.state).fresh_id(now + timedelta(seconds=1))
        plan = build_fix_plan(rows, session.layout, trash_id=trash_id, deleted_at=iso(now), before=before)
        services = ServiceRepairs(session, plan.services, is_joined=True)
        taken = {step.path for step in plan.plan.steps if isinstance(step, ReplaceFile)} if plan.plan else set()
        if any(isinstance(step, ReplaceFile) and step.path in taken for step in services.steps):
            services = ServiceRepairs(session, plan.services)  # a file is removed first, then written: two changes
        return repair, plan, services, RunModeRepair(session, plan.run_mode)

    def apply(self, chosen: Sequence[FixOffer]) -> AppliedFixes:
        """Carry out accepted offers as one change, under the fleet lock. What fails is in `errors`."""
        session = self._session
        with session.exclusive():
            repair, plan, services, run_mode = self._plans(chosen)
            done = (*(describe(plan.plan) if plan.plan is not None else ()), *services.rows, *run_mode.rows)
            joined = services.steps if services.is_joined else ()
            steps = (*(plan.plan.steps if plan.plan is not None else ()), *joined)
            profiles = {name for offer in chosen for name in (*offer.finding.finding.profiles, *offer.holders)}
            change = None
            with services.down():
                if steps:
                    change = apply(_one_change(steps, profiles, len(chosen)), layout=session.layout).change_id
            errors = [*plan.problems, *(repair.errors if repair is not None else ()), *services.finish()]
            errors += [*run_mode.problems, *run_mode.apply()]
            for name in dict.fromkeys(name for offer in chosen for name in offer.starts):
                errors += start_and_wait(session, session.fresh().world, name)
        changes = tuple(made for made in (change, *services.changes, run_mode.change) if made is not None)
        return AppliedFixes(done, changes, tuple(errors), repair.next_steps if repair is not None else ())


def _one_change(steps: tuple[Step, ...], profiles: set[str], count: int) -> ChangePlan:
    summary = f"doctor --fix: {count} finding{'' if count == 1 else 's'}"
    return ChangePlan(("doctor", "--fix"), summary, steps, profiles=tuple(sorted(profiles)))


def _words(row: ReportedFinding) -> list[str]:
    try:
        return shlex.split(row.finding.fix.command)
    except ValueError:
        return []


def _repaired_channel(row: ReportedFinding) -> str | None:
    """Return the channel or login that the command of a finding repairs, None for another command."""
    words = _words(row)
    return words[3] if words[:3] == _REPAIR and len(words) > 3 else None


def _concerns(shared: SharedResource, channel: str, profiles: Sequence[str]) -> bool:
    decision = shared.decision
    return channel in decision.channel.split(", ") and len({*decision.key.holders} & {*profiles}) > 1
