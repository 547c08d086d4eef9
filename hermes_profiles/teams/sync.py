"""The plan of a team's sync: what members share with their lead becomes as the lead has it; what is theirs stays.

Nothing is written here, and the lead is only read. What a member is to have depends on the lead's files, its own
identity and what it keeps for itself, so a second sync finds nothing to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step, signature
from hermes_profiles.changes.trash import steps_to_trash_files
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.fast_reader import EVERYTHING
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value, scalar
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE
from hermes_profiles.model.errors import Failed, HermesProfilesError, NotFound, Problem, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.channels import channels_in
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.profile import read_sections
from hermes_profiles.profiles.profile_yaml import edit_profile_yaml
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.settings.changes import SyncChange, comment_warning, setting_change, variable_change
from hermes_profiles.settings.files import SettingsFile, check_may_write, settings_file

from .drift import ConfigComparison, own_settings, variable_differences, with_pool_variables
from .links import LinkChange, link_changes
from .model import TEAM, Membership, Team, Teams, membership_in, membership_values, team_fault
from .overrides import Override, apply_overrides
from .pool import Pool, read_pool
from .pool_copies import PoolLink
from .remove import PoolCopyCache, replace_link
from .shares import Share

# What a sync changes can only in odd cases make something else a member's own; then it is looked at again.
_MOST_ROUNDS = 4


class MemberSync(NamedTuple):
    """What happens to one member; no changes and no problem: it has all as its lead has it.

    `problem`: why nothing can be done about this member; the others are synced all the same.
    """

    team: str
    profile: str
    changes: tuple[SyncChange, ...] = ()
    steps: tuple[Step, ...] = ()
    problem: Problem | None = None
    warnings: tuple[Problem, ...] = ()


class TeamSync(NamedTuple):
    """A sync that may be carried out; `plan` is None when nothing is to do. `faults`: of teams that cannot be synced
    at all."""

    plan: ChangePlan | None
    members: tuple[MemberSync, ...]
    faults: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return all that keeps something from being as it should be."""
        return (*self.faults, *(each.problem for each in self.members if each.problem is not None))


class TrashStamp(NamedTuple):
    """`trash_id`: of what goes to the trash, a new one; `deleted_at`: the time now, ISO."""

    trash_id: str
    deleted_at: str


def plan_team_sync(
    world: CloneContext,
    teams: Teams,
    chosen: Sequence[Team],
    when: TrashStamp,
    *,
    own: Sequence[Override] = (),
    with_warnings: bool = True,
) -> TeamSync:
    """Return the sync of these teams. `own`: what members are to keep for themselves from now on, or no longer;
    `with_warnings`: look through the pools for what should not be shared.

    Raises NotFound and UsageProblem for what `own` names and is not there. What cannot be read or edited with
    certainty is a fault of its team, or a problem of its member.
    """
    found: list[MemberSync] = []
    faults: list[Problem] = []
    warnings: list[Problem] = []
    for team in chosen:
        fault = team_fault(team, teams)
        try:
            pool = read_pool(team, world, with_warnings=with_warnings) if fault is None else None
        except HermesProfilesError as error:
            fault = error.problem
            pool = None
        if fault is not None or pool is None:
            faults += [fault] if fault is not None else []
            continue
        warnings += pool.warnings
        shared = _Shared(world, pool)
        found += [_sync_member(shared, member, own, when) for member in team.members]
    return TeamSync(_plan(chosen, found, own), tuple(found), tuple(faults), tuple(warnings))


def _plan(chosen: Sequence[Team], found: Iterable[MemberSync], own: Sequence[Override]) -> ChangePlan | None:
    changed = [each for each in found if each.steps]
    if not changed:
        return None
    names = [team.name for team in chosen]
    profiles = tuple(each.profile for each in changed)
    words = [word for each in own for word in each.as_words()]
    summary = f"sync {', '.join(profiles)} with the team {' and '.join(dict.fromkeys(each.team for each in changed))}"
    steps = tuple(step for each in changed for step in each.steps)
    return ChangePlan(("team", "sync", *names, *words), summary, steps, profiles=profiles)


def _sync_member(shared: _Shared, member: str, own: Sequence[Override], when: TrashStamp) -> MemberSync:
    try:
        return _Member(shared, member, [each for each in own if each.member == member], when).synced()
    except LookupError as error:
        key, place = path_text(error.args[0]), shared.layout.home(member) / CONFIG_FILE
        problem = Problem(
            "in-the-way",
            f"{member} has something of its own below {key}, where its lead has a single value ({place})",
            member,
            f"put one of them right, or say `hermes-profiles team sync --own {member}:{key}`",
        )
    except (NotFound, UsageProblem):  # what the user named is not there
        raise
    except HermesProfilesError as error:
        problem = error.problem._replace(target=member)
    return MemberSync(shared.pool.team.name, member, problem=problem)


class _Shared:
    """What is the same for all members of one team, read once."""

    def __init__(self, world: CloneContext, pool: Pool) -> None:
        self.world, self.pool = world, pool
        self.copies = PoolCopyCache(world.layout, world.catalog)

    @property
    def catalog(self) -> Catalog:
        return self.world.catalog

    @property
    def layout(self) -> Layout:
        return self.world.layout

    @cached_property
    def config(self) -> Value | None:
        """Return what config.yaml of a member is to hold, None when it is not shared."""
        if Share.CONFIG not in self.pool.team.share:
            return None
        return YamlDocument.parse(
            self.pool.documents.get(CONFIG_FILE, b""), path=f"{self.pool.team.lead}/{CONFIG_FILE}"
        ).value()

    @cached_property
    def env(self) -> EnvDocument:
        return self._env(self.pool.documents.get(ENV_FILE, b""), f"{self.pool.team.lead}/{ENV_FILE}")

    def _env(self, raw: bytes, path: str) -> EnvDocument:
        return EnvDocument.parse(raw, path=path, known_keys=self.catalog.known_names)

    def env_of(self, file: SettingsFile) -> EnvDocument:
        """Return the `.env` of a member. Raises DocumentError."""
        return self._env(file.raw or b"", str(file.path))


class _State(NamedTuple):
    """A member's files on the way to what they are to be."""

    config: SettingsFile
    env: SettingsFile
    membership: Membership


class _Member:
    """One member of a team."""

    def __init__(self, shared: _Shared, name: str, own: Sequence[Override], when: TrashStamp) -> None:
        self.name = name
        self._shared, self._layout, self._catalog = shared, shared.layout, shared.catalog
        self._ownership, self._when = own, when
        self.changes: list[SyncChange] = []
        self.warnings: list[Problem] = []

    def synced(self) -> MemberSync:
        """Return what happens to this member."""
        layout, name = self._layout, self.name
        config, env = (settings_file(layout, name, file) for file in (CONFIG_FILE, ENV_FILE))
        for file in (config, env):
            check_may_write(layout, file)
        meta = read_sections(layout.home(name) / PROFILE_FILE, (TEAM,), certain=True)
        before = membership_in(meta) or Membership(self._shared.pool.team.name)
        state = _State(config, env, self._owning(before, config, env))
        for _ in range(_MOST_ROUNDS):
            after = self._settled(state)
            if after == state:
                break
            state = after
        else:
            raise Failed(f"{name} does not settle: each sync would change it again", target=name, code="unsettled")
        steps = [
            *self._about(before, state.membership),
            *self._replaced(env, state.env, private=True),
            *self._replaced(config, state.config, private=any(each.hidden for each in self.changes)),
            *self._links(state.membership.own),
        ]
        return MemberSync(
            self._shared.pool.team.name, name, tuple(self.changes), tuple(steps), warnings=tuple(self.warnings)
        )

    def _owning(self, before: Membership, config: SettingsFile, env: SettingsFile) -> Membership:
        if not self._ownership:
            return before
        known = {entry.name for document in (self._shared.env, self._shared.env_of(env)) for entry in document.entries}
        values = [config.config().value(), *([self._shared.config] if self._shared.config is not None else [])]
        after = apply_overrides(before, self._ownership, known, values)
        for action, keys in (("keep", set(after.own) - set(before.own)), ("share", set(before.own) - set(after.own))):
            self.changes += [SyncChange("own", key, action, None, None, hidden=False) for key in sorted(keys)]
        return after

    def _settled(self, state: _State) -> _State:
        """Return the files after one look at them."""
        env = self._shared.env_of(state.env)
        config = state.config.config()
        kept, names = own_settings(config, env, state.membership.own, self._catalog)
        carried = tuple(name for name in self._shared.pool.variables if name not in names)
        gone = [name for name in state.membership.env if name not in carried and name not in names]
        changes = list(variable_differences(self._shared.env, env, carried, gone))
        if changes:
            raw = with_pool_variables(self._shared.env, env, changes, self._catalog.known_names)
            self.changes += [variable_change(name, action) for action, name in changes]
            state = state._replace(env=state.env._replace(raw=raw))
        if self._shared.config is not None:
            on = frozenset((*self._on(state), self._shared.pool.team.channel))
            state = state._replace(config=self._edited(state.config, config, ConfigComparison(kept, on)))
        return state._replace(membership=state.membership._replace(env=carried))

    def _on(self, state: _State) -> tuple[str, ...]:
        """Return the channels that are on for this member."""
        files = HomeFiles(self._layout.home(self.name), self._catalog.known_names)
        for file in (state.config, state.env):
            files.expect(file.name, file.raw or b"")
        return channels_in(files, files.sections(CONFIG_FILE, EVERYTHING), self._catalog)

    def _edited(self, file: SettingsFile, document: YamlDocument, comparison: ConfigComparison) -> SettingsFile:
        before = document.value()
        for action, path, after in list(comparison.differences(self._shared.config, before)):
            self.changes.append(setting_change(path, action, before.at(path), after, self._catalog))
            if after is None:
                document = delete_path(document, path)
                continue
            warning = comment_warning(self.name, path, document)
            self.warnings += [warning] if warning is not None else []
            document = set_path(document, path, after)
        return file._replace(raw=document.raw) if document.raw != (file.raw or b"") else file

    # steps

    def _about(self, before: Membership, after: Membership) -> Iterable[Step]:
        if before == after:
            return
        path = Path(os.path.realpath(self._layout.home(self.name))) / PROFILE_FILE
        raw = read_document(path) or b""
        new = edit_profile_yaml(raw, membership_values(after), path=str(path))
        if new != raw:
            if not self.changes:  # which variables came from the lead is noted anew, and nothing else
                self.changes.append(SyncChange("own", PROFILE_FILE, "set", None, None, hidden=False))
            yield ReplaceFile(path, Secret(new), 0o600, signature(path))

    def _replaced(self, before: SettingsFile, after: SettingsFile, *, private: bool) -> Iterable[Step]:
        step = before.replaced(after.raw or b"", private=private)
        if step is not None:
            yield step

    def _links(self, own: Sequence[str]) -> Iterable[Step]:
        pool, home = self._shared.pool, self._layout.home(self.name)
        real = Path(os.path.realpath(home))  # steps open folders without following links
        found = list(link_changes(self._layout, pool.team.lead, self.name, pool.links, own))
        self.changes += [_link_row(each) for each in found]
        own_things = [home / each.path for each in found if each.action == "replace"]
        if own_things and home.is_symlink():
            raise Refused(
                f"{own_things[0]} is {self.name}'s own, and its home is a link to {real}: nothing there can go to the "
                "trash",
                target=self.name,
                code="home-is-link",
                hint=f"move it away: `mv {own_things[0]} {own_things[0]}.own`",
            )
        yield from steps_to_trash_files(
            self._layout,
            self.name,
            own_things,
            trash_id=self._when.trash_id,
            deleted_at=self._when.deleted_at,
            reason=f"in the place of what {self.name} shares with {pool.team.lead}",
        )
        for each in found:
            if each.action == "own" and each.signature is not None:
                link = PoolLink(each.path, pool.team.lead, "", each.signature)
                yield from replace_link(self._layout, self.name, link, self._shared.copies, pool.team.lead)
                continue
            seen = None if each.action == "replace" else each.signature
            yield ReplaceFile(real / each.path, None, expected=seen, link=each.target)


def _link_row(change: LinkChange) -> SyncChange:
    before = scalar("str", change.found) if change.found else None
    after = scalar("str", f"a link to {change.target}") if change.target is not None else None
    if change.action == "own":
        after = scalar("str", "a copy of its own")
    return SyncChange("link", change.path, change.action, before, after, hidden=False)
