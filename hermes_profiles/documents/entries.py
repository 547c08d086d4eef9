"""The entries of a YAML or JSON document: every path with its value, aliases and merge keys resolved. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from hermes_profiles.documents.yaml.scalars import construct
from hermes_profiles.model.errors import DocumentError

from .text import TextDocument
from .tree import Item, Node

MAX_ENTRIES = 200_000
MAX_PATH = 400
_TRUTHY = frozenset({"1", "true", "yes", "on"})
Via = Literal["own", "alias", "merge"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class TreeEntry:
    """One path of a document and its value.

    `path`: keys as text, list items as `[0]`; a merge key is its own entry, named `<<`.
    `line` is the line of the value, `key_line` the line of its key. `value` is the text of a scalar, None otherwise.
    `tag` is short: str, bool, int, float, null, timestamp, map, seq.
    `origin` is the number of the pair that defines the entry. Entries reached by an alias or a merge share it with the
    entry at the place of the text; the pair `b: *x` is its own origin, the entries below `b` are not.
    `effective` is False for a key that a later duplicate or an own key of a merging mapping overrides.
    """

    path: tuple[str, ...]
    line: int
    kind: Literal["scalar", "mapping", "sequence"]
    value: str | None
    tag: str
    origin: int
    via: Via
    key_line: int
    anchored: bool
    duplicate: bool
    effective: bool

    @property
    def parent(self) -> tuple[str, ...]:
        """Return the path of the collection that contains the entry."""
        return self.path[:-1]

    @property
    def is_string(self) -> bool:
        """Return whether the value is text."""
        return self.tag == "str"


def truthy(entry: TreeEntry | None, *, default: bool = False) -> bool:
    """Return the truth of a flag as Hermes reads it: true, 1, yes, on in any case; the default when missing or null."""
    if entry is None or entry.tag == "null":
        return default
    if entry.value is None:
        return True
    if entry.tag in ("int", "float"):
        return bool(construct(entry.tag, entry.value))
    return entry.value.strip().lower() in _TRUTHY


def flattened(node: Node) -> list[Item]:
    """Return the pairs of a mapping with merge keys resolved; of equal keys the last one is effective (as in PyYAML).

    Raises ValueError when the value of a merge key is not a mapping or a list of mappings.
    """
    own = [item for item in node.items if not item.is_merge]
    if len(own) == len(node.items):
        return own
    merged: list[Item] = []
    for item in node.items:
        if item.is_merge:
            for source in merge_sources(item):
                merged += flattened(source)
                if len(merged) > MAX_ENTRIES:
                    raise ValueError("too many merged keys")
    return merged + own


def merge_sources(item: Item) -> list[Node]:
    """Return the mappings of one `<<`, the weakest first."""
    value = item.value.real
    sources = [value] if value.kind == "mapping" else [one.value.real for one in reversed(value.items)]
    if any(source.kind != "mapping" for source in sources):
        raise ValueError("a merge key needs mappings")
    return sources


def read_entries(document: TextDocument, root: Node) -> tuple[TreeEntry, ...]:
    """Return every entry, depth first.

    Raises DocumentError for a merge key without a mapping, and for more than MAX_ENTRIES entries (nested aliases).
    """
    reader = _EntryCollector(document)
    reader.walk(root, (), "own", effective=True)
    return tuple(reader.found)


class _EntryCollector:
    """Collects entries."""

    def __init__(self, document: TextDocument) -> None:
        self.document = document
        self.found: list[TreeEntry] = []

    def walk(self, node: Node, path: tuple[str, ...], via: Via, *, effective: bool) -> None:
        """Add every entry below a node."""
        if len(path) > MAX_PATH:
            raise DocumentError(self.document.path, self.document.line_of(node.start), "nested too deeply")
        if node.kind == "sequence":
            for item in node.items:
                self._add(item, path, via, effective=effective, duplicate=False)
            return
        # Callers look for the text of a key, so `1` and `"1"` are one name.
        winners: dict[str, int] = {}
        try:
            for item in flattened(node):
                winners[item.name] = item.number
        except ValueError as error:
            line = self.document.line_of(node.start)
            raise DocumentError(self.document.path, line, str(error)) from error
        names = [item.name for item in node.items]
        twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
        for item, how in self._pairs(node, via):
            counts = item.is_merge or winners[item.name] == item.number
            repeated = how == via and item.name in twice and not item.is_merge
            self._add(item, path, how, effective=effective and counts, duplicate=repeated)

    def _pairs(self, node: Node, via: Via) -> Iterator[tuple[Item, Via]]:
        for item in node.items:
            yield item, via
            if item.is_merge:
                for source in merge_sources(item):
                    for one in flattened(source):
                        yield one, "merge"

    def _add(self, item: Item, path: tuple[str, ...], via: Via, *, effective: bool, duplicate: bool) -> None:
        if len(self.found) >= MAX_ENTRIES:
            line = self.document.line_of(item.start)
            raise DocumentError(self.document.path, line, f"more than {MAX_ENTRIES:,} entries: aliases multiply")
        value, real = item.value, item.value.real
        here: Via = "alias" if value.kind == "alias" and via == "own" else via
        line = self.document.line_of(item.start)
        self.found.append(
            TreeEntry(
                path=(*path, item.name),
                line=self.document.line_of(value.body) if value.kind == "scalar" else line,
                kind="scalar" if real.kind == "scalar" or real.kind == "alias" else real.kind,
                value=real.value if real.kind == "scalar" else None,
                tag=real.tag,
                origin=item.number,
                via=here,
                key_line=line,
                anchored=bool(value.anchor),
                duplicate=duplicate,
                effective=effective,
            )
        )
        if not item.is_merge and real.items:
            self.walk(real, (*path, item.name), here, effective=effective)


def plain_data(node: Node, known: dict[int, object] | None = None) -> object:
    """Return the document as dicts, lists and scalars; an aliased part is one shared object.

    Raises ValueError when a scalar does not fit its explicit tag.
    """
    known = {} if known is None else known
    node = node.real
    if id(node) in known:
        return known[id(node)]
    result: object
    if node.kind == "scalar":
        return construct(node.tag, node.value)
    if node.kind == "sequence":
        result = [plain_data(item.value, known) for item in node.items]
    else:
        result = {
            construct(item.key.real.tag, item.key.real.value): plain_data(item.value, known)
            for item in flattened(node)
            if item.key is not None
        }
    known[id(node)] = result
    return result
