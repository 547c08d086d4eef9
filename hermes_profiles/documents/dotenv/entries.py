"""The entries of a `.env`: each `NAME=value` that any of Hermes' three readers sees. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from hermes_profiles.documents.text import TextDocument
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .line_repair import Piece, RepairedText
from .readers import (
    RawEntry,
    interpolate,
    read_dotenv,
    read_lines,
    read_splitlines,
    references,
    unquote,
)

# A name that only a line reader sees, inside the value of another entry, must have the form of Hermes' variables:
# base64 lines of a private key also end in `=`.
_VARIABLE = lazy_pattern(r"[A-Z_][A-Z0-9_]*")
_BASE64_TAIL = lazy_pattern(r"[A-Za-z0-9+/]+={1,2}\s*")
_COMMENTED = lazy_pattern(r"\s*#[#\s]*(?:export\s+)?([A-Z_][A-Z0-9_]*)\s*=[^\S\r\n]*(\S.*)")
_CUT = lazy_pattern(r"\s+#.*")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class EnvEntry:
    """One `NAME=value`, compared by identity.

    `start`..`end` is the span that removes exactly this entry: its whole lines, or its part of a joined line.
    `value_start`..`value_end` is the raw value with its quotes, without a trailing comment; `rest_end` is where
    the comment ends. `value` is the value in the gateway (interpolated from this file alone), `literal` the value
    before interpolation, `line_value` the value in the menus, `values` every distinct non-empty value of any reader.
    `readers` is a subset of dotenv, lines, splitlines; a commented `# NAME=value` has none. `joined` is True when
    the line has other entries.
    """

    name: str
    line: int
    start: int
    end: int
    value_start: int
    value_end: int
    value: str
    values: tuple[str, ...]
    references: tuple[str, ...]
    readers: frozenset[str]
    commented: bool
    exported: bool
    literal: str = ""
    line_value: str = ""
    rest_end: int = 0
    joined: bool = False


@dataclass(slots=True, eq=False, repr=False)
class _Draft:
    """An entry to which the readers are still being added."""

    name: str
    equals: int
    span: tuple[int, int]
    value_span: tuple[int, int]
    readers: set[str]
    literal: str | None = None
    value: str = ""
    line_value: str | None = None
    values: list[str] = field(default_factory=list)
    rest_end: int = 0
    joined: bool = False


class EnvReading(NamedTuple):
    """All entries in file order. `plain`: python-dotenv's (name, literal or None) list; `lines`: the menus' view."""

    entries: tuple[EnvEntry, ...]
    plain: tuple[tuple[str, str | None], ...]
    lines: dict[str, str]


class _Collector:
    """Merges the entries of the readers by the offset of the `=`."""

    def __init__(self, document: TextDocument, known_keys: Collection[str]) -> None:
        self.document = document
        self.text = document.text
        self.known = known_keys
        self.repaired = RepairedText(document.text, known_keys)
        self.drafts: dict[int, _Draft] = {}
        self.covered: set[int] = set()  # pieces inside a multi-line value

    def add_dotenv(self, raw_entries: Iterable[RawEntry]) -> None:
        """Add the entries that python-dotenv sees."""
        seen: dict[str, str | None] = {}
        for one in raw_entries:
            value = interpolate(one.value, seen)
            seen[one.name] = value
            first, last = self.repaired.pieces[one.first], self.repaired.pieces[one.last]
            self.covered.update(range(one.first + 1, one.last + 1))
            draft = _Draft(
                one.name,
                one.equals,
                _cut_span(first, last),
                (one.start, one.stop),
                {"dotenv"},
                one.value,
                value,
                None,
                [value, one.value],
                max(one.stop, _content_end(last)),
                not (first.first and last.last),
            )
            draft.values.append(self.text[one.start : one.stop])
            self.drafts[one.equals] = draft

    def add_lines(self, raw_entries: Iterable[RawEntry]) -> dict[str, str]:
        """Add the entries that the menus see, and return their values by name."""
        found: dict[str, str] = {}
        for one in raw_entries:
            found[one.name] = one.value
            draft = self.drafts.get(one.equals) or self._extra(one, self._piece_frame(one.equals))
            if draft is None:
                continue
            draft.values.append(one.value)
            if draft.name == one.name:
                draft.readers.add("lines")
                draft.line_value = one.value
        return found

    def add_splitlines(self) -> None:
        """Add the entries that the multiplexed scope sees, which are none when the file is not UTF-8.

        A byte order mark becomes a part of the first name in that scope.
        """
        blind = self.document.encoding not in ("utf-8", "utf-8-sig") or self.document.has_nuls
        marked = self.document.encoding == "utf-8-sig"
        for one, begin, end in read_splitlines(self.text):
            draft = self.drafts.get(one.equals) or self._extra(one, (begin, end))
            if draft is None:
                continue
            draft.values.append(one.value)
            if draft.name == one.name and not blind and not (marked and begin == 0):
                draft.readers.add("splitlines")

    def _piece_frame(self, equals: int) -> tuple[int, int]:
        piece = self.repaired.pieces[self._piece_index(equals)]
        return _cut_span(piece, piece)

    def _piece_index(self, offset: int) -> int:
        low, high = 0, len(self.repaired.pieces)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.repaired.pieces[middle].start <= offset else (low, middle)
        return low

    def _extra(self, one: RawEntry, span: tuple[int, int]) -> _Draft | None:
        """Return a new draft for an entry that python-dotenv does not see, or None when it is not a variable."""
        if _VARIABLE.fullmatch(one.name) is None and one.name not in self.known:
            return None
        line = self.text[span[0] : span[1]]
        if one.name not in self.known and "_" not in one.name and _BASE64_TAIL.fullmatch(line):
            return None
        start = one.equals + 1
        stop = span[0] + len(line.rstrip())
        stop = max(start, stop)
        start = min(start + len(self.text[start:stop]) - len(self.text[start:stop].lstrip()), stop)
        draft = _Draft(one.name, one.equals, span, (start, stop), set(), rest_end=stop)
        self.drafts[one.equals] = draft
        return draft

    def commented(self) -> list[EnvEntry]:
        """Return the entries of comment lines that contain a `NAME=value`."""
        found = []
        for index, piece in enumerate(self.repaired.pieces):
            if index in self.covered or "#" not in piece.text or not piece.is_comment:
                continue
            match = _COMMENTED.match(piece.text)
            if match is None:
                continue
            raw = match[2].rstrip()
            cut = _CUT.sub("", raw)
            values = _distinct((unquote(cut), cut, unquote(raw), raw))
            start = piece.start + match.start(2)
            found.append(
                EnvEntry(
                    name=match[1],
                    line=self.document.line_of(piece.start),
                    start=piece.line_start,
                    end=piece.line_end,
                    value_start=start,
                    value_end=start + len(cut),
                    value=values[0] if values else "",
                    values=values,
                    references=references(raw),
                    readers=frozenset(),
                    commented=True,
                    exported="export" in piece.text[: match.start(1)],
                    literal=unquote(cut),
                    line_value=raw,
                    rest_end=start + len(raw),
                )
            )
        return found

    def finish(self, draft: _Draft) -> EnvEntry:
        """Return the entry of a draft."""
        values = draft.values
        if not all(value.isascii() for value in values):
            # Hermes removes characters outside ASCII from credentials, and reads latin-1 with replacement characters.
            odd = [value for value in values if not value.isascii()]
            values = values + [value.encode("ascii", "ignore").decode() for value in odd]
            if self.document.encoding == "latin-1":
                values += [value.encode("latin-1").decode("utf-8", "replace") for value in odd]
        start = self.text.rfind("\n", 0, draft.equals) + 1
        head = self.text[max(start, draft.span[0]) : draft.equals].lstrip()
        return EnvEntry(
            name=draft.name,
            line=self.document.line_of(draft.equals),
            start=draft.span[0],
            end=draft.span[1],
            value_start=draft.value_span[0],
            value_end=draft.value_span[1],
            value=draft.value,
            values=_distinct(values),
            references=references(draft.literal or ""),
            readers=frozenset(draft.readers),
            commented=False,
            exported=head.startswith("export") and head[6:7].isspace(),
            literal=draft.literal or "",
            line_value=draft.line_value or "",
            rest_end=draft.rest_end,
            joined=draft.joined,
        )


def _cut_span(first: Piece, last: Piece) -> tuple[int, int]:
    """Return the span that removes an entry that begins in one piece and ends in another."""
    start = first.line_start if first.first else first.start
    if not last.last:
        return start, last.start + len(last.text)
    # The line end of a joined line belongs to its earlier parts.
    return start, last.line_end if first.first else last.content_end


def _content_end(piece: Piece) -> int:
    return piece.start + len(piece.text)


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))


def read_entries(document: TextDocument, known_keys: Collection[str]) -> EnvReading:
    """Return every entry of a `.env` in file order.

    Raises DocumentError as `read_dotenv` does.
    """
    collector = _Collector(document, known_keys)
    raw_entries, plain = read_dotenv(document.path, collector.repaired)
    collector.add_dotenv(raw_entries)
    lines = collector.add_lines(read_lines(collector.repaired))
    collector.add_splitlines()
    entries = [collector.finish(draft) for draft in collector.drafts.values()]
    entries += collector.commented()
    entries.sort(key=lambda entry: (entry.start, entry.line, -entry.end))
    return EnvReading(tuple(entries), tuple(plain), lines)
