"""The spans of text to delete for removing pairs and items from a YAML or JSON document. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hermes_profiles.model.patterns import lazy_pattern

from .text import TextDocument, TextEdit
from .tree import Item, Node, walk

_COLON = lazy_pattern(r"\s*:")
_TO_LINE_END = lazy_pattern(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")
_COMMENT_LINE = lazy_pattern(r"([ \t]*)(#|\r|\n|\Z)")
_REST_BLANK = lazy_pattern(r",?[ \t]*(?:[ \t]#[^\r\n]*)?(?:\r\n|\n|\r|\Z)")
_BLANK_LINES = lazy_pattern(r"(?:[ \t]*(?:\r\n|\n|\r))*")
_SPACE = lazy_pattern(r"\s*")
_STRIP_COMMENT = lazy_pattern(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)


class SpanDeleter:
    """The deletions of one edit.

    `removed` are item numbers; `filled` are the collections that get new pairs (by identity), with their text.
    `strict_commas` is for JSON: no comma is left behind the last item. `eat_blanks` also deletes the blank lines
    behind an item, which would become a part of a `|+` scalar before it.
    """

    def __init__(
        self,
        document: TextDocument,
        removed: frozenset[int],
        filled: dict[int, str],
        *,
        strict_commas: bool = False,
        eat_blanks: bool = False,
    ) -> None:
        self.text = document.text
        self.removed = removed
        self.filled = filled
        self.strict_commas = strict_commas
        self.eat_blanks = eat_blanks

    def edits(self, root: Node) -> Iterator[TextEdit]:
        """Yield the deletions, and `{}` or `[]` for collections that lose all their items."""
        pending = [root]
        while pending:
            node = pending.pop()
            gone = [item for item in node.items if item.number in self.removed]
            if gone and len(gone) == len(node.items):
                yield from self._emptied(node)
                continue
            pending += [item.value for item in node.items if item.number not in self.removed and item.value.items]
            if node.flow:
                yield from self._flow(node, gone)
            else:
                yield from self._block(node, gone)

    # --- block style

    def _block(self, node: Node, gone: list[Item]) -> Iterator[TextEdit]:
        for item in gone:
            begin = self.begin(item)
            if not self.text[self.line_start(begin) : begin].strip():
                yield TextEdit(self.line_start(begin), self.tail(item), "")
            elif item is node.items[0]:
                # `- first: x`: the next pair, or a comment before it, moves behind the dash.
                last = item
                for other in node.items[1:]:
                    if other.number not in self.removed:
                        break
                    last = other
                blank = _SPACE.match(self.text, self.tail(last))
                yield TextEdit(begin, blank.end() if blank else self.tail(last), "")

    def begin(self, item: Item) -> int:
        """Return the offset at which an item of a block collection begins: its key, or its dash."""
        if item.key is not None:
            return item.key.start
        siblings = item.parent.items
        index = next(number for number, one in enumerate(siblings) if one is item)
        floor = siblings[index - 1].end if index else item.parent.body
        between = _STRIP_COMMENT.sub(lambda match: " " * len(match[0]), self.text[floor : item.value.start])
        dash = between.rfind("-")
        return floor + dash if dash >= 0 else item.value.start

    def line_start(self, offset: int) -> int:
        """Return the offset at which the line of an offset begins."""
        return max(self.text.rfind("\n", 0, offset), self.text.rfind("\r", 0, offset)) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset at which the line of an offset ends, its line end included."""
        match = _TO_LINE_END.match(self.text, offset)
        return match.end() if match else len(self.text)

    def tail(self, item: Item) -> int:
        """Return the end of the last line of an item, deeper indented comments after it included."""
        begin = self.begin(item)
        column = begin - self.line_start(begin)
        end = at = self.line_end(max(item.end, begin))
        if self.eat_blanks or self.keeps_blanks(item.value):
            end = at = self.after_blanks(at)
        while at < len(self.text):
            match = _COMMENT_LINE.match(self.text, at)
            if match is None or (match[2] == "#" and len(match[1]) <= column):
                break
            at = self.line_end(at)
            if match[2] == "#":
                end = at
        return end

    def keeps_blanks(self, node: Node) -> bool:
        """Return whether a node ends in a `|+` scalar, which the blank lines behind it are a part of."""
        while node.items:
            node = node.items[-1].value
        if node.style not in ("|", ">"):
            return False
        header = _TO_LINE_END.match(self.text, node.body)
        return header is not None and "+" in header[0].partition("#")[0]

    def after_blanks(self, offset: int) -> int:
        """Return the offset at which the blank lines after an offset end."""
        match = _BLANK_LINES.match(self.text, offset)
        return match.end() if match else offset

    # --- flow style

    def _flow(self, node: Node, gone: list[Item]) -> Iterator[TextEdit]:
        items = node.items
        for index, item in enumerate(items):
            if item not in gone:
                continue
            kept = next((one for one in reversed(items[:index]) if one.number not in self.removed), None)
            is_last = index == len(items) - 1 or all(one.number in self.removed for one in items[index:])
            line = self._own_lines(item)
            if line is not None and not (is_last and self.strict_commas):
                yield line
            elif not is_last:
                yield TextEdit(item.start, items[index + 1].start, "")
            elif kept is not None:
                yield TextEdit(kept.end, item.end, "")

    def _own_lines(self, item: Item) -> TextEdit | None:
        """Return the deletion of the item's whole lines, or None when another item shares them."""
        start = self.line_start(item.start)
        rest = _REST_BLANK.match(self.text, item.end)
        if self.text[start : item.start].strip() or rest is None:
            return None
        return TextEdit(start, rest.end(), "")

    # --- collections that lose all their items

    def _emptied(self, node: Node) -> Iterator[TextEdit]:
        """Yield the edits that replace a collection without items by `{}`, `[]` or its new pairs.

        A bare `extra:` reads as null, and Hermes 0.19.0 crashes on null where it expects a mapping.
        """
        new = self.filled.get(id(node), "{}" if node.kind == "mapping" else "[]")
        if node.flow:
            yield TextEdit(node.body, node.end, new)
            return
        first, last = node.items[0], node.items[-1]
        begin = self.begin(first)
        if node.item is None:
            for item in node.items:
                yield TextEdit(self.line_start(self.begin(item)), self.tail(item), "")
        elif self.text[self.line_start(begin) : begin].strip():
            stop = self.tail(last)
            yield TextEdit(begin, stop - len(_line_break(self.text[begin:stop])), new)
        else:
            at = self.value_place(node.item)
            yield TextEdit(at, at, f" {new}")
            for item in node.items:
                yield TextEdit(self.line_start(self.begin(item)), self.tail(item), "")

    def value_place(self, item: Item) -> int:
        """Return the offset at which a value can be written on the line of its key (or dash), behind anchor and tag."""
        if item.value.body > item.value.start:
            return item.value.body
        if item.key is None:
            return self.begin(item) + 1
        colon = _COLON.match(self.text, item.key.end)
        return colon.end() if colon else item.key.end


def _line_break(text: str) -> str:
    return text[len(text.rstrip("\r\n")) :]


def dangling_alias(root: Node, removed: frozenset[int], dropped: frozenset[int]) -> Item | None:
    """Return a remaining pair with an alias that would lose its anchor, or None. `dropped` aliases are replaced."""
    if not removed:
        return None
    inside: set[int] = set()
    staying: list[Item] = []
    for item in walk(root):
        above = item.parent.item
        if item.number in removed or (above is not None and above.number in inside):
            inside.add(item.number)
        elif item.value.kind == "alias" and item.number not in dropped:
            staying.append(item)
    for item in staying:
        target = item.value.target
        if target is not None and target.item is not None and target.item.number in inside:
            return item
    return None
