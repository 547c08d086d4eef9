"""Builders of gateway facts for unit tests: a process, a service, a state file, and all of them."""

from __future__ import annotations

from typing import Any

from hermes_profiles.gateways.hermes_files import ChannelRecord, PidRecord, StateRecord
from hermes_profiles.gateways.model import GatewayFacts
from hermes_profiles.gateways.processes import Process, Usage
from hermes_profiles.services.manager import Activity, ManagerKind, ServiceStatus

NOW = 1_800_000_000.0
UP = 3600.0
RECORD = PidRecord(42, 1000.0)


def at(ago: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(NOW - ago, UTC).isoformat()


def process(pid: int = 42, *, state: str = "S", parent: int = 1, started: float = 1000.0) -> Process:
    return Process(pid, started, state, parent, ("hermes", "-p", "work", "gateway", "run"), {})


def service(activity: Activity = Activity.ACTIVE, pid: int | None = None, **more: Any) -> ServiceStatus:
    return ServiceStatus(installed=True, enabled=True, activity=activity, pid=pid)._replace(**more)


def wrote(state: str = "running", pid: int = 42, *, reason: str = "", busy: int = 0, **channels: Any) -> StateRecord:
    """Return the state a gateway wrote; a channel is (state, message, seconds ago)."""
    entries = tuple(ChannelRecord(name, each[0], "", each[1], at(each[2])) for name, each in channels.items())
    return StateRecord(pid, 1000.0, state, reason, busy, entries, ())


def facts(uptime: float = UP, **more: Any) -> GatewayFacts:
    """Return the facts of a profile; its process has been up for `uptime` seconds."""
    given: dict[str, Any] = {
        "profile": "work",
        "manager": ManagerKind.SYSTEMD,
        "service": service(Activity.INACTIVE),
        "now": NOW,
    }
    if more.get("process") is not None:
        given |= {"record": RECORD, "usage": Usage(90_000_000, 20, 1024, uptime), "started_at": NOW - uptime}
        given |= {"service": service(pid=more["process"].pid), "runtime": wrote()}
    return GatewayFacts(**(given | more))
