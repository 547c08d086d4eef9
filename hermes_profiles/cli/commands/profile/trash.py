"""trash: deleted profiles and files taken out of profiles, and the one command that deletes for good."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.trash import TrashEntry, empty, trash_entries
from hermes_profiles.cli.framework import output
from hermes_profiles.cli.framework.examples import epilog, examples
from hermes_profiles.cli.framework.options import DryRun, Home, Json, Yes
from hermes_profiles.cli.framework.run import Answer, require_yes, run
from hermes_profiles.model.errors import NotFound, Result
from hermes_profiles.operations.context import Session


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
    """Return what goes, in words: `2 deleted profiles and files of 1 profile`."""
    profiles = sum(entry.kind == "profile" for entry in entries)
    owners = len({entry.name for entry in entries if entry.kind != "profile"})
    parts = [f"{profiles} deleted profile{'s' if profiles > 1 else ''}"] if profiles else []
    parts += [f"files of {owners} profile{'s' if owners > 1 else ''}"] if owners else []
    return " and ".join(parts)


def _lines(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the table, then which files there are: their paths are too long for a column beside an id."""
    cells = [(row["id"], row["kind"], row["profile"], row["deleted_at"] or "-") for row in rows]
    yield from output.table(("id", "kind", "profile", "deleted"), cells)
    for row in rows:
        if row["kind"] == "files":
            first, *more = row["files"] or [f"see `ls -RA {row['path']}`"]
            why = f" ({row['reason']})" if row["reason"] else ""
            yield f"{row['id']}: {first}{f' and {len(more)} more' if more else ''}{why}"


def _is_older(entry: TrashEntry, limit: datetime) -> bool:
    try:
        return entry.deleted_at is not None and datetime.fromisoformat(entry.deleted_at) < limit
    except (ValueError, TypeError):  # an unreadable time is not older than anything: `empty` says the same
        return False


@examples("hermes-profiles trash list", "hermes-profiles trash list --json")
def list_trash(home: Home = None, json: Json = False) -> None:
    """List deleted profiles, and files that were taken out of profiles, newest first."""
    session = Session(home, json)

    def body() -> Answer:
        rows = [_row(entry) for entry in trash_entries(session.layout)]
        return Answer(
            Result(("trash", "list"), {"trash": rows}), lambda: list(_lines(rows)) if rows else ["the trash is empty"]
        )

    run(("trash", "list"), session, body)


@examples("hermes-profiles trash empty --dry-run", "hermes-profiles trash empty --older-than 30 --yes")
def empty_trash(
    entry: Annotated[list[str] | None, typer.Argument(help="Ids of entries to delete (default: all).")] = None,
    older_than: Annotated[
        int | None,
        typer.Option("--older-than", metavar="DAYS", min=0, help="Only what was deleted more than so many days ago."),
    ] = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    home: Home = None,
    json: Json = False,
) -> None:
    """Delete what is in the trash for good. This is the one thing that has no undo: what the journal kept of the old
    files of these profiles goes, too."""
    session = Session(home, json)

    def body() -> Answer:
        chosen = [each for each in trash_entries(session.layout) if not entry or each.id in entry]
        unknown = sorted(set(entry or ()) - {each.id for each in chosen})
        if unknown:
            raise NotFound(
                f"{unknown[0]!r} is not in the trash",
                target=unknown[0],
                hint="see `hermes-profiles trash list`",
            )
        limit = utc_now() - timedelta(days=older_than) if older_than is not None else None
        if limit is not None:
            chosen = [each for each in chosen if _is_older(each, limit)]
        if dry_run or not chosen:
            deleted = [_row(each) for each in chosen]
        else:
            hint = "say `hermes-profiles trash empty --yes`"
            require_yes(f"delete {_count(chosen)} for good", "delete", yes=yes, hint=hint)
            deleted = [_row(each) for each in empty(session.layout, ids=[each.id for each in chosen])]
        words = "would be deleted" if dry_run else "deleted"
        data = {"deleted": deleted, "dry_run": dry_run}
        return Answer(
            Result(("trash", "empty"), data),
            lambda: [f"{words}: {row['id']}" for row in deleted] or ["nothing to delete"],
        )

    run(("trash", "empty"), session, body)


app = typer.Typer(help="List or empty the trash of deleted profiles and files.", rich_markup_mode=None)
app.command("list", epilog=epilog(list_trash))(list_trash)
app.command("empty", epilog=epilog(empty_trash))(empty_trash)
