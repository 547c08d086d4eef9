"""Reads the schedule of the daily backup, and how the last one ended."""

from __future__ import annotations

from hermes_profiles.backups.schedule import read_last, read_schedule, schedule_file
from hermes_profiles.doctor.facts.backups import BackupFacts
from hermes_profiles.events.watch_state import watcher_pid
from hermes_profiles.model.layout import Layout


def probe_backups(layout: Layout) -> BackupFacts:
    """Return the facts of the daily backup of a root. Raises Failed for a schedule that is not ours."""
    schedule = read_schedule(layout)
    if schedule is None:
        return BackupFacts()
    last, watched = read_last(layout), watcher_pid(layout) is not None
    failed = last if last is not None and last.code else None
    return BackupFacts(
        is_on=True,
        folder=schedule.folder or "",
        watched=watched,
        failed_at=failed.ended if failed is not None else None,
        exit_code=failed.code if failed is not None else None,
        file=str(schedule_file(layout)),
    )
