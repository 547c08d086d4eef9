"""Gateways as rows of the JSON contract, and as tables for `status` and `list`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hermes_profiles.events.last_change import LastChange
from hermes_profiles.events.model import utc_time
from hermes_profiles.gateways.model import NOT_SERVED, Gateway, GatewayChannel, GatewayState
from hermes_profiles.operations.gateways.fleet_status import FleetStatus, GatewayStatus


def status_data(status: FleetStatus, *, accounts: bool = True) -> dict[str, Any]:
    """Return the status of a fleet as the command contract has it."""
    data = {
        "topology": str(status.serving.topology),
        "server": status.serving.server,
        "alone": status.serving.alone,
        "standalone_reason": status.serving.reason or None,
        "unfinished_switch": status.unfinished_switch,
        "manager": status.manager,
        "gateways": [gateway_row(each) for each in status.gateways],
        "conflicts": [conflict.as_data() for conflict in status.conflicts],
    }
    if accounts:
        data["accounts"] = [row.as_data() for row in status.accounts]
    return data


def gateway_row(status: GatewayStatus) -> dict[str, Any]:
    """Return one gateway as the command contract has it."""
    gateway, service, facts = status.gateway, status.service, status.gateway.observation
    return {
        "profile": gateway.profile,
        "state": str(gateway.state),
        "detail": gateway.detail,
        "pid": gateway.pid,
        "uptime_s": round(gateway.usage.uptime) if gateway.usage.uptime is not None else None,
        "rss_bytes": gateway.usage.rss,
        "open_files": gateway.usage.open_files,
        "open_files_limit": gateway.usage.open_files_limit,
        "served_by": _server(gateway),
        "parked": facts is not None and facts.parked,
        "standalone": facts is not None and facts.standalone,
        "unserved": gateway.unserved,
        "restarts": gateway.restarts,
        "last_exit": gateway.last_exit,
        "disabled": status.disabled,
        "groups": list(status.groups),
        "service": service._asdict() | {"path": str(service.path)},
        "channels": [channel_row(channel) for channel in gateway.channels],
        "masked_channels": [mask.channel for mask in gateway.masks],
        "api": gateway.api._asdict() if gateway.api is not None else None,
        "disagreement": list(gateway.disagreement),
        "last_change": _last_change(status.last_change),
        "remarks": [each.as_data() for each in status.remarks],
    }


def _last_change(change: LastChange | None) -> dict[str, Any] | None:
    if change is None:
        return None
    return {"time": utc_time(change.at), "kind": change.kind, "from": change.before or None, "cause": change.cause}


def _server(gateway: Gateway) -> str | None:
    """Return the profile whose gateway serves this one, None for a gateway of its own or without one."""
    facts = gateway.observation
    return facts.server if facts is not None and gateway.state is GatewayState.SERVED else None


def channel_row(channel: GatewayChannel) -> dict[str, Any]:
    """Return one channel of a gateway as the command contract has it."""
    return {"name": channel.name, "state": channel.state, "detail": channel.detail or None, "since": channel.since}


def is_faulty(row: Mapping[str, Any]) -> bool:
    """Return whether the gateway that serves a profile lost one of its channels."""
    return any(channel["state"] in NOT_SERVED for channel in row["channels"])


def channel_text(channel: Mapping[str, Any]) -> str:
    """Return a channel's name, with its state unless that is as it should be."""
    return channel["name"] if channel["state"] == "connected" else f"{channel['name']} ({channel['state']})"
