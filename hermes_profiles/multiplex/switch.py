"""Switches the run mode: stops services, writes files, starts the multiplexer and checks what it serves; and back.

The former state is saved before the first service is stopped. It is restored if the multiplexer does not start or does
not serve every profile.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.state_files import remove_empty, write_state_file
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.backend import ServiceBackend, last_log_lines
from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.install import (
    ServiceInstallPlan,
    plan_installation,
    plan_removal,
    removal_steps,
    service_files,
)
from hermes_profiles.fleet.memory_check import default_stagger
from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.service_specs import ServiceOptions, build_spec, kept_options
from hermes_profiles.fleet.start_guard import StartGuard
from hermes_profiles.gateways.hermes_files import state_record
from hermes_profiles.gateways.installation.hermes_install import find_installation, program_for
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import Gateway, LiveLock
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.hermes.behaviours import Behaviour
from hermes_profiles.hermes.files import STATE_FILE
from hermes_profiles.hermes.version import BASE, HermesFacts
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.host_options import is_parked
from hermes_profiles.profiles.managed_folder import managed_folder
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.profiles.redact import redacted, secrets_around
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.services.manager import Manager

from . import saved_state as records
from .disable import plan_disable
from .enable import EnablePlan, plan_enable, with_plan
from .facts import read_facts
from .failures import raise_failed, raise_refused, raise_restored
from .saved_state import SavedState, ServiceBefore, SwitchPhase
from .services import has_service, is_up, services_before

# Seconds for accounts that were connected before to reconnect, once the multiplexer reports that it is up.
_RECONNECT_TIME = 20.0
_POLL = 0.2
_LARGEST = 16 * 1024 * 1024
# Channel and digest of a lock, from the name of its file.
HeldLocks = frozenset[tuple[str, str]]


class SwitchResult(NamedTuple):
    """Result of a switch: outcome of each gateway, id of the change of files (None without one), and warnings."""

    outcomes: tuple[Outcome, ...]
    change: str | None
    warnings: tuple[Problem, ...] = ()


@dataclass
class RunModeSwitch:
    """One switch of the run mode.

    `on_outcome`: called with each outcome as it arrives; `settle`: seconds that a gateway may take; `hermes`: the
    installed one.
    """

    world: SystemContext
    manager: Manager
    existing: Sequence[str]
    catalog: Catalog
    environment: Mapping[str, str]
    on_outcome: Callable[[Outcome], None] = lambda _: None
    settle: float = 90.0
    hermes: HermesFacts = BASE
    warnings: list[Problem] = field(default_factory=list)

    @property
    def _folds(self) -> bool:
        """Return whether services of named profiles are removed: Hermes would take each for a gateway of its own."""
        return self.hermes.has(Behaviour.ONE_GATEWAY)

    # Enable

    def enable(self, write: Callable[[ChangePlan], str], check: Callable[[EnablePlan], None]) -> SwitchResult:
        """Have the multiplexer serve all profiles, and return the outcomes.

        `write`: applies the change of files; `check`: raises if the plan has blocking issues, called once the services
        are stopped. Raises Failed if the multiplexer does not start: the former state is then restored, or the message
        names what is not.
        """
        layout = self.world.layout
        gateways = survey(self.world, self.existing)
        held = self._held_locks(gateways)
        record = self._initial_record(gateways)
        records.write_saved_state(layout, record)
        try:
            outcomes = [*self._stop_services(gateways)]
            facts = read_facts(layout, self.existing, self.catalog, self.environment)
            enable = plan_enable(layout, facts, self.catalog, self.hermes)
            check(enable)
            record = with_plan(record._replace(setting=self._original_setting(record, enable)), enable, layout)
            records.write_saved_state(layout, record)
            change = self._write_enabled(enable, write, record)
            outcomes.append(self._start_multiplexer(self._unserved_check(held)))
        except BaseException as error:
            self._roll_back(record, error)
            raise
        records.write_saved_state(layout, record._replace(phase=SwitchPhase.THERE))
        return SwitchResult(tuple(outcomes), change, tuple(self.warnings))

    def _initial_record(self, gateways: Mapping[str, Gateway]) -> SavedState:
        """Return the state to save; the states of an earlier record are kept, as they are the original ones."""
        layout = self.world.layout
        was = services_before(gateways)
        earlier = records.read_saved_state(layout)
        if earlier is not None:
            new = {name: each for name, each in was.items() if name not in earlier.services}
            services = {**earlier.services, **new}
            return earlier._replace(phase=SwitchPhase.GOING, services=services, folded=earlier.folded or self._folds)
        made = [f"profiles/{name}/pairing" for name in self.existing if name != DEFAULT]
        absent = [
            path
            for path in (*made, "profiles/default/pairing", "profiles/default")
            if not os.path.lexists(layout.root / path)
        ]
        return SavedState(SwitchPhase.GOING, records.timestamp(), was, absent=tuple(absent), folded=self._folds)

    def _original_setting(self, record: SavedState, enable: EnablePlan) -> str | None:
        """Return the original multiplex setting; on a second run config.yaml has the one that the first run wrote."""
        return record.setting if record.pinned or record.setting is not None else enable.setting[1]

    def _stop_services(self, gateways: Mapping[str, Gateway]) -> tuple[Outcome, ...]:
        """Stop the services of the named profiles, and disable their start at boot."""
        named = [name for name in self.existing if name != DEFAULT and has_service(gateways[name])]
        running = [name for name in named if is_up(gateways[name])]
        outcomes = self._run_verb(Verb.STOP, running, gateways) if running else ()
        raise_failed(outcomes, "did not stop")
        enabled = [name for name in named if (service := gateways[name].service) is not None and service.enabled]
        self._set_enabled(enabled, enabled=False)
        return outcomes

    def _write_enabled(self, enable: EnablePlan, write: Callable[[ChangePlan], str], record: SavedState) -> str | None:
        default = survey(self.world, (DEFAULT,))[DEFAULT]
        installation = None if has_service(default) else self._install_plan()
        steps = [
            ReplaceFile(path, Secret(content), mode, signature(path))
            for path, content, mode in (installation.files if installation is not None else ())
        ]
        folded = self._folded_services() if self._folds else {}
        plan = enable.plan([*steps, *(step for files in folded.values() for step in removal_steps(files))])
        change = write(plan) if plan is not None else None
        if self._folds:  # an interrupted run has removed files of services that the manager still knows
            names = [name for name in self.existing if name != DEFAULT and record.services[name].installed]
            self._forget([name for name in self.existing if name in folded or name in names], folded)
        services = self.world.services((DEFAULT,))
        if installation is not None:
            raise_refused(self.manager.load(services, enable=True), "cannot be loaded")
        elif default.service is not None and not default.service.enabled:
            self._set_enabled((DEFAULT,), enabled=True)
        return change

    def _folded_services(self) -> dict[str, tuple[Path, ...]]:
        """Return the files of the services of named profiles, which are down and disabled now."""
        gateways = survey(self.world, self.existing)
        found = {name: service_files(self.world, gateways[name]) for name in self.existing if name != DEFAULT}
        return {name: files for name, files in found.items() if files}

    def _install_plan(self) -> ServiceInstallPlan:
        """Return the service of default, as `hermes-gateways install` would write it."""
        world, environment = self.world, self.environment
        given = ServiceOptions(managed=managed_folder(environment, world.layout))
        home = world.layout.home(DEFAULT)
        hermes = find_installation(world.layout, environment, given=kept_options(home, given).python)
        program = program_for(hermes, home, world.user_home, environment)
        found = plan_installation(self.manager, build_spec(world, DEFAULT, program, environment, given))
        if found.refusal is not None:
            raise Failed(
                found.refusal,
                target=DEFAULT,
                code="service",
                hint="overwrite it with `hermes-gateways install default --force`",
            )
        return found

    def _start_multiplexer(self, unserved: Callable[[int], str]) -> Outcome:
        """Start or restart the multiplexer, and wait until it serves every profile."""
        gateways = survey(self.world, (DEFAULT,))
        outcome = self._run_verb(Verb.RESTART, (DEFAULT,), gateways)[0]
        raise_failed((outcome,), "did not start as the multiplexer")
        deadline = time.monotonic() + min(_RECONNECT_TIME, self.settle)
        while True:
            missing = unserved(outcome.pid or 0)
            if not missing:
                return outcome
            if time.monotonic() > deadline:
                raise Failed(
                    f"the multiplexer does not serve every profile: {missing}", target=DEFAULT, code="unserved"
                )
            time.sleep(_POLL)

    def _unserved_check(self, held: HeldLocks) -> Callable[[int], str]:
        """Return a function: pid of the multiplexer → text that names what it does not serve yet, "" if nothing.

        Profiles are read from its state file; accounts that were connected before are found by their locks.
        """
        layout = self.world.layout
        named = [name for name in self.existing if name != DEFAULT and not is_parked(layout.home(name))]

        def unserved(pid: int) -> str:
            written = state_record(layout.home(DEFAULT))
            served = written.served if written is not None and written.pid == pid else ()
            missing = [name for name in named if name not in served]
            if missing:
                return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not served"
            lost = held - {(lock.channel, lock.digest) for lock in self._live_locks() if lock.pid == pid}
            channels = ", ".join(sorted({channel for channel, _ in lost}))
            return f"{len(lost)} accounts that were connected before are not: {channels}" if lost else ""

        return unserved

    def _held_locks(self, gateways: Mapping[str, Gateway]) -> HeldLocks:
        """Return the account locks that gateways of this root hold."""
        pids = {gateway.process.pid for gateway in gateways.values() if gateway.process is not None}
        return frozenset((lock.channel, lock.digest) for lock in self._live_locks() if lock.pid in pids)

    def _live_locks(self) -> tuple[LiveLock, ...]:
        layout = self.world.layout
        return live_locks(
            self.environment,
            layout.user_home,
            catalog=self.catalog,
            processes=self.world.processes,
            platform=layout.platform,
        )

    # Disable

    def _roll_back(self, record: SavedState, error: BaseException) -> None:
        """Restore the former state after a failed start, and add the result to the error."""
        log = self._last_log() if isinstance(error, Failed) else ()
        restore = partial(self.disable, record, apply_plan(self.world))
        raise_restored(
            error,
            restore,
            target=DEFAULT,
            again="hermes-profiles team run-mode processes",
            hint="read its log: `hermes-gateways logs default`",
            log=log,
        )

    def _last_log(self) -> tuple[str, ...]:
        return redacted(last_log_lines(self.world, DEFAULT), secrets_around(self.world.layout, DEFAULT, self.catalog))

    def disable(self, record: SavedState | None, write: Callable[[ChangePlan], str]) -> SwitchResult:
        """Have each profile run its own gateway again, and return the outcomes.

        Services, files and settings are restored from `record`; with None (the multiplexer was enabled by hand)
        services stay as they are. Raises Failed, with nothing changed, if the multiplexer does not stop.
        """
        layout = self.world.layout
        # An interrupted run may have restored files that the manager has not read.
        is_resumed = record is not None and record.folded and record.phase is SwitchPhase.COMING_BACK
        if record is not None:
            record = record._replace(phase=SwitchPhase.COMING_BACK)
            records.write_saved_state(layout, record)
        services = record.services if record is not None else {}
        gateways = survey(self.world, self.existing)
        default, was = gateways[DEFAULT], services.get(DEFAULT)
        outcomes: list[Outcome] = []
        if is_up(default):
            stopped = self._run_verb(Verb.STOP, (DEFAULT,), gateways)
            raise_failed(stopped, "does not stop")
            outcomes += stopped
        self._clear_served()
        removal = self._removal_steps(default, was)
        there = {name: before for name, before in services.items() if name in gateways}  # a profile may be gone
        gone = [
            name
            for name, before in there.items()
            if before.installed and (not has_service(gateways[name]) or (is_resumed and name != DEFAULT))
        ]
        plan = plan_disable(layout, record, self.catalog, removal)
        change = write(plan.plan) if plan.plan is not None else None
        if gone:
            raise_refused(self.manager.load(self.world.services(gone), enable=None), "cannot be loaded")
            gateways = survey(self.world, self.existing)
        for relative in record.absent if record is not None else ():  # only a multiplexer creates these
            remove_empty(layout.root / relative)
        if removal:
            raise_refused(self.manager.unload(self.world.services((DEFAULT,))), "cannot be unloaded")
        self._restore_enabled(gateways, services)
        off = {name for name in self.existing if read_meta(layout.home(name))[0]}
        due = [name for name in self.existing if name in services and services[name].up and name not in off]
        if was is None and is_up(default):
            due.insert(0, DEFAULT)
        started = self._run_verb(Verb.START, due, survey(self.world, self.existing)) if due else ()
        if record is not None:
            records.delete_saved_state(layout)
        by_name = {each.profile: each for each in (*outcomes, *started)}
        ordered = tuple(by_name[name] for name in self.existing if name in by_name)
        return SwitchResult(ordered, change, (*plan.warnings, *self.warnings))

    def _clear_served(self) -> None:
        """Remove the served profiles and channels from default's state file.

        Hermes never removes them, so default's next gateway would be taken for a multiplexer.
        """
        path = self.world.layout.home(DEFAULT) / STATE_FILE
        try:
            data = json.loads(read_regular(path, _LARGEST))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(data, dict) and data.pop("served_profiles", None) is not None:
            data.pop("platforms", None)
            write_state_file(path, json.dumps(data).encode(), 0o600)

    def _removal_steps(self, default: Gateway, was: ServiceBefore | None) -> tuple[Step, ...]:
        """Return the steps that remove default's service if there was none before, after disabling its start."""
        if was is None or was.installed or not has_service(default):
            return ()
        self._set_enabled((DEFAULT,), enabled=False)
        plan = plan_removal("uninstall", {DEFAULT: service_files(self.world, default)})
        return plan.steps if plan is not None else ()

    def _restore_enabled(self, gateways: Mapping[str, Gateway], services: Mapping[str, ServiceBefore]) -> None:
        for enabled in (True, False):
            names = [
                name
                for name, was in services.items()
                if name in gateways
                and was.installed
                and was.enabled is enabled
                and has_service(gateways[name])
                and (service := gateways[name].service) is not None
                and service.enabled is not enabled
            ]
            self._set_enabled(names, enabled=enabled)

    # Shared

    def _forget(self, names: Sequence[str], removed: Container[str]) -> None:
        """Have the manager forget services without files.

        A refusal counts for those that were `removed` now: the manager may not know the others.
        """
        refused = self.manager.unload(self.world.services(names)) if names else {}
        raise_refused({name: why for name, why in refused.items() if name in removed}, "cannot be unloaded")

    def _set_enabled(self, names: Sequence[str], *, enabled: bool) -> None:
        services = self.world.services(names)
        state = "enabled" if enabled else "disabled"
        if services:
            raise_refused(self.manager.enable(services, enabled=enabled), f"cannot be {state}")

    def _run_verb(
        self, verb: Verb, names: Sequence[str], gateways: Mapping[str, Gateway], *, jobs: int | None = None
    ) -> tuple[Outcome, ...]:
        """Run a verb for services, at most `jobs` at once, and return the outcomes.

        Raises KeyboardInterrupt after Ctrl-C.
        """
        guard = StartGuard(self.world, self.existing, self.catalog, self.environment)
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]] = _without_masks
        options = RunOptions(settle=self.settle, jobs=jobs)
        if verb is not Verb.STOP:
            guard.observe(names)
            guard.begin(names)
            prepare, options = guard.prepare, options._replace(stagger=default_stagger(len(names)))
            self.warnings += [each for each in guard.warnings if each not in self.warnings]
        backend = ServiceBackend(self.world, self.manager, prepare, self.catalog)
        outcomes = FleetExecutor(verb, backend, options, self.on_outcome).run(names, gateways)
        if verb is not Verb.STOP:
            guard.end([each.profile for each in outcomes if each.outcome in BAD_OUTCOMES])
        if any(each.outcome is OutcomeKind.INTERRUPTED for each in outcomes):
            raise KeyboardInterrupt
        return outcomes


def _without_masks(profiles: Sequence[str]) -> Mapping[str, StartDecision]:
    return dict.fromkeys(profiles, StartDecision())


def apply_plan(world: SystemContext) -> Callable[[ChangePlan], str]:
    """Return a function that applies a change of files and returns its id."""
    return lambda plan: apply(plan, layout=world.layout).change_id
