"""A repair as data and as text: what is shared, which profile keeps it and why, what each profile loses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.changes.plan import describe
from hermes_profiles.operations.repairs.repair import RepairResult, SharedResource

# So many places of one kind are named in one profile; `--json` has them all.
_NAMED = 12


def repair_data(result: RepairResult) -> dict[str, Any]:
    """Return a repair as the command contract has it."""
    data: dict[str, Any] = {
        "dry_run": result.dry_run,
        "shared": [_shared_row(resource) for resource in result.shared],
        "profiles": [report.as_data() for report in result.profiles],
        "remaining": [_shared_row(resource) for resource in result.remaining],
        "unread": list(result.unread),
        "next_steps": list(result.next_steps),
    }
    if result.dry_run and result.plan is not None:
        data["plan"] = list(describe(result.plan))
    if result.change is not None:
        data["change"] = result.change
    return data


def repair_question(result: RepairResult) -> str:
    """Return what a user agrees to with `repair`."""
    count = len(result.profiles)
    return f"take what others own from {count} profile{'' if count == 1 else 's'}"


def _shared_row(resource: SharedResource) -> dict[str, Any]:
    decision = resource.decision
    return {
        "kind": str(decision.kind),
        "channel": decision.channel,
        "what": decision.what,
        "owner": decision.owner,
        "losers": list(decision.losers),
        "left_alone": list(resource.left_alone),
        "reason": decision.reason,
        "sureness": str(decision.confidence),
        "doubts": list(decision.caveats),
        "fingerprints": list(resource.fingerprints),
    }


def report_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of a repair that was made, or of its dry run."""
    yield from plan_lines(data)
    if data["next_steps"]:
        yield "next:"
        yield from (f"  {step}" for step in data["next_steps"])
    if data["dry_run"]:
        yield "dry run: nothing was changed; the same without `--dry-run` does it"
    elif "change" in data:
        left = data["remaining"]
        yield "still shared: see the errors" if left else "nothing is shared any more"
        yield f"to undo it: `hermes-profiles undo {data['change']}`"


def plan_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is shared, who keeps it, and each step."""
    if not data["shared"]:
        unread = " in what could be read" if data["unread"] else ""
        yield f"nothing to do: no profile holds what another one has{unread}"
    for row in data["shared"]:
        yield from _shared(row)
    done = "loses" if "change" in data else "would lose"
    for row in data["profiles"]:
        yield from _profile(row, done)


def _shared(row: Mapping[str, Any]) -> Iterator[str]:
    prints = f" [{' '.join(row['fingerprints'])}]" if row["fingerprints"] else ""
    what = f"{row['what']} of {row['channel']}" if row["kind"] != "port" else f"{row['what']} ({row['channel']})"
    copies = ", a copy where it is off" if row["kind"] == "copy" else ""
    yield f"{what}{prints} is held by {', '.join([row['owner'], *row['losers']])}{copies}"
    yield f"  {row['owner']} keeps it: {row['reason']} ({row['sureness']})"
    yield from (f"  but {doubt}" for doubt in row["doubts"])
    if row["doubts"] and row["sureness"] != "certain":
        yield f"  to decide otherwise: `--owner {row['channel'].split(', ')[0]}=PROFILE`"
    if row["left_alone"]:
        yield f"  left alone, for you did not name them: {', '.join(row['left_alone'])}"


def _profile(row: Mapping[str, Any], done: str) -> Iterator[str]:
    lost = [*row["channels"], *(f"the login of {name}" for name in row["logins"])]
    assigned = [each["name"] for each in row["assigned"]]
    yield f"{row['profile']} {done} {', '.join(lost)}" if lost else f"{row['profile']} gets {' and '.join(assigned)}"
    yield from _rows([(f"{r['file']}:{r['line']}", r["name"], r["reason"]) for r in row["removed"]])
    yield from _rows([(f"{r['path']}:{r['line']}", f"the value of {r['name']}, taken out") for r in row["redacted"]])
    yield from _rows([(r["path"], f"to the trash: {r['reason']}") for r in row["trashed"]])
    if row["disabled"]:
        yield f"  switched off: {', '.join(row['disabled'])}"
    for each in row["assigned"]:
        yield f"  its own: {each['name']}={each['value']}" if each["value"] else f"  its own: a fresh {each['name']}"
    if row["masked"]:
        yield f"  kept out, though the environment sets them: {', '.join(row['masked'])}"
    for each in row["kept"]:
        yield f"  {each['name']} stays: {', '.join(each['channels'])} needs it"
    if row["left"]:
        yield "  not rewritten, look at it yourself:"
        yield from _rows([(r["path"], r["reason"], r["command"]) for r in row["left"]], indent=4)


def _rows(rows: Sequence[tuple[str, ...]], indent: int = 2) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows[:_NAMED]) for column in range(len(rows[0]) - 1)] if rows else []
    for row in rows[:_NAMED]:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        yield " " * indent + "  ".join([*cells, row[-1]])
    if len(rows) > _NAMED:
        yield f"{' ' * indent}and {len(rows) - _NAMED} more; `--json` has them all"
