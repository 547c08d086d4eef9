"""Text edits that write values into a YAML document in the style of their surroundings. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.documents.insertions import Pairs
from hermes_profiles.documents.text import TextDocument, TextEdit
from hermes_profiles.documents.tree import Item, Node, Shape, walk
from hermes_profiles.documents.tree_delete import SpanDeleter

from .scalars import is_plain_safe, resolve_plain
from .value import PLAIN_TAGS, Value, block_lines, flow, scalar


def plain_scalar(text: str) -> Value:
    """Return the value of a text that is written without quotes where that is possible."""
    tag = resolve_plain(text) if is_plain_safe(text) else "str"
    return scalar(tag if tag in PLAIN_TAGS else "str", text)


def pairs_value(pairs: Pairs) -> Value:
    """Return new pairs as a mapping."""
    items = (
        (scalar("str", name), plain_scalar(below) if isinstance(below, str) else pairs_value(below))
        for name, below in pairs.items()
    )
    return Value("mapping", "map", items=tuple(items))


def value_shape(value: Value) -> Shape:
    """Return the shape of a value without anchors."""
    if value.kind == "scalar":
        return ("s", value.tag, value.text, "")
    return (value.kind, value.tag, item_shapes(value), "")


def item_shapes(value: Value) -> tuple[Shape, ...]:
    """Return the shapes of the items of a collection."""
    return tuple((value_shape(key) if key is not None else None, value_shape(below)) for key, below in value.items)


class YamlWriter:
    """The writer of values into one document, with its indentation and line end."""

    def __init__(self, document: TextDocument, root: Node, cutter: SpanDeleter) -> None:
        self.text = document.text
        self.cutter = cutter
        self.line_end = document.line_end_style()
        self.step = self._step(root)

    def added(self, node: Node, kept: Sequence[Item], new: Value, at: int, *, literal: bool = True) -> TextEdit:
        """Return the edit that adds the items of `new` behind the kept ones, in block style at an offset.

        `literal` allows block scalars for texts of several lines.
        """
        if node.flow or (not node.items and node.item is not None):
            if kept:
                return TextEdit(kept[-1].end, kept[-1].end, f", {flow(new)[1:-1]}")
            return TextEdit(node.body, node.end, flow(new))
        return self.lines(
            at if kept else len(self.text), block_lines(new, self.indentation(node), self.step, literal=literal)
        )

    def merged(self, alias: Node, new: Value) -> TextEdit:
        """Return the edit that replaces an alias by a mapping that merges it and has new pairs."""
        return TextEdit(alias.start, alias.end, f"{{<<: *{alias.value}, {flow(new)[1:-1]}}}")

    def over(self, node: Node, written: str) -> TextEdit:
        """Return the edit that writes a text in the place of a value, behind its anchor and tag."""
        before = self.text[max(0, node.body - 1) : node.body]
        needs_space = node.start == node.end and before in (":", "-")
        needs_space = needs_space or (node.body == node.end and node.start < node.body and before not in (" ", "\t"))
        return TextEdit(node.body, node.end, f" {written}" if needs_space else written)

    def indentation(self, node: Node) -> str:
        """Return the indentation of the items of a block collection, none for an empty one."""
        return self.blanks(self.cutter.begin(node.items[0])) if node.items else ""

    def blanks(self, offset: int) -> str:
        """Return as many blanks as there are characters on the line before an offset."""
        return " " * (offset - self.cutter.line_start(offset))

    def joined(self, lines: Sequence[str]) -> str:
        """Return lines with line ends."""
        return self.line_end.join(lines) + self.line_end

    def lines(self, at: int, lines: Sequence[str]) -> TextEdit:
        """Return the edit that inserts whole lines at the beginning of a line, or at the end of the text."""
        if at and self.text[at - 1] not in "\r\n":
            return TextEdit(at, at, self.line_end + self.line_end.join(lines))
        return TextEdit(at, at, self.joined(lines))

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
