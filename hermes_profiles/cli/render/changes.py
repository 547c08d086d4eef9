"""Changes as data and as text: what a plan did or would do, and settings that changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework import output
from hermes_profiles.documents.yaml.value import Value, flow, to_json
from hermes_profiles.operations.apply import ChangeResult
from hermes_profiles.settings.changes import SyncChange


def change_data(result: ChangeResult) -> dict[str, Any]:
    """Return what became of a plan: `changed`, `dry_run`, and the steps of a dry run or the id of the change."""
    data: dict[str, Any] = {"changed": result.changed, "dry_run": result.dry_run}
    if result.plan is not None and result.dry_run:
        data["plan"] = list(describe(result.plan))
    if result.change is not None:
        data["change"] = result.change
    return data


def closing_lines(data: Mapping[str, Any], profiles: Iterable[str]) -> Iterable[str]:
    """Yield the last lines after a change of settings: a dry run, or which gateways need a restart."""
    names = " ".join(profiles)
    if data["changed"] and data["dry_run"]:
        yield "dry run: nothing was changed"
    elif data["changed"] and names:
        yield f"  a gateway that runs reads it after `hermes-gateways restart {names}`"


def one_line(value: Value) -> str:
    """Return a value on one line of at most 80 characters; the secrets in it are hidden before it is cut."""
    text = value.text if value.kind == "scalar" and value.tag == "str" and value.text.strip() else flow(value)
    (text,) = output.without_secrets([" ".join(text.split())])
    return text if len(text) <= 80 else f"{text[:79]}…"


def change_row(change: SyncChange) -> dict[str, Any]:
    """Return a changed setting as the command contract has it."""
    return {
        "place": change.place,
        "key": change.key,
        "action": change.action,
        "secret": change.hidden,
        "before": to_json(change.before) if change.before else None,
        "after": to_json(change.after) if change.after else None,
    }


def change_text(change: SyncChange) -> str:
    """Return the old and the new value of a setting; of a secret only that it changes."""
    if change.hidden:
        return {"add": "a secret, added", "set": "a secret, another one", "remove": "a secret, taken out"}[
            change.action
        ]
    before = one_line(change.before) if change.before is not None else "nothing"
    return f"{before} → {one_line(change.after) if change.after is not None else 'nothing'}"
