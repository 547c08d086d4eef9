"""List the trash, and delete entries of it for good."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.trash import TrashEntry, empty, trash_entries
from hermes_profiles.model.errors import NotFound, Refused
from hermes_profiles.model.named_tuple import NamedTuple

from ..context import Session

# Returns whether the user agrees to delete these entries for good.
ConfirmEmpty = Callable[[tuple[TrashEntry, ...]], bool]


class EmptiedTrash(NamedTuple):
    """The entries that were deleted, or would be."""

    entries: tuple[TrashEntry, ...]
    dry_run: bool


def list_trash(session: Session) -> tuple[TrashEntry, ...]:
    """Return the entries of the trash, the newest first."""
    return tuple(trash_entries(session.layout))


def empty_trash(
    session: Session,
    ids: Collection[str] = (),
    older_than: int | None = None,
    *,
    dry_run: bool = False,
    confirm: ConfirmEmpty | None = None,
) -> EmptiedTrash:
    """Delete entries of the trash for good. `ids`: none for all; `older_than`: only those deleted so many days ago.

    Raises NotFound for an unknown id, Refused when `confirm` returns False.
    """
    chosen = [entry for entry in trash_entries(session.layout) if not ids or entry.id in ids]
    unknown = sorted(set(ids) - {entry.id for entry in chosen})
    if unknown:
        raise NotFound(
            f"{unknown[0]!r} is not in the trash", target=unknown[0], hint="list it with `hermes-profiles trash list`"
        )
    if older_than is not None:
        limit = utc_now() - timedelta(days=older_than)
        chosen = [entry for entry in chosen if _is_older(entry, limit)]
    if dry_run or not chosen:
        return EmptiedTrash(tuple(chosen), dry_run)
    if confirm is not None and not confirm(tuple(chosen)):
        raise Refused("not confirmed, nothing changed", code="not-confirmed")
    return EmptiedTrash(tuple(empty(session.layout, ids=[entry.id for entry in chosen])), dry_run)


def _is_older(entry: TrashEntry, limit: datetime) -> bool:
    try:
        return entry.deleted_at is not None and datetime.fromisoformat(entry.deleted_at) < limit
    except (ValueError, TypeError):  # an unreadable time is not older than any other, as in `empty`
        return False
