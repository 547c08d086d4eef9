"""Edits of a YAML document: the text edits, and the tree that they must result in. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from hermes_profiles.documents.insertions import resolve_insertions
from hermes_profiles.documents.text import TextDocument, TextEdit
from hermes_profiles.documents.tree import Item, Node, Shape
from hermes_profiles.documents.tree_delete import SpanDeleter, dangling_alias
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .scalars import double_quoted, is_plain_safe, render, resolve_plain, single_quoted
from .value import Value, block_lines, flow
from .writer import YamlWriter, item_shapes, pairs_value, plain_scalar, value_shape

_BLOCK_TEXT = lazy_pattern(
    r"[^ \n\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff][^\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*"
)


class EditPlan:
    """The plan of one edit of a tree."""

    def __init__(
        self,
        document: TextDocument,
        root: Node,
        items: Mapping[int, Item],
        remove: frozenset[int],
        replace: Mapping[int, str],
        insert: Iterable[tuple[tuple[str, ...], str]],
    ) -> None:
        self.document = document
        self.root = root
        self.removed = remove
        self.shapes: dict[int, Shape] = {}
        insertions, plain = resolve_insertions(document, root, insert, remove)
        self.insertions = [(insertion.node, pairs_value(insertion.pairs)) for insertion in insertions]
        self._values: list[TextEdit] = []
        for number, text in plain.items():
            self._replace(items[number], text, plain=True)
        for number, text in replace.items():
            if number not in plain:
                self._replace(items[number], text, plain=False)
        self._check_aliases(frozenset([*plain, *replace]))

    def _check_aliases(self, replaced: frozenset[int]) -> None:
        item = dangling_alias(self.root, self.removed, replaced)
        if item is not None:
            raise DocumentError(
                self.document.path,
                self.document.line_of(item.value.start),
                f"the alias *{item.value.value} here refers to a value that would be removed",
                hint="replace the alias by the value, then run the command again",
            )

    def text_edits(self, given: Iterable[TextEdit], *, eat_blanks: bool = False) -> list[TextEdit]:
        """Return all edits of the text, without given edits inside a removed or replaced span."""
        filled = {id(node): flow(new) for node, new in self.insertions if node.kind == "mapping"}
        cutter = SpanDeleter(self.document, self.removed, filled, eat_blanks=eat_blanks)
        edits = [*cutter.edits(self.root), *self._values]
        if self.insertions:
            writer = YamlWriter(self.document, self.root, cutter)
            for node, new in self.insertions:
                edits += self._inserted(writer, node, new)
        spans = [edit for edit in edits if edit.start < edit.end]
        edits += [one for one in given if not any(s.start <= one.start and one.end <= s.end for s in spans)]
        return edits

    def _inserted(self, writer: YamlWriter, node: Node, new: Value) -> Iterator[TextEdit]:
        """Yield the edits for new pairs; a mapping that loses all its pairs is filled by the deleter instead."""
        cutter = writer.cutter
        if node.kind == "alias":
            yield writer.merged(node, new)
        elif node.kind == "scalar":
            item = node.item
            if item is not None and item.key is not None and not item.parent.flow and node.start == node.end:
                indent = writer.blanks(item.key.start) + writer.step
                yield writer.lines(cutter.line_end(node.end), block_lines(new, indent, writer.step, literal=False))
            else:
                yield writer.over(node, flow(new))
        else:
            kept = [item for item in node.items if item.number not in self.removed]
            if node.items and not kept and (node.flow or node.item is not None):
                return
            at = cutter.line_end(kept[-1].end) if kept else len(writer.text)
            if kept and cutter.keeps_blanks(kept[-1].value):
                at = cutter.after_blanks(at)
            yield writer.added(node, kept, new, at, literal=False)

    def expected(self) -> Shape:
        """Return the shape that the edited document must have."""
        return self._expected(self.root, {id(node): new for node, new in self.insertions})

    def _expected(self, node: Node, new: Mapping[int, Value]) -> Shape:
        if node.item is not None and node.item.number in self.shapes:
            return self.shapes[node.item.number]
        insertion = new.get(id(node))
        if node.kind == "alias":
            alias: Shape = ("*", node.value)
            if insertion is None:
                return alias
            return ("mapping", "map", ((("s", "merge", "<<", ""), alias), *item_shapes(insertion)), "")
        if node.kind == "scalar":
            if insertion is not None:
                return value_shape(insertion)
            return ("s", node.tag, node.value, node.anchor)
        children: tuple[Shape, ...] = tuple(
            (self._expected(item.key, {}) if item.key is not None else None, self._expected(item.value, new))
            for item in node.items
            if item.number not in self.removed
        )
        if insertion is not None:
            children += item_shapes(insertion)
        return (node.kind, node.tag, children, node.anchor)

    def _replace(self, item: Item, text: str, *, plain: bool) -> None:
        """Plan a new value for a scalar: a text stays a text, another scalar gets the meaning of the new text."""
        node = item.value
        if node.real.kind != "scalar":
            raise DocumentError(
                self.document.path, self.document.line_of(item.start), "only a single value can be replaced"
            )
        written, shape = rewritten(node, text, self._source(node), plain=plain)
        if not written:
            return
        before = self.document.text[max(0, node.body - 1) : node.body]
        space = " " if before in (":", "-") and node.start == node.end else ""
        self.shapes[item.number] = shape
        self._values.append(TextEdit(node.body, node.end, space + written))

    def _source(self, node: Node) -> str:
        return self.document.text[node.body : node.end]


def rewritten(node: Node, text: str, source: str, *, plain: bool) -> tuple[str, Shape]:
    """Return the text of the new value, and its shape."""
    if plain or node.kind == "alias" or (not node.style and node.tag != "str"):
        as_text = not plain and node.tag == "str"
        written = render(text, as_text=True) if as_text else flow(plain_scalar(text))
        shape = ("s", "str", text, "") if as_text else value_shape(plain_scalar(text))
        return written, (*shape[:3], "" if node.kind == "alias" else node.anchor)
    shape = ("s", node.tag, text, node.anchor)
    if not node.style:
        return (text if is_plain_safe(text) and resolve_plain(text) == "str" else double_quoted(text)), shape
    if node.style == "'":
        return single_quoted(text) or double_quoted(text), shape
    if node.style in "|>":
        return _block_scalar(text, source) or double_quoted(text), shape
    return double_quoted(text), shape


def _block_scalar(text: str, source: str) -> str | None:
    """Return the text as a literal block scalar under the old header, or None when it does not fit there."""
    header, _, rest = source.partition("\n")
    first = rest.lstrip("\r\n").split("\n", 1)[0]
    indent = first[: len(first) - len(first.lstrip(" "))]
    marks = header.rstrip().split(" ", 1)[0]
    chomp = "-" if "-" in marks else ""
    body = text if chomp else text.removesuffix("\n")
    fits = body and not body.endswith("\n") and (chomp or text.endswith("\n")) and indent
    if not fits or "+" in marks or any(c.isdigit() for c in marks) or not _BLOCK_TEXT.fullmatch(body):
        return None
    line_end = "\r\n" if header.endswith("\r") else "\n"
    # `|` needs no folding of the lines.
    lines = [header.rstrip("\r").replace(">", "|", 1)]
    lines += [f"{indent}{line}" if line else "" for line in body.split("\n")]
    return line_end.join(lines)
