"""Reads how gateways without a service ended: the last record of their log."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.runtime import FailedLog
from hermes_profiles.gateways.model import Gateway, GatewayState, epoch_of
from hermes_profiles.hermes.files import GATEWAY_LOG, LOGS_FOLDER
from hermes_profiles.hermes.gateway_states import ENDED
from hermes_profiles.logs.last_line import last_error
from hermes_profiles.model.layout import Layout

_MARGIN = 5.0  # seconds between the last record of a stop and its state file


def read_failed_logs(layout: Layout, profiles: Mapping[str, ProfileFacts]) -> dict[str, FailedLog]:
    """Return profile → its log, where the gateway was started by hand and its last record is an error."""
    return dict(_failed(layout, profiles))


def _failed(layout: Layout, profiles: Mapping[str, ProfileFacts]) -> Iterator[tuple[str, FailedLog]]:
    for name, profile in profiles.items():
        if profile.gateway is None or not _ended_by_hand(profile.gateway):
            continue
        path = layout.home(name) / LOGS_FOLDER / GATEWAY_LOG
        changed = _changed(path)
        if changed is None or _has_recorded_its_end(profile.gateway, changed):
            continue
        text = last_error(layout, name)
        if text:
            yield name, FailedLog(path, text, changed)


def _ended_by_hand(gateway: Gateway) -> bool:
    is_off = gateway.process is None and gateway.state in (GatewayState.STOPPED, GatewayState.STALE)
    return is_off and (gateway.service is None or not gateway.service.installed)


def _changed(path: Path) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def _has_recorded_its_end(gateway: Gateway, changed: float) -> bool:
    """Return whether the gateway wrote after its last log record that it had stopped."""
    record = gateway.observation.runtime if gateway.observation is not None else None
    if record is None or record.state not in ENDED:
        return False
    written = epoch_of(record.updated)
    return written is None or written >= changed - _MARGIN
