"""backup: encrypted copies of profiles, while their gateways run; list, verify, restore, and a daily time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hermes_profiles.backups.schedule import DEFAULT_AT, DEFAULT_KEEP, Schedule
from hermes_profiles.changes.plan import describe
from hermes_profiles.cli.framework.command import command, command_group
from hermes_profiles.cli.framework.options import SWITCH_ACTIONS, DryRun, SwitchAction
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.render.backups import (
    backup_row,
    list_lines,
    restored_data,
    restored_lines,
    run_data,
    run_lines,
    timer_data,
    timer_lines,
    verified_lines,
    verified_row,
)
from hermes_profiles.model.errors import ExitCode, Result, UsageProblem
from hermes_profiles.operations.archives import backups as operations
from hermes_profiles.operations.archives.backups import BackupRequest
from hermes_profiles.operations.archives.restore_backup import RestoreRequest, restore_backup
from hermes_profiles.operations.context import Session
from hermes_profiles.operations.fleet_context import FleetSession

from .archive import ProtectionOptions, UnlockOptions

Folder = Annotated[
    Path | None,
    typer.Option("--to", metavar="DIR", help="Folder of the backups (default: one of this user)."),
]
From = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="Folder of the backups (default: that of `backup create`)."),
]
Wanted = Annotated[
    list[str] | None,
    typer.Argument(metavar="[BACKUP]...", help="A profile (its newest backup), the id of a backup, or a file."),
]


@command(
    "backup",
    "create",
    examples=(
        "hermes-profiles backup create --all",
        "hermes-profiles backup create work --dry-run",
        "hermes-profiles backup create --all --to /mnt/disk --keep 7",
        "hermes-profiles backup create work --recipient age1…",
    ),
)
def create(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Profiles to back up.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Back up all profiles.")] = False,
    to: Folder = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=1, metavar="N", help="Keep the N newest backups of each profile.")
    ] = None,
    protection: ProtectionOptions = ProtectionOptions(),  # noqa: B008  Typer gets its fields
    dry_run: DryRun = False,
) -> Answer:
    """Write each profile, complete and encrypted, to a file of its own. Gateways may run.

    Without another key the files are encrypted for the key of this user, which is made at the first backup.
    """
    if everything == bool(names):
        raise UsageProblem(
            "name the profiles, or use --all", target="--all", hint="use `hermes-profiles backup create --all`"
        )
    request = BackupRequest(tuple(names or ()), to, keep, protection.protection())
    done = operations.create_backups(session, request, dry_run=dry_run)
    data = run_data(done)
    code = ExitCode.FAILED if done.errors else ExitCode.OK
    result = Result(("backup", "create"), data, list(done.warnings), list(done.errors), code)
    return Answer(result, lambda: list(run_lines(data)))


@command("backup", "list", examples=("hermes-profiles backup list", "hermes-profiles backup list work --json"))
def list_backups(
    session: Session,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Profiles (default: all).")] = None,
    folder: From = None,
) -> Answer:
    """List the backups, the newest first."""
    rows = [backup_row(each) for each in operations.list_backups(session, names or (), folder)]
    where = operations.folder_of(session, folder)
    return Answer(
        Result(("backup", "list"), {"folder": str(where), "backups": rows}),
        lambda: list(list_lines(rows)) if rows else [f"no backup in {where}"],
    )


@command(
    "backup",
    "verify",
    examples=(
        "hermes-profiles backup verify",
        "hermes-profiles backup verify work",
        "hermes-profiles backup verify --key key.txt",
    ),
)
def verify(
    session: Session,
    wanted: Wanted = None,
    folder: From = None,
    unlock: UnlockOptions = UnlockOptions(),  # noqa: B008  Typer gets its fields
) -> Answer:
    """Read backups, and check every checksum and every database in them; without names the newest of each profile.

    Exit 1 when one is damaged.
    """
    done = operations.verify_backups(session, wanted or (), folder, unlock.given())
    rows = [verified_row(each) for each in done]
    errors = [each.fault for each in done if each.fault is not None]
    result = Result(
        ("backup", "verify"), {"backups": rows}, errors=errors, exit_code=ExitCode.FAILED if errors else ExitCode.OK
    )
    return Answer(result, lambda: list(verified_lines(rows)) if rows else ["there is no backup"])


@command(
    "backup",
    "restore",
    examples=(
        "hermes-profiles backup restore work --dry-run",
        "hermes-profiles backup restore work",
        "hermes-profiles backup restore work-20261129T033000Z --as work2",
    ),
)
def restore(
    session: FleetSession,
    wanted: Annotated[
        str, typer.Argument(metavar="BACKUP", help="A profile (its newest backup), the id of a backup, or a file.")
    ],
    name: Annotated[str | None, typer.Option("--as", metavar="NAME", help="Restore it under this name.")] = None,
    folder: From = None,
    unlock: UnlockOptions = UnlockOptions(),  # noqa: B008  Typer gets its fields
    dry_run: DryRun = False,
) -> Answer:
    """Restore a profile from a backup; the profile that exists goes to the trash first, and `undo` brings it back."""
    done = restore_backup(session, RestoreRequest(wanted, name, folder, unlock.given()), dry_run=dry_run)
    data = restored_data(done)
    if dry_run and done.change.plan is not None:
        data["plan"] = list(describe(done.change.plan))
    return Answer(Result(("backup", "restore"), data, warnings=list(done.warnings)), lambda: list(restored_lines(data)))


@command(
    "backup",
    "timer",
    examples=(
        "hermes-profiles backup timer",
        "hermes-profiles backup timer on --at 03:30 --keep 7",
        "hermes-profiles backup timer off",
    ),
)
def timer(
    session: Session,
    action: SwitchAction = "status",
    at: Annotated[
        str | None, typer.Option("--at", metavar="HH:MM", help=f"Local time of day (default: {DEFAULT_AT}).")
    ] = None,
    to: Folder = None,
    keep: Annotated[
        int | None,
        typer.Option("--keep", min=1, metavar="N", help=f"Keep the N newest of each (default: {DEFAULT_KEEP})."),
    ] = None,
    recipient: Annotated[
        list[str] | None,
        typer.Option("--recipient", metavar="age1…", help="Encrypt for this key instead of the key of this user."),
    ] = None,
    dry_run: DryRun = False,
) -> Answer:
    """Back up all profiles each day: the watcher (`hermes-gateways watch on`) starts it, also after a missed time."""
    if action not in SWITCH_ACTIONS:
        raise UsageProblem(
            f"{action!r} is not an action",
            target=action,
            hint="use `hermes-profiles backup timer on`, `off` or `status`",
        )
    if action != "on" and (at or to or keep or recipient):
        raise UsageProblem(f"`timer {action}` takes no option", hint="use it with `hermes-profiles backup timer on`")
    if action == "on":
        folder = str(operations.folder_of(session, to)) if to is not None else None
        schedule = Schedule(at or DEFAULT_AT, keep or DEFAULT_KEEP, folder, tuple(recipient or ()))
        state = operations.set_timer(session, schedule, dry_run=dry_run)
    else:
        clear = action == "off"
        state = operations.clear_timer(session, dry_run=dry_run) if clear else operations.timer_state(session)
    data = timer_data(state)
    return Answer(Result(("backup", "timer"), data, warnings=list(state.warnings)), lambda: list(timer_lines(data)))


app = command_group(
    "Back up profiles, and restore them.",
    {"create": create, "list": list_backups, "verify": verify, "restore": restore, "timer": timer},
)
