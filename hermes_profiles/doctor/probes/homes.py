"""Reads the documents and the file listing of each home."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from hermes_profiles.changes.signature import Signature
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.doctor.facts.profile import DOCUMENTS, FileFact, ProfileFacts
from hermes_profiles.model.layout import Layout
from hermes_profiles.profiles.channels import Managed, claimed_resources
from hermes_profiles.profiles.home_files import HomeFiles
from hermes_profiles.profiles.profile import read_meta
from hermes_profiles.profiles.tree_walk import EntryKind

# Folders of a home whose files are listed, besides the home itself.
FOLDERS = ("cron", "state", "logs", "gateway", "backups", "whatsapp", "weixin", "platforms", "auth", "mcp-tokens")


def read_profile_facts(layout: Layout, name: str, catalog: Catalog, managed: Managed) -> ProfileFacts:
    """Return the facts of a profile. Unreadable files are in `files.problems`."""
    home = layout.home(name)
    listing = {file.path.relative_to(home).as_posix(): file for file in list_home(home)}
    files = HomeFiles(home, catalog.known_names, whole=True)
    for document in DOCUMENTS:
        if document in listing:
            files.raw(document)
        else:
            files.absent(document)
    held = claimed_resources(home, catalog=catalog, managed=managed, files=files)
    disabled, _ = read_meta(home, files)
    return ProfileFacts(name, home, files, held, listing, disabled=disabled)


def list_home(home: Path) -> Iterator[FileFact]:
    """Yield the entries of a home and of `FOLDERS`; links are not followed. An unreadable folder yields nothing."""
    for entry in _list(os.fspath(home)):
        yield entry
        if entry.kind is EntryKind.FOLDER and entry.path.name in FOLDERS:
            yield from _list(os.fspath(entry.path))


def _list(folder: str) -> Iterator[FileFact]:
    try:
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError:
        return
    for entry in entries:
        fact = file_fact(entry.path)
        if fact is not None:
            yield fact


def file_fact(path: str | Path) -> FileFact | None:
    """Return the state of a file without opening it or following a link, None when it is missing."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    mode = status.st_mode
    kind = (
        EntryKind.FILE
        if stat.S_ISREG(mode)
        else EntryKind.FOLDER
        if stat.S_ISDIR(mode)
        else EntryKind.LINK
        if stat.S_ISLNK(mode)
        else EntryKind.SPECIAL
    )
    return FileFact(
        Path(path), kind, stat.S_IMODE(mode), status.st_uid, status.st_size, status.st_mtime, Signature.of(status)
    )
