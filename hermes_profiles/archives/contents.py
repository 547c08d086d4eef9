"""What of a profile goes into an archive: everything, or what its owner can give to others.

A complete archive has every byte that belongs to the profile and not to a process. The others have what a clone of all
files would have; a shareable one has no key of a model, provider or tool either.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from hermes_profiles.changes.database_copy import SIDE_FILES
from hermes_profiles.changes.plan import CopyFile, MakeFolder, MakeLink, PublishTree, is_below
from hermes_profiles.changes.snapshot import SnapshotEntry
from hermes_profiles.clone.files import LinkedFiles
from hermes_profiles.clone.plan import CloneContext, CloneRequest, LinkedFilesReader, build_clone
from hermes_profiles.clone.report import CloneReport
from hermes_profiles.clone.source import Document, read_documents
from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.classifier import SourceDocuments, source_facts
from hermes_profiles.credentials.detection.secret_detection import is_secret, is_secret_name
from hermes_profiles.credentials.detection.secret_shapes import looks_secret
from hermes_profiles.credentials.edits import Removed
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.config import dotted
from hermes_profiles.credentials.rules.files import Scope
from hermes_profiles.credentials.search.value_index import ValueIndex, searchable_parts
from hermes_profiles.hermes.files import AUTH_FILE, ENV_FILE, HONCHO_FILE, TOOL_HOME_FOLDER
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.default_files import reason_not_own
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, read_document, walk

from .model import Contents, NotArchived, leads_inside

_RECREATED = (".pyc", ".pyo", ".sock", ".tmp")
_OF_ENV = f"{ENV_FILE}: "
_KEY = "a key (use --with-keys)"
_ACCOUNT = "of a bot or an account (use --with-identities)"
_OF_ACCOUNTS = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.IDENTITY_SETTING)
_LOGINS = "logins and keys of models and tools (use --with-keys)"
_TOOL_HOME = "the home of the agent's tools, which can hold keys and logins (use --with-keys)"


class CompleteContents(NamedTuple):
    """Everything of a profile. `known`: path → mode and time of each original."""

    entries: tuple[SnapshotEntry, ...]
    left_out: tuple[NotArchived, ...]
    known: Mapping[str, tuple[int, int]]
    size: int


class PartialContents(NamedTuple):
    """What of a profile can be given away, as the tree of a clone, and the report about the rest."""

    tree: PublishTree
    report: CloneReport
    left_out: tuple[NotArchived, ...]
    api_server: bool


def complete_contents(
    name: str, home: Path, catalog: Catalog, names: Container[str], *, root: Path | None = None
) -> CompleteContents:
    """Return everything of a profile that belongs to it. `names`: the profiles that its links may lead to.

    `root`: absolute links into it become relative, not only those into the home.

    Raises Failed for a folder that cannot be listed.
    """
    entries: list[SnapshotEntry] = []
    left: list[NotArchived] = []
    known: dict[str, tuple[int, int]] = {}
    kept: set[str] = set()
    size = 0
    for item in walk(home, kept.__contains__):
        reason = _why_not(item, catalog, is_default=name == DEFAULT)
        target = item.target or ""
        if reason is None and item.kind is EntryKind.LINK:
            target = _relative(item.path, target, home, root or home)
            if not leads_inside(item.path, target, name, names):
                reason = f"a link out of the profile, to {item.target}"
        if reason is not None:
            left.append(NotArchived(item.path, reason))
            continue
        kept.add(item.path)
        known[item.path] = _mode_and_time(item)
        if item.kind is EntryKind.FOLDER:
            entries.append(MakeFolder(item.path))
        elif item.kind is EntryKind.LINK:
            entries.append(MakeLink(item.path, target, item.signature.mtime_ns))
        else:
            size += item.signature.size
            entries.append(CopyFile(item.path, home / item.path, item.signature, item.executable, mode=0o600))
    files = {entry.path for entry in entries if isinstance(entry, CopyFile)}
    alone = tuple(entry for entry in entries if not _is_side_file(entry.path, files))
    return CompleteContents(alone, tuple(left), known, size)


def _mode_and_time(item: TreeItem) -> tuple[int, int]:
    """Return the mode and time of an entry; its owner can always read it, and write into a folder."""
    mode = stat.S_IMODE(item.mode) & 0o777
    return mode | (0o700 if item.kind is EntryKind.FOLDER else 0o400), item.signature.mtime_ns


def is_of_profile(item: TreeItem, catalog: Catalog) -> bool:
    """Return whether an entry of the root is a part of the default profile that a complete archive has."""
    return item.kind is not EntryKind.UNREADABLE and _why_not(item, catalog, is_default=True) is None


def _why_not(item: TreeItem, catalog: Catalog, *, is_default: bool) -> str | None:
    name = item.path.rpartition("/")[2]
    if item.kind is EntryKind.SPECIAL:
        return "a socket, FIFO or device"
    if item.kind is EntryKind.UNREADABLE:
        raise Failed(
            f"cannot list the folder {item.path}",
            target=item.path,
            code="unreadable",
            hint="give yourself the right to read it with `chmod u+rwx`",
        )
    is_folder = item.kind is EntryKind.FOLDER
    if name == "__pycache__" or (not is_folder and name.endswith(_RECREATED)):
        return "recreated when needed"
    return reason_not_own(item.path, catalog, is_default=is_default)


def _relative(path: str, target: str, home: Path, top: Path) -> str:
    """Return the target of a link; an absolute one into `top` becomes relative, for the profile will move."""
    if not target.startswith("/") or not is_below(os.path.normpath(target), str(top)):
        return target
    return os.path.relpath(target, os.path.dirname(f"{home}/{path}"))


def _is_side_file(path: str, files: Collection[str]) -> bool:
    return any(path.endswith(ending) and path.removesuffix(ending) in files for ending in SIDE_FILES)


def partial_contents(
    name: str, context: CloneContext, contents: Contents, linked: LinkedFilesReader
) -> PartialContents:
    """Return what a clone of all files has; for a shareable archive without any key. Raises what `build_clone` does."""
    home = context.layout.home(name)
    documents = documents_of(home, context.catalog)
    keys = contents is Contents.KEYS
    drop = frozenset() if keys else frozenset(_secret_settings(documents, context.catalog))
    request = CloneRequest(name, name, Scope.ALL, ClonePolicy(drop=drop), command=("export",))
    reader = linked if keys else _with_logins(linked, documents)
    plan, report = build_clone(request, context, reader)
    tree = next(step for step in plan.steps if isinstance(step, PublishTree))
    left = [NotArchived(row.path, row.reason) for row in report.left_behind]
    out = {
        each.path: f"a link out of the profile, to {each.target}"
        for each in tree.entries
        if isinstance(each, MakeLink) and not leads_inside(each.path, each.target, name, (name,))
    }
    tree = replace(tree, entries=tuple(each for each in tree.entries if each.path not in out))
    left += [NotArchived(path, reason) for path, reason in out.items()]
    report.warnings = [each for each in report.warnings if each.code != "outside-link"]
    rows = (*report.env_removed, *report.config_removed)
    left += [NotArchived(f"{row.file}: {row.name}", _reason(row, context.catalog)) for row in rows]
    left += [NotArchived(f"{row.path}:{row.line}", f"the value of {row.name}") for row in report.redacted]
    if not keys:
        held = dict.fromkeys((AUTH_FILE, HONCHO_FILE), _LOGINS) | {TOOL_HOME_FOLDER: _TOOL_HOME}
        gone = {each.path for each in tree.entries if each.path.partition("/")[0] in held}
        tree = replace(tree, entries=tuple(each for each in tree.entries if each.path not in gone))
        tops = sorted({path.partition("/")[0] for path in gone if not _is_empty_tool_home(path, gone)})
        left += [NotArchived(top, held[top]) for top in tops]
    is_on = source_facts(documents, context.catalog).api_server_on
    return PartialContents(tree, report, tuple(left), is_on)


def _reason(row: Removed, catalog: Catalog) -> str:
    """Return why a setting is not in the file: by the policy of a clone, or as one of the secrets of the profile."""
    if not row.ruling.by_user:
        return row.ruling.reason
    fact = catalog.lookup(row.name)
    return _ACCOUNT if fact is not None and fact.key_class in _OF_ACCOUNTS else _KEY


def _is_empty_tool_home(path: str, gone: Collection[str]) -> bool:
    """Return whether a path is the folder that every profile has, with nothing in it."""
    return path == TOOL_HOME_FOLDER and not any(each.startswith(f"{path}/") for each in gone)


def reason_elsewhere(reason: str) -> str:
    """Return why something is not in a file, for who takes the file in: without the option of `export`."""
    return reason.partition(" (use --")[0]


def missing_settings(left_out: Iterable[NotArchived], catalog: Catalog) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the channels whose bots or accounts are not in a file, and the variables of its other keys."""
    named = [(row.path.removeprefix(_OF_ENV), row.reason) for row in left_out if row.path.startswith(_OF_ENV)]
    facts = [catalog.lookup(name) for name, _ in named]
    held = [each for each in facts if each is not None and each.key_class is KeyClass.IDENTITY_CREDENTIAL]
    keys = tuple(name for name, reason in named if reason_elsewhere(reason) == reason_elsewhere(_KEY))
    return tuple(dict.fromkeys(each.channel for each in held if each.channel)), keys


def documents_of(home: Path, catalog: Catalog) -> SourceDocuments:
    """Return the documents of a home. Raises DocumentError or Failed for one that cannot be read with certainty."""

    def read(name: str, parse: Callable[[bytes, str], Document]) -> Document | None:
        raw = read_document(home / name)
        return None if raw is None else parse(raw, str(home / name))

    return read_documents(read, catalog)


def _secret_settings(documents: SourceDocuments, catalog: Catalog) -> Iterator[str]:
    """Yield the variables and dotted paths of settings that hold a secret."""
    for env in documents.env_files():
        for entry in env.entries:
            fact = catalog.lookup(entry.name)
            is_key = fact is not None and fact.secret and fact.key_class is KeyClass.TOOL_OR_PROVIDER_KEY
            if is_key or is_secret_name(entry.name) or any(map(looks_secret, entry.values)):
                yield entry.name
    for document in (documents.config, documents.gateway):
        for setting in document.entries if document is not None else ():
            if setting.value and is_secret(setting.path, setting.value, setting.tag, catalog):
                yield dotted(setting.path)


def _with_logins(linked: LinkedFilesReader, documents: SourceDocuments) -> LinkedFilesReader:
    """Return a reader that also removes the secrets of stored logins from every file."""
    named: dict[str, list[str]] = {}
    for document in (documents.auth, documents.honcho):
        for entry in document.entries if document is not None else ():
            if entry.value and entry.is_string and (is_secret_name(entry.path[-1]) or looks_secret(entry.value)):
                named.setdefault(f"login.{dotted(entry.path)}", []).extend(searchable_parts(entry.value))
    logins = ValueIndex(named)

    def read(request: CloneRequest, context: CloneContext, report: CloneReport, own: ValueIndex) -> LinkedFiles:
        return linked(request, context, report, own.joined(logins) if logins else own)

    return read
