"""The tables of `status` and of both `list` commands, each below the verdict.

Not beside the data of `gateways.py`: `--json` needs none of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hermes_profiles.cli.framework.format import dash, size_text, span_text
from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.gateways.model import epoch_of
from hermes_profiles.model.names import DEFAULT

from .accounts import account_lines
from .gateways import channel_text, is_faulty
from .remarks import remark_lines, remarks_below
from .verdict import list_rank, list_verdict, state_style, trouble_first, verdict

_STATE = 1
_GATEWAY = 2
_STATUS_COLUMNS = (
    Column("profile"),
    Column("state"),
    Column("pid", rank=6),
    Column("up", rank=2),
    Column("memory", rank=4),
    Column("files", rank=7),
    Column("restarts", rank=3),
    Column("channels", rank=1, fewest=22),
    Column("service", rank=5),
)


# Only where a watcher saw one.
_CHANGED_COLUMN = Column("last change", rank=8)


def gateway_lines(data: dict[str, Any]) -> Iterator[Block]:
    """Yield the verdict, the table of `status`, and a remark for all that is not as it should be."""
    yield verdict(data)
    yield ""
    is_watched = any(row["last_change"] is not None for row in data["gateways"])
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
            *((_changed(row),) if is_watched else ()),
        )
        for row in trouble_first(data["gateways"])
    ]
    columns = (*_STATUS_COLUMNS, *((_CHANGED_COLUMN,) if is_watched else ()))
    yield Table(columns, cells, style=_style)
    yield from account_lines(data)
    remarks = [*fleet_remarks(data["gateways"], data["conflicts"])]
    if remarks:
        yield ""
        yield from remarks
    if data["unfinished_switch"]:
        yield "a switch of the run mode was interrupted; see `hermes-profiles team run-mode`"
    yield from _topology_lines(data)


def _changed(row: Mapping[str, Any]) -> str:
    """Return the last change of a gateway and its age, such as "recovered 2h ago"."""
    change = row["last_change"]
    at = epoch_of(change["time"]) if change is not None else None
    return f"{change['kind']} {span_text(max(0, round(time.time() - at)))} ago" if at is not None else "-"


def _style(column: int, cell: str) -> str:
    return state_style(cell) if column == _STATE else ""


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


def fleet_remarks(rows: Iterable[Mapping[str, Any]], conflicts: Iterable[Mapping[str, Any]]) -> Iterator[Prose]:
    """Yield a line for all that is not as it should be, as `status` and its live table show it."""
    for row in trouble_first(rows):
        name, style = f"{row['profile']}: ", state_style(row["state"])
        if row["detail"] and (row["state"] != "served" or is_faulty(row)):
            yield Prose(row["detail"], head=name, head_style=style)
        for text in row["disagreement"]:
            yield Prose(text, head=name, head_style=style)
        if row["api"] is not None and row["api"]["detail"]:
            yield Prose(f"API server, {row['api']['detail']}", head=name, head_style=style)
        yield from remark_lines(row["profile"], row["remarks"], style)
    for conflict in conflicts:
        yield Prose(conflict["message"], head="conflict: ", head_style="bold red")


def short_lines(data: dict[str, Any], most: int | None = None) -> Iterator[Block]:
    """Yield the verdict and the table of `list`: profile, state, process, service. `most`: so many rows are shown."""
    yield verdict(data)
    yield ""
    cells = [
        (row["profile"] + (" (disabled)" if row["disabled"] else ""), row["state"], dash(row["pid"]), _service(row))
        for row in trouble_first(data["gateways"])[:most]
    ]
    columns = (Column("profile"), Column("state"), Column("pid", rank=2), Column("service", rank=1, fewest=12))
    yield Table(columns, cells, style=_style)
    yield from remarks_below((row["profile"], row["remarks"]) for row in trouble_first(data["gateways"]))


def _service(row: Mapping[str, Any]) -> str:
    service = row["service"]
    if not service["installed"]:
        return "none"
    scope = "" if service["scope"] in ("user", None) else f"{service['scope']} "
    is_known = service["active"] is not None  # without an answer of the manager it is not
    return f"{scope}{service['name']}{' (not enabled)' if is_known and not service['enabled'] else ''}"


def _files(row: Mapping[str, Any]) -> str:
    if row["open_files"] is None:
        return "-"
    limit = row["open_files_limit"]
    return f"{row['open_files']}/{limit}" if limit else str(row["open_files"])


def list_lines(rows: list[dict[str, Any]], most: int | None = None) -> Iterator[Block]:
    """Yield the verdict and the table of `list`, trouble first. `most`: so many rows are shown."""
    has_teams = any(row["team"] or row["leads"] for row in rows)
    cells = [
        (
            ("* " if row["is_active"] else "  ") + _label(row) + (" (disabled)" if row["disabled"] else ""),
            row["model"] or "-",
            row["gateway"]["state"] + (f" ({row['gateway']['pid']})" if row["gateway"]["pid"] else ""),
            ", ".join(row["channels"]) or "-",
            row["alias"] or "-",
            *((_team(row),) if has_teams else ()),
        )
        for row in sorted(rows, key=list_rank)[:most]
    ]
    columns = (
        Column("  profile"),
        Column("model", rank=3),
        Column("gateway"),
        Column("channels", rank=1, fewest=18),
        Column("alias", rank=4),
        *((Column("team", rank=2),) if has_teams else ()),
    )
    yield list_verdict(rows)
    yield ""
    yield Table(columns, cells, style=lambda column, cell: state_style(cell) if column == _GATEWAY else "")
    yield from remarks_below((row["name"], row["remarks"]) for row in sorted(rows, key=list_rank))


def _label(row: dict[str, Any]) -> str:
    return f'{row["name"]} "{row["display_name"]}"' if row.get("display_name") else str(row["name"])


def _team(row: dict[str, Any]) -> str:
    """Return the teams of a profile: `weixin`, `leads weixin`."""
    parts = [row["team"]] if row["team"] else []
    parts += [f"leads {', '.join(row['leads'])}"] if row["leads"] else []
    return "; ".join(parts) or "-"
