"""Warnings and refusals of operations on a profile that leads a team or is a member of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hermes_profiles.credentials.detection.secret_detection import role_of_name
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.hermes.files import PROFILE_FILE
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.text import first_names
from hermes_profiles.profiles.profile import environment_of, read_sections
from hermes_profiles.settings.files import SettingsFile
from hermes_profiles.settings.sync import TargetSync
from hermes_profiles.teams.drift import own_settings
from hermes_profiles.teams.model import TEAM, TEAMS, Team, Teams, membership_in, read_membership, read_teams
from hermes_profiles.teams.shares import Share

from ..context import Session

# So many members are named; `team show` has them all.
_NAMED = 8


def named(members: Sequence[str]) -> str:
    """Return names for a sentence: the first eight, and how many more."""
    return first_names(members, _NAMED)


def check_may_go(layout: Layout, name: str) -> None:
    """Raise Refused for a profile that leads a team with members."""
    for team in read_teams(layout).led_by(name):
        if team.members:
            raise Refused(
                f"{name} leads the team {team.name}: {named(team.members)} would lose what it shares with them",
                target=name,
                code="leads-a-team",
                hint=f"first have them go on alone: `hermes-profiles team remove --team {team.name} --all "
                f"--keep-profile`; or move them to the trash: `hermes-profiles team remove --team {team.name} --all`",
            )


def membership_of(layout: Layout, name: str) -> Team | None:
    """Return the team of a profile; one without a lead when its lead is gone."""
    if read_membership(layout.home(name)) is None:  # most are in none: no other profile is read
        return None
    return read_teams(layout).of(name)


def setting_warnings(session: Session, file: SettingsFile, keys: tuple[str, ...], raw: bytes) -> list[Problem]:
    """Return warnings about teams for a changed setting of config.yaml; `raw`: the file afterwards."""
    meta = read_sections(session.layout.home(file.profile) / PROFILE_FILE, (TEAM, TEAMS))
    if not meta:
        return []
    kept, _ = own_settings(file._replace(raw=raw).config(), None, _own(meta), session.catalog)
    if kept.covers(keys):
        return []
    key = path_text(keys[: next((at for at, part in enumerate(keys) if part[:1] == "["), len(keys))])
    return _shared_warnings(read_teams(session.layout), file.profile, Share.CONFIG, (key,))


def variable_warnings(session: Session, file: SettingsFile, names: Sequence[str], raw: bytes) -> list[Problem]:
    """Return warnings about teams for changed variables of `.env`; `raw`: the file afterwards."""
    meta = read_sections(session.layout.home(file.profile) / PROFILE_FILE, (TEAM, TEAMS))
    if not meta:
        return []
    _, kept = own_settings(None, file._replace(raw=raw).env(session.catalog), _own(meta), session.catalog)
    membership, teams = membership_in(meta), read_teams(session.layout)
    shared = [name for name in names if name not in kept and not role_of_name(name, session.catalog).is_identity]
    if membership is not None:  # what its lead does not have stays
        team = teams.of(file.profile)
        leads = environment_of(session.layout.home(team.lead)) if team is not None and team.lead else {}
        shared = [name for name in shared if name in membership.env or name in leads]
    return _shared_warnings(teams, file.profile, Share.KEYS, tuple(shared))


def _own(meta: Mapping[str, Any]) -> tuple[str, ...]:
    membership = membership_in(meta)
    return membership.own if membership is not None else ()


def _shared_warnings(teams: Teams, profile: str, share: Share, keys: tuple[str, ...]) -> list[Problem]:
    """Return a warning for the team a profile is in, and one for each it leads, where these keys are shared."""
    of, names = teams.of(profile), ", ".join(keys)
    found = []
    if keys and of is not None and of.lead and share in of.share:
        own = " ".join(f"--own {profile}:{key}" for key in keys)
        found.append(
            Problem(
                "shared-in-team",
                f"the team {of.name} shares {names}: its next sync brings back what {of.lead} has",
                profile,
                f"to keep it for {profile}: `hermes-profiles team sync {of.name} {own}`; to have it for all, set "
                f"it in {of.lead}",
            )
        )
    for team in teams.led_by(profile) if keys else ():
        if team.members and share in team.share:
            found.append(
                Problem(
                    "team-follows",
                    f"{named(team.members)} share {names} with {profile}, and have it once the team "
                    f"{team.name} is synced",
                    profile,
                    f"do so with `hermes-profiles team sync {team.name}`",
                )
            )
    return found


def back_warnings(layout: Layout, name: str) -> list[Problem]:
    """Return warnings for a profile that has come back: into a team without a lead."""
    team = membership_of(layout, name)
    if team is None or team.lead:
        return []
    return [
        Problem(
            "no-lead",
            f"{name} is a member of the team {team.name}, which no profile leads: what it shared leads nowhere",
            name,
            f"bring the lead back (`hermes-profiles trash list`), or have it go on alone: `hermes-profiles team "
            f"remove {name} --keep-profile`",
        )
    ]


def sync_warnings(session: Session, source: str, targets: Sequence[TargetSync]) -> list[Problem]:
    """Return a warning for each member that got a shared setting from another profile than its lead."""
    layout, found = session.layout, []
    metas = ((each, read_sections(layout.home(each.profile) / PROFILE_FILE, (TEAM,))) for each in targets)
    members = [(target, meta) for target, meta in metas if membership_in(meta) is not None]
    teams = read_teams(layout) if members else None  # most roots have no team: no other profile is read
    for target, meta in members:
        team = teams.of(target.profile) if teams is not None else None
        if teams is None or team is None or team.lead == source:
            continue
        for place, share in (("config", Share.CONFIG), ("env", Share.KEYS)):
            changed = [each.key for each in target.changes if each.place == place and each.action != "keep"]
            found += _shared_warnings(
                teams, target.profile, share, tuple(key for key in changed if key not in _own(meta))
            )
    return found
