"""Gateways as rows of the JSON contract, and as tables for `status` and `list`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.format import dash, size_text, span_text
from hermes_profiles.gateways.model import NOT_SERVED, Gateway, GatewayChannel, GatewayState
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.operations.fleet_status import FleetStatus, GatewayStatus

from .accounts import account_lines


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
    }


def _server(gateway: Gateway) -> str | None:
    """Return the profile whose gateway serves this one, None for a gateway of its own or without one."""
    facts = gateway.observation
    return facts.server if facts is not None and gateway.state is GatewayState.SERVED else None


def channel_row(channel: GatewayChannel) -> dict[str, Any]:
    """Return one channel of a gateway as the command contract has it."""
    return {"name": channel.name, "state": channel.state, "detail": channel.detail or None, "since": channel.since}


def gateway_lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield the table of `status`, and a remark for all that is not as it should be."""
    cells = [
        (
            row["profile"] + (" (disabled)" if row["disabled"] else ""),
            row["state"],
            dash(row["pid"]),
            span_text(row["uptime_s"]),
            size_text(row["rss_bytes"]),
            _files(row),
            dash(row["restarts"]),
            ", ".join(channel_text(each) for each in row["channels"]) or "-",
            _service(row),
        )
        for row in data["gateways"]
    ]
    headers = ("profile", "state", "pid", "up", "memory", "files", "restarts", "channels", "service")
    yield from output.table(headers, cells)
    yield from account_lines(data)
    remarks = [*_remarks(data)]
    if remarks:
        yield ""
        yield from remarks
    if data["unfinished_switch"]:
        yield "a switch of the run mode was interrupted; see `hermes-profiles team run-mode`"
    yield from _topology_lines(data)


def _topology_lines(data: dict[str, Any]) -> Iterator[str]:
    served = [row["profile"] for row in data["gateways"] if row["served_by"]]
    if data["topology"] == "multiplex" and data["server"] is None:
        yield "one gateway, that of default, is to serve every profile (multiplex)"
    elif data["topology"] == "multiplex":
        rows = [row for row in data["gateways"] if row["profile"] not in {*served, data["server"]}]
        kept = sum(row["parked"] or row["standalone"] for row in rows)
        what = f"every profile but {len(rows) - kept}" if len(rows) > kept else "every profile"
        apart = f"; parked or standalone: {kept}" if kept else ""
        yield f"one gateway, that of {data['server']}, serves {what} (multiplex){apart}"
    elif data["standalone_reason"]:
        name = data["alone"] or DEFAULT
        serves = "serves" if data["alone"] else "will serve"
        yield f"the gateway of {name} {serves} {name} alone: {data['standalone_reason']}"


def _remarks(data: dict[str, Any]) -> Iterator[str]:
    for row in data["gateways"]:
        if row["detail"] and (row["state"] != "served" or is_faulty(row)):
            yield f"{row['profile']}: {row['detail']}"
        for text in row["disagreement"]:
            yield f"{row['profile']}: {text}"
        if row["api"] is not None and row["api"]["detail"]:
            yield f"{row['profile']}: API server, {row['api']['detail']}"
        for channel in row["channels"]:
            if channel["state"] == "masked":
                yield f"{row['profile']}: {channel['detail']}"
    for conflict in data["conflicts"]:
        yield f"conflict: {conflict['message']}"


def is_faulty(row: dict[str, Any]) -> bool:
    """Return whether the gateway that serves a profile lost one of its channels."""
    return any(channel["state"] in NOT_SERVED for channel in row["channels"])


def short_lines(data: dict[str, Any]) -> Iterator[str]:
    """Yield the table of `list`: profile, state, process, service."""
    cells = [
        (row["profile"] + (" (disabled)" if row["disabled"] else ""), row["state"], dash(row["pid"]), _service(row))
        for row in data["gateways"]
    ]
    yield from output.table(("profile", "state", "pid", "service"), cells)


def channel_text(channel: dict[str, Any]) -> str:
    """Return a channel's name, with its state unless that is as it should be."""
    return channel["name"] if channel["state"] == "connected" else f"{channel['name']} ({channel['state']})"


def _service(row: dict[str, Any]) -> str:
    service = row["service"]
    if not service["installed"]:
        return "none"
    scope = "" if service["scope"] in ("user", None) else f"{service['scope']} "
    return f"{scope}{service['name']}{'' if service['enabled'] else ' (not enabled)'}"


def _files(row: dict[str, Any]) -> str:
    if row["open_files"] is None:
        return "-"
    limit = row["open_files_limit"]
    return f"{row['open_files']}/{limit}" if limit else str(row["open_files"])
