"""Compares team members with their lead, and finds secrets in files that other profiles read.

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
from hermes_profiles.doctor.facts.teams import MisplacedSecret, MultiplexAccess, TeamFacts
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

# Files of a home, besides account files, that are searched for secrets of other profiles.
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
# Folders of a pool without handwritten files, and the maximum number of files searched in one pool.
_SKIPPED = frozenset({"__pycache__", ".git", "node_modules", ".venv"})
_MOST_FILES = 5000


# Secret of a profile → (profile, name of the key).
_Secrets = dict[bytes, tuple[str, str]]


def probe_teams(context: DoctorContext, profiles: Mapping[str, ProfileFacts], *, multiplexing: bool) -> TeamFacts:
    """Return the facts of the teams of a root.

    `multiplexing`: a multiplexer serves the root or is configured, and gives members settings of default.
    """
    teams = teams_in({name: profile.files.sections(PROFILE_FILE, (TEAM, TEAMS)) for name, profile in profiles.items()})
    if not teams.by_name:
        return TeamFacts()
    faults = {name: fault for name, team in teams.by_name.items() if (fault := team_fault(team, teams)) is not None}
    whole = [team for name, team in teams.by_name.items() if name not in faults and team.lead in profiles]
    names = dict.fromkeys(name for team in whole for name in (team.lead, *team.members) if name in profiles)
    secrets = {name: _secrets(profiles[name], context) for name in names}
    comparison = _MemberComparison(context, profiles, teams)
    for team in whole:
        comparison.compare(team)
    return TeamFacts(
        teams,
        faults,
        comparison.drifted,
        comparison.not_comparable,
        _linked_leads(context, teams, faults),
        {team.name: tuple(_exposed(context, team, secrets)) for team in whole},
        {name: found for name in names if (found := tuple(_foreign(profiles[name], secrets)))},
        _multiplex_facts(context, profiles) if multiplexing else None,
    )


def _linked_leads(context: DoctorContext, teams: Teams, faults: Mapping[str, Problem]) -> dict[str, tuple[str, ...]]:
    leads = {}
    for name, fault in faults.items():
        if fault.code == "two-leads":
            from hermes_profiles.teams.pool_copies import pool_links

            links = (link for member in teams.by_name[name].members for link in pool_links(context.layout, member))
            leads[name] = tuple(dict.fromkeys(link.owner for link in links))
    return leads


def _multiplex_facts(context: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> MultiplexAccess:
    from hermes_profiles.model.names import DEFAULT
    from hermes_profiles.multiplex.access import check_access
    from hermes_profiles.multiplex.approvals import move_to_multiplexer
    from hermes_profiles.multiplex.facts import read_facts

    facts = read_facts(context.layout, tuple(profiles), context.catalog, context.environment)
    approvals = [
        approval
        for name, profile in profiles.items()
        if name != DEFAULT
        for approval in move_to_multiplexer(name, profile.home)
    ]
    return MultiplexAccess(check_access(facts, context.catalog), tuple(approvals))


# --- members compared with their lead


class _MemberComparison:
    """Compares members with their lead: a fast test first, then a sync plan for those that may differ."""

    def __init__(self, context: DoctorContext, profiles: Mapping[str, ProfileFacts], teams: Teams) -> None:
        self._context, self._profiles, self._teams = context, profiles, teams
        self.drifted: dict[str, tuple[SyncChange, ...]] = {}
        self.not_comparable: dict[str, Problem] = {}

    def compare(self, team: Team) -> None:
        """Record the differences between the members of a team and their lead."""
        doubtful = tuple(self._doubtful(team))
        if not doubtful:
            return
        from hermes_profiles.clone.plan import CloneContext
        from hermes_profiles.teams.sync import TrashStamp, plan_team_sync

        context = self._context
        clone_context = CloneContext(
            context.layout, context.environment, context.catalog, pick_port=lambda: 0, fresh_key=str
        )
        chosen = (team._replace(members=doubtful),)
        plan = plan_team_sync(clone_context, self._teams, chosen, TrashStamp("doctor", ""), with_warnings=False)
        self.not_comparable |= dict.fromkeys((team.lead,), plan.faults[0]) if plan.faults else {}
        for member in plan.members:
            if member.problem is not None:
                self.not_comparable[member.profile] = member.problem
            elif member.changes:
                self.drifted[member.profile] = member.changes

    def _doubtful(self, team: Team) -> Iterator[str]:
        from hermes_profiles.teams.quick_drift import LeadSnapshot
        from hermes_profiles.teams.shares import link_target, linked_paths, pool_path_exists

        layout, members = self._context.layout, [name for name in team.members if name in self._profiles]
        if not members:
            return
        lead = LeadSnapshot(team, self._snapshot(team.lead), self._context.catalog)
        links = {
            path: link_target(layout, team.lead, members[0], path)
            for path in linked_paths(team.share)
            if pool_path_exists(layout.home(team.lead), path)
        }
        for name in members:
            differs = lead.may_differ(self._snapshot(name), self._teams.memberships[name])
            if differs or self._is_unreadable(name, team.lead) or _links_differ(self._profiles[name], links):
                yield name

    def _snapshot(self, name: str) -> ProfileSnapshot:
        from hermes_profiles.teams.quick_drift import ProfileSnapshot

        profile = self._profiles[name]
        return ProfileSnapshot(profile.config, profile.files.environment((ENV_FILE,)), profile.held.channels)

    def _is_unreadable(self, *names: str) -> bool:
        """Return whether a file of one of these profiles could not be read."""
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


def _secrets(profile: ProfileFacts, context: DoctorContext) -> _Secrets:
    """Return the credentials of a profile as bytes to search for."""
    from hermes_profiles.credentials.search.value_index import secrets_in_json

    secrets: _Secrets = {}
    for _, variable, _, value in credentials_in(profile.environment, profile.config, context.catalog):
        secrets.setdefault(value.encode(), (profile.name, variable))
    for path in _account_files(profile):
        for value in secrets_in_json((profile.files.raw(path) or b"").decode("utf-8", "replace")) or ():
            secrets.setdefault(value.encode(), (profile.name, f"the token in {path}"))
    return secrets


def _account_files(profile: ProfileFacts) -> Iterator[str]:
    for path, fact in profile.listing.items():
        if fact.kind is EntryKind.FOLDER and f"{path}/" == _ACCOUNTS:
            with os.scandir(fact.path) as scan:
                yield from (f"{_ACCOUNTS}{entry.name}" for entry in scan if entry.name.endswith(".json"))


def _exposed(context: DoctorContext, team: Team, secrets: Mapping[str, _Secrets]) -> Iterator[MisplacedSecret]:
    """Yield secrets of the lead and of members in the pool, which all of them read."""
    from hermes_profiles.teams.shares import linked_paths

    needles = {value: source for name in (team.lead, *team.members) for value, source in secrets.get(name, {}).items()}
    home = context.layout.home(team.lead)
    for path in _pool_files([home / path for path in linked_paths(team.share)]) if needles else ():
        try:
            yield from _occurrences(path, read_regular(path, _LARGEST), needles)
        except (OSError, HermesProfilesError):
            continue  # other members cannot read it either


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


def _foreign(profile: ProfileFacts, secrets: Mapping[str, _Secrets]) -> Iterator[MisplacedSecret]:
    """Yield secrets of other profiles in a home. Secrets it also sets itself are reported by the conflict checks."""
    own = secrets[profile.name]
    needles = {
        value: source
        for name, theirs in secrets.items()
        if name != profile.name
        for value, source in theirs.items()
        if value not in own
    }
    memories = profile.listing.get("memories")
    for name in (*_OWN_FILES, *_account_files(profile)):
        is_shared = name.startswith("memories/") and (memories is None or memories.kind is EntryKind.LINK)
        raw = None if is_shared else profile.files.raw(name)
        if raw:
            yield from _occurrences(profile.home / name, raw, needles)


def _occurrences(path: Path, raw: bytes, needles: _Secrets) -> Iterator[MisplacedSecret]:
    for value, (owner, key) in needles.items():
        at = raw.find(value)
        if at >= 0:
            yield MisplacedSecret(owner, key, path, raw.count(b"\n", 0, at) + 1)
