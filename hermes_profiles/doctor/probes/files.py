"""What is seen of the folder of profiles: who owns homes and may enter them, stray copies, aliases and the Hermes
installation."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.rules.files import is_document_copy
from hermes_profiles.doctor.context import DoctorContext
from hermes_profiles.doctor.facts.files import Schema, TreeFacts
from hermes_profiles.doctor.facts.profile import FileFact, ProfileFacts
from hermes_profiles.fleet.status import Inventory
from hermes_profiles.hermes.environment import HERMES_CONTAINER, HERMES_MANAGED, HERMES_SKIP_CHMOD
from hermes_profiles.hermes.files import (
    ANTHROPIC_LOGIN_FILE,
    AUTH_FILE,
    CONFIG_FILE,
    ENV_FILE,
    HONCHO_FILE,
    LEGACY_CONFIG_FILE,
    MANAGED_MARKER,
    OP_ENV_FILE,
    PID_FILE,
    SLACK_TOKENS_FILE,
    WEBHOOKS_FILE,
    WEIXIN_ACCOUNTS_FOLDER,
    WHATSAPP_PLATFORM_SESSION_FOLDER,
    WHATSAPP_SESSION_FOLDER,
)
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT, is_profile_folder_name
from hermes_profiles.profiles.regular_file import read_regular
from hermes_profiles.profiles.tree_walk import EntryKind

from .homes import file_fact
from .scripts import alias_scripts, handmade_services

# Files whose place is a link are judged by what it leads to.
_LINKED = (ENV_FILE, OP_ENV_FILE, AUTH_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE, WEBHOOKS_FILE)
# Where channels and tools keep what logs them in, and backups of it all.
STATE_FOLDERS = (
    WEIXIN_ACCOUNTS_FOLDER,
    WHATSAPP_SESSION_FOLDER,
    WHATSAPP_PLATFORM_SESSION_FOLDER,
    "mcp-tokens",
    "auth",
    "backups",
)
STATE_FILES = (HONCHO_FILE, ANTHROPIC_LOGIN_FILE, SLACK_TOKENS_FILE)
_LARGEST_COPY = 1024 * 1024
_MOST_FILES = 500
_SCHEMA = re.compile(rb'"_config_version"\s*:\s*(\d{1,6})\b')
_LARGEST_SOURCE = 8 * 1024 * 1024


def look_at_tree(around: DoctorContext, profiles: Mapping[str, ProfileFacts], inventory: Inventory | None) -> TreeFacts:
    """Return what was seen."""
    layout = around.layout
    homes = {name: fact for name in profiles if (fact := _followed(layout.home(name))) is not None}
    root = _followed(layout.root)
    above = _way(_ancestors(layout))
    ways = {name: above & _through(fact.mode) for name, fact in homes.items()}
    below = tuple(_beside(layout))
    return TreeFacts(
        root,
        homes,
        ways,
        _shares_with_group(around),
        {name: found for name, one in profiles.items() if (found := dict(_targets(one)))},
        {name: opened for name, one in profiles.items() if (opened := dict(_opened(one, ways.get(name, 0))))},
        {name: copies for name, one in profiles.items() if (copies := dict(_copies(one)))},
        tuple(each for each in below if not each.path.name.startswith(".")),
        frozenset(each.path for each in below if file_fact(each.path / PID_FILE) is not None),
        tuple(each for each in below if each.path.name.startswith(".")),
        file_fact(layout.active_profile),
        (*alias_scripts(layout), *handmade_services(layout, tuple(profiles))),
        _users(homes, profiles),
        _schema(around, profiles),
    )


def _followed(path: Path) -> FileFact | None:
    """Return what is at a path, what a link leads to."""
    return file_fact(os.path.realpath(path))


def _ancestors(layout: Layout) -> Iterator[Path]:
    """Yield the folders above the named homes: from the user's own (or the root) down."""
    yield layout.root
    for folder in layout.root.parents:
        if layout.user_home in (folder, *folder.parents):
            yield folder


def _way(folders: Iterator[Path]) -> int:
    way = 0o077
    for folder in folders:
        fact = _followed(folder)
        way &= _through(fact.mode) if fact is not None else 0
    return way


def _through(mode: int) -> int:
    """Return the bits of those who may pass a folder; whose group it is does not count, so `others` is for both."""
    return (0o070 if mode & 0o011 else 0) | (0o007 if mode & 0o001 else 0)


def _shares_with_group(around: DoctorContext) -> bool:
    """Return whether Hermes itself leaves modes alone here (hermes_cli/config.py, `_secure_file`)."""
    names = (HERMES_MANAGED, HERMES_CONTAINER, HERMES_SKIP_CHMOD)
    return (
        any(around.environment.get(name) for name in names)
        or os.path.exists("/.dockerenv")
        or os.path.exists(around.layout.root / MANAGED_MARKER)
    )


def _targets(profile: ProfileFacts) -> Iterator[tuple[str, FileFact]]:
    for name in _LINKED:
        fact = profile.listing.get(name)
        if fact is not None and fact.kind is EntryKind.LINK and (target := _followed(fact.path)) is not None:
            yield name, target


def _opened(profile: ProfileFacts, way: int) -> Iterator[tuple[str, tuple[FileFact, bytes]]]:
    """Yield files that are nobody else's business and that somebody else could read, folders on the way included."""
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
            inside &= _through(fact.mode) if fact is not None and fact.kind is EntryKind.FOLDER else 0
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
        return sorted(os.listdir(folder))[:_MOST_FILES]
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


def _beside(layout: Layout) -> Iterator[FileFact]:
    """Yield what lies in the folder of profiles and is none: odd names, and half-made profiles of Hermes."""
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
    """Return whether a folder `profiles/default` holds nothing but approvals: a multiplexer makes it for messages that
    a route sends to the default profile (Hermes 0.19.0, gateway/pairing.py)."""
    return folder.name == DEFAULT and folder.is_dir() and set(_names_of(folder)) == {"pairing"}


def _names_of(folder: Path) -> Collection[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return ()


def _users(homes: Mapping[str, FileFact], profiles: Mapping[str, ProfileFacts]) -> dict[int, str]:
    """Return the names of all who own something here, when there is more than one."""
    uids = {fact.uid for fact in homes.values()}
    for profile in profiles.values():
        uids.update(fact.uid for fact in profile.listing.values())
    if len(uids) < 2:
        return {}
    import pwd

    found = {}
    for uid in uids:
        try:
            found[uid] = pwd.getpwuid(uid).pw_name
        except KeyError:
            found[uid] = str(uid)
    return found


def _schema(around: DoctorContext, profiles: Mapping[str, ProfileFacts]) -> Schema | None:
    """Return the schema that the installed Hermes writes: its source is read as text, nothing of it runs."""
    if not any(CONFIG_FILE in profile.listing for profile in profiles.values()):
        return None
    from hermes_profiles.gateways.hermes_install import find_installation
    from hermes_profiles.model.errors import NotFound

    try:
        python = find_installation(around.layout, around.environment).python
    except NotFound:
        return None
    venv = python.parent.parent
    sources = [venv.parent / "hermes_cli" / "config.py", *venv.glob("lib/python3*/site-packages/hermes_cli/config.py")]
    for source in sources:
        found = _SCHEMA.search(_read(source, _LARGEST_SOURCE))
        if found is not None:
            return Schema(int(found[1]), source)
    return None
