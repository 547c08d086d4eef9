"""Facts of the daily backup."""

from __future__ import annotations

from hermes_profiles.model.named_tuple import NamedTuple


class BackupFacts(NamedTuple):
    """The daily backup of a root.

    `is_on`: it has a schedule; `folder`: of its files, "" for the usual one; `watched`: a watcher runs, which starts
    it; `failed_at`: epoch seconds of the end of the last one where it failed, with its exit code; `file`: of the
    schedule.
    """

    is_on: bool = False
    folder: str = ""
    watched: bool = False
    failed_at: float | None = None
    exit_code: int | None = None
    file: str = ""
