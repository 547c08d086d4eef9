"""Run gateways as long as a foreground command lives: start, watch over, read profiles again, stop."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from hermes_profiles.changes.lock import acquire_lock, lock_holder, write_pid
from hermes_profiles.changes.state_files import make_folder, remove_state_file, write_state_file
from hermes_profiles.fleet.outcomes import BAD_OUTCOMES, Outcome, OutcomeKind, Verb
from hermes_profiles.fleet.protocols import SETTLE, RunOptions
from hermes_profiles.fleet.selection import Selection
from hermes_profiles.fleet.service_specs import ServiceOptions
from hermes_profiles.gateways.model import ALIVE, Gateway, GatewayState
from hermes_profiles.hermes.environment import HERMES_TIMEZONE
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.logs.records import Level
from hermes_profiles.model.errors import ExitCode, HermesProfilesError, Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.profile import read_sections
from hermes_profiles.services.manager import ManagerKind, Service
from hermes_profiles.services.spec import ServiceSpec, matches_name
from hermes_profiles.services.supervisor.manager import SupervisorManager

from ..events import Event
from ..fleet_context import FleetSession
from ..fleet_result import gravest
from .install_services import ServiceInstaller
from .other_supervisors import second_supervisor
from .run_fleet import FleetRequest, run_fleet

# Seconds without a gateway after which there is nothing left to run: a restart by another command takes less.
NOTHING_LEFT = 15.0
_COMING = (GatewayState.STARTING, GatewayState.CRASH_LOOPING, GatewayState.UNKNOWN)
_LOCK = "run.lock"

# Takes what happened: the profile ("" for the whole fleet), how grave it is, a text.
Report = Callable[[str, Level, str], None]


class ForegroundRequest(NamedTuple):
    """Which gateways run, and how they start and stop; see `FleetRequest`.

    `grace`: seconds that a stop may take; `inherit`: names and `PREFIX*` patterns of variables that gateways get.
    """

    names: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    group: str | None = None
    owners: tuple[str, ...] = ()
    on_conflict: str = "mask"
    jobs: int | None = None
    stagger: float | None = None
    settle: float = SETTLE
    grace: float | None = None
    inherit: tuple[str, ...] = ()


@dataclass
class ForegroundFleet:
    """The gateways of one foreground command, under the bundled supervisord. Not safe for threads.

    `given`: definitions that are removed at the end, because the profile had no service before; `running`: the profiles
    that are to run; `bad`: those that could not be started, with the exit code.
    """

    session: FleetSession
    request: ForegroundRequest
    report: Report
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
    given: dict[str, Service] = field(default_factory=dict)
    running: tuple[str, ...] = ()
    bad: dict[str, ExitCode] = field(default_factory=dict)
    states: dict[str, GatewayState] = field(default_factory=dict)
    _held: int | None = None
    _alive_at: float = 0.0

    def acquire(self) -> None:
        """Make sure that this is the only such command on the root. Raises Refused."""
        path = self.session.layout.state / "supervisor" / _LOCK
        if not self.session.layout.root.is_dir():
            return
        make_folder(path.parent)
        held = acquire_lock(path, wait=0.0)
        if held is None:
            pid = lock_holder(path) or "unknown"
            raise Refused(
                f"process {pid} runs the gateways of {self.session.layout.root} in the foreground",
                target=str(self.session.layout.root),
                code="runs-in-foreground",
                hint="see its gateways with `hermes-gateways status`; SIGHUP makes it read the profiles again",
            )
        self._held = held
        write_pid(held, path)

    def start(self) -> None:
        """Start the selected gateways that do not run. Raises what refuses the request as a whole.

        May be called again: profiles that are new are started, and those outside the selection are stopped.
        """
        session = self._fresh()
        selection = session.selection(self.request.names, self.request.excluded, self.request.group)
        off = () if selection.named else session.disabled
        wanted = tuple(name for name in selection.profiles if name not in off)
        self._stop(tuple(name for name in self.running if name not in wanted))
        self.bad = {}
        before, known = self.running, dict[str, Outcome]()
        session.on_outcome = lambda outcome: self._note_start(outcome, known)
        try:
            with session.exclusive(), self.interruptible():
                self._define(session, wanted)
                ready = tuple(name for name in wanted if name not in self.bad)
                options = RunOptions(jobs=self.request.jobs, settle=self.request.settle)
                request = FleetRequest(
                    Verb.START, options, self.request.stagger, self.request.owners, self.request.on_conflict
                )
                done = run_fleet(session, request, Selection(ready, named=selection.named)) if ready else None
            for warning in done.warnings if done is not None else ():
                self._warn(warning)
        finally:  # an interrupted start has gateways to stop, and others that are not this command's to stop
            self._refuse_foreign(session, known.values())
            refused = {name for name, code in self.bad.items() if code is ExitCode.REFUSED}
            self.running = tuple(name for name in wanted if (name in known or name in before) and name not in refused)
        self._alive_at = time.monotonic() if self.running else -NOTHING_LEFT

    def look(self) -> bool:
        """Report what changed since the last look; return False when nothing is left to run."""
        session = self._fresh()
        if self.running and self._manager(session).is_gone():
            self.report("", Level.ERROR, "supervisord has ended: it is started again with its gateways")
            self.start()
            return True
        seen = session.observe([name for name in self.running if name in session.existing])
        for name, gateway in seen.items():
            self._note_state(name, gateway)
        if any(gateway.state in ALIVE or gateway.state in _COMING for gateway in seen.values()):
            self._alive_at = time.monotonic()
        return time.monotonic() - self._alive_at < NOTHING_LEFT

    def stop(self) -> ExitCode:
        """Stop the gateways, remove the definitions that were given, end supervisord; return the exit code of all."""
        codes = [ExitCode.OK, *self.bad.values()]
        try:
            codes.append(self._stop(self._with_own_gateway()))
            self._remove_given(tuple(self.given))
            self._manager(self._fresh()).end_if_idle()
        except HermesProfilesError as error:
            self._warn(error.problem)
            codes.append(ExitCode.FAILED)
        if self._held is not None:
            os.close(self._held)
            self._held = None
        return gravest(*codes)

    def _with_own_gateway(self) -> tuple[str, ...]:
        """Return the profiles with a gateway of their own; the stop of one that another serves would park it."""
        session = self._fresh()
        seen = session.observe([name for name in self.running if name in session.existing])
        return tuple(name for name, gateway in seen.items() if gateway.state is not GatewayState.SERVED)

    def _fresh(self) -> FleetSession:
        session = self.session.fresh(ManagerKind.SUPERVISOR)
        session.on_outcome = lambda outcome: self._note(outcome)
        session.on_progress = self._progress
        return session

    def _manager(self, session: FleetSession) -> SupervisorManager:
        manager = session.require_manager()
        assert isinstance(manager, SupervisorManager)  # noqa: S101  the session names it
        return manager

    def _define(self, session: FleetSession, names: Sequence[str]) -> None:
        """Give supervisord a definition of each gateway that has none; another gateway may serve a profile."""
        manager, served = self._manager(session), session.served(names)
        installer = ServiceInstaller(session, ServiceOptions())
        new: dict[str, Service] = {}
        for name in names:
            service = manager.service(session.world.service_name(name), name)
            if name in served or os.path.lexists(service.path):
                continue
            other = second_supervisor(session, name, "")
            if other is not None:
                self._refuse(name, f"{other.detail}; {other.hint}" if other.hint else other.detail, ExitCode.REFUSED)
                continue
            try:
                spec = self._inheriting(installer.spec(name))
            except HermesProfilesError as error:
                if len(names) == 1:
                    raise
                self._refuse(name, error.problem.message, error.exit_code)
                continue
            self.given[name] = service
            make_folder(spec.log.parent)
            for path, definition, mode in manager.definitions(spec):
                write_state_file(path, definition, mode)
            new[name] = service
        for name, reason in manager.load(tuple(new.values()), enable=None).items():
            self._refuse(name, reason, ExitCode.FAILED)

    def _inheriting(self, spec: ServiceSpec) -> ServiceSpec:
        """Return the service with the variables that the user passes on; what the service sets itself comes first.

        The time zone of all is not for a profile with one in config.yaml, which the variable would overrule.
        """
        patterns = self.request.inherit
        own = {name for name, _ in spec.environment}
        if patterns and str(read_sections(spec.home / CONFIG_FILE, ("timezone",)).get("timezone") or "").strip():
            own.add(HERMES_TIMEZONE)
        names = [
            name
            for name in sorted(self.session.environment)
            if name not in own and name.isascii() and name.isidentifier() and matches_name(name, patterns)
        ]
        return spec._replace(inherited=tuple(dict.fromkeys((*spec.inherited, *names))))

    def _stop(self, names: Sequence[str]) -> ExitCode:
        """Stop gateways and remove the definitions that were given."""
        code = ExitCode.OK
        if names:
            session = self._fresh()
            present = tuple(name for name in names if name in session.existing)
            request = FleetRequest(Verb.STOP, RunOptions(stop=self.request.grace))
            code = run_fleet(session, request, Selection(present, named=True)).exit_code if present else code
        self.running = tuple(name for name in self.running if name not in names)
        self._remove_given(tuple(name for name in self.given if name in names or name in self.bad))
        return code

    def _remove_given(self, names: Sequence[str]) -> None:
        """Remove the definitions of gateways that do not run; one that still runs keeps it."""
        if not names:
            return
        left = self._manager(self._fresh()).unload(tuple(self.given[name] for name in names))
        for name in names:
            if name not in left:
                remove_state_file(self.given.pop(name).path)

    def _refuse(self, name: str, text: str, code: ExitCode) -> None:
        self.bad[name] = code
        self.report(name, Level.ERROR, f"not started: {text}")

    def _note(self, outcome: Outcome) -> None:
        """Report an outcome; a profile that is passed over, or already as it should be, is no news."""
        is_known = outcome.outcome is OutcomeKind.ALREADY_RUNNING and self.states.get(outcome.profile) in ALIVE
        if is_known or outcome.outcome in (OutcomeKind.SKIPPED, OutcomeKind.ALREADY_STOPPED):
            return
        is_bad = outcome.outcome in BAD_OUTCOMES and outcome.outcome is not OutcomeKind.INTERRUPTED
        parts = [str(outcome.outcome), f"pid {outcome.pid}" if outcome.pid else "", outcome.detail]
        self.report(outcome.profile, Level.ERROR if is_bad else Level.INFO, ", ".join(filter(None, parts)))

    def _note_start(self, outcome: Outcome, known: dict[str, Outcome]) -> None:
        """Report the outcome of a start, and keep it: a signal may end the start before it returns its result."""
        known[outcome.profile] = outcome
        if outcome.outcome is OutcomeKind.FAILED:
            self.bad[outcome.profile] = ExitCode.FAILED
        elif outcome.outcome is OutcomeKind.REFUSED:
            self.bad[outcome.profile] = ExitCode.REFUSED
        self._note(outcome)

    def _refuse_foreign(self, session: FleetSession, outcomes: Iterable[Outcome]) -> None:
        """Refuse gateways that run already and that supervisord does not run: they are not this command's to stop."""
        running = [each.profile for each in outcomes if each.outcome is OutcomeKind.ALREADY_RUNNING]
        for name, gateway in session.observe(running).items() if running else ():
            if gateway.state is GatewayState.UNSUPERVISED:
                hint = f"stop it with `hermes-gateways stop {name}`"
                self._refuse(name, f"process {gateway.pid} runs already, {gateway.detail}; {hint}", ExitCode.REFUSED)

    def _note_state(self, name: str, gateway: Gateway) -> None:
        before, now = self.states.get(name), gateway.state
        self.states[name] = now
        if now in ALIVE and now is not GatewayState.STARTING:
            self.bad.pop(name, None)
        elif now in (GatewayState.FAILED, GatewayState.CRASH_LOOPING):
            self.bad[name] = ExitCode.FAILED
        if now is before or (before is None and now in ALIVE):
            return
        level = Level.INFO if now in (*ALIVE, GatewayState.STOPPED) else Level.ERROR
        level = Level.WARNING if now is GatewayState.DEGRADED else level
        self.report(name, level, f"{now}: {gateway.detail}" if gateway.detail else str(now))

    def _progress(self, event: Event) -> None:
        if event.warning is not None:
            self._warn(event.warning)

    def _warn(self, problem: Problem) -> None:
        text = f"{problem.message}; {problem.hint}" if problem.hint else problem.message
        self.report(problem.target if problem.target in self.running else "", Level.WARNING, text)
