"""The reports of `backup`: what was written, what there is, what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.prose import Block

if TYPE_CHECKING:
    from hermes_profiles.backups.store import Backup
    from hermes_profiles.operations.archives.backups import BackupRun, TimerState, Verified
    from hermes_profiles.operations.archives.restore_backup import RestoredBackup


def backup_row(backup: Backup) -> dict[str, Any]:
    """Return a backup as the command contract has it."""
    return {
        "id": backup.id,
        "profile": backup.profile,
        "created": backup.created.isoformat(timespec="seconds"),
        "bytes": backup.size,
        "encrypted": backup.encrypted,
        "path": str(backup.path),
    }


def run_data(done: BackupRun) -> dict[str, Any]:
    """Return the outcomes of `backup create`."""
    return {
        "folder": str(done.folder),
        "key": None if done.key is None else str(done.key),
        "dry_run": done.dry_run,
        "backups": [
            {
                "profile": row.profile,
                "outcome": row.outcome,
                "path": str(row.path),
                "bytes": row.size,
                "removed": [str(path) for path in row.removed],
                "detail": row.error.message if row.error is not None else "",
            }
            for row in done.rows
        ],
    }


def run_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield one line for each profile."""
    for row in data["backups"]:
        if row["outcome"] == "failed":
            yield f"{row['profile']}: failed: {row['detail']}"
            continue
        size = f", {row['bytes']:,} bytes" if row["bytes"] is not None else ""
        older = f"; {len(row['removed'])} older removed" if row["removed"] else ""
        yield f"{row['profile']}: {row['outcome']} {row['path']}{size}{older}"
    if data["key"] is not None:
        yield f"the key that opens them: {data['key']}"
    if data["dry_run"]:
        yield "dry run: nothing was changed"


def list_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the table of `backup list`."""
    cells = [(row["id"], row["created"], f"{row['bytes']:,}", "yes" if row["encrypted"] else "no") for row in rows]
    yield from output.table(("id", "created", "bytes", "encrypted"), cells)


def verified_row(row: Verified) -> dict[str, Any]:
    """Return a verified backup as the command contract has it."""
    fault = row.fault.message if row.fault is not None else None
    return backup_row(row.backup) | {
        "ok": row.fault is None,
        "files": row.files,
        "databases": row.databases,
        "fault": fault,
    }


def verified_lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield one line for each verified backup."""
    for row in rows:
        what = f"ok, {row['files']} files, {row['databases']} databases" if row["ok"] else f"damaged: {row['fault']}"
        yield f"{row['id']}: {what}"


def restored_data(done: RestoredBackup) -> dict[str, Any]:
    """Return a restored profile as the command contract has it."""
    data: dict[str, Any] = {
        "profile": done.profile,
        "path": str(done.home),
        "backup": backup_row(done.backup),
        "files": done.files,
        "bytes": done.size,
        "assigned": [{"name": name, "value": value} for name, value in done.assigned.items()],
        "trash_id": done.trash_id,
        "dry_run": done.change.dry_run,
    }
    if done.change.change is not None:
        data["change"] = done.change.change
    return data


def restored_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of `backup restore`."""
    name = data["profile"]
    verb = "would be restored" if data["dry_run"] else "restored"
    yield f"{name}: {verb} from {data['backup']['path']} at {data['path']} ({data['files']} files)"
    if data["trash_id"] is not None:
        yield f"  what was there {'goes' if data['dry_run'] else 'is'} in the trash: {data['trash_id']}"
    if data["assigned"]:
        yield f"  its own: {', '.join(row['name'] for row in data['assigned'])}"
    if data["dry_run"]:
        yield "dry run: nothing was changed"
    else:
        yield f"  next: hermes-gateways start {name}"


def timer_data(state: TimerState) -> dict[str, Any]:
    """Return the daily time as the command contract has it."""
    schedule, last = state.schedule, None
    if state.last is not None:
        last = {"started": _time(state.last.started), "ended": _time(state.last.ended), "code": state.last.code}
    return {
        "on": schedule is not None,
        "outcome": state.outcome,
        "at": schedule.at if schedule is not None else None,
        "keep": schedule.keep if schedule is not None else None,
        "recipients": list(schedule.recipients) if schedule is not None else [],
        "folder": str(state.folder),
        "next": _time(state.next),
        "last": last,
        "watched": state.watched,
    }


def timer_lines(data: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report of `backup timer`."""
    if data["on"]:
        verb = "would be made" if data["outcome"] == "would-be-on" else "is made"
        yield f"a backup of all profiles {verb} each day at {data['at']}; the {data['keep']} newest of each stay"
        yield f"  folder: {data['folder']}"
        yield f"  next: {data['next']}"
    else:
        yield "there is no daily backup" if data["outcome"] != "would-be-off" else "the daily backup would be off"
    if data["last"] is not None:
        code = data["last"]["code"]
        how = "is being made" if code is None else "succeeded" if code == 0 else f"failed with exit code {code}"
        yield f"  last: {data['last']['started']}, {how}"


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
