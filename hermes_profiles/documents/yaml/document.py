"""A config.yaml and edits of it that change no other byte. Pure.

It is read as PyYAML's safe loader reads it, which Hermes' gateway uses; a document that PyYAML refuses is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from hermes_profiles.documents.entries import TreeEntry, plain_data, read_entries, truthy
from hermes_profiles.documents.text import Decoded, TextDocument, TextEdit, TextSpan, decode_strict
from hermes_profiles.documents.tree import Item, Node, shape, walk
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .edit import EditPlan
from .parser import parse_tree
from .value import Value, value_of

__all__ = ["YamlDocument", "YamlEntry", "truthy"]

YamlEntry = TreeEntry
_COMMENT = lazy_pattern(r"(?:^|(?<=[ \t\r\n\x85\u2028\u2029]))#[^\r\n\x85\u2028\u2029]*")


class YamlDocument(TextDocument):
    """A parsed YAML file."""

    __slots__ = ("_by_path", "_entries", "_items", "_root")

    def __init__(self, path: str, raw: bytes, decoded: Decoded) -> None:
        super().__init__(path, raw, decoded)
        self._root: Node = parse_tree(self)
        self._items: dict[int, Item] = {item.number: item for item in walk(self._root)}
        self._entries: tuple[TreeEntry, ...] = read_entries(self, self._root)
        self._by_path: dict[tuple[str, ...], list[TreeEntry]] | None = None

    @classmethod
    def parse(cls, raw: bytes, *, path: str = CONFIG_FILE) -> YamlDocument:
        """Return the document of a file; an empty file is an empty mapping.

        Raises DocumentError with the line for a file that Hermes cannot read: invalid YAML, tabs as indentation, more
        than one document, a top level that is not a mapping, other encodings than UTF-8, recursive aliases.
        """
        return cls(path, raw, decode_strict(path, raw))

    @property
    def entries(self) -> tuple[TreeEntry, ...]:
        """Return every entry, depth first in file order, aliases and merge keys resolved."""
        return self._entries

    @property
    def root(self) -> Node:
        """Return the tree that edits work on."""
        return self._root

    def value(self) -> Value:
        """Return the whole document as a value, aliases and merge keys resolved."""
        return value_of(self._root)

    def find(self, path: tuple[str, ...]) -> tuple[TreeEntry, ...]:
        """Return all entries of a path, overridden ones included."""
        if self._by_path is None:
            self._by_path = {}
            for entry in self._entries:
                self._by_path.setdefault(entry.path, []).append(entry)
        return tuple(self._by_path.get(tuple(path), ()))

    def get(self, path: tuple[str, ...]) -> TreeEntry | None:
        """Return the effective entry of a path: the last duplicate, an own key before a merged one."""
        return next((entry for entry in reversed(self.find(path)) if entry.effective), None)

    @property
    def comments(self) -> tuple[TextSpan, ...]:
        """Return the comments, each from its `#` to the end of its line."""
        scalars = sorted(
            (self._content_start(node), node.end)
            for item in walk(self._root)
            for node in (item.key, item.value)
            if node is not None and node.kind == "scalar"
        )
        found: list[TextSpan] = []
        at = 0
        for start, end in [*scalars, (len(self.text), len(self.text))]:
            if start > at:
                found += self._comments_between(at, start)
            at = max(at, end)
        return tuple(found)

    def _content_start(self, node: Node) -> int:
        """Return the offset at which the text of a scalar begins, which for a block scalar is after its header."""
        if node.style not in ("|", ">"):
            return node.start
        match = re.compile(r"[^\r\n]*").match(self.text, node.body)
        return min(match.end() if match else node.end, node.end)

    def _comments_between(self, start: int, stop: int) -> Iterable[TextSpan]:
        for match in _COMMENT.finditer(self.text, start, stop):
            # `(?<=…)` looks before `start`, so that a `#` right behind a scalar begins no comment.
            yield TextSpan(match.start(), match.end(), match[0])

    def data(self) -> object:
        """Return the document as Python dicts, lists and scalars; timestamps stay text.

        Raises DocumentError when a value does not fit its explicit tag.
        """
        try:
            return plain_data(self._root)
        except ValueError:  # its text has the value
            raise DocumentError(self.path, None, "a value does not fit its tag") from None

    def edit(
        self,
        *,
        remove: Iterable[TreeEntry] = (),
        replace: Mapping[TreeEntry, str] | None = None,
        insert: Iterable[tuple[tuple[str, ...], str]] = (),
        text_edits: Iterable[TextEdit] = (),
    ) -> bytes:
        """Return the bytes after the edit; bytes outside the edited spans do not change.

        A removal through an alias or a merge removes the defining pair. A replaced text stays a text; another scalar
        gets the meaning of the new text in YAML. Raises DocumentError when the result would not read as requested.
        """
        removed = frozenset(entry.origin for entry in remove)
        new: dict[int, str] = {}
        for entry, text in (replace or {}).items():
            if self._is_gone(entry, removed):
                continue
            if new.setdefault(entry.origin, text) != text:
                raise DocumentError(self.path, entry.line, "two different new values for one text")
        plan = EditPlan(self, self._root, self._items, removed, new, insert)
        given = tuple(text_edits)
        edits = plan.text_edits(given)
        if not edits:
            return self.raw
        result = self._verified(edits, plan) or self._verified(plan.text_edits(given, eat_blanks=True), plan)
        if result is None:
            raise self._uncertain(min(self.line_of(edit.start) for edit in edits))
        return result

    def _verified(self, edits: Iterable[TextEdit], plan: EditPlan) -> bytes | None:
        """Return the edited bytes, or None when they do not read as planned."""
        try:
            result = self.apply(edits)
            return result if shape(parse_tree(YamlText(self.path, result))) == plan.expected() else None
        except DocumentError:
            return None

    def _is_gone(self, entry: TreeEntry, removed: frozenset[int]) -> bool:
        item: Item | None = self._items[entry.origin]
        while item is not None:
            if item.number in removed:
                return True
            item = item.parent.item
        return False

    def _uncertain(self, line: int) -> DocumentError:
        return DocumentError(
            self.path,
            line,
            "cannot be edited with certainty: the file would not read as intended",
            hint="write this part in plain block style, then run the command again",
        )


class YamlText(TextDocument):
    """The text of a YAML file, not yet parsed."""

    def __init__(self, path: str, raw: bytes) -> None:
        super().__init__(path, raw, decode_strict(path, raw))
