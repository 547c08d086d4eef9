"""Reads the source of a clone: parses its documents, lists its files, collects the secrets of its channels."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, TypeVar

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import SourceDocuments
from hermes_profiles.credentials.rules.files import (
    DOCUMENTS,
    NESTED_HOME,
    FileRules,
    Scope,
    is_silent,
    may_hold_channel_secrets,
    nested_homes,
)
from hermes_profiles.credentials.search.value_index import secrets_in_json
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.sealed import check_has_assignment, check_not_sealed
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, HONCHO_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, is_empty, read_document, walk

# A larger state file is not read: the report says so.
MOST_STATE_BYTES = 16 * 1024 * 1024
SKIP_HINT = "fix the file, or leave it behind with `--skip-unreadable`"

Document = TypeVar("Document")


class LeftBehind(NamedTuple):
    """A file or folder that stays behind, with the reason; `channel` when it belongs to an identity."""

    path: str
    reason: str
    channel: str | None = None


class SourceProfile(NamedTuple):
    """The source of a clone.

    `items`: entries to copy, parents first; `left_behind`: entries that stay behind and are reported; `unreadable`:
    names of documents that were skipped on request; `unsearched`: state files whose secrets are not known, with the
    reason.
    """

    name: str
    home: Path
    documents: SourceDocuments
    items: tuple[TreeItem, ...]
    left_behind: tuple[LeftBehind, ...]
    unreadable: frozenset[str] = frozenset()
    unsearched: Mapping[str, str] = MappingProxyType({})


def paths_into(home: Path, user_home: Path, *, tilde: bool = True) -> str:
    """Return a regular expression for paths into a profile's home, as settings and scripts write them.

    Without `tilde`, only absolute paths.
    """
    ways = [re.escape(os.fspath(home))]
    if tilde and home.is_relative_to(user_home):
        ways.append(rf"(?:~|\$HOME|\$\{{HOME\}})/{re.escape(os.fspath(home.relative_to(user_home)))}")
    return rf"(?:{'|'.join(ways)})(?![\w.-])"


def read_source(name: str, home: Path, rules: FileRules, *, files: bool = True) -> SourceProfile:
    """Return the source; without `files`, only its documents are read.

    Raises DocumentError or Failed when a file cannot be read with certainty, unless the policy skips such files.
    """
    reader = _DocumentReader(home, skip=rules.policy.skip_unreadable)
    documents = read_documents(reader.read, rules.catalog, honcho=rules.scope is Scope.ALL)
    taken = {*DOCUMENTS, *reader.unreadable, *((HONCHO_FILE,) if documents.honcho is not None else ())}
    items: list[TreeItem] = []
    left = [LeftBehind(file, error.problem.message) for file, error in reader.unreadable.items()]
    kept: set[str] = set()
    for item in walk(home, kept.__contains__) if files else ():  # a folder is judged before it is entered
        if item.path in taken:
            continue
        behind = _left_behind(item, rules)
        if behind is None:
            items.append(item)
            kept.add(item.path)
        elif not is_silent(behind.reason) and not _is_empty_folder(home, item):
            left.append(behind)
    unsearched: dict[str, str] = {}
    if not rules.clones_channels:
        documents = documents._replace(state_values=dict(_state_values(home, rules, unsearched)))
    nested = nested_homes([item.path for item in items])
    if nested:
        items = [item for item in items if not f"{item.path}/".startswith(tuple(f"{path}/" for path in nested))]
        left = [row for row in left if not row.path.startswith(tuple(f"{path}/" for path in nested))]
        left += [LeftBehind(path, NESTED_HOME) for path in nested]
    return SourceProfile(name, home, documents, tuple(items), tuple(left), frozenset(reader.unreadable), unsearched)


class ReadDocument(Protocol):
    """Reads a file of the home and parses it; None when the file is missing."""

    def __call__(self, name: str, parse: Callable[[bytes, str], Document]) -> Document | None: ...


def read_documents(read: ReadDocument, catalog: Catalog, *, honcho: bool = True) -> SourceDocuments:
    """Return the documents of a home without the values of its state files."""

    def env(raw: bytes, path: str) -> EnvDocument:
        check_not_sealed(raw, path)
        document = EnvDocument.parse(raw, path=path, known_keys=catalog.known_names)
        if not document.names():
            check_has_assignment(document.text, path)
        return document

    def yaml(raw: bytes, path: str) -> YamlDocument:
        check_not_sealed(raw, path)
        return YamlDocument.parse(raw, path=path)

    def json(raw: bytes, path: str) -> JsonDocument:
        return JsonDocument.parse(raw, path=path)

    return SourceDocuments(
        env=read(ENV_FILE, env),
        op_env=read(OP_ENV_FILE, env),
        config=read(CONFIG_FILE, yaml),
        gateway=read(LEGACY_CONFIG_FILE, json),
        auth=read(AUTH_FILE, json),
        honcho=read(HONCHO_FILE, json) if honcho else None,
    )


def add_skip_hint(error: Failed) -> None:
    """Add `--skip-unreadable` to the hint of an error that stops a clone."""
    hint = error.problem.hint or "fix the file"
    if "--skip-unreadable" not in hint:
        error.problem = error.problem._replace(hint=f"{hint}; or leave it behind with `--skip-unreadable`")


class _DocumentReader:
    """Reads documents; with `skip`, collects the errors of those that cannot be read."""

    def __init__(self, home: Path, *, skip: bool) -> None:
        self._home = home
        self._skip = skip
        self.unreadable: dict[str, HermesProfilesError] = {}

    def read(self, name: str, parse: Callable[[bytes, str], Document]) -> Document | None:
        path = self._home / name
        try:
            raw = read_document(path)
            return None if raw is None else parse(raw, str(path))
        except Failed as error:
            if not self._skip:
                add_skip_hint(error)
                raise
            self.unreadable[name] = error
            return None


def _left_behind(item: TreeItem, rules: FileRules) -> LeftBehind | None:
    """Return why an item stays behind, None when it is copied. Raises Failed for a folder that cannot be listed."""
    ruling = rules.judge(item.path, folder=item.kind in (EntryKind.FOLDER, EntryKind.UNREADABLE))
    if item.kind is EntryKind.LINK and ruling.keeps:
        # A link can point to a folder: `whatsapp -> /elsewhere` is state as well.
        ruling = rules.judge(item.path, folder=True)
    if not ruling.keeps:
        return LeftBehind(item.path, ruling.reason, ruling.channel)
    if item.kind is EntryKind.SPECIAL:
        return LeftBehind(item.path, "a socket, FIFO or device")
    if item.kind is EntryKind.UNREADABLE:
        if not rules.policy.skip_unreadable:
            raise Failed(
                f"cannot list the folder {item.path} of the source",
                target=item.path,
                code="unreadable",
                hint=SKIP_HINT,
            )
        return LeftBehind(item.path, "cannot be listed")
    return None


def _is_empty_folder(home: Path, item: TreeItem) -> bool:
    """Return whether an item is an empty folder, which is not worth a row."""
    return item.kind is EntryKind.FOLDER and is_empty(home / item.path)


def _state_values(home: Path, rules: FileRules, unsearched: dict[str, str]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the secrets in the JSON state files of channels, to find them in other files.

    What cannot be read is added to `unsearched`, with the reason.
    """
    for item in walk(home, rules.may_hold_state):
        if item.kind is EntryKind.UNREADABLE:
            unsearched[item.path] = "it cannot be listed"
        elif item.kind is EntryKind.LINK and os.path.isdir(home / item.path):
            if rules.may_hold_state(item.path) and not _leads_within(home / item.path, home):
                unsearched[item.path] = "it is a link to a folder"
        elif item.kind in (EntryKind.FILE, EntryKind.LINK) and may_hold_channel_secrets(
            item.path, rules.catalog, copies=True
        ):
            secrets, reason = state_secrets(home / item.path)
            if reason:
                unsearched[item.path] = reason
            else:
                yield item.path, secrets


def _leads_within(path: Path, folder: Path) -> bool:
    return f"{os.path.realpath(path)}/".startswith(f"{os.path.realpath(folder)}/")


def state_secrets(path: Path) -> tuple[tuple[str, ...], str]:
    """Return the secrets in a channel's state file, and why it was not searched: "" when it was."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return (), "it is a link to what is no regular file"
        if status.st_size > MOST_STATE_BYTES:
            return (), f"it has more than {MOST_STATE_BYTES // 2**20} MiB"
        raw = path.read_bytes()
    except FileNotFoundError:
        return (), ""  # a link to nothing, or a file that a gateway has just removed
    except OSError as error:
        return (), f"it cannot be read: {system_reason(error)}"
    text = raw.decode(json.detect_encoding(raw), "replace")
    found = secrets_in_json(text)
    if found is None and text.strip():
        return (), "it is no JSON"
    return found or (), ""
