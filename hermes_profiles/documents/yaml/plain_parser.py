"""The parser of plain YAML: block mappings and lists with scalars of one line. Pure.

ruamel.yaml parses every other text; its import and its parser take a fifth of the time of a clone.
"""

from __future__ import annotations

import re

from hermes_profiles.documents.tree import Item, Kind, Node
from hermes_profiles.model.patterns import lazy_pattern

from .scalars import is_readable, resolve_plain

_UNUSUAL = lazy_pattern(r"[^\n -~]")
_LINE = lazy_pattern(r"^( *)([^ #\n].*)", re.MULTILINE)
_PAIR = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_.-]{0,99}):(?: +(?:#.*|([^ #].*))?)?")
_ITEM = lazy_pattern(r"- +([^ #].*)")
_QUOTED = lazy_pattern(r"(\"[ !#-\[\]-~]*\"|'[ -&(-~]*')(?: +#.*)? *")
_EMPTY = lazy_pattern(r"(?:\{\}|\[\])(?: +#.*)? *")
# The first characters of a text without quotes: no indicator of YAML, and no dash of a list.
_PLAIN_START = lazy_pattern(r"[A-Za-z0-9_./~$<(^+]|-[^ ]")
_LONGEST_LINE = 1000
_DEEPEST = 50


class _NotPlainError(Exception):
    """The document is not plain."""


def plain_tree(text: str) -> Node | None:
    """Return the root mapping of a plain document, equal to that of `parse_tree`; None when it is not plain."""
    if _UNUSUAL.search(text):
        return None
    try:
        return _PlainParser(text).root()
    except _NotPlainError:
        return None


class _PlainParser:
    """Reads a document line by line; raises _NotPlainError for a line that can have another meaning."""

    def __init__(self, text: str) -> None:
        self._text = text
        # Column, offset of the first character and of the end of every line that has more than blanks and a comment.
        self._lines = [(len(line[1]), line.start(2), line.end()) for line in _LINE.finditer(text)]
        self._at = 0
        self._count = 0

    def root(self) -> Node:
        """Return the root mapping of the whole text."""
        if not self._lines or self._lines[0][0]:
            raise _NotPlainError
        start = self._lines[0][1]
        root = Node("mapping", start, start, start, "map")
        self._fill_mapping(root, 0, 0)
        if self._at < len(self._lines):
            raise _NotPlainError
        return root

    def _fill_mapping(self, node: Node, column: int, depth: int) -> None:
        lines, text = self._lines, self._text
        while self._at < len(lines) and lines[self._at][0] == column:
            _, start, end = lines[self._at]
            pair = _PAIR.fullmatch(text, start, end)
            if pair is None or end - start > _LONGEST_LINE:
                raise _NotPlainError
            self._at += 1
            name = pair[1]
            key = Node("scalar", start, pair.end(1), start, _tag(name), name)
            below = self._below(column)
            if pair[2] is not None:
                self._add(node, key, self._scalar(pair.start(2), end))
            elif below is not None:
                self._nested(node, key, below, depth)
            else:
                after = pair.end(1) + 1
                self._add(node, key, Node("scalar", after, after, after, "null"))
        self._close(node)

    def _fill_sequence(self, node: Node, column: int, depth: int) -> None:
        lines, text = self._lines, self._text
        while self._at < len(lines) and lines[self._at][0] == column and text[lines[self._at][1]] == "-":
            _, start, end = lines[self._at]
            item = _ITEM.fullmatch(text, start, end)
            if item is None or end - start > _LONGEST_LINE:
                raise _NotPlainError
            inner = item.start(1)
            if _PAIR.fullmatch(text, inner, end):
                # A mapping that begins on the line of its dash.
                lines[self._at] = (column + inner - start, inner, end)
                self._nested(node, None, lines[self._at], depth)
            else:
                self._at += 1
                self._add(node, None, self._scalar(inner, end))
        self._close(node)

    def _below(self, column: int) -> tuple[int, int, int] | None:
        """Return the next line when it is a part of the value of a key at this column."""
        line = self._lines[self._at] if self._at < len(self._lines) else None
        if line is None or line[0] < column:
            return None
        return line if line[0] > column or self._text[line[1]] == "-" else None

    def _nested(self, parent: Node, key: Node | None, line: tuple[int, int, int], depth: int) -> None:
        column, start, _ = line
        if depth > _DEEPEST:
            raise _NotPlainError
        is_list = self._text[start] == "-"
        kind: Kind = "sequence" if is_list else "mapping"
        node = Node(kind, start, start, start, "seq" if is_list else "map")
        self._add(parent, key, node)
        fill = self._fill_sequence if is_list else self._fill_mapping
        fill(node, column, depth + 1)

    def _add(self, parent: Node, key: Node | None, value: Node) -> None:
        name = f"[{len(parent.items)}]" if key is None else key.value
        value.item = Item(self._count, parent, key, value, name)
        self._count += 1
        parent.items.append(value.item)

    @staticmethod
    def _close(node: Node) -> None:
        node.end = max(node.body, node.items[-1].end)

    def _scalar(self, start: int, end: int) -> Node:
        """Return the scalar, or the empty collection, that is the rest of a line."""
        text = self._text
        first = text[start]
        if first in "\"'":
            quoted = _QUOTED.fullmatch(text, start, end)
            if quoted is None:
                raise _NotPlainError
            return Node("scalar", start, quoted.end(1), start, "str", quoted[1][1:-1], first)
        if first in "{[":
            if _EMPTY.fullmatch(text, start, end) is None:
                raise _NotPlainError
            kind: Kind = "mapping" if first == "{" else "sequence"
            return Node(kind, start, start + 2, start, "map" if first == "{" else "seq", flow=True)
        bare = text[start:end].partition(" #")[0].rstrip(" ")
        if ": " in bare or bare[-1] == ":" or _PLAIN_START.match(bare) is None:
            raise _NotPlainError
        return Node("scalar", start, start + len(bare), start, _tag(bare), bare)


def _tag(text: str) -> str:
    tag = resolve_plain(text)
    if tag in ("timestamp", "merge", "value") or not is_readable(tag, text):
        raise _NotPlainError
    return tag
