"""The answers of several places as one: rows with a column `place`, and what is silent."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.cli.framework.format import dash, size_text, span_text
from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.table import Column, Table
from hermes_profiles.model.errors import Problem, Result
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.operations.places.in_places import PlacesAnswer
from hermes_profiles.places.answers import PlaceAnswer
from hermes_profiles.places.model import Place, PlaceKind

Row = Mapping[str, Any]
_UNKNOWN = "unknown"
_COMMAND = lazy_pattern(r"`(hermes-(?:profiles|gateways) [^`]*)`")
# Commands that take `--place`.
_WITH_PLACE = frozenset((
    "hermes-gateways list", "hermes-gateways status", "hermes-gateways start", "hermes-gateways stop",
    "hermes-gateways restart", "hermes-gateways logs", "hermes-gateways events", "hermes-gateways alert",
    "hermes-profiles list", "hermes-profiles doctor",
))  # fmt: skip


def merged_answer(path: tuple[str, ...], key: str, places: PlacesAnswer) -> Answer:
    """Return the answer of a command in places. `key`: of its rows."""
    rows = [row for answer in places.counted for row in _rows(answer, key)]
    data: dict[str, Any] = {"places": [_place_data(answer, key) for answer in places.counted], key: rows}
    if key == "findings":
        rows += [finding.as_data() for finding in places.findings]
        order = {"error": 0, "warning": 1, "info": 2}
        rows.sort(key=lambda row: order.get(row["severity"], 3))
        data["summary"] = _summary(data["places"], rows)
    by_name = {answer.place.name: answer.place for answer in places.counted}
    errors = [_led_there(problem, by_name) for problem in places.problems("errors")]
    shown = _local_roots(by_name.values())
    warnings = [
        _led_there(problem, by_name)
        for problem in places.problems("warnings")
        if problem.code != "other-root" or os.path.realpath(problem.target or "") not in shown
    ]
    result = Result(path, data, warnings, errors, places.exit_code)
    return Answer(result, lambda: _LINES[key](rows, data))


def _rows(answer: PlaceAnswer, key: str) -> list[dict[str, Any]]:
    if not answer.is_silent:
        rows = answer.rows(key)
        for row in rows:
            fix = row.get("fix")
            if isinstance(fix, Mapping) and fix.get("command"):
                row["fix"] = {**fix, "command": command_there(answer.place, str(fix["command"]))}
        return rows
    state = answer.engine.state if answer.engine is not None else _UNKNOWN
    detail = answer.engine.detail if answer.engine is not None else _why(answer)
    start: dict[str, Any] = {"place": answer.place.name}
    if key == "gateways":
        return [{**start, **_SILENT_GATEWAY, "state": state, "detail": detail}]
    if key == "profiles":
        return [{**start, **_SILENT_PROFILE, "gateway": {"state": state, "pid": None}}]
    if key == "outcomes":
        return [start | {"profile": None, "outcome": _UNKNOWN, "detail": detail, "pid": None, "masked_channels": []}]
    return []


_SILENT_GATEWAY: Row = {
    "profile": None, "pid": None, "uptime_s": None, "rss_bytes": None, "open_files": None, "open_files_limit": None,
    "served_by": None, "parked": False, "standalone": False, "unserved": False, "restarts": None, "last_exit": None,
    "disabled": False, "groups": [], "channels": [], "masked_channels": [], "api": None, "disagreement": [],
    "last_change": None, "remarks": [],
    "service": {
        "manager": None, "name": None, "path": None, "installed": False, "enabled": False, "active": False,
        "scope": None,
    },
}  # fmt: skip
_SILENT_PROFILE: Row = {
    "name": None, "path": None, "is_default": False, "is_active": False, "model": None, "provider": None,
    "alias": None, "description": None, "disabled": False, "channels": [], "team": None, "lead": None, "leads": [],
    "remarks": [],
}  # fmt: skip


def _why(answer: PlaceAnswer) -> str:
    text = answer.problem.message if answer.problem is not None else ""
    return text.removeprefix(f"{answer.place.name}: ")


def _local_roots(places: Iterable[Place]) -> set[str]:
    """Return the roots of this machine that have rows of their own; what another root says of them is no news."""
    return {os.path.realpath(os.path.expanduser(each.root)) for each in places if each.kind is PlaceKind.LOCAL}


def _place_data(answer: PlaceAnswer, key: str) -> dict[str, Any]:
    return {
        "place": answer.place.name,
        "kind": str(answer.place.kind),
        "silent": answer.is_silent,
        "exit_code": int(answer.exit_code),
        "data": {name: value for name, value in answer.data.items() if name != key},
    }


def _summary(places: Sequence[Row], rows: Sequence[Row]) -> dict[str, int]:
    counted = {
        f"{severity}s": sum(row["severity"] == severity for row in rows) for severity in ("error", "warning", "info")
    }
    found = [place["data"].get("summary") or {} for place in places]
    return {
        "profiles": sum(int(each.get("profiles", 0)) for each in found),
        **counted,
        "fixable": sum(int(each.get("fixable", 0)) for each in found),
    }


def command_there(place: Place, command: str) -> str:
    """Return a command that a user runs here, for one that was meant for a shell in a place."""
    is_plain = not any(word in command for word in ("&&", "--place", "--home"))
    if " ".join(command.split()[:2]) in _WITH_PLACE and is_plain:
        return f"{command} --place {place.name}"
    if place.kind is PlaceKind.SSH:
        return f"ssh -t {place.host} {shlex.quote(command)}"
    if place.kubernetes is not None:
        target = place.kubernetes
        context = f"--context {shlex.quote(target.context)} " if target.context else ""
        return f"kubectl {context}-n {target.namespace} exec -it {target.pod} -- sh -c {shlex.quote(command)}"
    return command


def _led_there(problem: Problem, places: Mapping[str, Place]) -> Problem:
    """Return a problem whose hint works from here."""
    place = places.get(problem.message.partition(":")[0])
    if place is None or not problem.hint or problem.target == place.name:
        return problem
    return problem._replace(hint=_COMMAND.sub(lambda match: f"`{command_there(place, match[1])}`", problem.hint))


def _named(row: Row, key: str = "profile") -> str:
    """Return a row's profile with its place, for sentences."""
    return f"{row['place']}/{row[key]}" if row[key] else str(row["place"])


def _gateway_lines(rows: Sequence[Row], _data: Row) -> Iterator[Block]:
    from .gateways import channel_text
    from .verdict import state_style, verdict

    yield verdict({"gateways": [{**row, "profile": _named(row)} for row in rows], "conflicts": []})
    yield ""
    columns = (
        Column("place"), Column("profile"), Column("state"), Column("pid", rank=6), Column("up", rank=2),
        Column("memory", rank=4), Column("restarts", rank=3), Column("channels", rank=1, fewest=22),
    )  # fmt: skip
    cells = [
        (
            row["place"],
            dash(row["profile"]) + (" (disabled)" if row["disabled"] else ""),
            row["state"],
            dash(row["pid"]),
            span_text(row["uptime_s"]),
            size_text(row["rss_bytes"]),
            dash(row["restarts"]),
            ", ".join(channel_text(each) for each in row["channels"] or ()) or "-",
        )
        for row in rows
    ]
    yield Table(columns, cells, style=lambda column, cell: state_style(cell) if column == 2 else "")
    remarks = [
        Prose(text, head=f"{_named(row)}: ", head_style=state_style(row["state"]))
        for row in rows
        for text in (*([row["detail"]] if row["profile"] and row["detail"] else ()), *row["disagreement"])
    ]
    if remarks:
        yield ""
        yield from remarks


def _profile_lines(rows: Sequence[Row], _data: Row) -> Iterator[Block]:
    from .verdict import state_style

    columns = (
        Column("place"), Column("profile"), Column("model", rank=3), Column("gateway"),
        Column("channels", rank=1, fewest=18),
    )  # fmt: skip
    cells = [
        (
            row["place"],
            dash(row["name"]) + (" (disabled)" if row["disabled"] else ""),
            row["model"] or "-",
            row["gateway"]["state"] + (f" ({row['gateway']['pid']})" if row["gateway"]["pid"] else ""),
            ", ".join(row["channels"] or ()) or "-",
        )
        for row in rows
    ]
    yield Table(columns, cells, style=lambda column, cell: state_style(cell) if column == 3 else "")


def _outcome_lines(rows: Sequence[Row], _data: Row) -> Iterator[Block]:
    columns = (Column("place"), Column("profile"), Column("outcome"), Column("pid", rank=3), Column("detail", rank=1))
    cells = [
        (row["place"], dash(row["profile"]), row["outcome"], dash(row["pid"]), row["detail"] or "-") for row in rows
    ]
    yield Table(columns, cells)


def _alert_lines(rows: Sequence[Row], data: Row) -> Iterator[Block]:
    for place in data["places"]:
        changed = place["data"].get("changed")
        if changed:
            yield f"{place['place']}: {place['data'].get('outcome')} {', '.join(changed)}"
    columns = (Column("place"), Column("name"), Column("kind"), Column("address", fewest=20), Column("state"))
    yield Table(columns, [(row["place"], row["name"], row["kind"], row["address"], row["state"]) for row in rows])


def _finding_lines(rows: Sequence[Row], data: Row) -> Iterator[Block]:
    from hermes_profiles.doctor.registry import CHECKS

    from .doctor import ReportView, report_lines

    titles = {each.id: each.title for each in CHECKS}
    shown = [row if row["place"] is None else {**row, "message": f"{row['place']}: {row['message']}"} for row in rows]
    fixable = {**data["summary"], "fixable": 0}  # the line about `--fix` is about one root
    yield from report_lines({**data, "findings": shown, "summary": fixable}, ReportView(titles))
    for place in data["places"]:
        if place["silent"]:
            yield f"{place['place']}: not examined"


_LINES: Mapping[str, Callable[[Sequence[Row], Row], Iterator[Block]]] = {
    "gateways": _gateway_lines,
    "profiles": _profile_lines,
    "outcomes": _outcome_lines,
    "alerts": _alert_lines,
    "findings": _finding_lines,
}
