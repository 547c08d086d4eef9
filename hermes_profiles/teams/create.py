"""Plans the creation of members: profiles that share their lead's pool and have their own account."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from hermes_profiles.changes.deletion_marker import clear_marker
from hermes_profiles.changes.plan import (
    ChangePlan,
    MakeFolder,
    MakeLink,
    PublishTree,
    ReplaceFile,
    Step,
    TreeEntry,
    WriteFile,
)
from hermes_profiles.changes.signature import signature
from hermes_profiles.clone.plan import CloneContext
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import channels_on
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value, scalar
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE, PROFILE_FOLDERS
from hermes_profiles.model.errors import DocumentError, Refused, UsageProblem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import check_new_name
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.create import ENV_HEADER, describe_profile
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.profile_yaml import edit_profile_yaml
from hermes_profiles.profiles.tree_walk import read_document
from hermes_profiles.settings.files import SettingsFile, with_variable

from .account_holders import check_accounts
from .accounts import Account, AccountEntries, account_entries
from .model import Membership, Team, Teams, membership_values, read_teams, team_values
from .pool import Pool, blocks_of, read_pool
from .shares import link_target

__all__ = [
    "MemberReport",
    "NewMember",
    "account_entries",
    "build_members",
    "check_accounts",
    "check_channel",
    "check_has_lead",
    "check_variables",
    "with_account_settings",
    "with_variables",
]


class NewMember(NamedTuple):
    """A member to create: `profile` is the name of a profile that does not exist yet."""

    profile: str
    account: Account | None = None
    description: str | None = None


class MemberReport(NamedTuple):
    """Content of a new member, without values.

    `account`: its id, "" without one; `variables`: its own, from the account; `carried`: variables from the lead;
    `links`: paths that are links into the pool; `missing`: shared paths that the lead does not have; `login_again`:
    providers that the member has to log in to itself.
    """

    profile: str
    path: Path
    account: str
    variables: tuple[str, ...]
    carried: tuple[str, ...]
    links: tuple[str, ...]
    missing: tuple[str, ...]
    login_again: tuple[str, ...]


def build_members(
    team: Team,
    new: Sequence[NewMember],
    world: CloneContext,
    *,
    define: bool,
    command: tuple[str, ...],
    pool: Pool | None = None,
) -> tuple[ChangePlan, tuple[MemberReport, ...]]:
    """Return the plan that creates members, each home by one rename, and with `define` the team, in one change.

    `pool`: the lead's pool, if already read. Raises Refused for a team or profile that exists, an account that a
    profile holds, or an unsuitable lead, UsageProblem for invalid names and accounts, NotFound without the lead, and
    what a clone of the lead raises.
    """
    layout = world.layout
    names = _checked_names(layout, [each.profile for each in new])
    _check_team(team, names, layout, define=define)
    check_channel(team.channel, world.catalog)
    accounts = [each.account for each in new if each.account is not None]
    for account in accounts:
        check_variables(account, team, world.catalog)
    check_accounts(layout, world.catalog, team, accounts)
    pool = read_pool(team, world) if pool is None else pool
    builder = _MemberBuilder(pool, world)
    steps: list[Step] = []
    reports = []
    for name, member in zip(names, new, strict=True):
        entries, report = builder.member(name, member)
        steps.append(PublishTree(layout.home(name), entries, screen=pool.values or None))
        reports.append(report)
    steps += [step for name in names for step in clear_marker(layout, name)]
    if define:
        steps.append(_definition(team, layout))
    made = f": {', '.join(names)}" if names else ""
    summary = f"{'create' if define else 'add to'} team {team.name}{made}"
    profiles = (*names, *((team.lead,) if define else ()))
    return ChangePlan(command, summary, tuple(steps), profiles=profiles), tuple(reports)


def check_channel(channel: str, catalog: Catalog, again: str = "--channel") -> None:
    """Raise UsageProblem for a channel that is not in the catalogue. `again`: what is typed before its right name."""
    if channel not in catalog.channels:
        close = get_close_matches(channel.lower(), catalog.channels, n=1)
        raise UsageProblem(
            f"{channel!r} is not a channel",
            target="--channel",
            code="no-such-channel",
            hint=f"use `{again} {close[0]}`" if close else f"use one of {', '.join(sorted(catalog.channels))}",
        )


def _checked_names(layout: Layout, given: Iterable[str]) -> list[str]:
    names = [check_new_name(each) for each in given]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageProblem(f"{twice} is named twice", target=twice, code="named-twice", hint="name each member once")
    for name in names:
        if os.path.lexists(layout.home(name)):
            raise Refused(
                f"{layout.home(name)} already exists",
                target=name,
                code="exists",
                hint=f"choose another name; `hermes-profiles show {name}` shows the profile",
            )
    return names


def check_has_lead(team: Team) -> None:
    """Raise Refused for a team that no profile leads."""
    if not team.lead:
        raise Refused(
            f"the team {team.name} has no lead: no profile.yaml defines it",
            target=team.name,
            code="no-lead",
            hint=f"show its members with `hermes-profiles team show {team.name}`",
        )


def _check_team(team: Team, names: Sequence[str], layout: Layout, *, define: bool) -> None:
    check_has_lead(team)
    require(layout, team.lead)
    teams: Teams = read_teams(layout)
    if define and team.name in teams.by_name:
        raise Refused(
            f"the team {team.name} already exists",
            target=team.name,
            code="team-exists",
            hint=f"add to it with `hermes-profiles team add MEMBER --team {team.name}`, or choose another name",
        )
    of = teams.of(team.lead)
    if of is not None:
        raise Refused(
            f"{team.lead} cannot lead a team: it is a member of the team {of.name}",
            target=team.lead,
            code="lead-is-member",
            hint=f"use another lead: `--lead {of.lead or 'PROFILE'}`",
        )
    if team.lead in names:
        raise Refused(f"{team.lead} cannot be a member: it leads the team", target=team.lead, code="lead-is-member")


def check_variables(account: Account, team: Team, catalog: Catalog) -> None:
    """Raise UsageProblem for an account of another channel, or with variables of another channel."""
    if account.channel != team.channel:
        raise UsageProblem(
            f"the account is on {account.channel}, the team {team.name} on {team.channel}",
            target=account.origin or account.id,
            code="other-channel",
            hint=f"use an account of {team.channel}",
        )
    for name in account.variables:
        if account.channel not in catalog.channels_of(name):
            raise UsageProblem(
                f"{name} is not a variable of {account.channel}",
                target=name,
                code="bad-account",
                hint=f"list them with `hermes-profiles catalog {account.channel}`",
            )


def _definition(team: Team, layout: Layout) -> ReplaceFile:
    path = layout.home(team.lead) / PROFILE_FILE
    content = edit_profile_yaml(read_document(path) or b"", team_values(team), path=str(path))
    return ReplaceFile(path, Secret(content), 0o600, signature(path))


class _MemberBuilder:
    """Builds members of one pool; common parts are computed once."""

    def __init__(self, pool: Pool, world: CloneContext) -> None:
        self._pool = pool
        self._world = world
        self._configs: dict[object, bytes] = {}

    def member(self, name: str, member: NewMember) -> tuple[tuple[TreeEntry, ...], MemberReport]:
        """Return the entries of a new member's home, and its report."""
        pool, layout = self._pool, self._world.layout
        account = account_entries(member.account) if member.account is not None else None
        entries: list[TreeEntry] = [
            MakeLink(path, link_target(layout, pool.team.lead, name, path)) for path in pool.links
        ]
        entries += [MakeFolder(folder) for folder in PROFILE_FOLDERS if folder not in pool.links]
        own = tuple(account.variables) if account is not None else ()
        documents = {**pool.documents, ENV_FILE: self._env(name, account), CONFIG_FILE: self._config(account)}
        documents[PROFILE_FILE] = self._about(member, own)
        entries += [WriteFile(path, Secret(content)) for path, content in documents.items()]
        if account is not None:
            entries += [WriteFile(path, content) for path, content in account.files.items()]
        carried = tuple(each for each in pool.variables if each not in own)
        report = MemberReport(
            name,
            layout.home(name),
            member.account.id if member.account is not None else "",
            own,
            carried,
            pool.links,
            pool.missing,
            pool.login_again,
        )
        return tuple(entries), report

    def _about(self, member: NewMember, own: Sequence[str]) -> bytes:
        carried = tuple(each for each in self._pool.variables if each not in own)
        description = (member.description or "").strip()
        raw = describe_profile(None, description) if description else b""
        return edit_profile_yaml(raw, membership_values(Membership(self._pool.team.name, carried)), path=PROFILE_FILE)

    def _env(self, name: str, account: AccountEntries | None) -> bytes:
        # Always write an `.env`: `hermes update` fills a missing one with a copy of default's, including tokens.
        raw = self._pool.documents.get(ENV_FILE) or b""
        raw = raw if raw.strip() else ENV_HEADER.encode()
        return (
            with_variables(raw, account.variables, self._world.layout.home(name) / ENV_FILE, self._world.catalog)
            if account
            else raw
        )

    def _config(self, account: AccountEntries | None) -> bytes:
        key = tuple(account.settings.items()) if account is not None else None
        if key not in self._configs:
            settings = account.settings if account is not None else None
            path = str(self._world.layout.home(self._pool.team.lead) / CONFIG_FILE)
            raw = self._pool.documents.get(CONFIG_FILE, b"")
            channel = self._pool.team.channel
            self._configs[key] = with_account_settings(raw, channel, settings, self._world.catalog, path=path)
        return self._configs[key]


def with_variables(raw: bytes, variables: Mapping[str, Secret[str]], path: Path, catalog: Catalog) -> bytes:
    """Return a `.env` with these variables set for every reader of Hermes. Raises DocumentError."""
    for name, value in variables.items():
        file = SettingsFile("", ENV_FILE, path, raw, None, 0o600)
        raw = with_variable(file, name, value.reveal().strip(), catalog)
    return raw


def with_account_settings(
    raw: bytes, channel: str, settings: Mapping[tuple[str, ...], Value] | None, catalog: Catalog, *, path: str
) -> bytes:
    """Return a config.yaml with an account's settings and its channel enabled.

    Without settings the `enabled: false` of a clone is removed, so that an account set up later enables the channel.
    Raises DocumentError if the file cannot be edited with certainty.
    """
    document = YamlDocument.parse(raw, path=path)
    blocks = blocks_of(channel, document, catalog)
    if settings is None:
        return _undecided(document, channel, blocks, catalog).raw
    main = next((block for block in blocks if block[0] == "platforms"), ("platforms", channel))
    for block in blocks:
        if document.value().at((*block, "enabled")) is not None:
            document = set_path(document, (*block, "enabled"), scalar("bool", "true"))
    for key, value in settings.items():
        document = set_path(document, (*main, *key[2:]), value)
    return document.raw


def _undecided(
    document: YamlDocument, channel: str, blocks: Sequence[tuple[str, ...]], catalog: Catalog
) -> YamlDocument:
    result = document
    try:
        for path in _flags(document, blocks):
            result = delete_path(result, path)
    except DocumentError:
        return document
    data = result.data()
    is_on = channel in channels_on({}, data if isinstance(data, Mapping) else {}, catalog)
    return document if is_on else result


def _flags(document: YamlDocument, blocks: Iterable[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for block in blocks:
        if document.value().at((*block, "enabled")) is not None:
            yield (*block, "enabled")
