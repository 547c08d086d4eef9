"""Make, list and verify backups of profiles, and set their daily time."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote

from hermes_profiles.archives.compression import best_compression
from hermes_profiles.archives.encryption import ENDING, Protection, Unlock
from hermes_profiles.archives.model import Contents, EntryType, Manifest
from hermes_profiles.archives.read import OpenedArchive, check_is_file, is_encrypted, plain_file, read_archive
from hermes_profiles.backups.schedule import (
    LastRun,
    Schedule,
    check_time,
    next_run,
    read_last,
    read_schedule,
    remove_schedule,
    write_last,
    write_schedule,
)
from hermes_profiles.backups.store import (
    STAMP,
    Backup,
    backups_in,
    beyond,
    default_folder,
    key_file,
    own_recipient,
    stored_key,
)
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.database_copy import database_fault, is_database
from hermes_profiles.changes.state_files import make_folder, remove_state_file
from hermes_profiles.events.watch_state import watcher_pid
from hermes_profiles.model.errors import Failed, HermesProfilesError, NotFound, Problem, UsageProblem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_existing_name
from hermes_profiles.profiles.listing import profile_names, require

from ..context import Session
from .export_profiles import BACKUP, ExportRequest, export_profiles, private_scratch

_SCRATCH = "backup"


class BackupRequest(NamedTuple):
    """What to back up. `names`: () for all; `keep`: how many of each profile, None for all.

    `protection`: None for the key of this user.
    """

    names: tuple[str, ...] = ()
    folder: Path | None = None
    keep: int | None = None
    protection: Protection | None = None


class BackedUp(NamedTuple):
    """The outcome of one profile: created, would-be-created or failed. `removed`: older backups."""

    profile: str
    outcome: str
    path: Path
    size: int | None = None
    removed: tuple[Path, ...] = ()
    error: Problem | None = None


class BackupRun(NamedTuple):
    """The outcomes of a backup of some profiles. `key`: the file of the key, None where another one was chosen."""

    folder: Path
    rows: tuple[BackedUp, ...]
    key: Path | None
    dry_run: bool
    warnings: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """Return what failed."""
        return tuple(row.error for row in self.rows if row.error is not None)


class Verified(NamedTuple):
    """One backup that was read and checked. `fault`: None for a good one."""

    backup: Backup
    files: int = 0
    databases: int = 0
    fault: Problem | None = None


class TimerState(NamedTuple):
    """The daily time of backups. `next`: seconds since 1970; `watched`: the watcher runs, which starts them."""

    schedule: Schedule | None
    folder: Path
    last: LastRun | None
    next: float | None
    watched: bool
    outcome: str | None = None
    warnings: tuple[Problem, ...] = ()


def folder_of(session: Session, given: Path | None) -> Path:
    """Return the folder of the backups."""
    return default_folder(session.layout, session.environment) if given is None else Path(os.path.abspath(given))


def create_backups(session: Session, request: BackupRequest, *, dry_run: bool = False) -> BackupRun:
    """Back up profiles, each to a file of its own; a failure of one does not stop the others.

    Raises NotFound for an unknown profile, Failed where the library for encryption is missing.
    """
    names = tuple(dict.fromkeys(map(check_existing_name, request.names))) or profile_names(session.layout)
    for name in names:
        require(session.layout, name)
    folder, warnings = folder_of(session, request.folder), []
    protection, key = request.protection, None
    if protection is None:
        key = key_file(session.environment)
        if dry_run:
            protection = Protection()
        else:
            recipient, is_new = own_recipient(session.environment, utc_now())
            protection = Protection((recipient,))
            if is_new:
                warnings.append(_new_key(key))
    if not dry_run:
        make_folder(folder)
    rows = tuple(_back_up(session, name, folder, request.keep, protection, dry_run=dry_run) for name in names)
    if not dry_run and not request.names and all(row.error is None for row in rows):
        _note_whole(session)
    return BackupRun(folder, rows, key, dry_run, tuple(warnings))


def _note_whole(session: Session) -> None:
    """Note a backup of all as the last daily one, also one made by hand: a failure before it is over."""
    if read_schedule(session.layout) is not None:
        now = utc_now().timestamp()
        write_last(session.layout, LastRun(now, now, 0))


def _new_key(key: Path) -> Problem:
    return Problem(
        "new-key",
        f"{key} was made: only this key opens the backups",
        str(key),
        f"keep a copy of it on another machine: `cat {quote(str(key))}`",
    )


def _back_up(
    session: Session, name: str, folder: Path, keep: int | None, protection: Protection, *, dry_run: bool
) -> BackedUp:
    path = _new_path(folder, name)
    request = ExportRequest((name,), path, Contents.COMPLETE, protection, BACKUP)
    old = [each for each in backups_in(folder, (name,)) if each.path != path]
    surplus = beyond(old, keep - 1) if keep is not None else ()
    gone = tuple(each.path for each in surplus)
    try:
        done = export_profiles(session, request, dry_run=dry_run)
        if dry_run:
            return BackedUp(name, "would-be-created", path, None, gone)
        for each in gone:
            remove_state_file(each)
    except HermesProfilesError as error:
        problem = error.problem._replace(target=error.problem.target or name)
        return BackedUp(name, "failed", path, error=problem)
    return BackedUp(name, "created", path, done.size, gone)


def _new_path(folder: Path, name: str) -> Path:
    """Return the path of a new backup. A name is free for each second: a second backup in one second waits."""
    while True:
        now = utc_now()
        path = folder / f"{name}-{now.strftime(STAMP)}.tar.{best_compression()}{ENDING}"
        if not path.exists():
            return path
        time.sleep(1 - now.microsecond / 1e6)


def list_backups(session: Session, names: Sequence[str] = (), folder: Path | None = None) -> tuple[Backup, ...]:
    """Return the backups of these profiles, or of all, the newest first."""
    return backups_in(folder_of(session, folder), names)


def find_backup(session: Session, wanted: str, folder: Path | None = None) -> Backup:
    """Return a backup by its id, by its path, or the newest one of a profile. Raises NotFound, UsageProblem."""
    place = folder_of(session, folder)
    known = backups_in(place)
    found = next((each for each in known if wanted in (each.id, each.profile)), None)
    if found is not None:
        return found
    path = Path(os.path.abspath(wanted))
    if "/" in wanted or path.exists():
        check_is_file(path)
        beside = next((each for each in backups_in(path.parent) if each.path == path), None)
        return beside or Backup(path.name, utc_now(), path, path.stat().st_size, is_encrypted(path))
    raise NotFound(
        f"no backup of {wanted!r} in {place}",
        target=wanted,
        code="no-such-backup",
        hint="list them with `hermes-profiles backup list`",
    )


def own_unlock(session: Session, unlock: Unlock) -> Unlock:
    """Return what opens a backup: what was given, and the key of this user."""
    if unlock.identities or unlock.passphrase is not None:
        return unlock
    key = stored_key(session.environment)
    return unlock._replace(identities=(key,) if key is not None else ())


def verify_backups(
    session: Session, wanted: Sequence[str] = (), folder: Path | None = None, unlock: Unlock | None = None
) -> tuple[Verified, ...]:
    """Read backups and check every checksum and database; `wanted`: () for the newest backup of each profile."""
    if wanted:
        chosen = [find_backup(session, each, folder) for each in wanted]
    else:
        newest: dict[str, Backup] = {}
        for backup in list_backups(session, folder=folder):
            newest.setdefault(backup.profile, backup)
        chosen = list(newest.values())
    unlock = own_unlock(session, unlock or Unlock())
    return tuple(_verified(session, backup, unlock) for backup in chosen)


def _verified(session: Session, backup: Backup, unlock: Unlock) -> Verified:
    try:
        with private_scratch(session.layout, _SCRATCH) as place:
            opened = opened_backup(backup.path, place, unlock)
            databases = tuple(database_files(opened))
            for path in databases:
                fault = database_fault(path)
                if fault is not None:
                    raise Failed(
                        f"{backup.path}: the database {path.name} is damaged: {fault}",
                        target=str(backup.path),
                        code="database",
                        hint="use another backup: `hermes-profiles backup list`",
                    )
            return Verified(backup, _files(opened.manifest), len(databases))
    except HermesProfilesError as error:
        return Verified(backup, fault=error.problem)


def opened_backup(path: Path, place: Path, unlock: Unlock) -> OpenedArchive:
    """Return a backup whose files are checked and in a private folder. Raises Refused, Failed."""
    with plain_file(path, place, unlock) as source:
        return read_archive(path, source, place / "opened", siblings=True)


def database_files(opened: OpenedArchive) -> Iterator[Path]:
    """Yield the files of an opened backup that are databases."""
    for profile in opened.manifest.profiles:
        for entry in profile.entries:
            path = opened.homes[profile.name] / entry.path
            if entry.type is EntryType.FILE and is_database(path):
                yield path


def _files(manifest: Manifest) -> int:
    return sum(entry.type is EntryType.FILE for profile in manifest.profiles for entry in profile.entries)


def set_timer(session: Session, schedule: Schedule, *, dry_run: bool = False) -> TimerState:
    """Have all profiles backed up each day. Raises UsageProblem for another form of time."""
    check_time(schedule.at)
    if schedule.keep < 1:
        raise UsageProblem("at least one backup is kept", target="--keep", hint="use `--keep 7`")
    if not dry_run:
        if not schedule.recipients:
            own_recipient(session.environment, utc_now())
        write_schedule(session.layout, schedule)
    return _timer(session, schedule, "would-be-on" if dry_run else "on")


def clear_timer(session: Session, *, dry_run: bool = False) -> TimerState:
    """Have no daily backup any more; the files stay."""
    known = read_schedule(session.layout)
    if not dry_run:
        remove_schedule(session.layout)
    outcome = "already-off" if known is None else "would-be-off" if dry_run else "off"
    return _timer(session, None, outcome)


def timer_state(session: Session) -> TimerState:
    """Return the daily time, and what the last backup did."""
    return _timer(session, read_schedule(session.layout), None)


def _timer(session: Session, schedule: Schedule | None, outcome: str | None) -> TimerState:
    last, is_watched = read_last(session.layout), watcher_pid(session.layout) is not None
    warnings = []
    if schedule is not None and not is_watched:
        message = "the watcher does not run, and it starts the daily backup"
        warnings.append(Problem("not-watched", message, None, "start it with `hermes-gateways watch on`"))
    if last is not None and last.code:
        message = f"the last daily backup failed with exit code {last.code}"
        warnings.append(Problem("backup-failed", message, None, "see why with `hermes-profiles backup create --all`"))
    following = next_run(schedule, utc_now().astimezone()).timestamp() if schedule is not None else None
    folder = folder_of(session, Path(schedule.folder) if schedule is not None and schedule.folder else None)
    return TimerState(schedule, folder, last, following, is_watched, outcome, tuple(warnings))
