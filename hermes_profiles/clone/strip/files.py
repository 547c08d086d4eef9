"""Files of a profile besides its documents: state of removed channels, and files that hold a removed value."""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Collection, Iterator
from pathlib import Path

from hermes_profiles.changes.plan import ReplaceFile
from hermes_profiles.clone.files import redact_yaml
from hermes_profiles.clone.packed import PackedFiles
from hermes_profiles.clone.report import RedactedPlace
from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rules.files import AGENT_FILES, DOCUMENTS, is_document_copy
from hermes_profiles.credentials.search.value_index import Redaction, ValueIndex
from hermes_profiles.documents.containers.packed_result import PackedResult
from hermes_profiles.hermes.files import BACKUPS_FOLDER, CHECKPOINTS_FOLDER, HONCHO_FILE, SNAPSHOTS_FOLDER
from hermes_profiles.model.errors import Failed
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.tree_walk import (
    EntryKind,
    TreeItem,
    data_chunks,
    is_empty,
    read_document,
    read_file,
    walk,
)

from .report import LeftPlace, StripReport, Trashed

_LARGEST_REWRITE = 16 * 1024 * 1024
_SQLITE = b"SQLite format 3\x00"
_SQLITE_NAMES = (".db", ".sqlite", ".sqlite3", "-wal", "-shm", "-journal")
# Folders that are never rewritten: a gateway keeps writing there, or they record a conversation.
_RECORDS = ("sessions", "logs")
_SNAPSHOTS = (BACKUPS_FOLDER, SNAPSHOTS_FOLDER, CHECKPOINTS_FOLDER)
_OWN = (*DOCUMENTS, HONCHO_FILE)


class Home(NamedTuple):
    """The home of a profile that is stripped."""

    name: str
    path: Path
    catalog: Catalog

    def items(self, skipped: Collection[str] = ()) -> Iterator[TreeItem]:
        """Yield the entries of the home, without the other profiles and the installation in the root."""
        return walk(self.path, lambda path: path not in skipped and not self._is_foreign(path))

    def _is_foreign(self, path: str) -> bool:
        if self.name != DEFAULT:
            return False
        reason = self.catalog.left_behind_reason
        return path == "profiles" or (
            reason(path + "/", is_default=True) is not None and reason(path + "/", is_default=False) is None
        )


def channel_state(home: Home, channels: Collection[str], logins: Collection[str]) -> tuple[Trashed, ...]:
    """Return the files and folders of these channels, and the stored logins that are separate files."""
    stores = {row.path[0]: row.provider for row in home.catalog.oauth_rows if len(row.path) == 1}
    trashed: list[Trashed] = []
    gone: set[str] = set()
    for item in home.items(gone):
        if item.path in _OWN:
            continue
        is_folder = item.kind in (EntryKind.FOLDER, EntryKind.UNREADABLE)
        # A link can point to a folder: `whatsapp -> /elsewhere` is state as well.
        owner = home.catalog.state_owner(item.path + "/" if is_folder or item.kind is EntryKind.LINK else item.path)
        owner = owner if owner in channels else home.catalog.state_owner(item.path)
        # In a folder of logins each file is a login (`mcp-tokens/linear.json`).
        folder = item.path.rpartition("/")[0] + "/"
        provider = item.path if folder in stores else stores.get(item.path)
        if owner in channels:
            row = Trashed(item.path, owner, f"state of the {owner} identity")
        elif provider in logins:
            row = Trashed(item.path, None, f"the stored login of {provider}")
        else:
            continue
        gone.add(item.path)
        if not (item.kind is EntryKind.FOLDER and is_empty(home.path / item.path)):
            trashed.append(row)
    return tuple(trashed)


def _name_in(reason: str) -> str:
    return reason.removeprefix("it holds the value of ")


class HomeRedactor:
    """Redacts removed values in the texts of a home, and reports the files that it cannot rewrite."""

    def __init__(self, home: Home, values: ValueIndex, policy: ClonePolicy, report: StripReport) -> None:
        self._home, self._values, self._policy, self._report = home, values, policy, report
        self._packed = PackedFiles(values)

    def steps(self, done: Collection[str]) -> Iterator[ReplaceFile]:
        """Yield the replacement of every text that holds a removed value; `done`: paths that other steps change."""
        if not self._values:
            return
        for item in self._home.items(done):
            if item.path in done:
                continue
            if self._values.names_in(os.fsencode(item.path)):
                self._leave(item.path, "its name holds a removed value", "ls -ld")
            if item.kind is EntryKind.LINK:
                self._report_linked(item)
            elif item.kind is EntryKind.UNREADABLE:
                self._leave(item.path, "cannot be listed, so it was not searched", "ls -ld")
            elif item.kind is EntryKind.FILE:
                yield from self._file(item)

    def _file(self, item: TreeItem) -> Iterator[ReplaceFile]:
        path = self._home.path / item.path
        try:
            if item.signature.size > _LARGEST_REWRITE:
                chunks = data_chunks(path, self._values.overlap)
                name = next((name for chunk in chunks for name in self._values.names_in(chunk)), "")
                if name:
                    self._leave(item.path, f"too large to be rewritten, and it holds the value of {name}", "less")
                else:
                    self._report_packed(item, self._packed.search_large(path, item.signature.size))
                return
            content = read_file(self._home.path, item)
        except OSError as error:
            self._leave(item.path, f"cannot be read ({system_reason(error)})", "ls -l")
            return
        if not self._values.hits(content):
            self._report_packed(item, self._packed.search(item.path, content))
            return
        name = self._values.names_in(content)[0]
        why, command = self._why_not(item.path, content)
        result = None if why else self._redacted(item.path, content)
        if result is None:
            why = why or "not plain text"
            self._leave(item.path, f"{why}, not rewritten; it holds the value of {name}", command or "strings")
            return
        redacted, places = result
        self._report.redacted += [RedactedPlace(item.path, place.line, place.name) for place in places]
        mode = stat.S_IMODE(item.mode)
        if is_document_copy(item.path.rpartition("/")[2]):
            mode &= 0o700
        yield ReplaceFile(path, Secret(redacted), mode, item.signature)

    def _report_packed(self, item: TreeItem, found: PackedResult) -> None:
        if found.name is not None:
            self._leave(item.path, f"packed, not rewritten; it holds the value of {found.name}", "ls -l")
        elif found.unsearched:
            self._leave(item.path, f"not searched: {found.unsearched}", "ls -l")

    def _why_not(self, path: str, content: bytes) -> tuple[str, str]:
        """Return why a file is never rewritten and a command that shows it, ("", "") when it can be rewritten."""
        if path.endswith(_SQLITE_NAMES) or content.startswith(_SQLITE):
            return "a database", "strings"
        if path.partition("/")[0] in _RECORDS:
            return "a record of a conversation", "less"
        if path.partition("/")[0] in _SNAPSHOTS:
            return "a snapshot of an earlier state", "less"
        kept = self._home.catalog.left_behind_reason(path, is_default=False) is not None
        return ("a file that Hermes itself writes", "less") if kept else ("", "")

    def _redacted(self, path: str, content: bytes) -> tuple[bytes, tuple[Redaction, ...]] | None:
        """Return the text without removed values, None when it is not text; YAML stays YAML."""
        result = redact_yaml(path, content, self._values, self._policy)
        if result is None:
            return self._values.redact_bytes(content)
        rewritten, rows = result
        gone = tuple(Redaction(row.line, _name_in(row.ruling.reason)) for row in rows.removed)
        return rewritten, gone + rows.redacted

    def _report_linked(self, item: TreeItem) -> None:
        """Report persona and memory behind a link that hold a removed value: others can use that file as well."""
        if item.path not in AGENT_FILES:
            return
        try:
            content = read_document(self._home.path / item.path)
        except Failed:
            return
        if content is not None and self._values.hits(content):
            name = self._values.names_in(content)[0]
            self._leave(item.path, f"a link out of the profile, to a text that holds the value of {name}", "less")

    def _leave(self, path: str, reason: str, command: str) -> None:
        place = shlex.quote(str(self._home.path / path))
        self._report.left.append(LeftPlace(path, reason, f"{command} {place}"))
