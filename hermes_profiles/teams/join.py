"""Plans how an existing profile joins a team: it gets the pool, and replaced files go to the trash."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from hermes_profiles.changes.plan import ChangePlan, MoveTree, ReplaceFile, Step, is_below
from hermes_profiles.changes.signature import signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.profile_yaml import edit_profile_yaml
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.settings.changes import SyncChange

from .accounts import Account
from .bind_account import AccountBinding, plan_binding
from .model import TEAM, Membership, Team, Teams, membership_values
from .sync import MemberSync, TrashStamp, plan_team_sync


class JoinPlan(NamedTuple):
    """The change that takes a profile into a team: its settings, its account, and paths that go to the trash."""

    plan: ChangePlan
    changes: tuple[SyncChange, ...]
    bound: AccountBinding | None
    to_trash: tuple[str, ...]
    warnings: tuple[Problem, ...]


def plan_join(
    world: CloneContext,
    teams: Teams,
    team: Team,
    profile: str,
    account: Account | None,
    when: TrashStamp,
    *,
    allowed: tuple[str, ...] = (),
) -> JoinPlan:
    """Return the change that takes a profile into a team: a sync, its membership, and its account.

    Its identities and everything outside the pool stay. Replaced settings, keys and files go to the trash unchanged.
    Raises Refused for anything that prevents this, DocumentError for files that cannot be edited with certainty.
    """
    layout = world.layout
    joined = Membership(team.name)
    sync = plan_team_sync(
        world, Teams(teams.by_name, {**teams.memberships, profile: joined}), (team._replace(members=(profile,)),), when
    )
    if sync.problems:
        raise _refused(sync.problems[0], team, profile)
    (member,) = sync.members
    files = dict(_documents(layout, profile, member.steps))
    bound = None
    if account is not None or allowed:
        documents = {name: step.content.reveal() for name, step in files.items() if step.content is not None}
        bound = plan_binding(
            layout, team.channel, profile, account, world.catalog, when, allowed=allowed, documents=documents
        )
        files |= dict(_documents(layout, profile, bound.steps))
    steps, paths = _steps(layout, profile, team, member, bound, files, when)
    steps = (*steps, _membership_step(layout, profile, member.steps, joined))
    plan = ChangePlan(
        ("team", "add", team.name, profile), f"take {profile} into team {team.name}", steps, profiles=(profile,)
    )
    return JoinPlan(plan, member.changes, bound, paths, (*sync.warnings, *member.warnings))


def _refused(problem: Problem, team: Team, profile: str) -> Refused:
    return Refused(
        f"{profile} cannot join the team {team.name}: {problem.message}",
        target=profile,
        code=problem.code,
        hint=problem.hint,
    )


def _documents(layout: Layout, profile: str, steps: Sequence[Step]) -> Iterator[tuple[str, ReplaceFile]]:
    """Yield the steps that write `.env` and config.yaml."""
    real = {os.path.realpath(layout.home(profile) / name): name for name in (ENV_FILE, CONFIG_FILE)}
    for step in steps:
        if isinstance(step, ReplaceFile) and str(step.path) in real:
            yield real[str(step.path)], step


def _steps(
    layout: Layout,
    profile: str,
    team: Team,
    member: MemberSync,
    bound: AccountBinding | None,
    files: dict[str, ReplaceFile],
    when: TrashStamp,
) -> tuple[tuple[Step, ...], tuple[str, ...]]:
    """Return all steps but the membership's, with one trash entry for all replaced files, and their paths."""
    home = layout.home(profile)
    given = (*member.steps, *(bound.steps if bound is not None else ()))
    trash = str(layout.trash)
    gone = [step.source for step in given if isinstance(step, MoveTree) and is_below(str(step.target), trash)]
    written: list[Step] = []
    for step in files.values():
        if step.path.parent == home and step.expected is not None and not step.path.is_symlink():
            gone.append(step.path)
            step = ReplaceFile(step.path, step.content, step.mode)
        written.append(step)
    reason = f"replaced when {profile} joined the team {team.name}"
    away = steps_to_trash_files(
        layout, profile, gone, trash_id=when.trash_id, deleted_at=when.deleted_at, reason=reason
    )
    done = {step.path for step in files.values()} | {Path(os.path.realpath(home)) / PROFILE_FILE}
    others = [
        step
        for step in given
        if isinstance(step, ReplaceFile) and step.path not in done and not is_below(str(step.path), trash)
    ]
    return (*away, *written, *others), tuple(str(path.relative_to(home)) for path in gone)


def _membership_step(layout: Layout, profile: str, steps: Sequence[Step], joined: Membership) -> ReplaceFile:
    """Return the step that writes the membership, also if the sync does not change profile.yaml."""
    path = Path(os.path.realpath(layout.home(profile))) / PROFILE_FILE
    noted = next((step for step in steps if isinstance(step, ReplaceFile) and step.path == path), None)
    raw = noted.content.reveal() if noted is not None and noted.content is not None else read_document(path) or b""
    values = membership_values(joined)
    new = edit_profile_yaml(raw, {(TEAM, "name"): values[TEAM, "name"]}, path=str(path))
    return ReplaceFile(path, Secret(new), 0o600, signature(path))
