"""A value of a YAML document without its file: read from one file, written into another. Pure.

Aliases and merge keys are resolved; comments and styles are not a part of a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from hermes_profiles.documents.entries import flattened
from hermes_profiles.documents.tree import Node
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .scalars import construct, double_quoted, is_plain_safe, render, resolve_plain

PLAIN_TAGS = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
# Numbers as users write them. YAML 1.1 also reads `+49170`, `0123`, `1_000` and `22:30` as numbers, which changes a
# phone number, a code or a time of day: those stay text.
_NUMBER = lazy_pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_LITERAL = lazy_pattern(
    r"[^ \n\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff\t][^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*"
)


class Value(NamedTuple):
    """One value. A scalar has `text`; a collection has `items`, (key, value) pairs with key None in a list."""

    kind: Literal["scalar", "mapping", "sequence"]
    tag: str
    text: str = ""
    items: tuple[tuple[Value | None, Value], ...] = ()

    def __repr__(self) -> str:
        return f"Value({self.kind}, ***)"

    def named(self) -> Iterator[tuple[str, Value]]:
        """Yield (name, value) of the items of a collection; the name of a list item is `[0]`."""
        for index, (key, value) in enumerate(self.items):
            yield (key.text if key is not None else f"[{index}]"), value

    def child(self, name: str) -> Value | None:
        """Return the value of a collection under a name, or None."""
        return next((value for key, value in self.named() if key == name), None)

    def at(self, path: Sequence[str]) -> Value | None:
        """Return the value at a path below this one, or None."""
        found: Value | None = self
        for name in path:
            found = found.child(name) if found is not None else None
        return found

    def leaves(self, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Value]]:
        """Yield (path, value) of every scalar and every empty collection, this value included."""
        if not self.items:
            yield path, self
        for name, value in self.named():
            yield from value.leaves((*path, name))


def value_of(node: Node) -> Value:
    """Return the value of a node; of duplicate keys the last one. The node of a parsed document is finite."""
    node = node.real
    if node.kind == "scalar":
        return scalar(node.tag, node.value)
    if node.kind == "sequence":
        return Value("sequence", node.tag, items=tuple((None, value_of(item.value)) for item in node.items))
    pairs: dict[str, tuple[Value | None, Value]] = {}
    for item in flattened(node):
        tag = item.key.real.tag if item.key is not None else "str"
        pairs[item.name] = (scalar(tag, item.name), value_of(item.value))
    return Value("mapping", node.tag, items=tuple(pairs.values()))


def scalar(tag: str, text: str) -> Value:
    """Return a scalar; an empty null gets the text `null`, which can be written anywhere."""
    return Value("scalar", tag, "null" if tag == "null" and not text else text)


def parse_scalar(text: str) -> Value:
    """Return the value of an unquoted argument: true and null, plain numbers and dates, otherwise text."""
    tag = resolve_plain(text)
    if (
        tag in ("bool", "timestamp")
        or (tag == "null" and text)
        or (tag in ("int", "float") and _NUMBER.fullmatch(text))
    ):
        return scalar(tag, text)
    return scalar("str", text)


def canonical(value: Value) -> object:
    """Return the meaning of a value for a comparison: `yes` equals `true`, `1` does not equal `"1"`."""
    if value.kind == "scalar":
        try:
            return (value.tag, repr(construct(value.tag, value.text)))
        except ValueError:
            return (value.tag, value.text)
    if value.kind == "sequence":
        return tuple(canonical(each) for _, each in value.items)
    return frozenset((canonical(key) if key is not None else None, canonical(each)) for key, each in value.items)


def with_value(root: Value, path: Sequence[str], new: Value | None) -> Value:
    """Return the tree with a new value at a path, or without the path (None). Raises LookupError if it is blocked."""
    if not path:
        if new is None:
            raise LookupError("the top level cannot be removed")
        return new
    name, rest = path[0], path[1:]
    if root.kind == "scalar":
        if root.tag != "null" or new is None:
            raise LookupError("a scalar has no items")
        return nested(path, new)
    items = list(root.items)
    index = next((number for number, (key, _) in enumerate(root.named()) if key == name), None)
    if index is None:
        if new is None or (root.kind == "sequence" and name != f"[{len(items)}]"):
            raise LookupError("no such item")
        key = scalar("str", name) if root.kind == "mapping" else None
        items.append((key, nested(rest, new)))
    elif new is None and not rest:
        del items[index]
    else:
        items[index] = (items[index][0], with_value(items[index][1], rest, new))
    return root._replace(items=tuple(items))


def nested(path: Sequence[str], value: Value) -> Value:
    """Return a value below new mappings; `[0]` makes a list of one. Raises LookupError for another index."""
    for name in reversed(path):
        if name == "[0]":
            value = Value("sequence", "seq", items=((None, value),))
        elif re.fullmatch(r"\[\d+\]", name):
            raise LookupError("a new list begins with [0]")
        else:
            value = Value("mapping", "map", items=((scalar("str", name), value),))
    return value


def flow(value: Value) -> str:
    """Return a value in flow style, on one line. Raises ValueError for a value that needs a tag."""
    if value.kind == "scalar":
        return _written(value)
    if value.tag not in ("map", "seq"):
        raise ValueError(f"!!{value.tag}")
    if value.kind == "sequence":
        return "[" + ", ".join(flow(each) for _, each in value.items) + "]"
    return "{" + ", ".join(f"{flow(key)}: {flow(each)}" for key, each in value.items if key is not None) + "}"


def _written(value: Value) -> str:
    if value.tag not in PLAIN_TAGS:
        raise ValueError(f"!!{value.tag}")
    if value.tag == "str":
        return render(value.text, as_text=True)
    if not is_plain_safe(value.text) or resolve_plain(value.text) != value.tag:
        raise ValueError(f"!!{value.tag}")
    return value.text


def block_pair(key: Value, value: Value, indent: str, step: str, *, literal: bool = True) -> list[str]:
    """Return the lines of one pair of a block mapping. Raises ValueError as `flow` does."""
    head = f"{indent}{flow(key)}:"
    if value.items:
        return [head, *block_lines(value, indent + step, step, literal=literal)]
    text = value.text
    if literal and value.kind == "scalar" and value.tag == "str" and "\n" in text:
        body = text.removesuffix("\n")
        if body and not body.endswith("\n") and _LITERAL.fullmatch(body):
            lines = [f"{indent}{step}{line}" if line else "" for line in body.split("\n")]
            return [f"{head} {'|' if text.endswith(chr(10)) else '|-'}", *lines]
        return [f"{head} {double_quoted(text)}"]
    return [f"{head} {flow(value)}"]


def block_lines(value: Value, indent: str, step: str, *, literal: bool = True) -> list[str]:
    """Return a collection as lines of block style; a list item begins behind its dash."""
    if value.tag not in ("map", "seq"):
        raise ValueError(f"!!{value.tag}")
    lines: list[str] = []
    for key, each in value.items:
        if key is not None:
            lines += block_pair(key, each, indent, step, literal=literal)
        elif each.kind == "mapping" and each.items:
            below = block_lines(each, indent + "  ", step, literal=literal)
            lines += [f"{indent}- {below[0][len(indent) + 2 :]}", *below[1:]]
        else:
            lines.append(f"{indent}- {flow(each)}")
    return lines


def to_json(value: Value) -> object:
    """Return a value for JSON; timestamps, infinity and not-a-number stay text."""
    if value.kind == "sequence":
        return [to_json(each) for _, each in value.items]
    if value.kind == "mapping":
        return {name: to_json(each) for name, each in value.named()}
    try:
        found = construct(value.tag, value.text)
    except ValueError:
        return value.text
    is_odd = isinstance(found, float) and (found != found or found in (float("inf"), float("-inf")))
    return value.text if is_odd else found
