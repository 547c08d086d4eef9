"""The report of a new profile: what was kept, what stayed behind and why, the next steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hermes_profiles.changes.plan import describe
from hermes_profiles.hermes.environment import API_SERVER_PORT
from hermes_profiles.model.text import first_names

from .gateway_steps import nothing_to_install

if TYPE_CHECKING:
    from hermes_profiles.operations.profiles.create_profile import CreatedProfile

# So many paths that stay behind for one reason are named; the rest is counted, and `--json` has them all.
_NAMED = 6


def created_data(done: CreatedProfile) -> dict[str, Any]:
    """Return a new profile as the command contract has it."""
    planned, change = done.planned, done.change
    if planned.report is not None:
        data = planned.report.as_data(dry_run=change.dry_run)
    else:
        data = _empty_data(planned.name, str(planned.home), dry_run=change.dry_run)
    if done.server is not None:
        data["next_steps"] = list(_served_steps(data, planned.name, done.server))
    elif done.one_gateway:
        data["next_steps"] = [*_without_service(data, planned.name), nothing_to_install((planned.name,))]
    if planned.alias is not None:
        data["alias"] = str(planned.alias)
    if change.dry_run:
        data["plan"] = list(describe(planned.plan))
    if change.change is not None:
        data["change"] = change.change
    return data


def _served_steps(data: Mapping[str, Any], name: str, server: str) -> Iterator[str]:
    """Yield the next steps of a profile that a running gateway takes in: it needs no service."""
    yield from _without_service(data, name)
    yield f"nothing to start: the gateway of {server} serves it within 30 s; see hermes-gateways status {name}"
    if any(row["name"] == API_SERVER_PORT for row in data["env"]["assigned"]):
        yield f"its API: /p/{name}/v1 of that gateway, with its own key; {API_SERVER_PORT} counts without it only"


def _without_service(data: Mapping[str, Any], name: str) -> list[str]:
    """Return the next steps without that of a service of its own."""
    return [step for step in data["next_steps"] if f"hermes-gateways install {name}" not in step]


def _empty_data(name: str, path: str, *, dry_run: bool) -> dict[str, Any]:
    return {
        "profile": name,
        "source": None,
        "path": path,
        "dry_run": dry_run,
        "env": {"kept": [], "removed": [], "assigned": [], "masked": []},
        "config": {"removed": [], "disabled": []},
        "files": {"copied": 0, "left_behind": [], "redacted": [], "named": []},
        "login_again": [],
        "next_steps": [
            f"choose a model: hermes -p {name} model",
            f"set up a channel: hermes -p {name} gateway setup",
            f"run its gateway, now and at boot: hermes-gateways install {name} --start",
        ],
        "alias": None,
    }


def report_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of `create` and `clone`: what was made, what stayed behind and why, what to do next."""
    yield from made_lines(data)
    yield from next_lines(data)
    if data["dry_run"]:
        yield "dry run: nothing was changed"


def next_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what to do next."""
    if data["next_steps"]:
        yield "  next:"
        yield from (f"    {step}" for step in data["next_steps"])


def made_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was made, and what stayed behind and why."""
    from hermes_profiles.credentials.search.value_index import what_it_is

    verb = "would be made" if data["dry_run"] else "made"
    origin = f" from {data['source']}" if data["source"] else ""
    yield f"{data['profile']}: {verb}{origin} at {data['path']}"
    env, config, files = data["env"], data["config"], data["files"]
    if data["source"]:
        yield f"  kept: {_count(env['kept'], 'key')}, {_count(files['copied'], 'file')}"
    left = [(f"{row['file']}:{row['line']}", row["name"], row["reason"]) for row in env["removed"]]
    left += [(f"{row['file']}:{row['line']}", row["path"], row["reason"]) for row in config["removed"]]
    if left:
        yield f"  left behind, {_count(left, 'setting')}:"
        yield from _columns(left)
    if files["left_behind"]:
        yield f"  left behind, {_count(files['left_behind'], 'file or folder', 'files and folders')}:"
        yield from _grouped(files["left_behind"])
    if files["redacted"]:
        yield f"  taken out of the text of {_count({row['path'] for row in files['redacted']}, 'file')}:"
        yield from _columns([(f"{row['path']}:{row['line']}", what_it_is(row["name"])) for row in files["redacted"]])
    if files["named"]:
        yield f"  copied as it is, look at {_count({row['path'] for row in files['named']}, 'file')} yourself:"
        yield from _columns([(_place(row), row["kind"]) for row in files["named"]])
    if config["disabled"]:
        yield f"  switched off in config.yaml: {', '.join(config['disabled'])}"
    if env["assigned"]:
        assigned = (
            f"{row['name']}={row['value']}" if row["value"] else f"a fresh {row['name']}" for row in env["assigned"]
        )
        yield f"  its own: {', '.join(assigned)}"
    if env["masked"]:
        yield f"  kept out, though this shell sets them: {', '.join(env['masked'])}"
    if data["alias"]:
        yield f"  alias: {data['alias']}"


def _grouped(rows: Sequence[Mapping[str, str]]) -> Iterator[str]:
    """Yield one line a reason: a hundred sessions that stay behind for one reason are one thing to know."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["reason"], []).append(row["path"])
    for reason, paths in groups.items():
        yield f"    {first_names(paths, _NAMED)}: {reason}"


def _place(row: Mapping[str, Any]) -> str:
    return row["path"] if row["line"] is None else f"{row['path']}:{row['line']}"


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]) - 1)]
    for row in rows:
        yield "    " + "  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]])


def _count(things: Any, one: str, many: str | None = None) -> str:
    number = things if isinstance(things, int) else len(things)
    return f"{number} {one if number == 1 else many or one + 's'}"
