"""Files and links of a clone: copied, redacted, or left behind because a removed value is in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from typing import Protocol

from hermes_profiles.changes.plan import CopyFile, MakeFolder, MakeLink, TreeEntry, WriteFile
from hermes_profiles.credentials.detection.forms import (
    KnownValues,
    add_values_by_form,
    may_have_form,
    places_in,
    readings_of,
)
from hermes_profiles.credentials.detection.shapes import LONGEST
from hermes_profiles.credentials.edits import EditRows, tree_edits
from hermes_profiles.credentials.mentions.api_mentions import api_mentions, may_hold_address
from hermes_profiles.credentials.mentions.structured_mentions import (
    StructuredMention,
    may_hold_credential,
    structured_mentions,
)
from hermes_profiles.credentials.mentions.table_mentions import table_mentions
from hermes_profiles.credentials.mentions.variable_mentions import (
    Mention,
    code_filter,
    mentions_in_code,
    mentions_in_reading,
)
from hermes_profiles.credentials.policy import ClonePolicy
from hermes_profiles.credentials.rewrite import rewrite_tree
from hermes_profiles.credentials.rules.config import TreeJudgement, paths_kept_by_user
from hermes_profiles.credentials.rules.environment import SourceFacts, judge_name
from hermes_profiles.credentials.rules.files import AGENT_FILES, DOCUMENTS, FileRules, is_secret_of_plugin
from hermes_profiles.credentials.search.spellings import as_text, in_utf8
from hermes_profiles.credentials.search.value_index import Redaction, ValueIndex, searchable_parts, what_it_is
from hermes_profiles.documents.containers.packed_result import PackedResult
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError, Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.secret import Secret
from hermes_profiles.model.text import system_reason
from hermes_profiles.profiles.tree_walk import EntryKind, TreeItem, data_chunks, read_document, read_file

from .packed import PackedFiles, Repositories, parts_of_database
from .report import CloneReport, NamedPlace, RedactedPlace
from .source import SKIP_HINT, LeftBehind, SourceProfile, paths_into

# Larger files are searched in chunks; one that holds a removed value stays behind instead of being rewritten.
_LARGEST_REWRITE = 64 * 1024 * 1024


class LinkedFiles(Protocol):
    """Files that a profile reaches through links into another profile, as the clone gets them."""

    @property
    def values(self) -> ValueIndex:
        """The values that must be in no file of the clone: those of the source and of the other profile."""

    def entries(self, path: str) -> dict[str, TreeEntry] | None:
        """Return the copies that take the place of a link, by path; None when the path is no such link."""


class FileCopier:
    """Turns the items of a source into entries of the new tree, and reports what it leaves behind or redacts."""

    def __init__(
        self,
        source: SourceProfile,
        rules: FileRules,
        values: ValueIndex,
        layout: Layout,
        report: CloneReport,
        known: KnownValues | None = None,
    ) -> None:
        """`known`: what stays although it has the form of a credential; None: nothing is searched by its form."""
        self._source, self._rules, self._values, self._report = source, rules, values, report
        self._known = known
        self._root = os.fspath(layout.root)
        self._home = os.fspath(source.home)
        self._packed = PackedFiles(values, known, None if rules.clones_channels else self._mentioned_in)
        self._repositories = Repositories({item.path for item in source.items} if values or known is not None else ())
        self._databases: dict[str, str] = {}
        into = paths_into(source.home, layout.user_home, tilde=not rules.is_default)
        # Every skill about Hermes has paths below ~/.hermes: of the default profile only absolute paths are reported.
        self._into_source = re.compile(into.encode("utf-8", "surrogateescape"))
        self._mark = os.fsencode(source.home if rules.is_default else f"profiles/{source.name}")
        self._may_mention = None if rules.clones_channels else code_filter(rules.catalog)
        # First search all names in one pass: in nearly every home none of them holds a value.
        self._search_names = values.hits(b"\n/".join(os.fsencode(item.path) for item in source.items))

    def entries_for(self, item: TreeItem) -> dict[str, TreeEntry]:
        """Return the entry of an item by its path; {} when it stays behind.

        Raises Failed for a file that cannot be read, unless the policy skips such files.
        """
        if self._repositories.left and self._repositories.of(item.path) in self._repositories.left:
            return {}
        if self._search_names and (names := self._values.names_in(os.fsencode(item.path))):
            if not self._leave_repository(item.path, names[0]):
                self._leave(item.path, "its name holds a removed value")
            return {}
        make = {EntryKind.FOLDER: self._folder, EntryKind.LINK: self._link}.get(item.kind, self._file)
        return {entry.path: entry for entry in make(item)}

    def finish(self, entries: dict[str, TreeEntry]) -> None:
        """Take out what stays behind with something else: the rest of a repository, of a database."""
        left = self._repositories.left
        if left:
            whole = tuple(folder + "/" for folder in left)
            for path in [path for path in entries if path in left or path.startswith(whole)]:
                del entries[path]
            report = self._report
            report.redacted = [row for row in report.redacted if not row.path.startswith(whole)]
            report.named = [row for row in report.named if not row.path.startswith(whole)]
            report.left_behind = [row for row in report.left_behind if not row.path.startswith(whole)]
            files = [path for path, entry in entries.items() if isinstance(entry, CopyFile)]
            for path in self._repositories.pointers_to_left(files, self._source.home):
                del entries[path]
                self._leave(path, "the folder of its repository stays behind")
        for path, base in self._databases.items():
            if entries.pop(path, None) is not None:
                self._leave(path, f"belongs to {base}, which stays behind")

    @staticmethod
    def _folder(item: TreeItem) -> Iterator[TreeEntry]:
        yield MakeFolder(item.path)

    def _file(self, item: TreeItem) -> Iterator[TreeEntry]:
        path = self._source.home / item.path
        try:
            is_large = item.signature.size > _LARGEST_REWRITE
            if not self._values and (is_large or self._may_mention is None):
                os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC))
            elif is_large:
                if self._leaves_large(item):
                    return
            else:
                content = read_file(self._source.home, item)
                has_forms = self._may_have_form(content)
                values = self._values_for(item.path, content, has_forms)
                if values.hits(content):
                    yield from self._redacted(item, content, values)
                    return
                if self._leaves_packed(item, content, has_run=has_forms or self._known is None):
                    return
                self._name_places(item.path, content, has_forms)
        except OSError as error:
            reason = system_reason(error)
            if not self._rules.policy.skip_unreadable:
                raise Failed(
                    f"cannot read {path}: {reason}", target=str(path), code="unreadable", hint=SKIP_HINT
                ) from error
            self._leave(item.path, f"cannot be read: {reason}")
            return
        yield CopyFile(item.path, path, item.signature, item.executable)

    def _leaves_large(self, item: TreeItem) -> bool:
        path = self._source.home / item.path
        for chunk in data_chunks(path, max(self._values.overlap, LONGEST)):
            values = self._values_for("", chunk, self._may_have_form(chunk))
            if values.hits(chunk):
                name = values.names_in(chunk)[0]
                self._leave_value(item.path, "too large to redact", name)
                return True
        return self._leaves(item, self._packed.search_large(path, item.signature.size))

    def _leaves_packed(self, item: TreeItem, content: bytes, *, has_run: bool) -> bool:
        """Return whether a file stays behind because of what is packed in it, or because it is a part of more."""
        if (self._values or self._known is not None) and (
            reason := self._repositories.outside_reason(item.path, content)
        ) is not None:
            folder = self._repositories.of(item.path)
            if folder is not None and folder != item.path:
                self._repositories.left[folder] = reason
                self._leave(folder, reason)
            else:
                self._leave(item.path, reason)
            return True
        return self._leaves(item, self._packed.search(item.path, content, has_run=has_run))

    def _leaves(self, item: TreeItem, found: PackedResult) -> bool:
        if found.name is not None:
            self._leave_value(item.path, "packed", found.name)
            return True
        if found.unsearched:
            self._report.named.append(NamedPlace(item.path, None, f"not searched: {found.unsearched}"))
        for name in found.mentioned:
            self._report.named.append(NamedPlace(item.path, None, f"packed, a value beside {name}"))
        return False

    def _mentioned_in(self, data: bytes) -> str | None:
        """Return the name of a channel's variable beside which packed bytes have a value that looks generated.

        A whole archive or repository does not stay behind for that: it can be the sample of a test.
        """
        if self._may_mention is None or not self._may_mention(data):
            return None
        found = mentions_in_reading(in_utf8(data).decode("utf-8", "replace"), self._rules.catalog)
        return next((mention.fact.name for mention in found if not self._stays(mention.fact.name)), None)

    def _leave_value(self, path: str, why: str, name: str) -> None:
        """Leave a file that cannot be redacted, with all that makes no sense without it."""
        if not self._leave_repository(path, name):
            self._leave(path, f"{why}, and it holds {what_it_is(name)}")
            self._databases.update((other, path) for other in parts_of_database(path))

    def _leave_repository(self, path: str, name: str) -> bool:
        folder = self._repositories.leave(path, name)
        if folder is not None:
            self._leave(folder, self._repositories.left[folder])
        return folder is not None

    def _may_have_form(self, content: bytes) -> bool:
        return self._known is not None and may_have_form(content)

    def _values_for(self, path: str, content: bytes, has_forms: bool) -> ValueIndex:
        """Return the values to redact in a file.

        Those are the values of the source, those with the form of a credential, and those beside the name of an
        identity.
        """
        values = self._values
        parts: dict[str, list[str]] = {}
        text = in_utf8(content)
        if self._known is not None and has_forms:
            by_form: dict[str, list[str]] = {}
            for number, reading in enumerate(readings_of(as_text(content))):
                add_values_by_form(by_form, reading, self._known)
                if number and self._may_mention is not None:
                    self._add_mentions(parts, mentions_in_reading(reading, self._rules.catalog))
            new = {kind: [each for each in found if each not in values.values] for kind, found in by_form.items()}
            values = values.joined(ValueIndex(new)) if any(new.values()) else values
        if self._may_mention is None:
            return values
        if self._may_mention(text):
            self._add_mentions(parts, mentions_in_code(text.decode("utf-8", "replace"), self._rules.catalog))
        for found in self._structured(path, text, has_forms):
            is_new = found.value not in values.values and found.name not in self._rules.policy.keep
            if is_new and (found.channel is None or self._rules.policy.concerns(found.channel)):
                parts.setdefault(found.name, []).extend(searchable_parts(found.value, setting=True))
        return values.joined(ValueIndex(parts)) if parts else values

    def _structured(self, path: str, text: bytes, has_forms: bool) -> Iterator[StructuredMention]:
        catalog = self._rules.catalog
        if has_forms and may_hold_address(text):
            yield from api_mentions(text.decode("utf-8", "replace"))
        if may_hold_credential(text, catalog):
            yield from structured_mentions(path, text, catalog)
            yield from table_mentions(path, text.decode("utf-8", "replace"), catalog)

    def _add_mentions(self, parts: dict[str, list[str]], mentions: Iterable[Mention]) -> None:
        for mention in mentions:
            if not self._stays(mention.fact.name):
                parts.setdefault(mention.fact.name, []).extend(searchable_parts(mention.value, setting=True))

    def _stays(self, name: str) -> bool:
        """Return whether a variable of this name is kept."""
        return judge_name(name, catalog=self._rules.catalog, policy=self._rules.policy, facts=SourceFacts()).keeps

    def _name_places(self, path: str, content: bytes, has_forms: bool) -> None:
        """Report what stays in a file: the form of a credential, a path into the home of the source."""
        into = self._into_source.search(content) if self._mark in content else None
        if into is not None:
            self._report.source_paths.append((path, content.count(b"\n", 0, into.start()) + 1))
        for place in places_in(content, self._known) if self._known is not None and has_forms else ():
            self._report.named.append(NamedPlace(path, place.line, place.kind))
        if self._known is not None and is_secret_of_plugin(path):
            self._report.named.append(NamedPlace(path, None, "credentials of a plugin"))

    def _redacted(self, item: TreeItem, content: bytes, values: ValueIndex) -> Iterator[TreeEntry]:
        yaml = redact_yaml(item.path, content, values, self._rules.policy)
        if yaml is not None and not yaml[1].removed:
            result: tuple[bytes, tuple[Redaction, ...]] | None = (yaml[0], yaml[1].redacted)
        else:
            result = values.redact_bytes(content)
        if result is None or self._repositories.breaks_without(item.path):
            name = values.names_in(content)[0]
            self._leave_value(item.path, "not plain text", name)
            return
        redacted, places = result
        if self._leaves(item, self._packed.search(item.path, redacted)):
            return
        self._report.redacted += [RedactedPlace(item.path, place.line, place.name) for place in places]
        self._name_places(item.path, redacted, self._may_have_form(redacted))
        yield WriteFile(item.path, Secret(redacted), item.executable, item.signature.mtime_ns)

    def _link(self, item: TreeItem) -> Iterator[TreeEntry]:
        if item.path in AGENT_FILES:
            yield from self._private_copy(item)
            return
        target = item.target or ""
        folder = os.path.dirname(item.path)
        absolute = os.path.normpath(os.path.join(self._home, folder, target))
        inner = self._inside(absolute)
        if inner is not None:
            if inner not in DOCUMENTS and not self._rules.judge(inner, folder=False).keeps:
                self._leave(item.path, "a link to a file that stays behind")
            else:
                # An absolute link into the source would make the clone depend on it: make it relative.
                own = os.path.relpath(inner, folder or ".") if os.path.isabs(target) else target
                yield MakeLink(item.path, own)
        elif self._values and self._repositories.of(item.path) is not None:
            self._leave(item.path, "a link to a repository out of the profile, which was not searched")
        elif self._leads_to_identity(absolute):
            self._leave(item.path, "a link into another profile's identity")
        elif self._values and self._values.names_in(os.fsencode(target)):
            self._leave(item.path, "a link whose target holds a removed value")
        else:
            # Kept as a link and not followed: people share skill folders this way.
            yield MakeLink(item.path, absolute if self._rules.is_default else target)
            message = f"{item.path} is a link out of the profile; the clone has the same link"
            self._report.warnings.append(Problem("outside-link", message, item.path))

    def _inside(self, absolute: str) -> str | None:
        """Return the path relative to the source's home, None outside of it; other profiles are outside."""
        inner = os.path.relpath(absolute, self._home)
        if inner == ".." or inner.startswith("../"):
            return None
        return None if self._rules.is_default and inner.partition("/")[0] == "profiles" else inner

    def _leads_to_identity(self, absolute: str) -> bool:
        inner = os.path.relpath(absolute, self._root)
        if inner.startswith("../"):
            return False
        first, _, rest = inner.partition("/")
        path = rest.partition("/")[2] if first == "profiles" else inner
        return path in ("", ".", "..") or path in DOCUMENTS or self._rules.judge(path, folder=True).channel is not None

    def _private_copy(self, item: TreeItem) -> Iterator[TreeEntry]:
        """Yield persona and memory behind a link as files of the clone: an edit there must not change the source."""
        content = read_document(self._source.home / item.path)
        if content is None:
            self._leave(item.path, "a link to nothing")
        elif (values := self._values_for(item.path, content, self._may_have_form(content))).hits(content):
            yield from self._redacted(item, content, values)
        elif not self._leaves(item, self._packed.search(item.path, content)):
            self._name_places(item.path, content, self._may_have_form(content))
            yield WriteFile(item.path, Secret(content))

    def _leave(self, path: str, reason: str) -> None:
        self._report.left_behind.append(LeftBehind(path, reason))


def redact_yaml(path: str, content: bytes, values: ValueIndex, policy: ClonePolicy) -> tuple[bytes, EditRows] | None:
    """Return a YAML file without removed values, and the rows of its edits: it stays YAML (`<removed: X>` is quoted).

    None for another file, and for one that cannot be edited with certainty.
    """
    if not path.endswith((".yaml", ".yml")):
        return None
    try:
        document = YamlDocument.parse(content, path=path)
        edits = tree_edits(document, TreeJudgement(kept=paths_kept_by_user(document.entries, policy)), values)
        return rewrite_tree(document, edits, values), edits.rows
    except DocumentError:
        return None
