"""A JSON file (gateway.json, auth.json) and edits of it that change no other byte. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .conflict_marks import hint_for
from .entries import TreeEntry, read_entries
from .insertions import Insertion, Pairs, resolve_insertions
from .text import Decoded, TextDocument, TextEdit, decode_strict
from .tree import Item, Node, Shape, shape, walk
from .tree_delete import SpanDeleter

__all__ = ["JsonDocument", "JsonEntry"]

JsonEntry = TreeEntry
MAX_DEPTH = 200
_TOKEN = lazy_pattern(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_NUMBER = lazy_pattern(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_WORDS = {"true": "bool", "false": "bool", "null": "null"}


class JsonDocument(TextDocument):
    """A parsed JSON file. The entry of a number, true, false or null has the literal as its text."""

    __slots__ = ("_by_path", "_items", "_root", "entries")

    def __init__(self, path: str, raw: bytes, decoded: Decoded) -> None:
        super().__init__(path, raw, decoded)
        self._root: Node = _parse(self)
        self._items: dict[int, Item] = {item.number: item for item in walk(self._root)}
        self.entries: tuple[TreeEntry, ...] = read_entries(self, self._root)
        self._by_path = {entry.path: entry for entry in self.entries if entry.effective}

    @classmethod
    def parse(cls, raw: bytes, *, path: str) -> JsonDocument:
        """Return the document of a file.

        Raises DocumentError with the line for invalid JSON and for other encodings than UTF-8.
        """
        return cls(path, raw, decode_strict(path, raw))

    def get(self, path: tuple[str, ...]) -> TreeEntry | None:
        """Return the effective entry of a path (the last of duplicate keys), or None."""
        return self._by_path.get(tuple(path))

    def find(self, path: tuple[str, ...]) -> tuple[TreeEntry, ...]:
        """Return all entries of a path, overridden duplicates included."""
        return tuple(entry for entry in self.entries if entry.path == tuple(path))

    def data(self) -> object:
        """Return the document as Python dicts, lists and scalars."""
        return json.loads(self.text)

    def edit(
        self,
        *,
        remove: Iterable[TreeEntry] = (),
        replace: Mapping[TreeEntry, str] | None = None,
        insert: Iterable[tuple[tuple[str, ...], str]] = (),
    ) -> bytes:
        """Return the bytes after the edit; bytes outside the edited spans do not change.

        A replaced text stays a text; another scalar, and a new one, is read as JSON (`false`, `1`), or is a text when
        it is not a JSON literal. Raises DocumentError when the result would not read as requested.
        """
        removed = frozenset(entry.origin for entry in remove)
        insertions, plain = resolve_insertions(self, self._root, insert, removed)
        values = {number: _literal(text) for number, text in plain.items()}
        for entry, text in (replace or {}).items():
            if entry.value is None:
                raise DocumentError(self.path, entry.line, "only a single value can be replaced")
            if entry.origin not in values and not self._is_gone(entry.origin, removed):
                values[entry.origin] = _quote(text) if entry.tag == "str" else _literal(text)
        edits = list(self._edits(removed, values, insertions))
        if not edits:
            return self.raw
        result = self.apply(edits)
        found = shape(_parse(TextDocument(self.path, result, decode_strict(self.path, result))))
        if found != self._expected(self._root, removed, values, insertions):
            line = min(self.line_of(edit.start) for edit in edits)
            raise DocumentError(self.path, line, "cannot be edited with certainty")
        return result

    def _is_gone(self, number: int, removed: frozenset[int]) -> bool:
        item: Item | None = self._items[number]
        while item is not None:
            if item.number in removed:
                return True
            item = item.parent.item
        return False

    def _edits(
        self, removed: frozenset[int], values: Mapping[int, str], insertions: Iterable[Insertion]
    ) -> Iterator[TextEdit]:
        filled = {id(one.node): _object(one.pairs) for one in insertions if one.node.items}
        yield from SpanDeleter(self, removed, filled, strict_commas=True).edits(self._root)
        for number, text in values.items():
            node = self._items[number].value
            yield TextEdit(node.start, node.end, text)
        for one in insertions:
            kept = [item for item in one.node.items if item.number not in removed]
            if kept:
                start = kept[-1].start
                line = max(self.text.rfind("\n", 0, start), self.text.rfind("\r", 0, start)) + 1
                lead = self.text[line:start]
                between = ", " if lead.strip() else f",{self.line_end_style()}{lead}"
                pairs = between.join(f"{_quote(name)}: {_written(value)}" for name, value in one.pairs.items())
                yield TextEdit(kept[-1].end, kept[-1].end, between + pairs)
            elif not one.node.items:
                yield TextEdit(one.node.start, one.node.end, _object(one.pairs))

    def _expected(
        self, node: Node, removed: frozenset[int], values: Mapping[int, str], insertions: list[Insertion]
    ) -> Shape:
        if node.item is not None and node.item.number in values:
            return shape(_scalar(values[node.item.number], 0))
        new = next((one.pairs for one in insertions if one.node is node), {})
        if node.kind == "scalar":
            return _shape(new) if new else shape(node)
        children: list[Shape] = [
            (
                shape(item.key) if item.key is not None else None,
                self._expected(item.value, removed, values, insertions),
            )
            for item in node.items
            if item.number not in removed
        ]
        children += [(("s", "str", name, ""), _shape(value)) for name, value in new.items()]
        return (node.kind, node.tag, tuple(children), "")


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _literal(text: str) -> str:
    return text if text in _WORDS or _NUMBER.fullmatch(text) else _quote(text)


def _object(pairs: Pairs) -> str:
    return "{" + ", ".join(f"{_quote(name)}: {_written(value)}" for name, value in pairs.items()) + "}"


def _written(value: str | Pairs) -> str:
    return _literal(value) if isinstance(value, str) else _object(value)


def _shape(value: str | Pairs) -> Shape:
    if isinstance(value, str):
        return shape(_scalar(_literal(value), 0))
    children = tuple((("s", "str", name, ""), _shape(below)) for name, below in value.items())
    return ("mapping", "map", children, "")


def _parse(document: TextDocument) -> Node:
    """Return the root node.

    Raises DocumentError with the line of a syntax error.
    """
    text = document.text
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(
            document.path,
            document.line_of(error.pos),
            f"not valid JSON: {error.msg.lower()}",
            hint=hint_for(text, "fix this line, then run the command again"),
        ) from error
    except (RecursionError, ValueError) as error:
        raise DocumentError(
            document.path, None, "not valid JSON: it is nested too deeply, or a number is too long"
        ) from error
    builder = _JsonBuilder(document)
    for match in _TOKEN.finditer(text):
        builder.take(match)
    return builder.root


class _JsonBuilder:
    """Turns the tokens of valid JSON into nodes."""

    def __init__(self, document: TextDocument) -> None:
        self.document = document
        self.root = Node("scalar", 0, 0, 0, "null")
        self.stack: list[Node] = []
        self.key: list[Node | None] = []
        self.count = 0

    def take(self, match: re.Match[str]) -> None:
        """Use one token."""
        word, start = match[0], match.start()
        if word in "{[":
            is_mapping = word == "{"
            node = Node("mapping" if is_mapping else "sequence", start, start, start, flow=True)
            node.tag = "map" if is_mapping else "seq"
            self._place(node)
            self.stack.append(node)
            self.key.append(None)
            if len(self.stack) > MAX_DEPTH:
                line = self.document.line_of(start)
                raise DocumentError(self.document.path, line, f"more than {MAX_DEPTH} levels deep")
        elif word in "}]":
            self.stack.pop().end = match.end()
            self.key.pop()
        elif word not in ",:":
            self._place(_scalar(word, start))

    def _place(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        key = self.key[-1]
        if parent.kind == "mapping" and key is None:
            self.key[-1] = node
            return
        self.key[-1] = None
        name = key.value if key is not None else f"[{len(parent.items)}]"
        node.item = Item(self.count, parent, key, node, name)
        parent.items.append(node.item)
        self.count += 1


def _scalar(word: str, start: int) -> Node:
    """Return the node of one literal. NaN and Infinity are floats, as Python reads them."""
    end = start + len(word)
    if word[0] == '"':
        return Node("scalar", start, end, start, "str", json.loads(word), '"')
    number = _NUMBER.fullmatch(word)
    tag = _WORDS.get(word) or ("int" if number and not (number[1] or number[2]) else "float")
    return Node("scalar", start, end, start, tag, word)
