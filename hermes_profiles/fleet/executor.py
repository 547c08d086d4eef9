"""Starts, stops and restarts many gateways at once, each until it has settled.

One loop drives all of them: it sends requests in as few manager calls as possible, observes all active gateways with
one query, and finishes each one when it has settled. So a fleet takes as long as its slowest gateway. All side effects
are behind `GatewayBackend`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from hermes_profiles.gateways.model import Gateway, GatewayState, Supervisor, exit_meaning
from hermes_profiles.hermes.exit_codes import RESTART_ME
from hermes_profiles.model.errors import HermesProfilesError
from hermes_profiles.services.manager import Activity

from .foreign import refusal, seconds_to_look, started_again, started_by_others, unit_to_stop
from .outcomes import BAD_OUTCOMES, FleetStep, Outcome, OutcomeKind, Verb
from .protocols import DEFAULT_PACE, GatewayBackend, RunOptions, StartDecision

POLL = 0.1
# Seconds that a gateway must run with the same pid before it counts as started.
DWELL = 0.5
# Seconds that a manager may take to begin an accepted request.
PATIENCE = 5.0
# Seconds after the stop marker before a process outside any service is sent SIGTERM.
MARKER_TIME = 2.0
# Seconds that a process may take to end after SIGKILL.
KILL_TIME = 10.0
# How often a service is stopped that something else starts in the meantime, such as `hermes gateway restart`.
_MOST_STOPS = 5


class JobPhase(StrEnum):
    """The phase of a job."""

    WAITING = "not begun"
    STOPPING = "stopping"
    STARTING = "starting"
    DONE = "done"


@dataclass(slots=True, eq=False, repr=False)
class GatewayJob:
    """The progress of one gateway.

    `stop_announced`: pid → time of its planned-stop marker; `sigterm_sent`, `sigkill_sent`: pids that got the signal;
    `stops`: how often its manager was asked to stop it; `look`: seconds to look for another start after its end;
    `gone_since`: time of that end; `supervisor`: what ran it; `restarts`, `since`: what the manager reported of the
    service before the start.
    """

    profile: str
    verb: Verb
    phase: JobPhase = JobPhase.WAITING
    begun: float = 0.0
    was_stopped: bool = False
    stop_announced: dict[int, float] = field(default_factory=dict)
    sigterm_sent: set[int] = field(default_factory=set)
    sigkill_sent: set[int] = field(default_factory=set)
    stops: int = 1
    up_since: float | None = None
    up_pid: int | None = None
    look: float = 0.0
    gone_since: float | None = None
    supervisor: Supervisor | None = None
    restarts: int = 0
    since: float | None = None
    masked: tuple[str, ...] = ()
    remark: str = ""
    outcome: Outcome | None = None


class FleetExecutor:
    """Runs one verb for many profiles.

    `on_outcome` is called with each outcome as soon as it is known; `on_steps` with what each gateway under way does.
    """

    def __init__(
        self,
        verb: Verb,
        backend: GatewayBackend,
        options: RunOptions = DEFAULT_PACE,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        on_steps: Callable[[Mapping[str, FleetStep]], None] = lambda _: None,
    ) -> None:
        self._verb = verb
        self._backend = backend
        self._options = options
        self._on_outcome = on_outcome
        self._on_steps = on_steps
        self._last_start = float("-inf")
        self.has_stopped = False  # a restart that fails before its first stop leaves nothing to complete

    def run(self, profiles: Sequence[str], before: Mapping[str, Gateway]) -> tuple[Outcome, ...]:
        """Return an outcome for every profile, in the order given; `before`: their gateways a moment ago.

        After Ctrl-C the unfinished jobs get the outcome `interrupted`; nothing is undone. An error of the backend
        (ManagerError) is raised before the first outcome; later it becomes the outcome of the unfinished jobs.
        """
        jobs = [GatewayJob(profile, self._verb) for profile in profiles]
        try:
            self._drive(jobs, before)
        except KeyboardInterrupt:
            for job in jobs:
                if job.outcome is None:
                    self._end(job, OutcomeKind.INTERRUPTED, _interrupted(job))
        except HermesProfilesError as error:
            if all(job.outcome is None for job in jobs):
                raise
            for job in jobs:
                if job.outcome is None:
                    begun = job.phase is not JobPhase.WAITING or job.was_stopped
                    self._end(job, OutcomeKind.FAILED, str(error) if begun else f"not begun: {error}")
        return tuple(job.outcome for job in jobs if job.outcome is not None)

    def _drive(self, jobs: Sequence[GatewayJob], before: Mapping[str, Gateway]) -> None:
        observed = dict(before)
        while True:
            self._begin(jobs, observed)
            under_way = [job for job in jobs if job.phase in (JobPhase.STOPPING, JobPhase.STARTING)]
            if not under_way and all(job.phase is JobPhase.DONE for job in jobs):
                return
            if under_way:
                self._on_steps({job.profile: self._step(job) for job in under_way})
            self._backend.sleep(POLL)
            if under_way:
                observed.update(self._backend.observe([job.profile for job in under_way]))
            for job in under_way:
                if job.phase is JobPhase.STOPPING:
                    self._watch_stop(job, observed[job.profile])
                else:
                    self._watch_start(job, observed[job.profile])

    def _step(self, job: GatewayJob) -> FleetStep:
        limit = self._stop_limit(job) if job.phase is JobPhase.STOPPING else self._options.settle
        return FleetStep(str(job.phase), self._backend.now() - job.begun, limit)

    # Beginning

    def _begin(self, jobs: Sequence[GatewayJob], observed: Mapping[str, Gateway]) -> None:
        """Begin as many jobs as the limits allow: stops first, then starts."""
        self._halt(jobs)
        free, now = self._free(jobs), self._backend.now()
        stops, starts = [], [job for job in jobs if _has_slot(job) and job.phase is JobPhase.WAITING]
        for job in jobs:
            if job.phase is not JobPhase.WAITING or _has_slot(job) or free <= 0:
                continue
            refused = refusal(job.verb, observed[job.profile])
            if refused is not None:
                self._end(job, refused.outcome, refused.detail, pid=refused.pid, hint=refused.hint)
                continue
            if job.verb is not Verb.START and _needs_stop(observed[job.profile]):
                job.phase, job.begun = JobPhase.STOPPING, now
                stops.append(job)
            elif job.verb is Verb.STOP:
                self._end(job, OutcomeKind.ALREADY_STOPPED)
                continue
            else:
                starts.append(job)
            free -= 1
        if stops:
            self._request_stops(stops, observed)
        self._start_some(starts, observed)

    def _halt(self, jobs: Sequence[GatewayJob]) -> None:
        """Skip the rest of a rolling restart after its first failure: the next gateway may fail the same way."""
        broken = next((job for job in jobs if job.outcome and job.outcome.outcome in BAD_OUTCOMES), None)
        if not self._options.rolling or broken is None:
            return
        for job in jobs:
            if job.phase is JobPhase.WAITING:
                self._end(job, OutcomeKind.SKIPPED, f"not begun: {broken.profile} failed before")

    def _free(self, jobs: Sequence[GatewayJob]) -> int:
        limit = 1 if self._options.rolling else self._options.jobs
        busy = sum(job.phase in (JobPhase.STOPPING, JobPhase.STARTING) or _has_slot(job) for job in jobs)
        return len(jobs) if limit is None else limit - busy

    def _request_stops(self, jobs: Sequence[GatewayJob], observed: Mapping[str, Gateway]) -> None:
        self.has_stopped = True
        by_manager = []
        for job in jobs:
            gateway = observed[job.profile]
            unit = unit_to_stop(gateway)
            again = started_by_others(gateway, unit, self._backend.starters_of(unit)) if unit else None
            if again is not None:
                self._end(job, again.outcome, again.detail, pid=again.pid, hint=again.hint)
                continue
            self._announce(job, gateway)
            job.look, job.supervisor = seconds_to_look(job.verb, gateway), gateway.foreign_supervisor
            if unit and (reason := self._backend.stop_unit(unit)):
                self._fail(job, f"{unit}: {reason}")
                continue
            if _is_managed(gateway) or _is_ending(gateway):  # between two tries a manager cleans up, and tries again
                by_manager.append(job)
        if by_manager:
            refused = self._backend.stop([job.profile for job in by_manager])
            for job in by_manager:
                if job.profile in refused:
                    self._fail(job, refused[job.profile])

    def _announce(self, job: GatewayJob, gateway: Gateway) -> None:
        """Write the planned-stop marker once for each process; the stop goes on where it cannot be written."""
        if gateway.process is None or gateway.process.pid in job.stop_announced:
            return
        job.stop_announced[gateway.process.pid] = self._backend.now()
        try:
            self._backend.announce_stop(gateway)
        except HermesProfilesError as error:
            job.remark = f"could not write the planned-stop marker: {error}"

    def _start_some(self, jobs: Sequence[GatewayJob], observed: Mapping[str, Gateway]) -> None:
        if not jobs:
            return
        now = self._backend.now()
        if self._options.stagger > 0:
            if now - self._last_start < self._options.stagger:
                return
            # The stagger is shorter than the poll interval: start several at a time.
            jobs = jobs[: max(1, int(POLL / self._options.stagger + 0.001))]
        self._last_start = now
        prepared = self._backend.prepare([job.profile for job in jobs])
        ready = []
        for job in jobs:
            decision = prepared.get(job.profile, StartDecision())
            if decision.refusal is not None:
                self._end(job, OutcomeKind.REFUSED, decision.refusal)
                continue
            job.masked, job.remark = decision.masked, "; ".join(filter(None, (job.remark, decision.remark)))
            job.phase, job.begun = JobPhase.STARTING, now
            service = observed[job.profile].service
            job.restarts, job.since = _restarts(observed[job.profile]), service.since if service is not None else None
            ready.append(job)
        refused = self._backend.start([job.profile for job in ready]) if ready else {}
        for job in ready:
            if job.profile in refused:
                self._fail(job, refused[job.profile])

    # Watching

    def _watch_stop(self, job: GatewayJob, gateway: Gateway) -> None:
        now, process = self._backend.now(), gateway.process
        if not _needs_stop(gateway):
            job.gone_since = now if job.gone_since is None else job.gone_since
            if now - job.gone_since >= job.look:
                self._has_stopped(job)
            return
        if process is not None and _is_another(job, process.pid):
            job.supervisor = job.supervisor or gateway.foreign_supervisor
            self._fail(
                job, started_again(process.pid, job.supervisor), hint=f"see its parent with `ps -fp {process.pid}`"
            )
            return
        waited, limit = now - job.begun, self._stop_limit(job)
        if process is not None:
            is_new = process.pid not in job.stop_announced
            self._announce(job, gateway)
            if is_new and _is_managed(gateway) and job.stops < _MOST_STOPS:  # a start cancels a stop that is under way
                job.stops += 1
                self._backend.stop([job.profile])
            alone = not _is_managed(gateway) and not _is_ending(gateway) and not unit_to_stop(gateway)
            if alone and now - job.stop_announced[process.pid] > MARKER_TIME and process.pid not in job.sigterm_sent:
                job.sigterm_sent.add(process.pid)
                self._backend.end(gateway, kill=False)
            if waited > limit and process.pid not in job.sigkill_sent:
                job.sigkill_sent.add(process.pid)
                self._backend.end(gateway, kill=True)
        if waited > limit + KILL_TIME:
            who = f"process {gateway.pid} " if gateway.pid else "the service "
            self._fail(job, f"{who}did not end within {waited:.0f} s")

    def _stop_limit(self, job: GatewayJob) -> float:
        return self._backend.stop_seconds(job.profile) if self._options.stop is None else self._options.stop

    def _has_stopped(self, job: GatewayJob) -> None:
        if job.verb is Verb.STOP:
            words = f"did not stop within {self._stop_limit(job):.0f} s and was killed" if job.sigkill_sent else ""
            self._end(job, OutcomeKind.STOPPED, "; ".join(filter(None, (words, job.remark))))
            return
        job.phase = JobPhase.WAITING
        job.verb = Verb.START
        job.was_stopped = True

    def _watch_start(self, job: GatewayJob, gateway: Gateway) -> None:
        now = self._backend.now()
        if _is_up(gateway):
            if job.up_pid != gateway.pid:
                job.up_pid, job.up_since = gateway.pid, now
            if job.up_since is not None and now - job.up_since >= DWELL:
                kind = OutcomeKind.RESTARTED if job.was_stopped else OutcomeKind.STARTED
                words = "; ".join(filter(None, (gateway.detail, job.remark)))
                self._end(job, kind, words, pid=gateway.pid, masked=job.masked)
            return
        job.up_since = job.up_pid = None
        job.restarts = min(job.restarts, _restarts(gateway))
        reason = _start_failure(gateway, job, now - job.begun)
        if reason:
            self._fail(job, reason)
        elif now - job.begun > self._options.settle:
            alive = f"process {gateway.pid} is alive, but " if gateway.pid else ""
            still = f": {gateway.detail}" if gateway.detail else ""
            self._fail(job, f"{alive}not up within {self._options.settle:.0f} s{still}")

    # Ending

    def _fail(self, job: GatewayJob, reason: str, *, hint: str = "") -> None:
        try:
            log = self._backend.log_lines(job.profile)
        except HermesProfilesError as error:  # the lines are a courtesy
            log = (str(error),)
        hint = hint or f"read its log with `hermes-gateways logs {job.profile}`"
        if job.supervisor is not None and job.phase is JobPhase.STOPPING:
            hint = job.supervisor.stop or hint
        self._end(job, OutcomeKind.FAILED, reason, log=log, hint=hint)

    def _end(
        self,
        job: GatewayJob,
        kind: OutcomeKind,
        detail: str = "",
        *,
        pid: int | None = None,
        masked: tuple[str, ...] = (),
        log: tuple[str, ...] = (),
        hint: str | None = None,
    ) -> None:
        job.phase = JobPhase.DONE
        job.outcome = Outcome(job.profile, kind, detail, pid, masked, log, hint)
        self._on_outcome(job.outcome)


def _is_another(job: GatewayJob, pid: int) -> bool:
    """Return whether a process is a later start than the one that was stopped, outside any service of ours."""
    if not job.look or not job.stop_announced or pid in job.stop_announced:
        return False
    # A home can have two gateways: the second one appears when the first has ended.
    return job.gone_since is not None or len(job.stop_announced) > 1


def _is_managed(gateway: Gateway) -> bool:
    """Return whether the manager runs or starts the service, so that it must stop it."""
    service = gateway.service
    if service is None:
        return False
    # A manager that ended without stopping it still lists it as one that is to run.
    has_job = service.waiting or service.queued or bool(service.lost)
    return has_job or service.activity in (Activity.ACTIVE, Activity.ACTIVATING)


def _is_ending(gateway: Gateway) -> bool:
    """Return whether its manager is about to end it."""
    return gateway.service is not None and gateway.service.activity is Activity.DEACTIVATING


def _needs_stop(gateway: Gateway) -> bool:
    """Return whether anything of a gateway is there: its process, or a manager that would bring it back."""
    return gateway.process is not None or _is_managed(gateway) or _is_ending(gateway)


def _is_up(gateway: Gateway) -> bool:
    """Return whether the service runs a gateway that reported running and stays up."""
    has_settled = gateway.process is not None and gateway.settled
    return has_settled and gateway.state is not GatewayState.UNSUPERVISED and not _is_ending(gateway)


def _restarts(gateway: Gateway) -> int:
    return (gateway.service.restarts or 0) if gateway.service is not None else 0


def _has_slot(job: GatewayJob) -> bool:
    """Return whether a gateway that was stopped waits to be started again: its place among the busy is kept."""
    return job.phase is JobPhase.WAITING and job.was_stopped


def _start_failure(gateway: Gateway, job: GatewayJob, waited: float) -> str:
    """Return why a start has failed, "" while it may still come up."""
    service = gateway.service
    if service is None:
        return "" if waited < PATIENCE else "no manager runs it"
    if service.queued:  # all else is still about what was before
        return ""
    if service.activity is Activity.FAILED:
        if gateway.process is not None and waited < PATIENCE:  # seen a moment before the manager saw it end
            return ""
        return gateway.detail or exit_meaning(service.last_exit) or "failed"
    tries_again = (service.waiting and waited > 1.0) or _restarts(gateway) > job.restarts
    if tries_again and service.last_exit is not None and service.last_exit != RESTART_ME:
        return f"{exit_meaning(service.last_exit)}; the service tries again"
    if service.activity in (Activity.INACTIVE, Activity.UNKNOWN) and gateway.process is None and waited > PATIENCE:
        return _why_nothing_runs(gateway, job)
    return ""


def _why_nothing_runs(gateway: Gateway, job: GatewayJob) -> str:
    service = gateway.service
    if service is None or service.last_exit is None or (service.since is not None and service.since == job.since):
        return "the manager accepted the start, and nothing runs"
    # launchd reports exit 0 for a gateway with a fatal configuration: the gateway's own record says more.
    is_told = gateway.state is GatewayState.FAILED
    return gateway.detail if is_told else f"it ended immediately: {exit_meaning(service.last_exit)}"


def _interrupted(job: GatewayJob) -> str:
    if job.phase is JobPhase.WAITING:
        return "stopped; a process in the background starts it again" if job.was_stopped else "not begun"
    return f"was {job.phase}; it may still come to an end"
