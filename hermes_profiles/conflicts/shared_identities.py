"""Finds what several profiles hold and only one may use: identities, their copies, ports, single-use logins.

A copy is a credential of a channel that is off. Nothing is changed; values are kept as digests.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from shlex import quote
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, Sharing
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.holders import HolderIndex, shared_ports
from hermes_profiles.credentials.identities import credentials_in
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.environment import API_SERVER
from hermes_profiles.credentials.rules.files import may_hold_channel_secrets
from hermes_profiles.credentials.rules.logins import is_kept_in_step, judge_auth, judge_honcho
from hermes_profiles.credentials.same_account import ONE_BOT, are_two_accounts, identifying_variables, with_account
from hermes_profiles.credentials.search.value_index import secrets_in_json
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.hermes.environment import API_SERVER_KEY
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, HONCHO_FILE
from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.channels import (
    NOTHING_MANAGED,
    ClaimedResources,
    Managed,
    claimed_resources,
    command_variables,
    legacy_blocks,
    wanted_sections,
    with_legacy,
)
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.tree_walk import EntryKind as FileKind
from hermes_profiles.profiles.tree_walk import walk

from .ownership import SharedIdentity, SharedKind

_SHORTEST_TOKEN = 12
# Shared between profiles on purpose, under a lock of its own.
_SHARED_ON_PURPOSE = frozenset({"shared/nous_auth.json"})


class SingleUseLogin(NamedTuple):
    """A single-use login: digests of its refresh tokens, and when it was refreshed (epoch seconds, 0 unknown)."""

    tokens: frozenset[str]
    refreshed: float


class ProfileIdentities(NamedTuple):
    """What the files of one profile hold.

    `copies`: channel → name → digest of every credential, channels that are off included; `logins`: provider (or path
    of the file) → login; `api_key`: digest of the API server's key; `problems`: files that could not be read.
    """

    held: ClaimedResources
    copies: Mapping[str, Mapping[str, str]]
    logins: Mapping[str, SingleUseLogin]
    api_key: str = ""
    problems: tuple[Problem, ...] = ()

    def without_login(self, provider: str) -> ProfileIdentities:
        """Return a copy without the login of one provider."""
        return self._replace(logins={name: login for name, login in self.logins.items() if name != provider})


def possession(layout: Layout, profile: str, catalog: Catalog, managed: Managed = NOTHING_MANAGED) -> ProfileIdentities:
    """Return what a profile's files hold; an unreadable file becomes a problem, not an exception.

    `managed`: values of the managed directory that the files can refer to.
    """
    home = layout.home(profile)
    files = HomeFiles(home, catalog.known_names)
    held = claimed_resources(home, catalog=catalog, managed=managed, files=files)
    config = with_legacy(files.sections(CONFIG_FILE, wanted_sections(catalog)), legacy_blocks(files))
    copies: dict[str, dict[str, str]] = {}
    command = command_variables(config)
    environment = {**command, **files.environment(sources={**command, **managed.environment})}
    for channel, variable, path, value in credentials_in(environment, config, catalog):
        key = with_account(channel, variable, value, environment, catalog)
        copies.setdefault(channel, {})[variable or path] = digest(key)
    problems = list(held.problems)
    known = len(files.problems)
    try:
        for path, channel, digests in _stored_secrets(files, profile, catalog):
            copies.setdefault(channel, {})[path] = digests
    except OSError as error:
        reason = system_reason(error)
        hint = f"see its permissions with `ls -ld {quote(str(home))}`"
        problems.append(Problem("unreadable", f"cannot list {home}: {reason}", str(home), hint))
    problems += files.problems[known:]
    logins = dict(_logins(files, profile, catalog))
    return ProfileIdentities(held, copies, logins, _api_key(environment, config), tuple(problems))


def _api_key(environment: Mapping[str, str], config: Mapping[str, Any]) -> str:
    """Return the digest of the API server's key, "" without one."""
    platforms = config.get("platforms")
    block = platforms.get(API_SERVER) if isinstance(platforms, Mapping) else None
    extra = block.get("extra") if isinstance(block, Mapping) else None
    key = environment.get(API_SERVER_KEY) or (extra.get("key") if isinstance(extra, Mapping) else None)
    return digest(key) if isinstance(key, str) and key else ""


def digest(value: str) -> str:
    """Return the sha256 of a value; it is never shown, only its keyed fingerprint is."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()


def _stored_secrets(files: HomeFiles, profile: str, catalog: Catalog) -> Iterator[tuple[str, str, str]]:
    """Yield (path, channel, digest of the secrets) of the channels' stored logins."""

    def enter(path: str) -> bool:
        if profile == DEFAULT and path == "profiles":
            return False
        return path == "platforms" or catalog.state_owner(path + "/") is not None

    for item in walk(files.home, enter):
        channel = catalog.state_owner(item.path)
        if channel not in catalog.channels or item.kind is not FileKind.FILE or "pairing" in item.path:
            continue
        if not may_hold_channel_secrets(item.path, catalog):
            continue
        text = (files.raw(item.path) or b"").decode("utf-8", "replace")
        secrets = secrets_in_json(text)
        if secrets and channel is not None:
            yield item.path, channel, digest("\n".join(sorted(secrets)))


def _logins(files: HomeFiles, profile: str, catalog: Catalog) -> Iterator[tuple[str, SingleUseLogin]]:
    """Yield (provider or path, login) of every single-use login, but for rows that mirror one elsewhere."""
    found: dict[str, list[str]] = {}
    for name, judge in (
        (AUTH_FILE, partial(judge_auth, catalog=catalog, policy=ClonePolicy())),
        (HONCHO_FILE, partial(judge_honcho, policy=ClonePolicy())),
    ):
        document = _document(files, name)
        for removal in judge(document.entries) if document is not None else ():
            if document is not None and removal.login_again:
                tokens = found.setdefault(removal.login_again, [])
                tokens += _tokens_of_its_own(document, removal.entry.path, profile)
    times = {name: _time(files, name) for name in (AUTH_FILE, HONCHO_FILE)}
    for provider, tokens in found.items():
        if tokens:
            yield provider, SingleUseLogin(frozenset(tokens), times[HONCHO_FILE if provider == "honcho" else AUTH_FILE])
    for row in catalog.oauth_rows:
        path = row.path[0]
        if len(row.path) != 1 or not row.single_use or path == HONCHO_FILE or path in _SHARED_ON_PURPOSE:
            continue
        names = _below(files, path) if path.endswith("/") else (path,)
        for name in names:
            document = _document(files, name)
            tokens = [token for _, token in _refresh_tokens(document, ())] if document is not None else []
            if tokens:
                yield (
                    (name if path.endswith("/") else row.provider),
                    SingleUseLogin(frozenset(tokens), _time(files, name)),
                )


def _below(files: HomeFiles, folder: str) -> list[str]:
    try:
        return [folder + name for name in sorted(os.listdir(files.home / folder)) if name.endswith(".json")]
    except OSError:
        return []


def _document(files: HomeFiles, name: str) -> JsonDocument | None:
    raw = files.raw(name)
    try:
        return JsonDocument.parse(raw, path=str(files.home / name)) if raw else None
    except DocumentError:  # doctor reports the file; an unreadable login has no holder
        return None


def _tokens_of_its_own(document: JsonDocument, top: tuple[str, ...], profile: str) -> Iterator[str]:
    """Yield the digests of refresh tokens below a path, without those that Hermes keeps in step with another login."""
    for path, token in _refresh_tokens(document, top):
        if len(path) < 3:
            yield token
            continue
        row = path[:3] if path[2][:1] == "[" else path[:2]
        source = document.get((*row, "source"))
        has_own = document.get(("providers", path[1])) is not None
        if source is None or not is_kept_in_step(
            path[0], path[1], source.value, has_own=has_own, is_default=profile == DEFAULT
        ):
            yield token


def _refresh_tokens(document: JsonDocument, top: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield (path, digest) of the refresh tokens below a path."""
    for entry in document.entries:
        is_token = entry.kind == "scalar" and entry.value and len(entry.value) >= _SHORTEST_TOKEN
        if entry.path[: len(top)] == top and is_token and "refresh" in entry.path[-1].lower():
            yield entry.path, digest(entry.value or "")


def _time(files: HomeFiles, name: str) -> float:
    try:
        return os.stat(files.home / name).st_mtime
    except OSError:
        return 0.0


def rivalries(profiles: Mapping[str, ProfileIdentities], catalog: Catalog) -> tuple[SharedIdentity, ...]:
    """Return what several of these profiles (in fleet order) share: channels first, then logins.

    `port_rivalries` adds the ports, after the decisions about these.
    """
    found: list[SharedIdentity] = []
    channels = {one.channel for each in profiles.values() for one in each.held.identities}
    channels |= {channel for each in profiles.values() for channel in each.copies}
    for channel in sorted(channels):
        if catalog.channels[channel].sharing is not Sharing.port_exclusive:
            found += _of_channel(channel, profiles, catalog)
    for provider in sorted({name for each in profiles.values() for name in each.logins}):
        conflicts_with = partial(_same_login, provider, profiles)
        tokens = {name: each.logins[provider].tokens for name, each in profiles.items() if provider in each.logins}
        for holders in _groups(HolderIndex(tokens).sharing(), conflicts_with):
            found.append(SharedIdentity(SharedKind.LOGIN, provider, "login", holders, conflicts_with))
    return tuple(found)


def _of_channel(channel: str, profiles: Mapping[str, ProfileIdentities], catalog: Catalog) -> Iterator[SharedIdentity]:
    conflicts_with = partial(_same_party, channel, profiles, identifying_variables(channel, catalog))
    parts = {
        name: {*each.copies.get(channel, {}).values(), *(i.key for i in each.held.identities if i.channel == channel)}
        for name, each in profiles.items()
    }
    for holders in _groups(HolderIndex(parts).sharing(), conflicts_with):
        on = [name for name in holders if channel in profiles[name].held.channels]
        kind = (
            SharedKind.IDENTITY
            if len(on) > 1 and any(conflicts_with(*pair) for pair in combinations(on, 2))
            else SharedKind.COPY
        )
        nouns = {i.noun for name in holders for i in profiles[name].held.identities if i.channel == channel}
        what = "token" if "token" in nouns else next(iter(sorted(nouns)), "credentials")
        yield SharedIdentity(kind, channel, what, holders, conflicts_with)


def _same_party(
    channel: str, profiles: Mapping[str, ProfileIdentities], names: Collection[str], one: str, other: str
) -> tuple[str, ...]:
    """Return the digests that two profiles share of a channel.

    Where the channel is on in both, their identities decide. Where it is off, a profile with an account of its own has
    no copy.
    """
    first, second = profiles[one], profiles[other]
    keys = [{i.key for i in each.held.identities if i.channel == channel} for each in (first, second)]
    mine, theirs = first.copies.get(channel, {}), second.copies.get(channel, {})
    if all(keys):
        bots = {mine[name] for name in ONE_BOT & mine.keys() & theirs.keys() if mine[name] == theirs[name]}
        return tuple(sorted((keys[0] & keys[1]) | bots))
    if are_two_accounts(mine, theirs, names):
        return ()
    return tuple(sorted({mine[name] for name in mine.keys() & theirs.keys() if mine[name] == theirs[name]}))


def _same_login(provider: str, profiles: Mapping[str, ProfileIdentities], one: str, other: str) -> tuple[str, ...]:
    first, second = profiles[one].logins.get(provider), profiles[other].logins.get(provider)
    return tuple(sorted(first.tokens & second.tokens)) if first is not None and second is not None else ()


def port_rivalries(claims: Mapping[str, Sequence[PortClaim]]) -> tuple[SharedIdentity, ...]:
    """Return the ports that several profiles listen on; `claims`: profile → ports of the channels that it keeps."""
    found = []
    for port, several in sorted(shared_ports(claims), key=lambda item: item[0]):
        mine: dict[str, list[PortClaim]] = {}
        for name, claim in several:
            mine.setdefault(name, []).append(claim)
        conflicts_with = partial(_same_port, mine)
        for holders in _groups(tuple(mine), conflicts_with):
            channels = sorted({claim.channel for name in holders for claim in mine[name]})
            found.append(SharedIdentity(SharedKind.PORT, ", ".join(channels), f"port {port}", holders, conflicts_with))
    return tuple(found)


def _same_port(claims: Mapping[str, Sequence[PortClaim]], one: str, other: str) -> tuple[str, ...]:
    meet = any(mine.conflicts_with(theirs) for mine in claims[one] for theirs in claims[other])
    return (str(claims[one][0].port),) if meet else ()


def _groups(names: Sequence[str], conflicts_with: Callable[[str, str], tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Return the groups of two or more names that are connected by conflicts."""
    groups: list[list[str]] = []
    for name in names:
        touched = [group for group in groups if any(conflicts_with(other, name) for other in group)]
        merged = sorted({name, *(one for group in touched for one in group)}, key=names.index)
        groups = [group for group in groups if group not in touched] + [merged]
    return tuple(tuple(group) for group in groups if len(group) > 1)
