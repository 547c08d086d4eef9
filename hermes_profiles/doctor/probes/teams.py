"""Teams: who leads whom, which members are not as their lead, and whose secrets lie where others read them.

A root without teams costs nothing here: profile.yaml was read already.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from hermes_profiles.credentials.identities import credentials_in
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.teams import Mode, Stray, TeamFacts
from hermes_profiles.hermes.files import (
    CONFIG_FILE,
    ENV_FILE,
    LEGACY_CONFIG_FILE,
    MEMORY_FILE,
    OP_ENV_FILE,
    PROFILE_FILE,
    USER_FILE,
)
from hermes_profiles.model.errors import HermesProfilesError, Problem
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind
from hermes_profiles.teams.model import TEAM, TEAMS, Team, Teams, team_fault, teams_in

if TYPE_CHECKING:
    from hermes_profiles.settings.changes import SyncChange
    from hermes_profiles.teams.quick_drift import ProfileSnapshot

# Files of a home, besides those of accounts, that are looked through for secrets of other profiles.
_OWN_FILES = (
    ENV_FILE,
    OP_ENV_FILE,
    CONFIG_FILE,
    LEGACY_CONFIG_FILE,
    PROFILE_FILE,
    MEMORY_FILE,
    USER_FILE,
)
_ACCOUNTS = "weixin/accounts/"
_LARGEST = 1024 * 1024
# Folders of a pool in which nobody writes by hand; and so many files of one pool are looked into.
_SKIPPED = frozenset({"__pycache__", ".git", "node_modules", ".venv"})
_MOST_FILES = 5000


# Secret of a profile → (profile, name of the key).
_Secrets = dict[bytes, tuple[str, str]]


def look_at_teams(around: DoctorContext, profiles: Mapping[str, ProfileFacts], *, multiplexing: bool) -> TeamFacts:
    """Return what was seen of the teams of a root. `multiplexing`: one gateway serves all profiles, or is to."""
    teams = teams_in({name: profile.files.sections(PROFILE_FILE, (TEAM, TEAMS)) for name, profile in profiles.items()})
    if not teams.by_name:
        return TeamFacts()
    faults = {name: fault for name, team in teams.by_name.items() if (fault := team_fault(team, teams)) is not None}
    whole = [team for name, team in teams.by_name.items() if name not in faults and team.lead in profiles]
    names = dict.fromkeys(name for team in whole for name in (team.lead, *team.members) if name in profiles)
    secrets = {name: _secrets(profiles[name], around) for name in names}
    comparison = _MemberComparison(around, profiles, teams)
    for team in whole:
        comparison.compare(team)
    return TeamFacts(
        teams,
        faults,
        comparison.drifted,
        comparison.unclear,
        _followed(around, teams, faults),
        {team.name: tuple(_exposed(around, team, secrets)) for team in whole},
        {name: found for name in names if (found := tuple(_foreign(profiles[name], secrets)))},
        _mode(around, profiles) if multiplexing else None,
    )


def _followed(around: DoctorContext, teams: Teams, faults: Mapping[str, Problem]) -> dict[str, tuple[str, ...]]:
    found = {}
    for name, fault in faults.items():
        if fault.code == "two-leads":
            from hermes_profiles.teams.pool_copies import pool_links

            links = (link for member in teams.by_name[name].members for link in pool_links(around.layout, member))
            found[name] = tuple(dict.fromkeys(link.owner for link in links))
    return found


def _mode(around: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> Mode:
    from hermes_profiles.model.names import DEFAULT
    from hermes_profiles.multiplex.access import check_access
    from hermes_profiles.multiplex.approvals import move_to_multiplexer
    from hermes_profiles.multiplex.facts import read_facts

    facts = read_facts(around.layout, tuple(profiles), around.catalog, around.environment)
    approvals = [
        each for name, one in profiles.items() if name != DEFAULT for each in move_to_multiplexer(name, one.home)
    ]
    return Mode(check_access(facts, around.catalog), tuple(approvals))


# --- members beside their lead


class _MemberComparison:
    """Compares members with their lead: closely only where a glance finds that they may differ."""

    def __init__(self, around: DoctorContext, profiles: Mapping[str, ProfileFacts], teams: Teams) -> None:
        self._around, self._profiles, self._teams = around, profiles, teams
        self.drifted: dict[str, tuple[SyncChange, ...]] = {}
        self.unclear: dict[str, Problem] = {}

    def compare(self, team: Team) -> None:
        """Note what the members of a team have that their lead has not, and what they lack."""
        doubtful = tuple(self._doubtful(team))
        if not doubtful:
            return
        from hermes_profiles.clone.plan import CloneContext
        from hermes_profiles.teams.sync import TrashStamp, plan_team_sync

        around = self._around
        world = CloneContext(around.layout, around.environment, around.catalog, pick_port=lambda: 0, fresh_key=str)
        chosen = (team._replace(members=doubtful),)
        found = plan_team_sync(world, self._teams, chosen, TrashStamp("doctor", ""), with_warnings=False)
        self.unclear |= dict.fromkeys((team.lead,), found.faults[0]) if found.faults else {}
        for each in found.members:
            if each.problem is not None:
                self.unclear[each.profile] = each.problem
            elif each.changes:
                self.drifted[each.profile] = each.changes

    def _doubtful(self, team: Team) -> Iterator[str]:
        from hermes_profiles.teams.quick_drift import LeadSnapshot
        from hermes_profiles.teams.shares import link_target, linked_paths, pool_path_exists

        layout, members = self._around.layout, [name for name in team.members if name in self._profiles]
        if not members:
            return
        lead = LeadSnapshot(team, self._glance(team.lead), self._around.catalog)
        links = {
            path: link_target(layout, team.lead, members[0], path)
            for path in linked_paths(team.share)
            if pool_path_exists(layout.home(team.lead), path)
        }
        for name in members:
            differs = lead.may_differ(self._glance(name), self._teams.memberships[name])
            if differs or self._unread(name, team.lead) or _links_differ(self._profiles[name], links):
                yield name

    def _glance(self, name: str) -> ProfileSnapshot:
        from hermes_profiles.teams.quick_drift import ProfileSnapshot

        profile = self._profiles[name]
        return ProfileSnapshot(profile.config, profile.files.environment((ENV_FILE,)), profile.held.channels)

    def _unread(self, *names: str) -> bool:
        """Return whether a file of one of these profiles could not be read: nothing is known then."""
        return any(self._profiles[name].files.problems for name in names)


def _links_differ(profile: ProfileFacts, links: Mapping[str, str]) -> bool:
    from hermes_profiles.teams.shares import POOL

    if profile.home.is_symlink():
        return True
    for path in POOL:
        fact = profile.listing.get(path)
        if fact is None or fact.kind is not EntryKind.LINK:
            if path in links:
                return True
        elif path not in links or os.readlink(fact.path) != links[path]:
            return True
    return any(
        profile.listing.get(name) and profile.listing[name].kind is EntryKind.LINK for name in (ENV_FILE, CONFIG_FILE)
    )


# --- secrets


def _secrets(profile: ProfileFacts, around: DoctorContext) -> _Secrets:
    """Return what proves who a profile's accounts are, as bytes to be searched for."""
    from hermes_profiles.credentials.value_index import secrets_in_json

    found: _Secrets = {}
    for _, variable, _, value in credentials_in(profile.environment, profile.config, around.catalog):
        found.setdefault(value.encode(), (profile.name, variable))
    for path in _account_files(profile):
        for value in secrets_in_json((profile.files.raw(path) or b"").decode("utf-8", "replace")) or ():
            found.setdefault(value.encode(), (profile.name, f"the token in {path}"))
    return found


def _account_files(profile: ProfileFacts) -> Iterator[str]:
    for path, fact in profile.listing.items():
        if fact.kind is EntryKind.FOLDER and f"{path}/" == _ACCOUNTS:
            with os.scandir(fact.path) as scan:
                yield from (f"{_ACCOUNTS}{each.name}" for each in scan if each.name.endswith(".json"))


def _exposed(around: DoctorContext, team: Team, secrets: Mapping[str, _Secrets]) -> Iterator[Stray]:
    """Yield secrets of the lead and of members in what all of them read."""
    from hermes_profiles.teams.shares import linked_paths

    needles = {value: whose for name in (team.lead, *team.members) for value, whose in secrets.get(name, {}).items()}
    home = around.layout.home(team.lead)
    for path in _pool_files([home / each for each in linked_paths(team.share)]) if needles else ():
        try:
            yield from _strays(path, read_regular(path, _LARGEST), needles)
        except (OSError, HermesProfilesError):
            continue  # nobody else can read it either


def _pool_files(tops: Iterable[Path]) -> Iterator[Path]:
    left = _MOST_FILES
    for top in tops:
        if top.is_file():
            yield top
            continue
        for folder, folders, files in os.walk(top):
            folders[:] = [name for name in folders if name not in _SKIPPED]
            for name in files:
                left -= 1
                if left < 0:
                    return
                yield Path(folder, name)


def _foreign(profile: ProfileFacts, secrets: Mapping[str, _Secrets]) -> Iterator[Stray]:
    """Yield secrets of other profiles in a home; what it holds as its own, too, is told by the checks of conflicts."""
    own = secrets[profile.name]
    needles = {
        value: whose
        for name, theirs in secrets.items()
        if name != profile.name
        for value, whose in theirs.items()
        if value not in own
    }
    memories = profile.listing.get("memories")
    for name in (*_OWN_FILES, *_account_files(profile)):
        is_shared = name.startswith("memories/") and (memories is None or memories.kind is EntryKind.LINK)
        raw = None if is_shared else profile.files.raw(name)
        if raw:
            yield from _strays(profile.home / name, raw, needles)


def _strays(path: Path, raw: bytes, needles: _Secrets) -> Iterator[Stray]:
    for value, (owner, key) in needles.items():
        at = raw.find(value)
        if at >= 0:
            yield Stray(owner, key, path, raw.count(b"\n", 0, at) + 1)
