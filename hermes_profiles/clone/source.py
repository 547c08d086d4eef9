"""The source of a clone, read once: its documents parsed, its files listed, its channels' secrets collected."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.classifier import SourceDocuments, secrets_in_state
from hermes_profiles.credentials.rules.files import DOCUMENTS, FileRules, Scope, is_silent, may_hold_channel_secrets
from hermes_profiles.documents.dotenv.document import EnvDocument
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, HONCHO_FILE, LEGACY_CONFIG_FILE, OP_ENV_FILE
from hermes_profiles.model.errors import Failed, HermesProfilesError
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, is_empty, read_document, walk

_MOST_STATE_FILES = 64
MOST_STATE_BYTES = 256 * 1024
_DEEPEST_STATE = 3
# Settings of the memory provider; a full copy takes them without the logins in them.
SKIP_HINT = "mend the file, or leave it behind with `--skip-unreadable`"

Document = TypeVar("Document")


class LeftBehind(NamedTuple):
    """A file or folder that the clone does not get, and why; `channel` when it belongs to an identity."""

    path: str
    reason: str
    channel: str | None = None


class SourceProfile(NamedTuple):
    """One profile as a clone sees it.

    `items`: what will be copied, parents first; `left_behind`: what will not and is worth telling;
    `unreadable`: names of documents that were skipped on request.
    """

    name: str
    home: Path
    documents: SourceDocuments
    items: tuple[TreeItem, ...]
    left_behind: tuple[LeftBehind, ...]
    unreadable: frozenset[str] = frozenset()


def read_source(name: str, home: Path, rules: FileRules, *, files: bool = True) -> SourceProfile:
    """Return the source, read but not judged; without `files` its documents alone, and nothing is listed.

    Raises DocumentError or Failed for what cannot be read with certainty, unless the policy skips such files.
    """
    reader = _DocumentReader(home, skip=rules.policy.skip_unreadable)
    documents = read_documents(reader.read, rules.catalog, honcho=rules.scope is Scope.ALL)
    taken = {*DOCUMENTS, *reader.unreadable, *((HONCHO_FILE,) if documents.honcho is not None else ())}
    items: list[TreeItem] = []
    left = [LeftBehind(file, error.problem.message) for file, error in reader.unreadable.items()]
    kept: set[str] = set()
    for item in walk(home, kept.__contains__) if files else ():  # a folder has been judged before it is looked into
        if item.path in taken:
            continue
        behind = _left_behind(item, rules)
        if behind is None:
            items.append(item)
            kept.add(item.path)
        elif not is_silent(behind.reason) and not _is_empty_folder(home, item):
            left.append(behind)
    if not rules.clones_channels:
        documents = documents._replace(state_values=dict(_state_values(home, rules)))
    return SourceProfile(name, home, documents, tuple(items), tuple(left), frozenset(reader.unreadable))


class ReadDocument(Protocol):
    """Reads a file of the home and parses it; None when the file is missing."""

    def __call__(self, name: str, parse: Callable[[bytes, str], Document]) -> Document | None: ...


def read_documents(read: ReadDocument, catalog: Catalog, *, honcho: bool = True) -> SourceDocuments:
    """Return the documents of a home without the values of its state files."""

    def env(raw: bytes, path: str) -> EnvDocument:
        return EnvDocument.parse(raw, path=path, known_keys=catalog.known_names)

    def json(raw: bytes, path: str) -> JsonDocument:
        return JsonDocument.parse(raw, path=path)

    return SourceDocuments(
        env=read(ENV_FILE, env),
        op_env=read(OP_ENV_FILE, env),
        config=read(CONFIG_FILE, lambda raw, path: YamlDocument.parse(raw, path=path)),
        gateway=read(LEGACY_CONFIG_FILE, json),
        auth=read(AUTH_FILE, json),
        honcho=read(HONCHO_FILE, json) if honcho else None,
    )


def add_skip_hint(error: Failed) -> None:
    """Add the other way out to the hint of a document that stops a clone."""
    hint = error.problem.hint or "mend the file"
    if "--skip-unreadable" not in hint:
        error.problem = error.problem._replace(hint=f"{hint}; or leave it behind with `--skip-unreadable`")


class _DocumentReader:
    """Reads documents; collects those that cannot be read when the user said to skip them."""

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
    """Return why an item stays behind, None when it is copied. Raises Failed for a folder nobody can list."""
    ruling = rules.judge(item.path, folder=item.kind in (EntryKind.FOLDER, EntryKind.UNREADABLE))
    if item.kind is EntryKind.LINK and ruling.keeps:
        # A link may stand for a folder: `whatsapp -> /elsewhere` is as much state as the folder itself.
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
    """Return whether nothing stays behind but a folder that every profile has."""
    return item.kind is EntryKind.FOLDER and is_empty(home / item.path)


def _state_values(home: Path, rules: FileRules) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield the secrets in the JSON state files of channels, so that they are found where else they stand."""
    seen = 0

    def enter(path: str) -> bool:
        return path.count("/") < _DEEPEST_STATE and rules.may_hold_state(path)

    for item in walk(home, enter):
        if item.kind is not EntryKind.FILE or item.signature.size > MOST_STATE_BYTES:
            continue
        if may_hold_channel_secrets(item.path, rules.catalog):
            seen += 1
            if seen > _MOST_STATE_FILES:
                return
            yield item.path, state_secrets(home / item.path)


def state_secrets(path: Path) -> tuple[str, ...]:
    """Return the secrets in a channel's state file; () when it cannot be read, for the file stays behind anyway."""
    try:
        return secrets_in_state(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ()
