"""The answer of `connect`: the account, what was written, and whether the channel is connected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.accounts.connect import ConnectPlace, ConnectResult, StartResult, missing_step

from .changes import change_data


def connect_answer(done: ConnectResult, started: StartResult | None, place: ConnectPlace) -> Answer:
    """Return the answer; a gateway that was started and is not connected is an error."""
    name = done.identity.name if done.identity is not None else ""
    data: dict[str, Any] = {
        "profile": done.profile,
        "channel": done.channel,
        "account": done.account or None,
        "name": name or None,
        "checked": done.identity is not None,
        "variables": list(done.bound.variables),
        "replaced": done.bound.replaced or None,
        "to_trash": list(done.bound.to_trash),
        "gateway": _gateway_row(started),
        "next_steps": [] if started is not None and started.is_connected else list(_next_steps(done, started)),
    } | change_data(done.change)
    warnings = [*done.warnings, *(started.fleet.warnings if started is not None and started.fleet is not None else ())]
    result = Result(("connect",), data, warnings)
    if started is not None and not started.is_connected:
        failures = started.fleet.errors if started.fleet is not None else ()
        result.errors = list(failures) or [missing_step(place, started).problem]
        code = started.fleet.exit_code if started.fleet is not None else ExitCode.OK
        result.exit_code = code if code != ExitCode.OK else ExitCode.FAILED
    return Answer(result, lambda: _lines(data))


def _gateway_row(started: StartResult | None) -> dict[str, Any] | None:
    if started is None:
        return None
    channel = started.channel
    return {
        "state": str(started.state),
        "channel": channel.state if channel is not None else None,
        "detail": (channel.detail or None) if channel is not None else None,
    }


def _next_steps(done: ConnectResult, started: StartResult | None) -> Iterator[str]:
    if started is None:
        yield f"run its gateway, now and at boot: hermes-gateways install {done.profile} --start"
        yield f"where it runs already: hermes-gateways restart {done.profile}"
    else:
        yield f"see its state: hermes-gateways status {done.profile}"


def account_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the account that a profile got, what was set for it, and whether it is connected."""
    who = data["name"] or data["account"] or "an account"
    name, channel = data["profile"], data["channel"]
    verb = "would get" if data["dry_run"] else "has"
    checked = "" if data["checked"] else ", not checked at the platform"
    if not data["changed"]:
        yield f"{name} has {who} on {channel} already: nothing was changed"
    else:
        yield f"{name} {verb} {who} on {channel}{checked}"
    if data["variables"] and data["changed"]:
        yield f"  set in .env: {', '.join(data['variables'])}"
    if data["to_trash"]:
        yield f"  to the trash: {', '.join(data['to_trash'])}"
    if is_connected(data):
        yield f"connected as {who}"


def is_connected(data: Mapping[str, Any]) -> bool:
    """Return whether the gateway was started and its channel is connected."""
    return data["gateway"] is not None and data["gateway"]["channel"] == "connected"


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    yield from account_lines(data)
    if data["next_steps"] and not data["dry_run"]:
        yield "  next:"
        yield from (f"    {step}" for step in data["next_steps"])
    if data["dry_run"]:
        yield "dry run: nothing was changed"
    elif "change" in data:
        yield f"to undo it: `hermes-profiles undo {data['change']}`"
