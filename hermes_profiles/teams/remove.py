"""Plans how a member leaves its team: moved to the trash, or kept as a separate profile.

The lead's pool is never changed: links are moved, removed or replaced, never followed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from hermes_profiles.changes.plan import ChangePlan, CopyFile, PublishTree, ReplaceFile, Step, TreeEntry, WriteFile
from hermes_profiles.changes.signature import signature
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import NotFound, Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.lifecycle import plan_delete
from hermes_profiles.profiles.profile import read_sections
from hermes_profiles.profiles.profile_yaml import edit_profile_yaml
from hermes_profiles.profiles.tree_walk import read_document

from .model import TEAM, TEAMS, Team, Teams
from .pool_copies import PoolCopies, PoolLink, pool_links


class RemovedMember(NamedTuple):
    """A member that leaves its team.

    `copied`: links that become its own files; `gone`: links without a target; `trash_id`: id of its trash entry, None
    for a profile that is kept.
    """

    profile: str
    copied: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    trash_id: str | None = None


class RemovalPlan(NamedTuple):
    """The change, the members that leave, and warnings; no `plan` if nothing changes."""

    plan: ChangePlan | None
    left: tuple[RemovedMember, ...]
    warnings: tuple[Problem, ...] = ()


def require_members(teams: Teams, names: Sequence[str], team: str | None) -> tuple[Team, tuple[str, ...]]:
    """Return the common team of these profiles, and their names.

    Raises NotFound for a profile that is not in the team, Refused for a lead and for members of different teams.
    """
    found: dict[str, Team] = {}
    for name in dict.fromkeys(names):
        of = teams.of(name)
        led = teams.led_by(name)
        if of is None and led:
            raise _is_lead(name, led)
        if of is None:
            raise NotFound(
                f"{name} is not in a team",
                target=name,
                code="no-member",
                hint="list the members with `hermes-profiles team list`, or delete the profile: "
                f"`hermes-profiles delete {name}`",
            )
        if team is not None and of.name != team:
            raise NotFound(
                f"{name} is a member of {of.name}, not of {team}",
                target=name,
                code="no-member",
                hint=f"use `hermes-profiles team remove {name} --team {of.name}`",
            )
        found[name] = of
    if len({of.name for of in found.values()}) > 1:
        members = ", ".join(f"{name} of {of.name}" for name, of in found.items())
        raise Refused(
            f"the profiles are members of different teams: {members}",
            code="two-teams",
            hint=f"remove them team by team: {'; '.join(_removals(found))}",
        )
    return next(iter(found.values())), tuple(found)


def _removals(found: Mapping[str, Team]) -> Iterator[str]:
    for team in dict.fromkeys(of.name for of in found.values()):
        names = " ".join(name for name, of in found.items() if of.name == team)
        yield f"`hermes-profiles team remove {names} --team {team}`"


def _is_lead(name: str, led: Sequence[Team]) -> Refused:
    first = led[0].name
    return Refused(
        f"{name} cannot be removed as a member: it leads {', '.join(team.name for team in led)}",
        target=name,
        code="is-lead",
        hint=f"dissolve the team with `hermes-profiles team remove --team {first} --all` (moves its members to the "
        "trash; with `--keep-profile` they stay as separate profiles)",
    )


def plan_trash_members(
    layout: Layout, team: Team, members: Sequence[str], *, dissolve: bool, trash_id: str, deleted_at: str
) -> RemovalPlan:
    """Return the change that moves whole members to the trash, with their links as links.

    `dissolve`: also remove the team from its lead.
    """
    deletions = [plan_delete(layout, name, trash_id=trash_id, deleted_at=deleted_at) for name in members]
    steps: list[Step] = [step for deletion in deletions for step in deletion.steps]
    commit = deletions[0].commit if deletions else 0
    steps += _without_team(layout, team) if dissolve else ()
    left = tuple(RemovedMember(name, trash_id=f"{trash_id}-{name}") for name in members)
    return RemovalPlan(_plan(team, members, steps, commit, dissolve=dissolve), left)


def plan_keep_members(
    layout: Layout, team: Team, members: Sequence[str], catalog: Catalog, *, dissolve: bool
) -> RemovalPlan:
    """Return the change that makes members separate profiles.

    Their links become copies of the lead's files, without the values of its identities. Raises DocumentError or Failed
    for documents that cannot be read or edited with certainty.
    """
    steps: list[Step] = []
    left = []
    pools = PoolCopyCache(layout, catalog)
    for name in members:
        copied: list[str] = []
        gone: list[str] = []
        for link in pool_links(layout, name):
            made = tuple(replace_link(layout, name, link, pools, team.lead or link.owner))
            steps += made
            (gone if _removes(made[-1]) else copied).append(link.path)
        steps += _edited(layout, name, (TEAM,))
        left.append(RemovedMember(name, tuple(copied), tuple(gone)))
    steps += _without_team(layout, team) if dissolve else ()
    plan = _plan(team, members, steps, 0, dissolve=dissolve, keep=True)
    return RemovalPlan(plan, tuple(left), tuple(pools.warnings()))


class PoolCopyCache:
    """Cache of pool copies: each pool is read once for all members."""

    def __init__(self, layout: Layout, catalog: Catalog) -> None:
        self._layout, self._catalog = layout, catalog
        self._copies: dict[str, PoolCopies] = {}
        self._reports: dict[str, CloneReport] = {}
        self._entries: dict[tuple[str, str], dict[str, TreeEntry]] = {}

    def entries(self, owner: str, path: str) -> dict[str, TreeEntry]:
        """Return the copies of one path of a profile's pool; empty if the path or profile is missing."""
        if not self._layout.home(owner).is_dir():
            return {}
        if owner not in self._copies:
            report = CloneReport(profile=owner, source=owner, path=self._layout.home(owner))
            self._reports[owner] = report
            self._copies[owner] = PoolCopies(self._layout, owner, self._catalog, report)
        if (owner, path) not in self._entries:
            self._entries[owner, path] = self._copies[owner].entries(path)
        return self._entries[owner, path]

    def screen(self, owner: str) -> ValueIndex | None:
        """Return the values that a copy must not hold."""
        return self._copies[owner].values or None

    def warnings(self) -> Iterator[Problem]:
        """Yield warnings about the copies."""
        for owner, report in self._reports.items():
            report.hide(self._copies[owner].values)
            for place in report.redacted:
                yield Problem(
                    "redacted",
                    f"{place.path}:{place.line} of {owner} holds its {place.name}; the copy has "
                    f"`<removed: {place.name}>` instead",
                    owner,
                )
            for row in report.left_behind:
                yield Problem("left-behind", f"{row.path} of {owner} is not copied: {row.reason}", owner)
            for warning in report.warnings:
                yield Problem(
                    warning.code, f"{warning.target} of {owner} is a link to outside; the copy has the same link", owner
                )


def _removes(step: Step) -> bool:
    return isinstance(step, ReplaceFile) and step.removes


def _plan(
    team: Team, members: Sequence[str], steps: Sequence[Step], commit: int, *, dissolve: bool, keep: bool = False
) -> ChangePlan | None:
    if not steps:
        return None
    names = ", ".join(members)
    summary = f"dissolve the team {team.name}" if dissolve else f"remove {names} from the team {team.name}"
    arguments = ("--team", team.name, "--all") if dissolve else tuple(members)
    command = ("team", "remove", *arguments, *(("--keep-profile",) if keep else ()))
    lead = (team.lead,) if dissolve and team.lead else ()
    return ChangePlan(command, summary, tuple(steps), commit=commit, profiles=(*members, *lead))


def replace_link(
    layout: Layout, profile: str, link: PoolLink, pools: PoolCopyCache, owner: str
) -> Iterator[ReplaceFile | PublishTree]:
    """Yield the steps that replace a link by a copy, or remove it if there is nothing to copy."""
    place = layout.home(profile) / link.path
    entries = pools.entries(owner, link.path)
    own = entries.get(link.path)
    if isinstance(own, WriteFile | CopyFile):
        content = own.content if isinstance(own, WriteFile) else Secret(read_document(own.source) or b"")
        yield ReplaceFile(place, content, 0o600, link.signature)
        return
    yield ReplaceFile(place, None, expected=link.signature)
    if own is not None:
        below = tuple(_below(entry, link.path) for path, entry in entries.items() if path != link.path)
        yield PublishTree(place, below, screen=pools.screen(owner))


def _below(entry: TreeEntry, folder: str) -> TreeEntry:
    return entry._replace(path=entry.path.removeprefix(f"{folder}/"))


def _without_team(layout: Layout, team: Team) -> tuple[ReplaceFile, ...]:
    """Return the step that removes the team from its lead's profile.yaml."""
    if not team.lead:
        return ()
    others = set(read_sections(layout.home(team.lead) / PROFILE_FILE, (TEAMS,)).get(TEAMS) or ()) - {team.name}
    return _edited(layout, team.lead, (TEAMS, team.name) if others else (TEAMS,))


def _edited(layout: Layout, profile: str, key: tuple[str, ...]) -> tuple[ReplaceFile, ...]:
    path = layout.home(profile) / PROFILE_FILE
    raw = read_document(path) or b""
    new = edit_profile_yaml(raw, {key: None}, path=str(path))
    return (ReplaceFile(path, Secret(new), 0o600, signature(path)),) if new != raw else ()
