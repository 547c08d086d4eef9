"""The switch itself: services down and off, files written, the one gateway up and seen to serve everybody; and back.

What was is kept before the first service is stopped (`record`). If the one gateway does not come up, or does not serve
whom it should, all goes back as it was.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, signature
from hermes_profiles.changes.state_files import remove_empty, write_runtime
from hermes_profiles.conflicts.overlay import managed_folder
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.fleet.backend import ServiceBackend, last_log_lines
from hermes_profiles.fleet.executor import FleetExecutor
from hermes_profiles.fleet.install import ServiceInstallPlan, plan_installation, plan_removal, service_files
from hermes_profiles.fleet.memory_check import default_stagger
from hermes_profiles.fleet.outcomes import Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import RunOptions, StartDecision
from hermes_profiles.fleet.service_specs import ServiceOptions, build_spec, kept_options
from hermes_profiles.fleet.start_guard import Launch
from hermes_profiles.gateways.hermes_files import state_record
from hermes_profiles.gateways.hermes_install import find_installation, program_for
from hermes_profiles.gateways.lock_files import live_locks
from hermes_profiles.gateways.model import Gateway, LiveLock
from hermes_profiles.gateways.observe import SystemContext, survey
from hermes_profiles.hermes.files import STATE_FILE
from hermes_profiles.model.errors import Failed, HermesProfilesError, Problem
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.regular_file import read_regular
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.profiles.redact import redacted, secrets_around
from hermes_profiles.services.manager import Manager

from . import saved_state as records
from .disable import plan_disable
from .enable import EnablePlan, plan_enable, with_plan
from .facts import read_facts
from .saved_state import SavedState, ServiceBefore, SwitchPhase
from .services import has_service, is_up, services_before

# So long an account that was connected before may take to be connected again, once the one gateway says it is up.
_ACCOUNTS = 20.0
_POLL = 0.2
_LARGEST = 16 * 1024 * 1024
_BAD = (OutcomeKind.FAILED, OutcomeKind.REFUSED, OutcomeKind.INTERRUPTED)
# A lock: channel and the digits of its file's name.
HeldLocks = frozenset[tuple[str, str]]


class SwitchResult(NamedTuple):
    """How it went: what became of each gateway, the change of files (None: none was due), and what else to say."""

    outcomes: tuple[Outcome, ...]
    change: str | None
    warnings: tuple[Problem, ...] = ()


@dataclass
class RunModeSwitch:
    """One switch of the run mode.

    `on_outcome`: called with each outcome as it arrives; `settle`: seconds that a gateway may take.
    """

    world: SystemContext
    manager: Manager
    existing: Sequence[str]
    catalog: Catalog
    environment: Mapping[str, str]
    on_outcome: Callable[[Outcome], None] = lambda _: None
    settle: float = 90.0
    warnings: list[Problem] = field(default_factory=list)

    # To one gateway for all

    def enable(self, write: Callable[[ChangePlan], str], check: Callable[[EnablePlan], None]) -> SwitchResult:
        """Have one gateway serve all profiles. `write` makes the change of files; `check` raises what stands in the
        way, once more when all is quiet.

        Raises Failed when it does not come up: all is as it was then, or the message says what is not.
        """
        layout = self.world.layout
        gateways = survey(self.world, self.existing)
        held = self._held_locks(gateways)
        record = self._initial_record(gateways)
        records.write_saved_state(layout, record)
        try:
            outcomes = [*self._stop_services(gateways)]
            facts = read_facts(layout, self.existing, self.catalog, self.environment)
            enable = plan_enable(layout, facts, self.catalog)
            check(enable)
            record = with_plan(record._replace(setting=self._original_setting(record, enable)), enable, layout)
            records.write_saved_state(layout, record)
            change = self._write_enabled(enable, write)
            outcomes.append(self._start_multiplexer(self._unserved_check(held)))
        except BaseException as error:
            self._roll_back(record, error)
            raise
        records.write_saved_state(layout, record._replace(phase=SwitchPhase.THERE))
        return SwitchResult(tuple(outcomes), change, tuple(self.warnings))

    def _initial_record(self, gateways: Mapping[str, Gateway]) -> SavedState:
        """Return the record to begin with: what an earlier one knows was so before, whatever is now."""
        layout = self.world.layout
        was = services_before(gateways)
        earlier = records.read_saved_state(layout)
        if earlier is not None:
            new = {name: each for name, each in was.items() if name not in earlier.services}
            return earlier._replace(phase=SwitchPhase.GOING, services={**earlier.services, **new})
        made = [f"profiles/{name}/pairing" for name in self.existing if name != DEFAULT]
        absent = [
            path
            for path in (*made, "profiles/default/pairing", "profiles/default")
            if not os.path.lexists(layout.root / path)
        ]
        return SavedState(SwitchPhase.GOING, records.timestamp(), was, absent=tuple(absent))

    def _original_setting(self, record: SavedState, enable: EnablePlan) -> str | None:
        """Return what config.yaml said first: on a second run it says what the first one wrote."""
        return record.setting if record.pinned or record.setting is not None else enable.setting[1]

    def _stop_services(self, gateways: Mapping[str, Gateway]) -> tuple[Outcome, ...]:
        """Stop the named profiles' services, see them ended, and have them not come back at boot."""
        mine = [name for name in self.existing if name != DEFAULT and has_service(gateways[name])]
        running = [name for name in mine if is_up(gateways[name])]
        outcomes = self._run_verb(Verb.STOP, running, gateways) if running else ()
        _raise_failed(outcomes, "does not stop")
        enabled = [name for name in mine if (service := gateways[name].service) is not None and service.enabled]
        self._set_enabled(enabled, enabled=False)
        return outcomes

    def _write_enabled(self, enable: EnablePlan, write: Callable[[ChangePlan], str]) -> str | None:
        default = survey(self.world, (DEFAULT,))[DEFAULT]
        installation = None if has_service(default) else self._installation()
        steps = [
            ReplaceFile(path, Secret(content), mode, signature(path))
            for path, content, mode in (installation.files if installation is not None else ())
        ]
        plan = enable.plan(steps)
        change = write(plan) if plan is not None else None
        services = self.world.services((DEFAULT,))
        if installation is not None:
            _raise_refused(self.manager.load(services, enable=True), "cannot be loaded")
        elif default.service is not None and not default.service.enabled:
            self._set_enabled((DEFAULT,), enabled=True)
        return change

    def _installation(self) -> ServiceInstallPlan:
        """Return the default's service, as `hermes-gateways install` would write it."""
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
                hint="see how it differs, and write over it: `hermes-gateways install default --force`",
            )
        return found

    def _start_multiplexer(self, served: Callable[[int], str]) -> Outcome:
        """Start the one gateway, or start it anew, and see that it serves everybody."""
        gateways = survey(self.world, (DEFAULT,))
        outcome = self._run_verb(Verb.RESTART, (DEFAULT,), gateways)[0]
        _raise_failed((outcome,), "does not come up as the one for all")
        deadline = time.monotonic() + min(_ACCOUNTS, self.settle)
        while True:
            missing = served(outcome.pid or 0)
            if not missing:
                return outcome
            if time.monotonic() > deadline:
                raise Failed(f"the one gateway does not serve everybody: {missing}", target=DEFAULT, code="unserved")
            time.sleep(_POLL)

    def _unserved_check(self, held: HeldLocks) -> Callable[[int], str]:
        """Return what tells who is not served yet by the process of a pid, "" when all are: profiles by what it wrote,
        accounts that were connected before by their locks."""
        layout = self.world.layout
        named = [name for name in self.existing if name != DEFAULT]

        def look(pid: int) -> str:
            written = state_record(layout.home(DEFAULT))
            served = written.served if written is not None and written.pid == pid else ()
            missing = [name for name in named if name not in served]
            if missing:
                return f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} left out"
            lost = held - {(lock.channel, lock.digest) for lock in self._live_locks() if lock.pid == pid}
            channels = ", ".join(sorted({channel for channel, _ in lost}))
            return f"{len(lost)} of the accounts that were connected are not: {channels}" if lost else ""

        return look

    def _held_locks(self, gateways: Mapping[str, Gateway]) -> HeldLocks:
        """Return the locks of accounts that gateways of this root have now."""
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

    # Back

    def _roll_back(self, record: SavedState, error: BaseException) -> None:
        """Put all back after the one gateway did not come up, and say in the error how that went."""
        log = self._last_log() if isinstance(error, Failed) else ()
        try:
            done = self.disable(record, apply_plan(self.world))
        except HermesProfilesError as second:
            raise Failed(
                f"{error}; and not all is back as it was: {second}",
                target=DEFAULT,
                code="half-way",
                hint="try again with `hermes-profiles team run-mode processes`",
            ) from error
        if not isinstance(error, Failed):
            return
        left = [f"{each.profile}: {each.detail or each.outcome}" for each in done.outcomes if each.outcome in _BAD]
        words = f"all is as it was, but {'; '.join(left)}" if left else "all is as it was"
        raise StartFailed(
            f"{error}; {words}",
            target=DEFAULT,
            code=error.problem.code,
            hint=error.problem.hint or "see what it says: `hermes-gateways logs default`",
            outcomes=done.outcomes,
            log=log,
        ) from error

    def _last_log(self) -> tuple[str, ...]:
        return redacted(last_log_lines(self.world, DEFAULT), secrets_around(self.world.layout, DEFAULT, self.catalog))

    def disable(self, record: SavedState | None, write: Callable[[ChangePlan], str]) -> SwitchResult:
        """Have each profile run its own gateway again: services, files and settings as they were. `record` None: it was
        switched on by hand, and services stay as they are.

        Raises Failed when the one gateway does not stop: nothing else is begun then.
        """
        layout = self.world.layout
        if record is not None:
            record = record._replace(phase=SwitchPhase.COMING_BACK)
            records.write_saved_state(layout, record)
        services = record.services if record is not None else {}
        gateways = survey(self.world, self.existing)
        default, was = gateways[DEFAULT], services.get(DEFAULT)
        outcomes: list[Outcome] = []
        if is_up(default):
            stopped = self._run_verb(Verb.STOP, (DEFAULT,), gateways)
            _raise_failed(stopped, "does not stop")
            outcomes += stopped
        self._clear_served()
        removal = self._removal_steps(default, was)
        plan = plan_disable(layout, record, self.catalog, removal)
        change = write(plan.plan) if plan.plan is not None else None
        for relative in record.absent if record is not None else ():  # a multiplexer makes them, and nobody else
            remove_empty(layout.root / relative)
        if removal:
            _raise_refused(self.manager.unload(self.world.services((DEFAULT,))), "cannot be unloaded")
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
        """Take out of the default's state file whom it served and which channels were up: Hermes keeps both there for
        ever (SERVICES.md 4.1), and its next gateway, of that one profile, would be taken for a multiplexer."""
        path = self.world.layout.home(DEFAULT) / STATE_FILE
        try:
            data = json.loads(read_regular(path, _LARGEST))
        except (OSError, ValueError, RecursionError):
            return
        if isinstance(data, dict) and data.pop("served_profiles", None) is not None:
            data.pop("platforms", None)
            write_runtime(path, json.dumps(data).encode(), 0o600)

    def _removal_steps(self, default: Gateway, was: ServiceBefore | None) -> tuple[Step, ...]:
        """Return the steps that remove the default's service when there was none; it does not come back meanwhile."""
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

    # What both ways do

    def _set_enabled(self, names: Sequence[str], *, enabled: bool) -> None:
        services = self.world.services(names)
        word = "enabled" if enabled else "disabled"
        if services:
            _raise_refused(self.manager.enable(services, enabled=enabled), f"cannot be {word}")

    def _run_verb(self, verb: Verb, names: Sequence[str], gateways: Mapping[str, Gateway]) -> tuple[Outcome, ...]:
        """Carry a verb out for services. Raises KeyboardInterrupt when somebody pressed Ctrl-C."""
        launch = Launch(self.world, self.existing, self.catalog, self.environment)
        prepare: Callable[[Sequence[str]], Mapping[str, StartDecision]] = _without_masks
        pace = RunOptions(settle=self.settle)
        if verb is not Verb.STOP:
            launch.look(names)
            launch.begin(names)
            prepare, pace = launch.prepare, pace._replace(stagger=default_stagger(len(names)))
            self.warnings += [each for each in launch.warnings if each not in self.warnings]
        hands = ServiceBackend(self.world, self.manager, prepare, self.catalog)
        outcomes = FleetExecutor(verb, hands, pace, self.on_outcome).run(names, gateways)
        if verb is not Verb.STOP:
            launch.end([each.profile for each in outcomes if each.outcome in _BAD])
        if any(each.outcome is OutcomeKind.INTERRUPTED for each in outcomes):
            raise KeyboardInterrupt
        return outcomes


def _without_masks(profiles: Sequence[str]) -> Mapping[str, StartDecision]:
    return dict.fromkeys(profiles, StartDecision())


class StartFailed(Failed):
    """The one gateway did not come up, and all is back; `outcomes` tell of each, `log` has its last lines."""

    def __init__(
        self,
        message: str,
        *,
        target: str | None,
        hint: str | None,
        code: str | None,
        outcomes: tuple[Outcome, ...],
        log: tuple[str, ...],
    ) -> None:
        super().__init__(message, target=target, hint=hint, code=code)
        self.outcomes = outcomes
        self.log = log


def apply_plan(world: SystemContext) -> Callable[[ChangePlan], str]:
    """Return what makes a change of files, and returns its id."""
    return lambda plan: apply(plan, layout=world.layout).change_id


def _raise_failed(outcomes: Sequence[Outcome], what: str) -> None:
    """Raise Failed when a gateway did not do as it was told."""
    bad = [each for each in outcomes if each.outcome in _BAD]
    if bad:
        raise Failed(
            f"{bad[0].profile} {what}: {bad[0].detail or bad[0].outcome}",
            target=bad[0].profile,
            code="gateway",
            hint=bad[0].hint,
        )


def _raise_refused(refused: Mapping[str, str], what: str) -> None:
    for name, reason in refused.items():
        raise Failed(
            f"the service of {name} {what}: {reason}",
            target=name,
            code="service",
            hint=f"see `hermes-gateways status {name}`",
        )
