"""Logins whose refresh token works once, and in which files of which profiles one stands."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.rules.logins import is_kept_in_step
from hermes_profiles.doctor.facts.identities import Grant
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.hermes.files import ANTHROPIC_LOGIN_FILE, AUTH_FILE, HONCHO_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.profiles.shared_logins import shares_nous
from hermes_profiles.profiles.tree_walk import EntryKind

_STORES = ("providers", "credential_pool")
_TOKENS = "mcp-tokens"
# Files of one login each, beside auth.json.
_FILES = {ANTHROPIC_LOGIN_FILE: "anthropic", HONCHO_FILE: "honcho"}
_SHORTEST = 12
_DEEPEST = 6


def read_grants(
    layout: Layout, environment: Mapping[str, str], profiles: Mapping[str, ProfileFacts], catalog: Catalog
) -> tuple[Grant, ...]:
    """Return the places of logins that more than one profile has, each in a file of its own."""
    single_use = {row.path[-1] for row in catalog.oauth_rows if row.single_use and row.path[:1] == (AUTH_FILE,)}
    places: dict[str, list[Grant]] = {}
    for profile in profiles.values():
        for grant in _grants(profile, single_use):
            places.setdefault(grant.digest.reveal(), []).append(grant)
    found = []
    for grants in places.values():
        if len({grant.profile for grant in grants}) > 1:
            found += _in_files_of_their_own(grants, profiles)
    if any(grant.provider == "nous" for grant in found) and shares_nous(layout, environment):
        return tuple(grant for grant in found if grant.provider != "nous")
    return tuple(found)


def _grants(profile: ProfileFacts, single_use: set[str]) -> Iterator[Grant]:
    files = profile.files
    if b"refresh" in (files.raw(AUTH_FILE) or b""):
        yield from _of_auth(profile, files.json(AUTH_FILE), single_use)
    for name, provider in _FILES.items():
        if _may_be_read(profile, name) and b"refresh" in (files.raw(name) or b""):
            yield from _tokens(profile, provider, name, files.json(name))
    for name in profile.listing if _TOKENS in profile.listing else ():
        folder, _, file = name.rpartition("/")
        if folder != _TOKENS or not file.endswith(".json") or file.endswith((".client.json", ".meta.json")):
            continue
        if _may_be_read(profile, name) and b"refresh" in (files.raw(name) or b""):
            yield from _tokens(profile, f"mcp:{file.removesuffix('.json')}", name, files.json(name))


def _may_be_read(profile: ProfileFacts, name: str) -> bool:
    fact = profile.listing.get(name)
    return fact is not None and fact.kind in (EntryKind.FILE, EntryKind.LINK)


def _of_auth(profile: ProfileFacts, data: object, single_use: set[str]) -> Iterator[Grant]:
    stores = {name: _mapping(_mapping(data).get(name)) for name in _STORES}
    for store, rows in stores.items():
        for provider, row in rows.items():
            if provider not in single_use:
                continue
            has_own = isinstance(stores["providers"].get(provider), Mapping)
            for at, entry in _numbered(row):
                source, is_default = _mapping(entry).get("source"), profile.name == DEFAULT
                if is_kept_in_step(store, provider, source, has_own=has_own, is_default=is_default):
                    continue
                yield from _tokens(profile, provider, AUTH_FILE, entry, (store, provider, *at))


def _numbered(row: object) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(row, list):
        yield from (((f"[{number}]",), entry) for number, entry in enumerate(row))
    else:
        yield (), row


def _tokens(
    profile: ProfileFacts, provider: str, file: str, data: object, path: tuple[str, ...] = ()
) -> Iterator[Grant]:
    """Yield the refresh tokens in a part of a file; each vendor nests them elsewhere."""
    if len(path) > _DEEPEST or not isinstance(data, Mapping):
        return
    for key, value in data.items():
        here = (*path, str(key))
        if isinstance(value, str) and re.fullmatch(r"(?i)refresh_?token", str(key)) and len(value) >= _SHORTEST:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
            yield Grant(provider, Secret(digest), profile.name, file, here)
        else:
            yield from _tokens(profile, provider, file, value, here)


def _in_files_of_their_own(grants: list[Grant], profiles: Mapping[str, ProfileFacts]) -> list[Grant]:
    """Return the places without those that are one file under several names: a link shares, it does not copy."""
    whose: dict[tuple[int, int], str] = {}
    kept = []
    for grant in grants:
        try:
            status = os.stat(profiles[grant.profile].home / grant.file)
        except OSError:
            continue
        if whose.setdefault((status.st_dev, status.st_ino), grant.profile) == grant.profile:
            kept.append(grant)
    return kept if len({grant.profile for grant in kept}) > 1 else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
