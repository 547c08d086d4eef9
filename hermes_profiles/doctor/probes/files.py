"""Reads files around the homes: owners and modes, stray copies, aliases, the Hermes installation."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.rules.files import AGENT_FILES, is_document_copy, is_home_content, is_home_name
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.files import Schema, TreeFacts, UnlistedFolder
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.fleet.unwritable import home_obstacle
from hermes_profiles.hermes.environment import HERMES_CONTAINER, HERMES_MANAGED, HERMES_SKIP_CHMOD
from hermes_profiles.hermes.files import (
    ANTHROPIC_LOGIN_FILE,
    AUTH_FILE,
    CHECKOUT_FOLDER,
    CONFIG_DEFAULTS_MODULE,
    CONFIG_FILE,
    CONFIG_MODULE,
    ENV_FILE,
    HONCHO_FILE,
    LEGACY_CONFIG_FILE,
    MANAGED_MARKER,
    OP_ENV_FILE,
    PID_FILE,
    PROFILE_FOLDERS,
    PROFILES_FOLDER,
    SLACK_TOKENS_FILE,
    SOUL_FILE,
    WEBHOOKS_FILE,
    WEIXIN_ACCOUNTS_FOLDER,
    WHATSAPP_PLATFORM_SESSION_FOLDER,
    WHATSAPP_SESSION_FOLDER,
)
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.listing import unlisted_folders
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind

from .homes import file_fact
from .scripts import alias_scripts, handmade_services

# Files that are checked through a link: the target is what Hermes reads.
_LINKED = (ENV_FILE, OP_ENV_FILE, AUTH_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE, WEBHOOKS_FILE)
# Folders and files with logins of channels and tools, and backups.
STATE_FOLDERS = (
    WEIXIN_ACCOUNTS_FOLDER,
    WHATSAPP_SESSION_FOLDER,
    WHATSAPP_PLATFORM_SESSION_FOLDER,
    "mcp-tokens",
    "auth",
    "backups",
)
STATE_FILES = (HONCHO_FILE, ANTHROPIC_LOGIN_FILE, SLACK_TOKENS_FILE)
# Folders of the root that hold no home inside a home.
_NO_HOMES = (PROFILES_FOLDER, CHECKOUT_FOLDER)
_LARGEST_COPY = 1024 * 1024
_SCHEMA = lazy_pattern(rb'"_config_version"\s*:\s*(\d{1,6})\b')
_LARGEST_SOURCE = 8 * 1024 * 1024


def probe_files(context: DoctorContext, profiles: Mapping[str, ProfileFacts], names: Collection[str]) -> TreeFacts:
    """Return the facts of the files around the homes.

    `names`: all profiles of the root, which a handmade service can run.
    """
    layout = context.layout
    homes = {name: fact for name in profiles if (fact := _followed(layout.home(name))) is not None}
    root = _followed(layout.root)
    above = _mode_through(_ancestors(layout))
    reachable_modes = {name: above & _passing_bits(fact.mode) for name, fact in homes.items()}
    entries = tuple(_other_entries(layout))
    return TreeFacts(
        root,
        homes,
        reachable_modes,
        _shares_with_group(context),
        {name: found for name, profile in profiles.items() if (found := dict(_targets(profile)))},
        {
            name: readable
            for name, profile in profiles.items()
            if (readable := dict(_readable(profile, reachable_modes.get(name, 0))))
        },
        {name: copies for name, profile in profiles.items() if (copies := dict(_copies(profile)))},
        tuple(entry for entry in entries if not entry.path.name.startswith(".")),
        frozenset(entry.path for entry in entries if file_fact(entry.path / PID_FILE) is not None),
        tuple(entry for entry in entries if entry.path.name.startswith(".")),
        file_fact(layout.active_profile),
        (*alias_scripts(layout), *handmade_services(layout, names)),
        _users(homes, profiles),
        _schema(context, profiles),
        tuple(_unlisted(layout)),
        {name: inner for name, profile in profiles.items() if (inner := tuple(_nested(profile)))},
        {name: found for name, profile in profiles.items() if (found := dict(_odd_agent_files(profile)))},
        {name: obstacle for name, each in profiles.items() if (obstacle := home_obstacle(each.home)) is not None},
    )


def _odd_agent_files(profile: ProfileFacts) -> Iterator[tuple[str, FileFact]]:
    """Yield the persona and memory files in whose place is a folder, pipe, socket or device, also behind a link."""
    for name in AGENT_FILES:
        if name.partition("/")[0] not in profile.listing:
            continue
        fact = file_fact(profile.home / name)
        if fact is not None and fact.kind is EntryKind.LINK:
            fact = _followed(fact.path)
        if fact is not None and fact.kind is not EntryKind.FILE:
            yield name, fact._replace(path=profile.home / name)


def _nested(profile: ProfileFacts) -> Iterator[FileFact]:
    """Yield the folders in a home that are homes themselves: by their name, or by their content."""
    for name, fact in profile.listing.items():
        if fact.kind is not EntryKind.FOLDER or "/" in name or name in _NO_HOMES:
            continue
        if is_home_name(name) or (name not in PROFILE_FOLDERS and is_home_content(frozenset(_names_of(fact.path)))):
            yield fact
        elif name == "home":
            inner = (file_fact(fact.path / found) for found in _names_of(fact.path) if is_home_name(found))
            yield from (found for found in inner if found is not None and found.kind is EntryKind.FOLDER)


def _unlisted(layout: Layout) -> Iterator[UnlistedFolder]:
    for name, fault in unlisted_folders(layout):
        home = file_fact(os.path.realpath(layout.home(name)))
        marker = file_fact(layout.deletion_marker(name))
        if home is None:
            continue
        since = marker.mtime if marker is not None else 0.0
        is_newer = any(_changed(layout.home(name) / file) > since for file in (CONFIG_FILE, ENV_FILE, SOUL_FILE))
        yield UnlistedFolder(home._replace(path=layout.home(name)), fault, marker, is_newer)


def _changed(path: Path) -> float:
    """Return when a file was written or put at this path, 0.0 without it."""
    try:
        return os.lstat(path).st_ctime
    except OSError:
        return 0.0


def _followed(path: Path) -> FileFact | None:
    """Return the file at a path, links followed."""
    return file_fact(os.path.realpath(path))


def _ancestors(layout: Layout) -> Iterator[Path]:
    """Yield the root and the folders between it and the user's home."""
    yield layout.root
    for folder in layout.root.parents:
        if layout.user_home in (folder, *folder.parents):
            yield folder


def _mode_through(folders: Iterator[Path]) -> int:
    way = 0o077
    for folder in folders:
        fact = _followed(folder)
        way &= _passing_bits(fact.mode) if fact is not None else 0
    return way


def _passing_bits(mode: int) -> int:
    """Return the permission bits of the users that can pass a folder. The bit of others counts for the group too."""
    return (0o070 if mode & 0o011 else 0) | (0o007 if mode & 0o001 else 0)


def _shares_with_group(context: DoctorContext) -> bool:
    """Return whether Hermes itself does not restrict modes here (hermes_cli/config.py, `_secure_file`)."""
    names = (HERMES_MANAGED, HERMES_CONTAINER, HERMES_SKIP_CHMOD)
    return (
        any(context.environment.get(name) for name in names)
        or os.path.exists("/.dockerenv")
        or os.path.exists(context.layout.root / MANAGED_MARKER)
    )


def _targets(profile: ProfileFacts) -> Iterator[tuple[str, FileFact]]:
    for name in _LINKED:
        fact = profile.listing.get(name)
        if fact is not None and fact.kind is EntryKind.LINK and (target := _followed(fact.path)) is not None:
            yield name, target


def _readable(profile: ProfileFacts, way: int) -> Iterator[tuple[str, tuple[FileFact, bytes]]]:
    """Yield private files that other users can read; every folder on the path must let them pass."""
    if not way:
        return
    for name in STATE_FILES:
        fact = profile.listing.get(name)
        if fact is not None:
            yield from _if_open(name, fact, way)
    for folder in STATE_FOLDERS:
        first = profile.listing.get(folder.partition("/")[0])
        if first is None or first.kind is not EntryKind.FOLDER:
            continue
        inside = way
        path = profile.home
        for part in folder.split("/"):
            path = path / part
            fact = file_fact(path)
            inside &= _passing_bits(fact.mode) if fact is not None and fact.kind is EntryKind.FOLDER else 0
        if inside:
            for name in _names(path):
                found = file_fact(path / name)
                if found is not None:
                    yield from _if_open(f"{folder}/{name}", found, inside)


def _if_open(name: str, fact: FileFact, way: int) -> Iterator[tuple[str, tuple[FileFact, bytes]]]:
    if fact.kind is EntryKind.FILE and fact.mode & 0o066 & way:
        yield name, (fact, _read(fact.path, _LARGEST_COPY) if name.endswith(".json") else b"")


def _names(folder: Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _copies(profile: ProfileFacts) -> Iterator[tuple[str, bytes]]:
    for name, fact in profile.listing.items():
        if fact.kind is EntryKind.FILE and "/" not in name and name[0] in ".#cgah" and is_document_copy(name):
            raw = _read(fact.path, _LARGEST_COPY)
            if raw:
                yield name, raw


def _read(path: Path, limit: int) -> bytes:
    try:
        return read_regular(path, limit)
    except OSError:
        return b""


def _other_entries(layout: Layout) -> Iterator[FileFact]:
    """Yield entries of the profiles folder that are not profiles: invalid names, unfinished profiles."""
    for name in _names_of(layout.profiles):
        if name.startswith("."):
            is_staging = re.fullmatch(r"\.[a-z0-9][a-z0-9_-]*\.staging-\d+", name) is not None
            if not is_staging and not name.startswith(".hermes-profiles-"):
                continue
        elif _is_profile(layout.profiles / name) or _is_of_multiplexer(layout.profiles / name):
            continue
        fact = file_fact(layout.profiles / name)
        if fact is not None and fact.kind is EntryKind.LINK and os.path.isdir(fact.path):
            fact = fact._replace(kind=EntryKind.FOLDER)
        if fact is not None:
            yield fact


def _is_profile(folder: Path) -> bool:
    return is_profile_folder_name(folder.name) and folder.is_dir()


def _is_of_multiplexer(folder: Path) -> bool:
    """Return whether a folder is a `profiles/default` with pairing approvals only.

    A multiplexer creates it for messages routed to the default profile (Hermes 0.19.0, gateway/pairing.py).
    """
    return folder.name == DEFAULT and folder.is_dir() and set(_names_of(folder)) == {"pairing"}


def _names_of(folder: Path) -> Collection[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return ()


def _users(homes: Mapping[str, FileFact], profiles: Mapping[str, ProfileFacts]) -> dict[int, str]:
    """Return uid → name of all owners of these files, {} when there is one owner only."""
    uids = {fact.uid for fact in homes.values()}
    for profile in profiles.values():
        uids.update(fact.uid for fact in profile.listing.values())
    if len(uids) < 2:
        return {}
    import pwd

    names = {}
    for uid in uids:
        try:
            names[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            names[uid] = str(uid)
    return names


def _schema(context: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> Schema | None:
    """Return the schema version that the installed Hermes writes, read from its source text."""
    if not any(CONFIG_FILE in profile.listing for profile in profiles.values()):
        return None
    from hermes_profiles.gateways.installation.hermes_install import find_installation
    from hermes_profiles.model.errors import NotFound

    try:
        code = find_installation(context.layout, context.environment).code
    except NotFound:
        return None
    for source in (code / CONFIG_DEFAULTS_MODULE, code / CONFIG_MODULE) if code is not None else ():
        found = _SCHEMA.search(_read(source, _LARGEST_SOURCE))
        if found is not None:
            return Schema(int(found[1]), source)
    return None
