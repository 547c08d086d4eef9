"""Insertion of pairs into a YAML document in the style of its surroundings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from hermes_profiles.documents.text import TextDocument, TextEdit
from hermes_profiles.documents.tree import Item, Node, Shape, walk
from hermes_profiles.documents.tree_delete import SpanDeleter
from hermes_profiles.model.errors import DocumentError

from .scalars import render, resolve_plain

Tree = dict[str, "str | Tree"]


@dataclass(slots=True)
class Insertion:
    """New pairs below one node. `node` is a mapping, or a null or an alias that becomes one."""

    node: Node
    pairs: Tree = field(default_factory=dict)


def scalar_shape(text: str) -> Shape:
    """Return the shape of a scalar written plainly (or quoted, when it cannot be)."""
    written = render(text, as_text=False)
    return ("s", resolve_plain(text) if written == text else "str", text, "")


def pair_shapes(pairs: Tree) -> tuple[Shape, ...]:
    """Return the shapes of new pairs."""
    return tuple(
        (("s", "str", name, ""), scalar_shape(value) if isinstance(value, str) else mapping_shape(value))
        for name, value in pairs.items()
    )


def mapping_shape(pairs: Tree, first: tuple[Shape, ...] = (), anchor: str = "") -> Shape:
    """Return the shape of a new mapping."""
    return ("mapping", "map", first + pair_shapes(pairs), anchor)


def flow_text(pairs: Tree, first: str = "") -> str:
    """Return new pairs as a flow mapping; `first` is the text of a pair to begin with."""
    parts = [first] if first else []
    for name, value in pairs.items():
        parts.append(f"{_key(name)}: {_flow_value(value)}")
    return "{" + ", ".join(parts) + "}"


def _flow_value(value: str | Tree) -> str:
    return render(value, as_text=False) if isinstance(value, str) else flow_text(value)


def _key(name: str) -> str:
    return render(name, as_text=True)


def block_lines(pairs: Tree, indent: str, step: str) -> list[str]:
    """Return new pairs as lines of a block mapping, without line ends."""
    lines = []
    for name, value in pairs.items():
        if isinstance(value, str):
            lines.append(f"{indent}{_key(name)}: {render(value, as_text=False)}")
        else:
            lines.append(f"{indent}{_key(name)}:")
            lines += block_lines(value, indent + step, step)
    return lines


def resolve_insertions(
    document: TextDocument, root: Node, wanted: Iterable[tuple[tuple[str, ...], str]], removed: frozenset[int]
) -> tuple[list[Insertion], dict[int, str]]:
    """Return the new pairs per node, and the replacements (item number → plain text) for paths that exist.

    Raises DocumentError when a path leads through a scalar or names a collection.
    """
    found: dict[int, Insertion] = {}
    replaced: dict[int, str] = {}
    for path, text in wanted:
        node, rest = root, list(path)
        item: Item | None = None
        while rest and node.kind in ("mapping", "sequence"):
            name = rest[0]
            item = next((one for one in reversed(node.items) if one.name == name and one.number not in removed), None)
            if item is None:
                break
            node = item.value
            rest.pop(0)
        if not rest:
            if item is None or node.real.kind != "scalar":
                raise _blocked(document, node, path)
            replaced[item.number] = text
            continue
        empty = node.kind == "scalar" and node.tag == "null" and not node.anchor
        if not (node.real.kind == "mapping" or empty):
            raise _blocked(document, node, path)
        _nest(found.setdefault(id(node), Insertion(node)).pairs, rest, text, document, path)
    return list(found.values()), replaced


def _nest(pairs: Tree, rest: list[str], text: str, document: TextDocument, path: tuple[str, ...]) -> None:
    for name in rest[:-1]:
        below = pairs.setdefault(name, {})
        if isinstance(below, str):
            raise DocumentError(document.path, None, f"{'.'.join(path)} is below another value that is inserted")
        pairs = below
    pairs[rest[-1]] = text


def _blocked(document: TextDocument, node: Node, path: tuple[str, ...]) -> DocumentError:
    return DocumentError(
        document.path,
        document.line_of(node.start),
        f"{'.'.join(path)} cannot be set: another value is in the way",
    )


class Inserter:
    """Text of the insertions."""

    def __init__(self, document: TextDocument, root: Node, cutter: SpanDeleter) -> None:
        self.document = document
        self.text = document.text
        self.cutter = cutter
        self.line_end = document.line_end_style()
        self.step = self._step(root)

    def edits(self, insertion: Insertion, removed: frozenset[int]) -> Iterator[TextEdit]:
        """Yield the edits for one node; a mapping that loses all its pairs is filled by the cutter instead."""
        node, pairs = insertion.node, insertion.pairs
        if node.kind == "alias":
            yield TextEdit(node.start, node.end, flow_text(pairs, f"<<: *{node.value}"))
        elif node.kind == "scalar":
            yield from self._into_null(node, pairs)
        else:
            kept = [item for item in node.items if item.number not in removed]
            if kept and node.flow:
                yield TextEdit(kept[-1].end, kept[-1].end, ", " + flow_text(pairs)[1:-1])
            elif kept:
                first = self.cutter.begin(node.items[0])
                indent = " " * (first - self.cutter.line_start(first))
                at = self.cutter.line_end(kept[-1].end)
                if self.cutter.keeps_blanks(kept[-1].value):
                    at = self.cutter.after_blanks(at)
                yield self._lines(at, block_lines(pairs, indent, self.step))
            elif node.item is None and not node.flow:
                yield self._lines(len(self.text), block_lines(pairs, "", self.step))
            elif not node.items:
                yield TextEdit(node.body, node.end, flow_text(pairs))

    def _into_null(self, node: Node, pairs: Tree) -> Iterator[TextEdit]:
        item = node.item
        if item is not None and item.key is not None and not item.parent.flow and node.start == node.end:
            key = item.key.start
            start = self.cutter.line_start(key)
            indent = " " * (key - start) + self.step
            yield self._lines(self.cutter.line_end(node.end), block_lines(pairs, indent, self.step))
        else:
            space = " " if self.text[node.body - 1 : node.body] in (":", "-") else ""
            yield TextEdit(node.body, node.end, space + flow_text(pairs))

    def _lines(self, at: int, lines: list[str]) -> TextEdit:
        text = self.line_end.join(lines)
        if at and self.text[at - 1] not in "\r\n":
            return TextEdit(at, at, self.line_end + text)
        return TextEdit(at, at, text + self.line_end)

    def _step(self, root: Node) -> str:
        """Return the indentation of the first nested block mapping, two blanks without one."""
        for item in walk(root):
            inner = item.value
            if item.key is None or inner.kind != "mapping" or inner.flow or item.parent.flow or not inner.items:
                continue
            outer, below = self.cutter.begin(item), self.cutter.begin(inner.items[0])
            size = below - self.cutter.line_start(below) - (outer - self.cutter.line_start(outer))
            if 1 <= size <= 8:
                return " " * size
        return "  "
