"""trash: deleted profiles and files taken out of profiles, and the one command that deletes for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from shlex import quote
from typing import Annotated, Any

import typer

from hermes_profiles.changes.trash import TrashEntry
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import DryRun, Yes
from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.run import Answer, require_yes
from hermes_profiles.model.errors import Result
from hermes_profiles.model.text import first_names
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.profiles import trash as operations


def _row(entry: TrashEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": entry.kind,
        "profile": entry.name,
        "deleted_at": entry.deleted_at,
        "path": str(entry.home),
        "files": list(entry.paths),
        "reason": entry.reason,
    }


def _count(entries: Sequence[TrashEntry]) -> str:
    """Return what is deleted: `2 deleted profiles and files of 1 profile`."""
    profiles = sum(entry.kind == "profile" for entry in entries)
    owners = len({entry.name for entry in entries if entry.kind != "profile"})
    parts = [f"{profiles} deleted profile{'s' if profiles > 1 else ''}"] if profiles else []
    parts += [f"files of {owners} profile{'s' if owners > 1 else ''}"] if owners else []
    return " and ".join(parts)


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    """Yield the table, then the files of each entry: their paths are too long for a column beside an id."""
    cells = [(row["id"], row["kind"], row["profile"], row["deleted_at"] or "-") for row in rows]
    yield from output.table(("id", "kind", "profile", "deleted"), cells)
    for row in rows:
        if row["kind"] == "files":
            paths = row["files"] or [f"see `ls -RA {quote(str(row['path']))}`"]
            why = f" ({row['reason']})" if row["reason"] else ""
            yield f"{row['id']}: {first_names(paths, 1)}{why}"


@command("trash", "list", examples=("hermes-profiles trash list", "hermes-profiles trash list --json"))
def list_trash(
    session: Session,
) -> Answer:
    """List deleted profiles, and files that were taken out of profiles, newest first."""
    rows = [_row(entry) for entry in operations.list_trash(session)]
    return Answer(
        Result(("trash", "list"), {"trash": rows}), lambda: list(_lines(rows)) if rows else ["the trash is empty"]
    )


@command(
    "trash",
    "empty",
    examples=("hermes-profiles trash empty --dry-run", "hermes-profiles trash empty --older-than 30 --yes"),
)
def empty_trash(
    session: Session,
    entry: Annotated[list[str] | None, typer.Argument(help="Ids of entries to delete (default: all).")] = None,
    older_than: Annotated[
        int | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Only what was deleted more than so many days ago."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
) -> Answer:
    """Delete what is in the trash for good; this has no undo.

    The old files of these profiles in the journal are deleted as well.
    """
    done = operations.empty_trash(session, entry or (), older_than, dry_run=dry_run, confirm=None if yes else _confirm)
    deleted = [_row(each) for each in done.entries]
    verb = "would be deleted" if dry_run else "deleted"
    data = {"deleted": deleted, "dry_run": dry_run}
    return Answer(
        Result(("trash", "empty"), data),
        lambda: [f"{verb}: {row['id']}" for row in deleted] or ["nothing to delete"],
    )


def _confirm(entries: Sequence[TrashEntry]) -> bool:
    """Return True when the user agrees. Raises Refused otherwise."""
    hint = "use `hermes-profiles trash empty --yes`"
    require_yes(f"delete {_count(entries)} for good", "delete", yes=False, hint=hint)
    return True


app = command_group(
    "List or empty the trash of deleted profiles and files.",
    {
        "list": list_trash,
        "empty": empty_trash,
    },
)
