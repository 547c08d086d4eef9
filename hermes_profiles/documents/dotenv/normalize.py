"""Differences between Hermes' three readers of a `.env`, and a rewrite that all of them read alike. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache

from hermes_profiles.documents.text import TextEdit
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple

from .document import EnvDocument, EnvEntry, quoted
from .line_repair import RepairedText
from .readers import ODD_BREAKS, read_splitlines

_BOM = b"\xef\xbb\xbf"
_NOT_UTF8 = "the file is not UTF-8, so a multiplexing gateway reads nothing of it"
HIDDEN_BY_MARK = "hidden by a byte order mark"
_UNCERTAIN = "cannot be written with certainty so that every reader sees the same"


class ReaderDifference(NamedTuple):
    """A variable that the readers see differently, with its line and the reason.

    `is_lost`: the gateway does not see it at its start. `in_scope_alone`: only the scope of a multiplexed profile sees
    another value.
    """

    name: str
    line: int
    reason: str
    is_lost: bool
    in_scope_alone: bool

    @property
    def is_encoding(self) -> bool:
        """Return whether the reason is the encoding of the file."""
        return self.reason == _NOT_UTF8


@lru_cache(maxsize=4096)
def parsed(raw: bytes, known: frozenset[str]) -> EnvDocument | None:
    """Return the document, or None when it cannot be parsed."""
    try:
        return EnvDocument.parse(raw, known_keys=known)
    except DocumentError:
        return None


def _scope(document: EnvDocument) -> Mapping[str, str]:
    """Return the variables in the scope of a multiplexed profile.

    It sees none of a file that is not UTF-8, and a byte order mark as a part of the first name.
    """
    try:
        text = document.raw.decode("utf-8")
    except UnicodeDecodeError:
        return {}
    return {one.name: one.value for one, _, _ in read_splitlines(text)}


def _start(document: EnvDocument) -> dict[str, str]:
    """Return the variables that the gateway sets at its start. A byte order mark becomes a part of the first name."""
    found = document.environment()
    if document.encoding == "utf-8-sig":
        first = next((entry for entry in document.entries if "dotenv" in entry.readers), None)
        if first is not None and first.line == 1 and document.get(first.name) is first:
            found.pop(first.name, None)
    return found


def differences(raw: bytes, known: frozenset[str]) -> tuple[ReaderDifference, ...]:
    """Return the variables that readers see differently, in file order, without those joined on one line."""
    document = parsed(raw, known)
    return tuple(_differences(document)) if document is not None else ()


def _differences(document: EnvDocument) -> Iterator[ReaderDifference]:
    start, menus, scope = _start(document), document.line_environment(), _scope(document)
    seen: set[str] = set()
    for entry in document.entries:
        name = entry.name
        if entry.commented or name in seen or entry.joined:
            continue
        seen.add(name)
        values = (start.get(name), menus.get(name), scope.get(name))
        if len(set(values)) > 1:
            last = document.get(name) or entry
            reason = _reason(document, last, values)
            yield ReaderDifference(name, last.line, reason, values[0] is None, values[0] == values[1])


def _reason(document: EnvDocument, entry: EnvEntry, values: tuple[str | None, ...]) -> str:
    start, menus, _ = values
    text = document.text[entry.value_start : entry.rest_end]
    if document.has_nuls:
        return "it contains NUL bytes"
    if start is None and menus is not None:
        marked = document.encoding == "utf-8-sig"
        return HIDDEN_BY_MARK if marked and entry.line == 1 else "the gateway does not see it at its start"
    if start is not None and menus is None:
        return "only the gateway's start can read its name as written"
    if "\n" in text or "\r" in text:
        return "its value has several lines"
    if entry.references:
        return "only the gateway's start fills in ${…}"
    if entry.rest_end > entry.value_end:
        return "some readers take the comment behind it for a part of the value"
    if start == menus:
        if document.encoding not in ("utf-8", "utf-8-sig"):
            return _NOT_UTF8
        if document.encoding == "utf-8-sig" and entry.line == 1:
            return "a multiplexing gateway takes the byte order mark for a part of its name"
        if ODD_BREAKS.search(text):
            return "a multiplexing gateway sees a line break in it"
    return "readers treat its quotes or backslashes in different ways"


def settle(raw: bytes, path: str, *, known: Collection[str] = ()) -> bytes:
    """Return the file with every variable written so that all readers see the value of the gateway's start.

    A comment behind a value moves to its own line above it. Raises DocumentError when the result would be uncertain,
    as for values of several lines and `${NAME}`.
    """
    names = frozenset(known)
    document = EnvDocument.parse(raw, path=path, known_keys=names)
    differing = {each.name for each in _differences(document)}
    edits = [edit for entry in document.entries if _is_odd(entry, differing) for edit in _plain(document, entry)]
    result = document.apply(edits).removeprefix(_BOM)
    after = EnvDocument.parse(result, path=path, known_keys=names)
    if any(_differences(after)) or after.environment() != document.environment():
        raise DocumentError(path, None, _UNCERTAIN, hint="write each variable as NAME=value, alone on its line")
    return result


def _is_odd(entry: EnvEntry, differing: Collection[str]) -> bool:
    return entry.name in differing and not entry.commented and not entry.joined and "dotenv" in entry.readers


def _plain(document: EnvDocument, entry: EnvEntry) -> Iterator[TextEdit]:
    """Yield the edits that make one entry plain."""
    text = document.text[entry.value_start : entry.rest_end]
    if entry.references or "\n" in text or "\r" in text:
        raise DocumentError(document.path, entry.line, _UNCERTAIN)
    comment = document.text[entry.value_end : entry.rest_end].strip()
    value = quoted(entry.value)
    if value is None:
        raise DocumentError(document.path, entry.line, _UNCERTAIN)
    if comment:
        yield TextEdit(entry.start, entry.start, comment + document.line_end_style())
    head = f"{'export ' if entry.exported else ''}{entry.name}="
    yield TextEdit(entry.start, entry.rest_end, head + value)


def joined(raw: bytes, known: frozenset[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (line, names) for each line with several known variables."""
    document = parsed(raw, known)
    lines: dict[int, list[str]] = {}
    for entry in document.entries if document is not None else ():
        if entry.joined and not entry.commented:
            lines.setdefault(entry.line, []).append(entry.name)
    yield from ((line, tuple(names)) for line, names in lines.items() if len(names) > 1)


def split_joined(raw: bytes, path: str, *, known: Collection[str] = ()) -> bytes:
    """Return the file with each joined variable on its own line.

    Raises DocumentError when it would not read as before.
    """
    names = frozenset(known)
    document = EnvDocument.parse(raw, path=path, known_keys=names)
    end = document.line_end_style()
    pieces = RepairedText(document.text, names).pieces
    result = document.apply(TextEdit(piece.start, piece.start, end) for piece in pieces if not piece.first)
    after = EnvDocument.parse(result, path=path, known_keys=names)
    if any(entry.joined for entry in after.entries) or after.environment() != document.environment():
        raise DocumentError(path, None, "cannot be split with certainty", hint="put every variable on its own line")
    return result
