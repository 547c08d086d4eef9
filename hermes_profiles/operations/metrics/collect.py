"""Collect the metrics of a fleet: the values of `status`, the findings of the doctor, the space on the disk."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import hermes_profiles
from hermes_profiles.changes.filesystem import Files
from hermes_profiles.gateways.model import NOT_SERVED, Gateway, GatewayState, epoch_of
from hermes_profiles.hermes.gateway_states import CONNECTED
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.operations.fleet_context import FleetSession
from hermes_profiles.operations.gateways.fleet_status import FleetStatus, GatewayStatus, fleet_status

from . import names
from .names import Metric

_SERVED = frozenset({CONNECTED, "served"})


class Sample(NamedTuple):
    """One value of a metric, with a text for each of its labels."""

    metric: Metric
    labels: tuple[str, ...]
    number: float


class Findings(NamedTuple):
    """The number of findings of each severity, and when the doctor ran (epoch seconds)."""

    counts: tuple[tuple[str, int], ...]
    at: float


class FleetMetrics(NamedTuple):
    """The metrics of a fleet, and the status they were taken from."""

    samples: tuple[Sample, ...]
    status: FleetStatus

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return why the service manager did not answer."""
        return self.status.errors


def collect_metrics(
    session: FleetSession, profiles: Sequence[str], *, ask_api: bool = True, findings: Findings | None = None
) -> FleetMetrics:
    """Return the metrics of these profiles; `ask_api`: query the API servers; `findings`: those of the doctor."""
    begun = time.monotonic()
    status = fleet_status(session, profiles, ask_api=ask_api, accounts=False)
    samples = [*fleet_samples(status, time.time(), findings), *_disk(session)]
    samples.append(Sample(names.SECONDS, (), time.monotonic() - begun))
    return FleetMetrics(tuple(samples), status)


def doctor_findings(session: FleetSession) -> Findings:
    """Return the findings of the doctor over all profiles."""
    from hermes_profiles.doctor.findings import Severity
    from hermes_profiles.doctor.registry import CHECKS
    from hermes_profiles.operations.repairs.doctor import DoctorRun

    diagnosis = DoctorRun(session, CHECKS, ()).diagnose()
    return Findings(tuple((str(each), diagnosis.count(each)) for each in Severity), time.time())


def fleet_samples(status: FleetStatus, now: float, findings: Findings | None = None) -> Iterator[Sample]:
    """Yield the values that follow from a status; `now`: epoch seconds."""
    about = (hermes_profiles.__version__, status.manager or "", str(status.serving.topology))
    yield Sample(names.INFO, about, 1)
    yield Sample(names.MANAGER_UP, (), not status.errors)
    for each in status.gateways:
        yield from _of_gateway(each, now)
    yield Sample(names.CONFLICTS, (), len(status.conflicts))
    pairs = {(name, conflict.channel): None for conflict in status.conflicts for name in conflict.profiles}
    for pair in pairs:
        yield Sample(names.CHANNEL_CONFLICT, pair, 1)
    if findings is not None:
        for severity, count in findings.counts:
            yield Sample(names.FINDINGS, (severity,), count)
        yield Sample(names.FINDINGS_AGE, (), max(now - findings.at, 0.0))


def _of_gateway(status: GatewayStatus, now: float) -> Iterator[Sample]:
    gateway, name = status.gateway, status.profile
    for state in GatewayState:
        yield Sample(names.STATE, (name, str(state)), gateway.state is state)
    yield Sample(names.UP, (name,), gateway.is_alive)
    yield Sample(names.DOWN, (name,), status.is_down)
    yield Sample(names.DEGRADED, (name,), status.is_degraded)
    yield Sample(names.DISABLED, (name,), status.disabled)
    usage = gateway.usage
    values = (
        (names.RESTARTS, gateway.restarts),
        (names.UPTIME, usage.uptime),
        (names.MEMORY, usage.rss),
        (names.CPU, usage.cpu),
        (names.FILES, usage.open_files),
        (names.FILES_LIMIT, usage.open_files_limit),
        *_ages(gateway, now),
    )
    for metric, value in values:
        if value is not None:
            yield Sample(metric, (name,), value)
    for channel in {each.name: each for each in gateway.channels}.values():
        yield Sample(names.CHANNEL_STATE, (name, channel.name, channel.state), 1)
        if channel.state in _SERVED or channel.state in NOT_SERVED:
            yield Sample(names.CHANNEL_UP, (name, channel.name), channel.state in _SERVED)


def _ages(gateway: Gateway, now: float) -> Iterator[tuple[Metric, float | None]]:
    """Yield the ages of what the live process wrote; a record of an earlier process has none."""
    facts = gateway.observation
    if facts is None or gateway.process is None:
        return
    pid = gateway.process.pid
    if facts.runtime is not None and facts.runtime.pid == pid:
        yield names.STATE_AGE, _age(facts.runtime.updated, now)
    if facts.heartbeat is not None and facts.heartbeat.pid == pid:
        yield names.HEARTBEAT_AGE, _age(facts.heartbeat.at, now)


def _age(text: str, now: float) -> float | None:
    moment = epoch_of(text)
    return max(now - moment, 0.0) if moment is not None else None


def _disk(session: FleetSession) -> Iterator[Sample]:
    try:
        space = Files().space(str(session.layout.root))
    except OSError:
        return
    yield Sample(names.DISK_FREE, (), space.f_bavail * space.f_frsize)
    yield Sample(names.DISK_SIZE, (), space.f_blocks * space.f_frsize)
