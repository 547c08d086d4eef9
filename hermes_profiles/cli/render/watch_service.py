"""`watch on|off|status` as data and as text: whether the fleet is watched, by which service."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.format import size_text, span_text
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.events.model import utc_time
from hermes_profiles.model.errors import Result
from hermes_profiles.operations.own_services.watch_service import WatchResult

from .plan import dry_run_lines


def watch_answer(action: str, result: WatchResult) -> Answer:
    """Return the answer of `watch on`, `off` or `status`."""
    data: dict[str, Any] = {
        "manager": str(result.manager),
        "service": result.service,
        "path": str(result.path),
        "log": str(result.log),
        "on": result.is_on,
        "pid": result.pid,
        "since": utc_time(result.since) if result.since is not None else None,
        "rss_bytes": result.rss,
        "events": result.events,
    }
    if result.outcome is not None:
        data |= {"outcome": result.outcome, "dry_run": result.dry_run}
    if result.change is not None:
        data["change"] = result.change
    steps = list(describe(result.plan)) if result.plan is not None else []
    if result.dry_run:
        data["plan"] = steps

    def text() -> Iterator[str]:
        if result.dry_run:
            yield from dry_run_lines(f"watch {action}", steps) if steps else [f"the watcher is {action} already"]
        else:
            yield from _lines(data, result.since)

    answer = Result(("watch",), data, list(result.warnings), list(result.errors), result.exit_code)
    return Answer(answer, text)


def _lines(data: Mapping[str, Any], since: float | None) -> Iterator[str]:
    if data["pid"] is not None:
        age = f", for {span_text(round(time.time() - since))}" if since is not None else ""
        by = f"{data['manager']} runs {data['service']}" if data["on"] else "no service of ours runs it"
        size = f", {size_text(data['rss_bytes'])}" if data["rss_bytes"] else ""
        yield f"the gateways are watched: process {data['pid']}{age}{size} ({by})"
    elif data["on"]:
        yield f"the watcher is on, but no process watches: {data['manager']} does not run {data['service']}"
    else:
        yield "nothing watches the gateways; `hermes-gateways watch on` does"
    if data["events"]:
        yield f"events: {data['events']} in {data['log']}; `hermes-gateways events` shows them"
