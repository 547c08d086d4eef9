"""Plans the sync of a team: shared settings of members become those of the lead; their own settings stay.

The lead is only read. The result depends on the lead's files, the member's identity and its overrides alone, so a
second sync changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from shlex import quote

from hermes_profiles.changes.plan import ChangePlan, ReplaceFile, Step
from hermes_profiles.changes.signature import signature
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
from hermes_profiles.model.named_tuple import NamedTuple
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

# Rarely a change of a sync makes another setting the member's own; then the comparison is repeated.
_MOST_ROUNDS = 4


class MemberSync(NamedTuple):
    """Sync of one member; without changes and problem it is in line with its lead.

    `problem`: why this member cannot be synced; the others still are.
    """

    team: str
    profile: str
    changes: tuple[SyncChange, ...] = ()
    steps: tuple[Step, ...] = ()
    problem: Problem | None = None
    warnings: tuple[Problem, ...] = ()


class TeamSync(NamedTuple):
    """A planned sync; no `plan` if nothing changes. `faults`: of teams that cannot be synced."""

    plan: ChangePlan | None
    members: tuple[MemberSync, ...]
    faults: tuple[Problem, ...]
    warnings: tuple[Problem, ...]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Return all faults of teams and problems of members."""
        return (*self.faults, *(each.problem for each in self.members if each.problem is not None))


class TrashStamp(NamedTuple):
    """Id and time of a new trash entry (`deleted_at`: ISO)."""

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
    """Return the sync of these teams.

    `own`: overrides to add or remove; `with_warnings`: search the pools for identities. Raises NotFound and
    UsageProblem for an unknown key in `own`. A file that cannot be read or edited with certainty is a fault of its
    team, or a problem of its member.
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
    arguments = [argument for each in own for argument in each.as_args()]
    summary = f"sync {', '.join(profiles)} with the team {' and '.join(dict.fromkeys(each.team for each in changed))}"
    steps = tuple(step for each in changed for step in each.steps)
    return ChangePlan(("team", "sync", *names, *arguments), summary, steps, profiles=profiles)


def _sync_member(shared: _Shared, member: str, own: Sequence[Override], when: TrashStamp) -> MemberSync:
    try:
        return _Member(shared, member, [each for each in own if each.member == member], when).sync()
    except LookupError as error:
        key, place = path_text(error.args[0]), shared.layout.home(member) / CONFIG_FILE
        problem = Problem(
            "in-the-way",
            f"{member} has own settings below {key}, where its lead has a single value ({place})",
            member,
            f"fix one of them, or keep the setting: `hermes-profiles team sync --own {member}:{key}`",
        )
    except (NotFound, UsageProblem):  # an unknown key in `own`
        raise
    except HermesProfilesError as error:
        problem = error.problem._replace(target=member)
    return MemberSync(shared.pool.team.name, member, problem=problem)


class _Shared:
    """Data that is common to all members of one team, read once."""

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
        """Return the shared content of config.yaml, None if it is not shared."""
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
    """A member's files during a sync."""

    config: SettingsFile
    env: SettingsFile
    membership: Membership


class _Member:
    """One member of a team."""

    def __init__(self, shared: _Shared, name: str, own: Sequence[Override], when: TrashStamp) -> None:
        self.name = name
        self._shared, self._layout, self._catalog = shared, shared.layout, shared.catalog
        self._overrides, self._when = own, when
        self.changes: list[SyncChange] = []
        self.warnings: list[Problem] = []

    def sync(self) -> MemberSync:
        """Return the sync of this member."""
        layout, name = self._layout, self.name
        config, env = (settings_file(layout, name, file) for file in (CONFIG_FILE, ENV_FILE))
        for file in (config, env):
            check_may_write(layout, file)
        meta = read_sections(layout.home(name) / PROFILE_FILE, (TEAM,), certain=True)
        before = membership_in(meta) or Membership(self._shared.pool.team.name)
        state = _State(config, env, self._with_overrides(before, config, env))
        for _ in range(_MOST_ROUNDS):
            after = self._compared(state)
            if after == state:
                break
            state = after
        else:
            raise Failed(f"cannot sync {name}: each sync would change it again", target=name, code="unsettled")
        steps = [
            *self._membership_steps(before, state.membership),
            *self._replace_steps(env, state.env, private=True),
            *self._replace_steps(config, state.config, private=any(each.hidden for each in self.changes)),
            *self._link_steps(state.membership.own),
        ]
        return MemberSync(
            self._shared.pool.team.name, name, tuple(self.changes), tuple(steps), warnings=tuple(self.warnings)
        )

    def _with_overrides(self, before: Membership, config: SettingsFile, env: SettingsFile) -> Membership:
        if not self._overrides:
            return before
        known = {entry.name for document in (self._shared.env, self._shared.env_of(env)) for entry in document.entries}
        values = [config.config().value(), *([self._shared.config] if self._shared.config is not None else [])]
        after = apply_overrides(before, self._overrides, known, values)
        for action, keys in (("keep", set(after.own) - set(before.own)), ("share", set(before.own) - set(after.own))):
            self.changes += [SyncChange("own", key, action, None, None, hidden=False) for key in sorted(keys)]
        return after

    def _compared(self, state: _State) -> _State:
        """Return the files after one comparison."""
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
        """Return the enabled channels of this member."""
        files = HomeFiles(self._layout.home(self.name), self._catalog.known_names)
        for file in (state.config, state.env):
            files.expect(file.name, file.raw or b"")
        return channels_in(files, files.sections(CONFIG_FILE, EVERYTHING), self._catalog)[0]

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

    def _membership_steps(self, before: Membership, after: Membership) -> Iterable[Step]:
        if before == after:
            return
        path = Path(os.path.realpath(self._layout.home(self.name))) / PROFILE_FILE
        raw = read_document(path) or b""
        new = edit_profile_yaml(raw, membership_values(after), path=str(path))
        if new != raw:
            if not self.changes:  # only the list of variables from the lead changes
                self.changes.append(SyncChange("own", PROFILE_FILE, "set", None, None, hidden=False))
            yield ReplaceFile(path, Secret(new), 0o600, signature(path))

    def _replace_steps(self, before: SettingsFile, after: SettingsFile, *, private: bool) -> Iterable[Step]:
        step = before.replaced(after.raw or b"", private=private)
        if step is not None:
            yield step

    def _link_steps(self, own: Sequence[str]) -> Iterable[Step]:
        pool, home = self._shared.pool, self._layout.home(self.name)
        real = Path(os.path.realpath(home))  # steps open folders without following links
        found = list(link_changes(self._layout, pool.team.lead, self.name, pool.links, own))
        self.changes += [_link_row(each) for each in found]
        own_paths = [home / each.path for each in found if each.action == "replace"]
        if own_paths and home.is_symlink():
            raise Refused(
                f"cannot move {own_paths[0]} to the trash: the home of {self.name} is a link to {real}",
                target=self.name,
                code="home-is-link",
                hint=f"move it away: `mv {quote(str(own_paths[0]))} {quote(str(own_paths[0]))}.own`",
            )
        yield from steps_to_trash_files(
            self._layout,
            self.name,
            own_paths,
            trash_id=self._when.trash_id,
            deleted_at=self._when.deleted_at,
            reason=f"replaced by a link to the pool of {pool.team.lead}",
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
        after = scalar("str", "its own copy")
    return SyncChange("link", change.path, change.action, before, after, hidden=False)
