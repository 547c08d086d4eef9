"""List the profiles of a root, and show one with its keys, skills and teams."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from hermes_profiles.fleet.listening import Remark
from hermes_profiles.gateways.model import Gateway
from hermes_profiles.hermes.files import ENV_FILE, OP_ENV_FILE, SKILL_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT, check_existing_name
from hermes_profiles.profiles.listing import (
    active_profile,
    aliases,
    has_identity,
    lost_profiles,
    profile_names,
    require,
)
from hermes_profiles.profiles.profile import Profile, read_profile

from ..fleet_context import FleetSession
from ..gateways.listening import ListeningReader

if TYPE_CHECKING:
    from hermes_profiles.teams.model import Team, Teams


class ListedProfile(NamedTuple):
    """A profile with its gateway. `team`: the one it is a member of; `leads`: the teams that it leads.

    `remarks`: what keeps people from reaching its gateway.
    """

    profile: Profile
    gateway: Gateway
    team: Team | None
    leads: tuple[Team, ...]
    remarks: tuple[Remark, ...] = ()


class ProfileList(NamedTuple):
    """The profiles of a root."""

    profiles: tuple[ListedProfile, ...]
    warnings: tuple[Problem, ...]


class ProfileKey(NamedTuple):
    """A variable that a profile's environment files set. `key_class` and `channel`: None when it is not known."""

    name: str
    file: str
    line: int
    is_set: bool
    channel: str | None
    key_class: str | None


class ProfileDetails(NamedTuple):
    """One profile with the variables that its files set, and the number of its skills."""

    listed: ListedProfile
    keys: tuple[ProfileKey, ...]
    skills: int
    warnings: tuple[Problem, ...]


def list_profiles(session: FleetSession) -> ProfileList:
    """Return the profiles of the root, with their gateways and teams."""
    names = profile_names(session.layout)
    active, alias_map = active_profile(session.layout), aliases(session.layout)
    profiles = [
        read_profile(
            session.layout,
            name,
            catalog=session.catalog,
            active=active,
            alias=alias_map.get(name),
            managed=session.managed,
        )
        for name in names
    ]
    gateways = session.observe_cheaply(names)
    warnings = [
        *session.problems,
        *session.manager_problems,
        *(problem for profile in profiles for problem in profile.problems),
        *_left_folders(session.layout, names),
        *lost_profiles(session.layout),
    ]
    if active not in names and names:
        warnings.append(
            Problem(
                "sticky-gone",
                f"the sticky default {active!r} does not exist",
                str(session.layout.active_profile),
                "choose another with `hermes-profiles use NAME`",
            )
        )
    teams, reader = _teams_of(profiles), ListeningReader(session)
    return ProfileList(tuple(_listed(each, gateways[each.name], teams, reader) for each in profiles), tuple(warnings))


def _left_folders(layout: Layout, names: Iterable[str]) -> Iterator[Problem]:
    """Yield a problem for each folder that this Hermes lists as a profile, though no file of a profile is in it."""
    for name in names:
        home = layout.home(name)
        if name != DEFAULT and not has_identity(home):
            yield Problem(
                "left-folder",
                f"{name} has no file of a profile: it is an empty folder, or what a deleted profile left",
                str(home),
                f"see `hermes-profiles doctor {name}`, or move it to the trash with `hermes-profiles delete {name}`",
            )


def show_profile(session: FleetSession, profile: str) -> ProfileDetails:
    """Return one profile with its keys. Raises NotFound."""
    name = check_existing_name(profile)
    home = require(session.layout, name)
    alias = aliases(session.layout).get(name)
    found = read_profile(
        session.layout,
        name,
        catalog=session.catalog,
        active=active_profile(session.layout),
        alias=alias,
        managed=session.managed,
    )
    teams = None
    if found.teams:  # most profiles are in no team and lead none: no other profile is read then
        from hermes_profiles.teams.model import read_teams

        teams = read_teams(session.layout)
    listed = _listed(found, session.observe_cheaply((name,))[name], teams, ListeningReader(session))
    keys = tuple(_keys(home, session))
    skills = sum(1 for _ in (home / "skills").rglob(SKILL_FILE)) if (home / "skills").is_dir() else 0
    problems = (*session.problems, *session.manager_problems, *found.problems, *_invalid_ports(session, found))
    return ProfileDetails(listed, keys, skills, problems)


def _invalid_ports(session: FleetSession, profile: Profile) -> Iterator[Problem]:
    """Yield a warning for each setting of a port on which its channel cannot listen, as `doctor` reports it."""
    listening = [name for name in profile.channels if session.catalog.channels[name].ports]
    if not listening:
        return
    from hermes_profiles.credentials.channels.channel_ports import effect_of, unusable_ports
    from hermes_profiles.credentials.identities import channel_views
    from hermes_profiles.profiles.channels import effective_settings
    from hermes_profiles.profiles.home_files import HomeFiles

    home = session.layout.home(profile.name)
    files = HomeFiles(home, session.catalog.known_names)
    environment, config = effective_settings(files, session.catalog, session.managed)
    for view in channel_views(environment, config, session.catalog, listening):
        for setting in unusable_ports(view):
            key = setting.variable or f"platforms.{view.name}.extra.{setting.path.removeprefix('extra.')}"
            verb = "env set" if setting.variable else "config set"
            yield Problem(
                "invalid-port",
                f"{key} {effect_of(view, setting)}",
                profile.name,
                f"set a free port with `hermes-profiles {verb} {quote(profile.name)} {quote(key)}`",
            )


def _listed(profile: Profile, gateway: Gateway, teams: Teams | None, reader: ListeningReader) -> ListedProfile:
    remarks = reader.of_gateway(gateway, profile.channels, profile.channels_off, disabled=profile.disabled)
    if teams is None:
        return ListedProfile(profile, gateway, None, (), remarks)
    return ListedProfile(profile, gateway, teams.of(profile.name), tuple(teams.led_by(profile.name)), remarks)


def _teams_of(profiles: Iterable[Profile]) -> Teams | None:
    """Return the teams that these profiles name, None when they name none: nothing is imported then."""
    sections = {profile.name: profile.teams for profile in profiles if profile.teams}
    if not sections:
        return None
    from hermes_profiles.teams.model import teams_in

    return teams_in(sections)


def _keys(home: Path, session: FleetSession) -> Iterator[ProfileKey]:
    from hermes_profiles.documents.dotenv.document import EnvDocument
    from hermes_profiles.model.errors import DocumentError
    from hermes_profiles.profiles.tree_walk import read_document

    for file in (ENV_FILE, OP_ENV_FILE):
        raw = read_document(home / file)
        if raw is None:
            continue
        try:
            document = EnvDocument.parse(raw, path=str(home / file), known_keys=session.catalog.known_names)
        except DocumentError:
            continue  # a problem of the profile already
        for entry in document.entries:
            if not entry.commented:
                fact = session.catalog.lookup(entry.name)
                yield ProfileKey(
                    entry.name,
                    file,
                    entry.line,
                    any(entry.values),
                    fact.channel if fact else None,
                    str(fact.key_class) if fact else None,
                )
