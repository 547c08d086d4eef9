"""Finds logins with single-use refresh tokens, and the files of profiles that hold a copy of one."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.rules.logins import is_kept_in_step
from hermes_profiles.doctor.facts.identities import LoginCopy
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


def read_single_use_logins(
    layout: Layout, environment: Mapping[str, str], profiles: Mapping[str, ProfileFacts], catalog: Catalog
) -> tuple[LoginCopy, ...]:
    """Return the places of logins that several profiles hold in separate files."""
    places: dict[str, list[LoginCopy]] = {}
    for profile in profiles.values():
        for login in logins_of(profile, catalog):
            places.setdefault(login.digest.reveal(), []).append(login)
    shared = []
    for logins in places.values():
        if len({login.profile for login in logins}) > 1:
            shared += _in_distinct_files(logins, profiles)
    if any(login.provider == "nous" for login in shared) and shares_nous(layout, environment):
        return tuple(login for login in shared if login.provider != "nous")
    return tuple(shared)


def logins_of(profile: ProfileFacts, catalog: Catalog) -> Iterator[LoginCopy]:
    """Yield the places of single-use logins of a profile."""
    files = profile.files
    if b"refresh" in (files.raw(AUTH_FILE) or b""):
        single_use = {row.path[-1] for row in catalog.oauth_rows if row.single_use and row.path[:1] == (AUTH_FILE,)}
        yield from _of_auth(profile, files.json(AUTH_FILE), single_use)
    for name, provider in _FILES.items():
        if _is_file(profile, name) and b"refresh" in (files.raw(name) or b""):
            yield from _tokens(profile, provider, name, files.json(name))
    for name in profile.listing if _TOKENS in profile.listing else ():
        folder, _, file = name.rpartition("/")
        if folder != _TOKENS or not file.endswith(".json") or file.endswith((".client.json", ".meta.json")):
            continue
        if _is_file(profile, name) and b"refresh" in (files.raw(name) or b""):
            yield from _tokens(profile, f"mcp:{file.removesuffix('.json')}", name, files.json(name))


def _is_file(profile: ProfileFacts, name: str) -> bool:
    fact = profile.listing.get(name)
    return fact is not None and fact.kind in (EntryKind.FILE, EntryKind.LINK)


def _of_auth(profile: ProfileFacts, data: object, single_use: set[str]) -> Iterator[LoginCopy]:
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
) -> Iterator[LoginCopy]:
    """Yield the refresh tokens below a key of a file; each provider nests them differently."""
    if len(path) > _DEEPEST or not isinstance(data, Mapping):
        return
    for key, value in data.items():
        here = (*path, str(key))
        if isinstance(value, str) and re.fullmatch(r"(?i)refresh_?token", str(key)) and len(value) >= _SHORTEST:
            digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
            yield LoginCopy(provider, Secret(digest), profile.name, file, here)
        else:
            yield from _tokens(profile, provider, file, value, here)


def _in_distinct_files(logins: list[LoginCopy], profiles: Mapping[str, ProfileFacts]) -> list[LoginCopy]:
    """Return the places in distinct files; a link to the file of another profile is not a copy."""
    owners: dict[tuple[int, int], str] = {}
    kept = []
    for login in logins:
        try:
            status = os.stat(profiles[login.profile].home / login.file)
        except OSError:
            continue
        if owners.setdefault((status.st_dev, status.st_ino), login.profile) == login.profile:
            kept.append(login)
    return kept if len({login.profile for login in kept}) > 1 else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
