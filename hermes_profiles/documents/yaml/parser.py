"""The parser of YAML text: a tree of nodes from the events of ruamel.yaml's pure parser. Pure.

Events have code-point marks of aliases, which ruamel's own composer drops. A document that PyYAML's safe loader
refuses is refused, because Hermes then reads none of the file.
"""

from __future__ import annotations

import re
from typing import Any

from hermes_profiles.documents.conflict_marks import hint_for
from hermes_profiles.documents.text import TextDocument
from hermes_profiles.documents.tree import Item, Node, walk
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .scalars import TAG, is_readable, resolve_plain

MAX_DEPTH = 200
_PROPERTIES = lazy_pattern(r"(?:[&!]\S*\s*)+")
_ODD_BREAKS = lazy_pattern("[\x85\u2028\u2029]|^\ufeff", re.MULTILINE)
_COLON = lazy_pattern(r"\s*:")
_COMMENTS = lazy_pattern(r"(?:^|(?<=\s))#[^\r\n]*", re.MULTILINE)
_QUOTATION = lazy_pattern(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"", re.DOTALL)
# A single character, also as its escape, or the name of a token.
_HARMLESS = lazy_pattern(r".(?:\\.|\\x..|\\u....|[^\\]|<[a-z ]+>).", re.DOTALL)
_SAFE_TAGS = frozenset(
    TAG + name
    for name in (
        "null",
        "bool",
        "int",
        "float",
        "binary",
        "timestamp",
        "omap",
        "pairs",
        "set",
        "str",
        "seq",
        "map",
        "merge",
        "value",
    )
)


def parse_tree(document: TextDocument) -> Node:
    """Return the root mapping; an empty document gives an empty mapping at the end of the text.

    Raises DocumentError with the line for a document that Hermes' loader refuses.
    """
    builder = _NodeBuilder(document)
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)  # the version whose rules PyYAML follows
    try:
        for event in yaml.parse(document.text):
            builder.take(event)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = document.line_of(min(mark.index, len(document.text))) if mark is not None else None
        reason = without_quotations(" ".join(filter(None, (error.context, error.problem))))
        # Without the error of ruamel.yaml: a traceback would print the line, which may be a secret.
        hint = hint_for(document.text, _hint(reason))
        raise DocumentError(document.path, line, f"not valid YAML: {reason}", hint=hint) from None
    except (YAMLError, ValueError, RecursionError) as error:
        line = _bad_character_line(document, error)
        raise DocumentError(document.path, line, "not valid YAML: a character is not allowed") from None
    root = builder.finish()
    _check_breaks(document, root)
    return root


def without_quotations(reason: str) -> str:
    """Return the words of a YAML error without what they quote from the file; a password can begin with `*` or `!`.

    Single characters and the names of tokens (`<block end>`) stay.
    """
    return _QUOTATION.sub(lambda match: match[0] if _HARMLESS.fullmatch(match[0]) else "…", reason)


def _check_breaks(document: TextDocument, root: Node) -> None:
    """Raise DocumentError for NEL, LS and PS outside quotes, and for a second byte order mark that begins a line.

    The former break lines in YAML 1.1, but ruamel.yaml and PyYAML then count columns differently: one reads a nested
    key where the other reads a top-level key. The mark is a part of the key for PyYAML's own loader, and nothing for
    that of libyaml.
    """
    odd = list(_ODD_BREAKS.finditer(document.text))
    if not odd:
        return
    nodes = (node for item in walk(root) for node in (item.key, item.value) if node is not None)
    quoted = [(node.start, node.end) for node in nodes if node.style in ("'", '"')]
    for match in odd:
        if not any(start < match.start() < end for start, end in quoted):
            is_mark = match[0] == "\ufeff"
            what = "belongs to the key" if is_mark else "breaks the line"
            raise DocumentError(
                document.path,
                document.line_of(match.start()),
                f"the character U+{ord(match[0]):04X} {what} for some readers only",
                hint="delete this byte order mark"
                if is_mark
                else "replace the character by a space, or put the value in double quotes",
            )


def _hint(reason: str) -> str:
    if "'\\t'" in reason:
        return "indent with spaces: YAML allows no tabs there"
    return "fix this line, then run the command again"


def _bad_character_line(document: TextDocument, error: Exception) -> int | None:
    position = getattr(error, "position", None)
    return document.line_of(min(position, len(document.text))) if isinstance(position, int) else None


class _NodeBuilder:
    """A builder of nodes from events."""

    def __init__(self, document: TextDocument) -> None:
        self.document = document
        self.text = document.text
        self.root: Node | None = None
        self.documents = 0
        self.count = 0
        self.anchors: dict[str, Node] = {}
        self.stack: list[Node] = []
        self.keys: list[Node | None] = []  # the key that waits for its value, per open collection

    def take(self, event: Any) -> None:
        """Add the node of one event."""
        name = type(event).__name__
        if name == "ScalarEvent":
            self._place(self._scalar(event))
        elif name == "AliasEvent":
            self._place(self._alias(event))
        elif name in ("MappingStartEvent", "SequenceStartEvent"):
            self._open(event, "mapping" if name.startswith("M") else "sequence")
        elif name in ("MappingEndEvent", "SequenceEndEvent"):
            self._close(event)
        elif name == "DocumentStartEvent":
            self.documents += 1
            if self.documents > 1:
                raise self._error(
                    event.start_mark.index, "a second YAML document begins here, so Hermes reads none of the file"
                )

    def finish(self) -> Node:
        """Return the root mapping."""
        root = self.root
        if root is None or (root.kind == "scalar" and root.tag == "null"):
            end = len(self.text)
            return Node("mapping", end, end, end, "map")
        if root.kind != "mapping":
            raise self._error(root.start, "the top level is not a mapping of names to values")
        return root

    def _error(self, offset: int, reason: str) -> DocumentError:
        hint = hint_for(self.text, _hint(reason))
        return DocumentError(self.document.path, self.document.line_of(offset), reason, hint=hint)

    def _tag(self, event: Any) -> str | None:
        """Return the explicit short tag of an event, or None."""
        tag = event.tag
        if tag is None or tag == "!":
            return "str" if tag == "!" and type(event).__name__ == "ScalarEvent" else None
        text = str(tag)
        if text not in _SAFE_TAGS:
            raise self._error(
                event.start_mark.index, "Hermes does not read the tag here; quote a value that begins with !"
            )
        return text.removeprefix(TAG)

    def _scalar(self, event: Any) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        tag = self._tag(event)
        style = event.style or ""
        if tag is None:
            tag = "str" if style else resolve_plain(event.value)
        body = self._body(event, start)
        if style in ("|", ">"):
            # The end mark is after the blank lines that follow the scalar. They are not a part of it here, so a removal
            # keeps them.
            end = max(body + 1, start + len(self.text[start:end].rstrip(" \t\r\n")))
        if start < end and not style and not event.value:
            # The node is only an anchor or a tag, which ends before the blanks after it.
            body = end = start + len(self.text[start:end].rstrip())
        return Node("scalar", start, end, body, tag, event.value, style, event.anchor or "")

    def _body(self, event: Any, start: int) -> int:
        if event.anchor is None and event.tag is None:
            return int(start)
        match = _PROPERTIES.match(self.text, start)
        return min(match.end(), event.end_mark.index) if match else int(start)

    def _alias(self, event: Any) -> Node:
        start, end, name = event.start_mark.index, event.end_mark.index, event.anchor
        target = self.anchors.get(name)
        if target is None:
            raise self._error(start, "the alias here has no anchor before it; quote a value that begins with *")
        if target in self.stack:
            raise self._error(start, "the alias here is inside its own anchor")
        return Node("alias", start, end, start, target.tag, name, target=target)

    def _open(self, event: Any, kind: Any) -> None:
        start = event.start_mark.index
        tag = self._tag(event) or ("map" if kind == "mapping" else "seq")
        node = Node(kind, start, start, start, tag, anchor=event.anchor or "", flow=bool(event.flow_style))
        if event.anchor is not None or event.tag is not None:
            match = _PROPERTIES.match(self.text, start)
            node.body = start + len(match[0].rstrip()) if match else start
            if node.flow:
                node.body = event.end_mark.index - 1
        self._place(node)
        self.stack.append(node)
        self.keys.append(None)
        if len(self.stack) > MAX_DEPTH:
            raise self._error(start, f"more than {MAX_DEPTH} levels deep")

    def _close(self, event: Any) -> None:
        node = self.stack.pop()
        self.keys.pop()
        if node.flow and self.text[event.end_mark.index - 1 : event.end_mark.index] in ("}", "]"):
            node.end = event.end_mark.index
        else:
            # The end mark of a block collection is at the next token, so its last child defines its end.
            node.end = max([node.body, *(item.end for item in node.items[-1:])])

    def _place(self, node: Node) -> None:
        """Add a node to the collection that is open, as a key, a value or an item."""
        if node.anchor:
            self.anchors[node.anchor] = node
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if node.kind == "scalar" and not (node.tag in ("merge", "value") and self._is_key(parent)):
            self._check_scalar(node)
        if parent.kind == "sequence":
            self._add(Item(self.count, parent, None, node, f"[{len(parent.items)}]"))
            return
        key = self.keys[-1]
        if key is None:
            if node.real.kind != "scalar":
                raise self._error(node.start, "Hermes cannot use a list or a mapping as a key")
            self.keys[-1] = node
            return
        self.keys[-1] = None
        item = Item(self.count, parent, key, node, key.real.value)
        if item.is_merge:
            self._check_merge(node)
        self._add(item)

    def _is_key(self, parent: Node) -> bool:
        return parent.kind == "mapping" and self.keys[-1] is None

    def _check_scalar(self, node: Node) -> None:
        if not is_readable(node.tag, node.value or ""):
            raise self._error(
                node.start, "Hermes cannot read this value, so it reads none of the file: put it in quotes"
            )

    def _add(self, item: Item) -> None:
        self.count += 1
        value = item.value
        if value.kind == "scalar" and value.start == value.end and not value.style:
            value.start = value.end = value.body = self._empty_place(item)
        item.value.item = item
        item.parent.items.append(item)

    def _empty_place(self, item: Item) -> int:
        """Return the offset of an empty value, behind its colon or dash; its mark is at the next token."""
        if item.key is not None:
            colon = _COLON.match(self.text, item.key.end)
            return colon.end() if colon else item.key.end
        siblings = item.parent.items
        floor = siblings[-1].end if siblings else item.parent.body
        between = _COMMENTS.sub(lambda match: " " * len(match[0]), self.text[floor : item.value.start])
        dash = between.rfind("-")
        return floor + dash + 1 if dash >= 0 else item.value.start

    def _check_merge(self, node: Node) -> None:
        if node.real.kind == "scalar":
            raise self._error(node.start, "the merge key << needs a mapping")
