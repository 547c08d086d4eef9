"""Takes the snapshot of a fleet that events are made of, from its status."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hermes_profiles.events.fleet_faults import memory_kills
from hermes_profiles.events.model import EventKind
from hermes_profiles.events.model_key import refused_model_key
from hermes_profiles.events.snapshot import FleetSnapshot, SeenConflict, SeenFault, SeenGateway, seen_gateway
from hermes_profiles.fleet.outdated import code_ages
from hermes_profiles.gateways.model import GatewayState
from hermes_profiles.hermes.files import ERRORS_LOG, GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.text import first_names

from ..gateways.fleet_status import FleetStatus

_NOT_UP = frozenset({GatewayState.CRASH_LOOPING, GatewayState.FAILED, GatewayState.STALE, GatewayState.STARTING})


def snapshot_of(layout: Layout, status: FleetStatus, at: float, machine: Sequence[SeenFault] = ()) -> FleetSnapshot:
    """Return the snapshot of a status; `at`: epoch seconds; `machine`: faults that no status knows."""
    gateways, faults = {}, [*machine]
    for each in status.gateways:
        facts = each.gateway.observation
        parked = facts is not None and facts.parked
        expected = not each.disabled and not parked and (each.service.installed or each.gateway.unserved)
        seen = seen_gateway(each.gateway, expected=expected)
        unwritable = unwritable_logs(layout.home(each.profile))
        gateways[each.profile] = with_reason(seen, unwritable)
        if unwritable and (expected or seen.pid is not None):
            faults.append(SeenFault(str(EventKind.LOG_LOST), unwritable, each.profile))
    conflicts = tuple(SeenConflict(each.channel, each.profiles, each.message) for each in status.conflicts)
    faults += (*_broken_files(layout, status), *_model_keys(layout, status, at))
    return FleetSnapshot(at, gateways, conflicts, tuple(faults), memory_kills=memory_kills())


def unwritable_logs(home: Path) -> str:
    """Return which log of a home cannot be written, "" where all can be or none exists.

    A gateway under systemd runs on without it, and nothing shows a lost channel. Under supervisord it does not start.
    """
    logs = home / LOGS_FOLDER
    for path in (logs, logs / GATEWAY_LOG, logs / ERRORS_LOG):
        if not os.access(path, os.W_OK) and path.exists():
            return f"its logs cannot be written: {path}"
    return ""


def with_reason(gateway: SeenGateway, reason: str) -> SeenGateway:
    """Return a gateway that does not come up, with what keeps it from that."""
    if not reason or gateway.state not in _NOT_UP:
        return gateway
    return gateway._replace(detail="; ".join(filter(None, (reason, gateway.detail))))


def old_code(status: FleetStatus) -> tuple[SeenFault, ...]:
    """Return the fault of gateways that run the code of before an update of Hermes; `status`: of all gateways."""
    ages = code_ages(each.gateway for each in status.gateways)
    old = {name: age.newer for name, age in ages.items() if age.newer is not None}
    if not old:
        return ()
    change = next(iter(old.values())).change
    reason = (
        f"{change} after the start of {first_names([*old], 5)}: they load the rest of their code from the new release"
    )
    return (SeenFault(str(EventKind.OLD_CODE), reason),)


def _broken_files(layout: Layout, status: FleetStatus) -> Iterator[SeenFault]:
    """Yield the profiles with a file that cannot be parsed: Hermes starts with its defaults in place of it."""
    homes = {str(layout.home(each.profile)): each.profile for each in status.gateways}
    for problem in status.warnings:
        folder = (problem.target or "").rpartition("/")[0]
        if problem.code == DocumentError.default_code and folder in homes:
            yield SeenFault(str(EventKind.CONFIGURATION_BROKEN), problem.message, homes[folder])


def _model_keys(layout: Layout, status: FleetStatus, at: float) -> Iterator[SeenFault]:
    for each in status.gateways:
        facts = each.gateway.observation
        if each.gateway.process is None or facts is None or facts.started_at is None:
            continue
        reason = refused_model_key(layout.home(each.profile), facts.started_at, at)
        if reason:
            yield SeenFault(str(EventKind.MODEL_KEY_REFUSED), reason, each.profile)
