"""Rename, delete and restore profiles, choose the sticky default, make and remove aliases."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from shlex import quote
from typing import Any

from hermes_profiles.changes.apply import utc_now
from hermes_profiles.changes.filesystem import taken
from hermes_profiles.changes.journal import Journal, iso
from hermes_profiles.changes.plan import ChangePlan, MoveTree
from hermes_profiles.changes.trash import TrashEntry, trash_entries
from hermes_profiles.fleet.attached_services import check_may_go
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_alias_name, check_existing_name, check_new_name
from hermes_profiles.multiplex.saved_state import note_renamed
from hermes_profiles.profiles import lifecycle
from hermes_profiles.profiles.alias import find_command, plan_alias, plan_remove_alias
from hermes_profiles.profiles.default_files import leaving_entries
from hermes_profiles.profiles.listing import active_profile, require, require_folder
from hermes_profiles.profiles.placement import read_placement, require_here, require_name_here
from hermes_profiles.teams.links import follower_steps, relink_restored

from ..apply import ChangeResult, carry_out
from ..context import Session
from ..fleet_context import FleetSession
from ..fleet_exclusive import exclusively, surviving_change
from ..gateways.freed_masks import freed_warnings
from ..gateways.profile_services import (
    ProfileRemoval,
    ProfileRename,
    attached_services,
    stopped_during,
    unserved_warning,
)
from ..gateways.run_fleet import recover_fleet
from . import team_warnings
from .adopt_copy import settle_restored
from .profile_warnings import no_alias_warning, script_warnings, sticky_warning

# Returns whether the user agrees to move the profile at this home to the trash.
ConfirmDelete = Callable[[str, Path], bool]


class ProfileChange(NamedTuple):
    """The result of a change of one profile.

    `before`: its name, or the sticky default, before; `team`: the team it leaves; `followers`: profiles whose links
    were changed; `restored`: files that are back; `services`: what was done about gateways and services.
    """

    profile: str
    home: Path
    change: ChangeResult
    warnings: tuple[Problem, ...]
    errors: tuple[Problem, ...] = ()
    before: str = ""
    team: str | None = None
    trash_id: str = ""
    kind: str = "profile"
    alias: str = ""
    followers: tuple[str, ...] = ()
    restored: tuple[str, ...] = ()
    services: dict[str, Any] = {}  # noqa: RUF012  never changed


def use_profile(session: Session, profile: str, *, dry_run: bool = False) -> ProfileChange:
    """Make a profile the sticky default."""
    name = check_existing_name(profile)
    warnings = session.recover(dry_run=dry_run)
    home = require(session.layout, name)
    before = active_profile(session.layout)
    change = carry_out(session, lifecycle.plan_use(session.layout, name), dry_run=dry_run)
    return ProfileChange(name, home, change, tuple(warnings), before=before)


@exclusively
def rename_profile(session: FleetSession, old: str, new: str, *, dry_run: bool = False) -> ProfileChange:
    """Rename a profile, with its alias, its services and the links of others to it."""
    source, target = check_existing_name(old), check_new_name(new)
    lifecycle.refuse_default(source, "rename")
    warnings = recover_fleet(session, dry_run=dry_run)
    source_home, target_home = require(session.layout, source), session.layout.home(target)
    if os.path.lexists(target_home):
        raise taken(str(target_home))  # before its gateway is stopped
    if not read_placement(source_home).id:
        require_name_here(session.layout, target)
    services = ProfileRename(session, source, target, source_home)
    relinked = follower_steps(session.layout, source, target)
    links = [step for _, steps in relinked for step in steps]
    plan, no_alias = lifecycle.plan_rename(session.layout, source, target, environment=session.environment, links=links)
    warnings += script_warnings(session, source)
    if no_alias is not None:
        warnings.append(no_alias_warning(no_alias, target))
    with services.surviving(dry_run=dry_run):
        with services.down(dry_run=dry_run):
            change = carry_out(session, services.with_services(plan), dry_run=dry_run)
        if not dry_run:
            note_renamed(session.layout, {source: target})
        warnings += services.finish(dry_run=dry_run)
    return ProfileChange(
        target,
        target_home,
        change,
        tuple(dict.fromkeys(warnings)),
        tuple(services.errors),
        before=source,
        followers=tuple(name for name, _ in relinked),
        services=services.data,
    )


@exclusively
def delete_profile(
    session: FleetSession, profile: str, *, dry_run: bool = False, confirm: ConfirmDelete | None = None
) -> ProfileChange:
    """Stop a profile's gateway, remove its services and move it to the trash.

    Raises Refused when `confirm` returns False.
    """
    name = check_existing_name(profile)
    lifecycle.refuse_default(name, "delete")
    layout, warnings = session.layout, recover_fleet(session, dry_run=dry_run)
    home = require_folder(layout, name)
    team_warnings.check_may_go(layout, name)
    team = team_warnings.membership_of(layout, name)
    services = ProfileRemoval(session, "delete", name)
    if not dry_run and confirm is not None and not confirm(name, home):
        raise Refused("not confirmed, nothing changed", code="not-confirmed")
    now = utc_now()
    trash_id = lifecycle.unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
    plan = lifecycle.plan_delete(layout, name, trash_id=trash_id, deleted_at=iso(now))
    sticky = active_profile(layout) == name
    warnings += script_warnings(session, name)
    if sticky:
        warnings.append(sticky_warning(name))
    freed = freed_warnings(session, (name,))
    with services.surviving(dry_run=dry_run):
        with services.down(dry_run=dry_run):
            change = carry_out(session, services.with_services(plan), dry_run=dry_run)
        warnings += (*services.finish(dry_run=dry_run), *freed)
    return ProfileChange(
        name,
        home,
        change,
        tuple(dict.fromkeys(warnings)),
        tuple(services.errors),
        team=team.name if team is not None else None,
        trash_id=f"{trash_id}-{name}",
        services=services.data,
    )


@exclusively
def empty_default(session: FleetSession, reason: str) -> None:
    """Move the files of the default profile to the trash; the root and what all profiles share stay.

    `reason`: is kept with them. Raises Refused where a process may run that cannot be stopped.
    """
    recover_fleet(session, dry_run=False)
    layout, now = session.layout, utc_now()
    paths = tuple(leaving_entries(layout, session.catalog))
    if not paths:
        return
    found = attached_services(session, DEFAULT)
    for each in found:
        check_may_go(each, "move")
    trash_id = lifecycle.unused_trash_id(trash_entries(layout), Journal(layout.state).fresh_id(now))
    plan = lifecycle.plan_empty_default(layout, paths, trash_id=trash_id, deleted_at=iso(now), reason=reason)
    up = [each.profile for each in found if each.is_up]
    with surviving_change(session, up, enabled=up), stopped_during(session, found):
        carry_out(session, plan, dry_run=False)


def _name_in_use(layout: Layout, entry_name: str, name: str) -> Refused:
    """Return the error of a restore under a name that exists, with the command for another one."""
    names = (f"{name[:60]}-{number}" for number in count(2))
    free = next(each for each in names if not os.path.lexists(layout.home(each)))
    command = f"hermes-profiles restore {quote(entry_name)} --as {free}"
    return Refused(
        f"{layout.home(name)} already exists",
        target=str(layout.home(name)),
        code="exists",
        hint=f"restore it under another name: `{command}`",
    )


@exclusively
def restore_profile(
    session: FleetSession, entry_name: str, name: str | None = None, *, dry_run: bool = False
) -> ProfileChange:
    """Restore a profile, or files of a profile, from the trash. `name`: the name it gets, None for its own."""
    warnings = recover_fleet(session, dry_run=dry_run)
    layout = session.layout
    entry = lifecycle.choose_from_trash(trash_entries(layout), entry_name)
    if entry.kind == "files":
        return _restore_files(session, entry, name or entry.name, warnings, dry_run=dry_run)
    target = check_new_name(entry.name if name is None else name)
    if os.path.lexists(layout.home(target)):
        raise _name_in_use(layout, entry_name, target)
    require_here(layout, target, "restore it", catalog=lambda: session.catalog, home=entry.home)
    plan, no_alias = lifecycle.plan_restore(
        layout,
        entry,
        target,
        environment=session.environment,
        hermes=find_command("hermes", session.environment),
        links=relink_restored(layout, entry.home, target),
    )
    if no_alias is not None:
        warnings.append(no_alias_warning(no_alias, target))
    change = carry_out(session, plan, dry_run=dry_run)
    if not dry_run:
        settle_restored(session, target)
        warnings += team_warnings.back_warnings(layout, target)
        warnings += unserved_warning(session, target)
    warnings += _service_warning(layout, entry, target)
    return ProfileChange(
        target, layout.home(target), change, tuple(dict.fromkeys(warnings)), trash_id=entry.id, kind=entry.kind
    )


def _service_warning(layout: Layout, entry: TrashEntry, name: str) -> Iterator[Problem]:
    """Yield a warning when the service of a profile was removed with it: a restore does not write it again."""
    for change in Journal(layout.state).entries():
        if not any(step.target == str(entry.home) for step in change.steps):
            continue
        files = [step.target for step in change.steps if step.target.endswith((".service", ".plist", ".conf"))]
        if files and change.command[:1] == ("delete",):
            yield Problem(
                "no-service",
                f"the service of {name} was removed with the profile, so its gateway does not run",
                name,
                f"install and start it with `hermes-gateways install {name} --start`",
            )
        return


def _restore_files(
    session: Session, entry: TrashEntry, name: str, warnings: list[Problem], *, dry_run: bool
) -> ProfileChange:
    target = check_existing_name(name)
    if read_placement(entry.home).id:  # all files of a default profile
        require_here(session.layout, target, "restore it", catalog=lambda: session.catalog, home=entry.home)
    plan = lifecycle.plan_restore_files(session.layout, entry, target)
    home = session.layout.home(target)
    paths = tuple(str(step.target.relative_to(home)) for step in plan.steps if isinstance(step, MoveTree))
    change = carry_out(session, plan, dry_run=dry_run)
    if not dry_run:
        settle_restored(session, target)
    return ProfileChange(target, home, change, tuple(warnings), trash_id=entry.id, kind=entry.kind, restored=paths)


def change_alias(
    session: Session, profile: str, name: str | None = None, *, remove: bool = False, dry_run: bool = False
) -> ProfileChange:
    """Make, or remove, the command that starts a profile. `name`: of the command, None for the profile's."""
    layout, target = session.layout, check_existing_name(profile)
    warnings = session.recover(dry_run=dry_run)
    if not remove:
        require(layout, target)
    given = check_alias_name(name) if name is not None else None
    plan: ChangePlan | None
    if remove:
        plan = plan_remove_alias(layout, target, given)
    else:
        alias = given or check_alias_name(target)
        hermes = find_command("hermes", session.environment)
        plan = plan_alias(layout, target, alias, environment=session.environment, hermes=hermes)
    change = carry_out(session, plan, dry_run=dry_run)
    if not remove and str(layout.alias_folder) not in session.environment.get("PATH", "").split(":"):
        warnings.append(
            Problem(
                "not-on-path",
                f"{layout.alias_folder} is not on PATH",
                str(layout.alias_folder),
                'add it with `export PATH="$HOME/.local/bin:$PATH"` in your shell\'s start file',
            )
        )
    return ProfileChange(target, layout.home(target), change, tuple(dict.fromkeys(warnings)), alias=given or target)
