"""Gives named profiles gateways of their own on a Hermes with one gateway for all, by `gateway.standalone`.

Default's gateway is stopped first: it serves these profiles until it has read their settings again. If one of the new
gateways does not start, everything is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hermes_profiles.changes.apply import apply, undo
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.fleet.install import ServiceInstallPlan, plan_removal, plan_writing, service_files
from hermes_profiles.fleet.outcomes import Outcome, Verb
from hermes_profiles.gateways.model import Gateway, GatewayState
from hermes_profiles.gateways.observe import survey
from hermes_profiles.hermes.multiplexing import AUTO_MIGRATION, STANDALONE
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT

from . import saved_state as records
from .enable import set_in_config
from .failures import raise_failed, raise_refused, raise_restored
from .saved_state import COMMAND, PROCESSES, SavedState, ServiceBefore, SwitchPhase
from .services import has_service, is_up, services_before
from .switch import RunModeSwitch, SwitchResult
from .update_settings import folds_by_itself, read_migration


class SeparatePlan(NamedTuple):
    """The change that gives profiles gateways of their own; `services`: those to write for them."""

    profiles: tuple[str, ...]
    plan: ChangePlan | None
    services: tuple[ServiceInstallPlan, ...]


def plan_separate(layout: Layout, profiles: Sequence[str], services: Sequence[ServiceInstallPlan]) -> SeparatePlan:
    """Return the plan: the setting of each profile, its service, and no fold by `hermes update`.

    Raises DocumentError for a file that cannot be edited with certainty, Refused for one that other profiles read.
    """
    steps: list[Step] = [step for name in profiles for step in set_in_config(layout, name, STANDALONE, "true")]
    if folds_by_itself(layout):
        steps += set_in_config(layout, DEFAULT, AUTO_MIGRATION, "false")
    migration = read_migration(layout)
    if migration is not None:
        steps.append(ReplaceFile(migration.path, None, expected=signature(migration.path)))
    writing = plan_writing("install", services)
    steps += writing.steps if writing is not None else ()
    names = (DEFAULT, *profiles)
    summary = "have profiles run gateways of their own (gateway.standalone)"
    plan = ChangePlan((*COMMAND, PROCESSES), summary, tuple(steps), profiles=names) if steps else None
    return SeparatePlan(tuple(profiles), plan, tuple(services))


class StandaloneSwitch(RunModeSwitch):
    """The switch to gateways of their own."""

    def separate(self, wanted: SeparatePlan, write: Callable[[ChangePlan], str]) -> SwitchResult:
        """Have each of the profiles run its own gateway, and return the outcomes.

        Raises Failed when a gateway does not stop or start: the former state is then restored, or the message names
        what is not.
        """
        layout = self.world.layout
        gateways = survey(self.world, self.existing)
        record = self._before(gateways)
        records.write_saved_state(layout, record)
        change: str | None = None
        try:
            stopped = self._stop_default(gateways)
            change = write(wanted.plan) if wanted.plan is not None else None
            services = self.world.services(wanted.profiles)
            raise_refused(self.manager.load(services, enable=True), "cannot be loaded")
            outcomes = self._start_all(wanted, record.apart)
        except BaseException as error:
            self._take_back_after(record, error)
            raise
        records.delete_saved_state(layout)
        started = {each.profile for each in outcomes}
        return SwitchResult((*(each for each in stopped if each.profile not in started), *outcomes), change)

    def take_back(self, record: SavedState) -> SwitchResult:
        """Restore the state before an unfinished separation, and return the outcomes. Raises Failed."""
        outcomes, change = self._restore_all(record)
        if record.services:  # the state before the one gateway, which stays known
            there = record._replace(phase=SwitchPhase.THERE, apart={}, apart_since="")
            records.write_saved_state(self.world.layout, there)
        else:
            records.delete_saved_state(self.world.layout)
        return SwitchResult(outcomes, change, tuple(self.warnings))

    def _before(self, gateways: Mapping[str, Gateway]) -> SavedState:
        """Return the state to save; an unfinished separation keeps the state before its first run."""
        was, now = services_before(gateways), records.timestamp()
        earlier = records.read_saved_state(self.world.layout)
        if earlier is None:
            return SavedState(SwitchPhase.SEPARATING, now, {}, apart=was, apart_since=now)
        if earlier.phase is SwitchPhase.SEPARATING:
            return earlier._replace(apart={**was, **earlier.apart})
        return earlier._replace(phase=SwitchPhase.SEPARATING, apart=was, apart_since=now)

    def _stop_default(self, gateways: Mapping[str, Gateway]) -> tuple[Outcome, ...]:
        """Stop the gateway that serves others; those of named profiles go on."""
        if not is_up(gateways[DEFAULT]):
            return ()
        stopped = self._run_verb(Verb.STOP, (DEFAULT,), gateways)
        raise_failed(stopped, "does not stop")
        self._clear_served()
        return stopped

    def _start_all(self, wanted: SeparatePlan, was: Mapping[str, ServiceBefore]) -> tuple[Outcome, ...]:
        """Start default where it was up, then the others, and check that each has its own process.

        They start one after another: a standalone gateway refuses to start beside one that does not answer so far
        (Hermes 0.22.2, gateway/host_attach.py, `standalone_attach_decision`).
        """
        outcomes: list[Outcome] = []
        for names in ((DEFAULT,) if was[DEFAULT].up else (), wanted.profiles):
            gateways = survey(self.world, self.existing)
            due = [name for name in names if not is_up(gateways[name])]
            done = self._run_verb(Verb.START, due, gateways, jobs=1) if due else ()
            raise_failed(done, "did not start")
            outcomes += done
        gateways = survey(self.world, self.existing)
        for name in wanted.profiles:
            gateway = gateways[name]
            if gateway.process is None or gateway.state is GatewayState.SERVED:
                raise Failed(
                    f"{name} runs no gateway of its own: {gateway.detail}",
                    target=name,
                    code="gateway",
                    hint=f"read its log with `hermes-gateways logs {name}`",
                )
        return tuple(outcomes)

    def _take_back_after(self, record: SavedState, error: BaseException) -> None:
        """Restore the former state after a failure, and add the result to the error."""
        raise_restored(
            error,
            partial(self.take_back, record),
            target=error.problem.target if isinstance(error, HermesProfilesError) else None,
            again="hermes-profiles team run-mode multiplex",
        )

    def _restore_all(self, record: SavedState) -> tuple[tuple[Outcome, ...], str | None]:
        """Restore services, files and gateways; returns the outcomes, and the id of the undo of files."""
        layout = self.world.layout
        gateways = survey(self.world, self.existing)
        was = {**services_before(gateways), **record.apart}
        new = [name for name in self.existing if is_up(gateways[name]) and not was[name].up]
        due = [*new, *([DEFAULT] if is_up(gateways[DEFAULT]) and DEFAULT not in new else [])]
        raise_failed(self._run_verb(Verb.STOP, due, gateways) if due else (), "does not stop")
        added = [name for name in self.existing if has_service(gateways[name]) and not was[name].installed]
        self._set_enabled(added, enabled=False)
        removal = plan_removal("uninstall", {name: service_files(self.world, gateways[name]) for name in added})
        if removal is not None:  # a gateway that started has rewritten its service, which an undo would not touch
            apply(removal, layout=layout)
        entry = records.separating_change(layout, record)
        change = undo(layout, entry.id).change_id if entry is not None else None
        self._forget([name for name in self.existing if not was[name].installed], added)
        self._restore_enabled(survey(self.world, self.existing), was)
        gateways = survey(self.world, self.existing)
        back = [name for name in self.existing if was[name].up and has_service(gateways[name])]
        back = [name for name in back if not is_up(gateways[name])]
        return self._run_verb(Verb.START, back, gateways) if back else (), change
