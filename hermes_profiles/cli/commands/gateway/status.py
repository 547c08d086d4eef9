"""status and list of gateways: one look at all of them, told as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Any

import typer

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import examples
from hermes_profiles.cli.framework.fleet_options import Except, Group, ManagerName, Names
from hermes_profiles.cli.framework.options import Home, Json
from hermes_profiles.cli.render.accounts import account_lines, accounts_of
from hermes_profiles.fleet.status import Inventory, read_fleet_status
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.multiplex.saved_state import is_unfinished
from hermes_profiles.operations.context import Answer, command_at, run
from hermes_profiles.operations.fleet_context import FleetSession, gateway_row

# So many gateways that were named one by one are asked who they are, too.
_FEW = 5


@examples(
    "hermes-gateways status",
    "hermes-gateways status work family",
    "hermes-gateways status --json",
    "hermes-gateways status --watch",
)
def status(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    quick: Annotated[bool, typer.Option("--quick", help="Do not ask API servers whether they are well.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it live, until q is pressed.")] = False,
    interval: Annotated[
        float | None, typer.Option("--interval", metavar="SECONDS", help="Seconds between two looks (2).")
    ] = None,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Show every gateway: what it does, its process, memory, restarts, channels. Exit 3 when one that has a service
    is not running."""
    session = FleetSession(home, json, manager_option=manager)

    def look(session: FleetSession) -> Answer:
        selection = session.selection(profiles or (), excluded or (), group)
        data, inventory = look_at(
            session,
            selection.profiles,
            ask_api=not quick,
            in_detail=selection.named and len(selection.profiles) <= _FEW,
        )
        code = ExitCode.NEGATIVE if any(_is_down(row) for row in data["gateways"]) else ExitCode.OK
        first = () if selection.named else tuple(_first_step(data, home))
        return _answer("status", session, data, inventory, code, lambda: [*gateway_lines(data), *first])

    def body() -> Answer:
        if not watch:
            if interval is not None:
                raise UsageProblem("`--interval` is for `--watch`", target="--interval", hint="say both, or none")
            return look(session)
        from hermes_profiles.cli.render.watch import watch_fleet

        return watch_fleet(session, look, 2.0 if interval is None else interval)

    run(("status",), session, body)


@examples(
    "hermes-gateways list",
    "hermes-gateways list --json",
)
def list_gateways(
    profiles: Names = None,
    excluded: Except = None,
    group: Group = None,
    manager: ManagerName = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List the gateways: profile, state, process, service."""
    session = FleetSession(home, json, manager_option=manager)

    def body() -> Answer:
        selection = session.selection(profiles or (), excluded or (), group)
        data, inventory = look_at(session, selection.profiles, ask_api=False, accounts=False)
        return _answer("list", session, data, inventory, ExitCode.OK, lambda: _short_table(data))

    run(("list",), session, body)


def look_at(
    session: FleetSession,
    profiles: Sequence[str],
    *,
    ask_api: bool = True,
    in_detail: bool = False,
    accounts: bool = True,
) -> tuple[dict[str, Any], Inventory]:
    """Return what `status` answers for some profiles, and what it was made from; `accounts`: a row for each, too."""
    inventory = read_fleet_status(
        session.look,
        session.world,
        profiles,
        catalog=session.catalog,
        ask_api=ask_api,
        environment=session.environment,
        in_detail=in_detail,
    )
    data = {
        "topology": str(inventory.topology),
        "unfinished_switch": is_unfinished(session.layout),
        "manager": session.manager_kind,
        "gateways": [gateway_row(inventory.gateways[name], session) for name in profiles],
        "conflicts": [conflict.as_data() for conflict in inventory.conflicts],
    }
    if accounts:
        data["accounts"] = [row.as_data() for row in accounts_of(session, inventory)]
    return data, inventory


def _answer(
    command: str, session: FleetSession, data: dict[str, Any], inventory: Inventory, code: ExitCode, text: Any
) -> Answer:
    unreachable = list(dict.fromkeys(session.manager_problems))
    warnings = list(dict.fromkeys([*session.problems, *inventory.warnings]))
    result = Result((command,), data, warnings=warnings, errors=unreachable, exit_code=code)
    if unreachable:
        result.exit_code = ExitCode.MANAGER
    return Answer(result, text)


def _is_down(row: dict[str, Any]) -> bool:
    """Return whether a gateway that should run does not: it has a service and is not disabled."""
    alive = row["state"] in ("running", "starting", "degraded", "served", "unsupervised")
    return bool(row["service"]["installed"]) and not row["disabled"] and not alive


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
    if data["topology"] == "multiplex":
        yield "one gateway, that of default, serves every profile (multiplex)"


def _remarks(data: dict[str, Any]) -> Iterator[str]:
    for row in data["gateways"]:
        if row["detail"] and row["state"] != "served":
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


def _first_step(data: dict[str, Any], home: str | None) -> Iterator[str]:
    """Yield the way to go on for somebody who has no service and no gateway yet."""
    rows = data["gateways"]
    if rows and all(row["state"] == "stopped" and not row["service"]["installed"] for row in rows):
        yield ""
        command = command_at("hermes-gateways install --start", home)
        yield f"none has a service; `{command}` makes one for every profile, and starts them"


def _short_table(data: dict[str, Any]) -> Iterator[str]:
    cells = [
        (row["profile"] + (" (disabled)" if row["disabled"] else ""), row["state"], dash(row["pid"]), _service(row))
        for row in data["gateways"]
    ]
    yield from output.table(("profile", "state", "pid", "service"), cells)


def _service(row: dict[str, Any]) -> str:
    service = row["service"]
    if not service["installed"]:
        return "none"
    scope = "" if service["scope"] in ("user", None) else f"{service['scope']} "
    return f"{scope}{service['name']}{'' if service['enabled'] else ' (not enabled)'}"


def channel_text(channel: dict[str, Any]) -> str:
    """Return a channel's name, with its state unless that is as it should be."""
    return channel["name"] if channel["state"] == "connected" else f"{channel['name']} ({channel['state']})"


def dash(value: object) -> str:
    """Return a value as text, a dash for none."""
    return "-" if value is None else str(value)


def span_text(seconds: int | None) -> str:
    """Return how long something has run, in its largest unit."""
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def size_text(size: int | None) -> str:
    """Return a size in megabytes."""
    return "-" if size is None else f"{size / 1e6:.0f} MB"


def _files(row: dict[str, Any]) -> str:
    if row["open_files"] is None:
        return "-"
    limit = row["open_files_limit"]
    return f"{row['open_files']}/{limit}" if limit else str(row["open_files"])
