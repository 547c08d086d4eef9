"""The tree of a YAML or JSON document: nodes with their spans of text. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["scalar", "mapping", "sequence", "alias"]


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """One node. `start`..`end` covers its text with anchor and tag; `body` is where these end.

    `tag` is short (`str`, `int`, …). `style` is the quote or block indicator of a scalar, "" when plain.
    `target` is the node that an alias refers to. `item` is the pair or item that contains the node (None: the root).
    """

    kind: Kind
    start: int
    end: int
    body: int
    tag: str = "str"
    value: str = ""
    style: str = ""
    anchor: str = ""
    flow: bool = False
    items: list[Item] = field(default_factory=list)
    target: Node | None = None
    item: Item | None = None

    @property
    def real(self) -> Node:
        """Return the node itself, or the target of an alias."""
        return self.target if self.target is not None else self


@dataclass(slots=True, eq=False, repr=False)
class Item:
    """A pair of a mapping or an item (without `key`) of a sequence. `number` counts in file order."""

    number: int
    parent: Node
    key: Node | None
    value: Node
    name: str

    @property
    def start(self) -> int:
        """Return the offset at which the text of the pair begins."""
        return self.key.start if self.key is not None else self.value.start

    @property
    def end(self) -> int:
        """Return the offset at which the text of the pair ends."""
        return max(self.value.end, self.key.end if self.key is not None else 0)

    @property
    def is_merge(self) -> bool:
        """Return whether the pair is a merge, `<<: …`."""
        return self.key is not None and self.key.tag == "merge"


def walk(node: Node) -> Iterator[Item]:
    """Yield every item below a node in file order, without following aliases."""
    stack = list(reversed(node.items))
    while stack:
        item = stack.pop()
        yield item
        stack.extend(reversed(item.value.items))


Shape = tuple[object, ...]


def shape(node: Node) -> Shape:
    """Return the meaning of a node without its style: kinds, tags, values, order, anchors and aliases.

    The root and every collection are nested tuples; two documents with equal shapes read alike.
    """
    if node.kind == "alias":
        return ("*", node.value)
    if node.kind == "scalar":
        return ("s", node.tag, node.value, node.anchor)
    children = tuple((shape(item.key) if item.key is not None else None, shape(item.value)) for item in node.items)
    return (node.kind, node.tag, children, node.anchor)
