"""Setting and removing one path of a YAML document. Pure.

An edit is tried in the style of its surroundings first, then on one line. The first edit is used whose result differs
from the document in this path alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from hermes_profiles.documents.entries import TreeEntry
from hermes_profiles.documents.text import TextEdit
from hermes_profiles.documents.tree import Item, Node, walk
from hermes_profiles.documents.tree_delete import SpanDeleter
from hermes_profiles.model.errors import DocumentError

from .document import YamlDocument
from .edit import rewritten
from .value import Value, block_lines, block_pair, canonical, flow, nested, scalar, with_value
from .writer import YamlWriter

Candidate = Callable[[], list[TextEdit]]


def set_path(document: YamlDocument, path: tuple[str, ...], value: Value) -> YamlDocument:
    """Return the document with the path set; bytes outside the old and new value do not change.

    Raises DocumentError when the path leads through a scalar, or when no edit changes this path alone (an anchor with
    aliases, a merge, a style that cannot be edited with certainty).
    """
    try:
        wanted = with_value(document.value(), path, value)
    except LookupError as error:
        raise _blocked(document, path) from error
    if canonical(wanted) == canonical(document.value()):
        return document
    found = document.get(path)
    line = found.line if found is not None else None
    try:
        for candidate in _Putter(document).candidates(path, value):
            result = _tried(document, candidate())
            if result is not None and canonical(result.value()) == canonical(wanted):
                return result
    except ValueError as error:
        raise DocumentError(document.path, line, f"the new value has a tag that cannot be written: {error}") from error
    raise _uncertain(document, path, line)


def delete_path(document: YamlDocument, path: tuple[str, ...]) -> YamlDocument:
    """Return the document without an existing path, its duplicates and the comments inside it.

    Raises DocumentError when that would change another path, or when the path comes from a merge.
    """
    wanted = with_value(document.value(), path, None)
    entries = document.find(path)
    merged = next((one for one in entries if one.effective and one.via == "merge"), None)
    if merged is not None:
        raise DocumentError(
            document.path,
            merged.key_line,
            f"{'.'.join(path)} comes from a merge (<<), which other paths share",
            hint="write its own value at this path, then run the command again",
        )
    result = YamlDocument.parse(document.edit(remove=entries), path=document.path)
    if canonical(result.value()) != canonical(wanted):
        raise _uncertain(document, path, entries[0].key_line if entries else None)
    return result


def _tried(document: YamlDocument, edits: list[TextEdit]) -> YamlDocument | None:
    try:
        return YamlDocument.parse(document.apply(edits), path=document.path)
    except DocumentError:
        return None


def _uncertain(document: YamlDocument, path: tuple[str, ...], line: int | None) -> DocumentError:
    shared = _shared(document, path)
    if shared is not None:
        return DocumentError(
            document.path,
            line if line is not None else shared.line,
            f"{'.'.join(path)} shares its text with {'.'.join(shared.path)} (line {shared.key_line})",
            hint="replace the alias or merge of one of them by its value, then run the command again",
        )
    return DocumentError(
        document.path,
        line,
        f"{'.'.join(path)} cannot be edited with certainty: the file would not read as intended",
        hint="write this part in plain block style, then run the command again",
    )


def _shared(document: YamlDocument, path: tuple[str, ...]) -> TreeEntry | None:
    """Return another entry that shares its text with the path or a path above or below it, None without one."""
    near = [one for one in document.entries if one.path == path[: len(one.path)] or one.path[: len(path)] == path]
    origins = {one.origin: one.path for one in near}
    aliases = {
        item.number
        for item in walk(document.root)
        if (held := item.value.target) is not None and held.item is not None and held.item.number in origins
    }
    others = (
        one
        for one in document.entries
        if one.origin in aliases or (one.origin in origins and one.path != origins[one.origin])
    )
    return next(others, None)


def _blocked(document: YamlDocument, path: tuple[str, ...]) -> DocumentError:
    above = next((one for size in range(len(path) - 1, 0, -1) if (one := document.get(path[:size])) is not None), None)
    if above is not None and above.kind == "sequence":
        reason = "the list above it is shorter, or has no names"
    else:
        reason = "another value is in the way" if above is not None else "a new list begins with [0]"
    return DocumentError(
        document.path,
        above.line if above is not None else None,
        f"{'.'.join(path)} cannot be set: {reason}",
        hint="set another path, or remove the value that is in the way first",
    )


class _Putter:
    """The edits that may write one value, the best first."""

    def __init__(self, document: YamlDocument) -> None:
        self.document = document
        self.text = document.text
        self.cutter = SpanDeleter(document, frozenset(), {})
        self.writer = YamlWriter(document, document.root, self.cutter)
        self.step = self.writer.step

    def candidates(self, path: tuple[str, ...], value: Value) -> Iterator[Candidate]:
        """Yield edits for a path that `with_value` can set."""
        node, rest = self.document.root, list(path)
        item: Item | None = None
        while rest and node.kind in ("mapping", "sequence"):
            below = next((one for one in reversed(node.items) if one.name == rest[0]), None)
            if below is None:
                break
            item, node = below, below.value
            rest.pop(0)
        if item is not None and (not rest or node.kind == "scalar"):
            yield from self._replaced(item, nested(rest, value))
        elif node.kind == "alias":
            yield lambda: [self.writer.merged(node, nested(rest, value))]
        else:
            new = nested(rest[1:], value)
            yield from self._added(node, scalar("str", rest[0]) if node.kind == "mapping" else None, new)

    # --- replacing a value

    def _replaced(self, item: Item, value: Value) -> Iterator[Candidate]:
        node = item.value
        if value.kind == "scalar" and node.real.kind == "scalar":
            yield lambda: [self.writer.over(node, self._scalar(node, value))]
            return
        if value.items and item.key is not None and not item.parent.flow:
            indent = self.writer.blanks(item.key.start) + self.step
            yield lambda: self._as_block(node, value, indent)
        if node.items and not node.flow:
            gone = frozenset(one.number for one in node.items)
            yield lambda: list(SpanDeleter(self.document, gone, {id(node): flow(value)}).edits(self.document.root))
        else:
            yield lambda: [self.writer.over(node, flow(value))]

    def _scalar(self, node: Node, value: Value) -> str:
        if value.tag == "str" == node.tag and node.kind == "scalar":
            return rewritten(node, value.text, self.text[node.body : node.end], plain=False)[0]
        return flow(value)

    def _as_block(self, node: Node, value: Value, indent: str) -> list[TextEdit]:
        """Return the edits that put a collection on the lines below its key; the comment of the key keeps its place."""
        if not node.items or node.flow:
            start = len(self.text[: node.body].rstrip(" \t"))
            at = self.cutter.line_end(node.end)
            return [TextEdit(start, node.end, ""), self.writer.lines(at, block_lines(value, indent, self.step))]
        first = self.cutter.begin(node.items[0])
        if node.kind == value.kind:
            indent = self.writer.blanks(first)
        lines = block_lines(value, indent, self.step)
        edits = [TextEdit(self.cutter.line_start(first), self.cutter.line_start(first), self.writer.joined(lines))]
        for one in node.items:
            begin = self.cutter.line_start(self.cutter.begin(one))
            edits.append(TextEdit(begin, self.cutter.tail(one), ""))
        return edits

    # --- adding a value

    def _added(self, node: Node, key: Value | None, value: Value) -> Iterator[Candidate]:
        pair = Value("sequence" if key is None else "mapping", "seq" if key is None else "map", items=((key, value),))
        at = self.cutter.tail(node.items[-1]) if node.items and not node.flow else len(self.text)
        yield lambda: [self.writer.added(node, node.items, pair, at)]
        if node.flow or (not node.items and node.item is not None):
            return
        indent = self.writer.indentation(node)
        if key is None:
            yield lambda: [self.writer.lines(at, [f"{indent}- {flow(value)}"])]
        else:
            yield lambda: [self.writer.lines(at, [f"{indent}{flow(key)}: {flow(value)}"])]
            # The other place is before an explicit end of the document, or a comment that a block scalar would include.
            end = self.cutter.line_end(node.items[-1].end) if node.items else at
            yield lambda: [self.writer.lines(end, block_pair(key, value, indent, self.step))]
