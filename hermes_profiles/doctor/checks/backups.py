"""Reports a daily backup that fails, and one that nothing starts."""

from __future__ import annotations

from collections.abc import Iterator
from shlex import quote

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix
from hermes_profiles.gateways.model import span


def failed_backup(facts: Facts) -> Iterator[Finding]:
    """Find a daily backup whose last run failed."""
    backups = facts.runtime.backups
    if backups.exit_code is not None:
        ago = f" {span(facts.now - backups.failed_at)} ago" if backups.failed_at is not None else ""
        to = f" --to {quote(backups.folder)}" if backups.folder else ""
        yield Finding(
            f"the daily backup failed{ago} (exit code {backups.exit_code})",
            Fix("make one now, and see why it fails", f"hermes-profiles backup create --all{to}"),
            evidence=(Evidence(None, backups.file),),
        )


def unwatched_backup(facts: Facts) -> Iterator[Finding]:
    """Find a daily backup of a root that nothing watches, so that none is made."""
    backups = facts.runtime.backups
    if backups.is_on and not backups.watched:
        yield Finding(
            "a daily backup is on, but nothing watches the gateways, so none is made",
            Fix("turn the watcher on", "hermes-gateways watch on"),
            evidence=(Evidence(None, backups.file),),
        )
