"""Insertions into a YAML or JSON document: the node that gets new pairs, for each path. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hermes_profiles.model.errors import DocumentError

from .text import TextDocument
from .tree import Item, Node

Pairs = dict[str, "str | Pairs"]


@dataclass(slots=True, eq=False, repr=False)
class Insertion:
    """New pairs below one node. `node` is a mapping, or a null or an alias that becomes one."""

    node: Node
    pairs: Pairs = field(default_factory=dict)


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
            item = next(
                (pair for pair in reversed(node.items) if pair.name == name and pair.number not in removed), None
            )
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


def _nest(pairs: Pairs, rest: list[str], text: str, document: TextDocument, path: tuple[str, ...]) -> None:
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
