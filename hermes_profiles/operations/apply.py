"""What every command that changes something does with its plan, and what those that change settings say afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hermes_profiles.changes.apply import apply
from hermes_profiles.changes.plan import ChangePlan, describe
from hermes_profiles.documents.yaml.value import Value, flow, to_json
from hermes_profiles.settings.changes import SyncChange

from .context import Session

# What stands for a secret.
HIDDEN = "***"


def carry_out(
    session: Session,
    plan: ChangePlan | None,
    data: dict[str, Any],
    *,
    dry_run: bool,
    check: Callable[[], None] = lambda: None,
) -> None:
    """Apply a plan, or put it into `data` as it is; no plan is nothing to do. Adds `changed` and `dry_run`.

    `check` raises what stands in the way by the time that nobody else can change anything.
    """
    data["changed"], data["dry_run"] = plan is not None, dry_run
    if plan is not None and dry_run:
        data["plan"] = list(describe(plan))
    elif plan is not None:
        data["change"] = apply(plan, layout=session.layout, check=check).change_id


def closing_lines(data: dict[str, Any], profiles: Iterable[str]) -> Iterable[str]:
    """Yield what is said after a change of settings: that it was none, or when gateways take it up."""
    names = " ".join(profiles)
    if data["changed"] and data["dry_run"]:
        yield "dry run: nothing was changed"
    elif data["changed"] and names:
        yield f"  a gateway that runs reads it after `hermes-gateways restart {names}`"


def one_line(value: Value) -> str:
    """Return a value on one line, in a length that a person reads."""
    text = value.text if value.kind == "scalar" and value.tag == "str" and value.text.strip() else flow(value)
    text = " ".join(text.split())
    return text if len(text) <= 80 else f"{text[:79]}…"


def change_row(change: SyncChange) -> dict[str, Any]:
    """Return a carried setting as JSON has it."""
    return {
        "place": change.place,
        "key": change.key,
        "action": change.action,
        "secret": change.hidden,
        "before": to_json(change.before) if change.before else None,
        "after": to_json(change.after) if change.after else None,
    }


def change_words(change: SyncChange) -> str:
    """Return what a setting is and becomes; of a secret only that it changes."""
    if change.hidden:
        return {"add": "a secret, added", "set": "a secret, another one", "remove": "a secret, taken out"}[
            change.action
        ]
    before = one_line(change.before) if change.before is not None else "nothing"
    return f"{before} → {one_line(change.after) if change.after is not None else 'nothing'}"
