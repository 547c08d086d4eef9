"""Restore a profile from a backup; the profile that exists goes to the trash first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.archives.contents import is_of_profile
from hermes_profiles.archives.encryption import Unlock
from hermes_profiles.archives.model import ArchivedProfile, EntryType, bad_archive
from hermes_profiles.backups.store import Backup
from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, MoveTree, PublishTree, Step
from hermes_profiles.changes.staging import write_tree
from hermes_profiles.changes.trash import steps_to_trash, steps_to_trash_files, trash_entries
from hermes_profiles.gateways.model import ALIVE
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name, check_new_name
from hermes_profiles.profiles import lifecycle
from hermes_profiles.profiles.placement import require_here
from hermes_profiles.profiles.tree_walk import walk

from ..apply import ChangeResult, carry_out
from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively
from ..gateways.fleet_status import fleet_status
from ..profiles.adopt_copy import settle_restored
from .backups import find_backup, opened_backup, own_unlock
from .export_profiles import private_scratch
from .import_profiles import archived_tree, check_can_take, with_own_settings

_SCRATCH = "restore"


class RestoreRequest(NamedTuple):
    """What to restore. `wanted`: a profile (its newest backup), the id of a backup, or a path; `name`: a new name."""

    wanted: str
    name: str | None = None
    folder: Path | None = None
    unlock: Unlock = Unlock()


class RestoredBackup(NamedTuple):
    """A restored profile, or a dry run. `trash_id`: of the profile that was there before, None without one."""

    profile: str
    backup: Backup
    home: Path
    files: int
    size: int
    assigned: dict[str, str | None]
    change: ChangeResult
    trash_id: str | None
    warnings: tuple[Problem, ...]


@exclusively
def restore_backup(session: FleetSession, request: RestoreRequest, *, dry_run: bool = False) -> RestoredBackup:
    """Restore a profile from a backup; nothing is changed before every file in it is checked.

    Raises NotFound without such a backup, Refused for a damaged one, for a profile that lives in another place, and
    while its gateway runs.
    """
    layout = session.layout
    backup = find_backup(session, request.wanted, request.folder)
    warnings = session.recover(dry_run=dry_run)
    unlock = own_unlock(session, request.unlock)
    with private_scratch(layout, _SCRATCH) as place:
        opened = opened_backup(backup.path, place, unlock)
        profile = _only(opened.manifest.profiles, backup)
        name = _name(session, request, profile.name)
        source = opened.homes[profile.name]
        require_here(layout, name, "restore it", catalog=lambda: session.catalog, home=source)
        home = layout.home(name)
        is_there = os.path.lexists(home)
        if is_there:
            _check_stopped(session, name)
        tree, assigned = with_own_settings(
            session, archived_tree(profile, source, home), source, on=profile.api_server, but=name
        )
        trash_id = lifecycle.unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(utc_now()))
        if name == DEFAULT:
            steps = tuple(_default_steps(session, tree, place, trash_id))
            is_there = any(layout.trash in step.target.parents for step in steps if isinstance(step, MoveTree))
        else:
            before = steps_to_trash(layout, home, trash_id=trash_id, name=name, deleted_at=iso(utc_now()))
            steps = (*(before if is_there else ()), tree, *clear_marker(layout, name))
        commit = next((at for at, step in enumerate(steps) if isinstance(step, PublishTree)), len(steps) - 1)
        plan = ChangePlan(("backup", "restore", backup.id), f"restore {name} from {backup.id}", steps, commit, (name,))
        change = carry_out(session, plan, dry_run=dry_run)
    if not dry_run:
        settle_restored(session, name)
    files = sum(entry.type is EntryType.FILE for entry in profile.entries)
    kept = f"{trash_id}-{name}" if is_there else None
    return RestoredBackup(
        name, backup, home, files, profile.size, assigned, change._replace(plan=plan), kept, tuple(warnings)
    )


def _only(profiles: tuple[ArchivedProfile, ...], backup: Backup) -> ArchivedProfile:
    if len(profiles) != 1:
        raise bad_archive(str(backup.path), f"it has {len(profiles)} profiles, so it is no backup; use `import`")
    return profiles[0]


def _name(session: FleetSession, request: RestoreRequest, own: str) -> str:
    if request.name is None:
        return check_existing_name(own)
    name = check_new_name(request.name)
    check_can_take(session.layout, name)
    return name


def _check_stopped(session: FleetSession, name: str) -> None:
    """Raise Refused while a gateway uses the files of the profile."""
    if name not in session.existing:
        return
    found = fleet_status(session, (name,), accounts=False, ask_api=False)
    states = {row.profile: row.gateway.state for row in found.gateways}
    if states.get(name) in ALIVE:
        raise Refused(
            f"the gateway of {name} is {states[name]}, and it uses these files",
            target=name,
            code="running",
            hint=f"stop it with `hermes-gateways stop {name}`",
        )


def _default_steps(session: FleetSession, tree: PublishTree, place: Path, trash_id: str) -> Iterator[Step]:
    """Yield the steps that replace the files of the default profile; the rest of the root stays."""
    layout, staged = session.layout, place / "default-profile"
    write_tree(staged, tree)
    tops = [item for item in walk(layout.root, lambda _: False) if is_of_profile(item, session.catalog)]
    yield from steps_to_trash_files(
        layout,
        DEFAULT,
        (layout.root / item.path for item in tops),
        trash_id=trash_id,
        deleted_at=utc_now(),
        reason="replaced by a backup",
    )
    for item in walk(staged, lambda _: False):
        yield MoveTree(staged / item.path, layout.root / item.path)
