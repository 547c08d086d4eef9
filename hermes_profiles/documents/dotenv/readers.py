"""The three `.env` readers of Hermes 0.19.0. Pure.

`dotenv` is the gateway's start (python-dotenv on the repaired text), `lines` the menus and `hermes status`,
`splitlines` the scope of a multiplexed profile, which also breaks lines at U+2028, VT and FF.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping

from hermes_profiles.documents.conflict_marks import hint_for
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .line_repair import RepairedText

_HEAD = lazy_pattern(r"(?:export[^\S\r\n]+)?(?:'[^']+'|[^=#\s]+)[^\S\r\n]*(=[^\S\r\n]*)?")
_QUOTED_HEAD = lazy_pattern(r"[^=#\n]*=[^\S\n]*(['\"])")
# The end of a quoted value: for python-dotenv up to 1.2.2 a quote without a backslash before it (or else the last
# quote), for later versions a quote that no backslash escapes. They differ for `"C:\\"`.
_END_OLD = {quote: lazy_pattern(rf"{quote}(?:[^{quote}]|(?<=\\){quote})*{quote}") for quote in "'\""}
_END_NEW = {quote: lazy_pattern(rf"{quote}(?:\\.|[^{quote}\\])*{quote}", re.DOTALL) for quote in "'\""}
_CUT = lazy_pattern(r"\s+#.*")
_ESCAPED = lazy_pattern(r"\\([\"\\])")
# Line breaks for str.splitlines() that are not line breaks for open().
ODD_BREAKS = lazy_pattern("[\v\f\x1c-\x1e\x85\u2028\u2029]")
NEVER_CLOSED = "a quoted value is not closed, or something follows it"


class RawEntry(NamedTuple):
    """One `NAME=value` that one reader sees.

    `equals` is the original offset of its `=`. For `dotenv`, `value` is not interpolated, `start`..`stop` is the
    raw value and `first`..`last` are the indexes of the pieces it covers.
    """

    name: str
    equals: int
    value: str
    start: int = 0
    stop: int = 0
    first: int = 0
    last: int = 0

    def __repr__(self) -> str:
        return "RawEntry(***)"


def read_dotenv(path: str, repaired: RepairedText) -> tuple[list[RawEntry], list[tuple[str, str | None]]]:
    """Return the entries of python-dotenv, and its plain (name, literal value) list, names without `=` included.

    Raises DocumentError for lines that python-dotenv cannot parse, and where its versions would read different spans.
    """
    from dotenv.parser import parse_stream

    raw_entries: list[RawEntry] = []
    plain: list[tuple[str, str | None]] = []
    bindings = list(parse_stream(io.StringIO(repaired.text)))
    # Newer versions drop a byte order mark themselves; the spans begin after it.
    at = len(repaired.text) - sum(len(binding.original.string) for binding in bindings)
    for binding in bindings:
        source = binding.original.string
        begin = at + len(source) - len(source.lstrip())
        at += len(source)
        if binding.error and "=" in source:
            raise _unparsed(path, repaired, begin, source.strip())
        if binding.key is None:
            continue
        head = _HEAD.match(repaired.text, begin)
        if binding.value is None or head is None or head[1] is None:
            plain.append((binding.key, None))
            continue
        start, stop, value = _value(path, repaired, head.end(), binding.value)
        plain.append((binding.key, value))
        raw_entries.append(
            RawEntry(
                binding.key,
                repaired.original(head.start(1)),
                value,
                repaired.original(start),
                repaired.original(stop),
                repaired.index_at(begin),
                repaired.index_at(at - 1),
            )
        )
    return raw_entries, plain


def _value(path: str, repaired: RepairedText, start: int, value: str) -> tuple[int, int, str]:
    """Return the span of the raw value in the repaired text, and the value."""
    text = repaired.text
    quote = text[start]
    if quote in "'\"":
        old, new = _END_OLD[quote].match(text, start), _END_NEW[quote].match(text, start)
        if old is None or new is None or old.end() != new.end():
            raise DocumentError(
                path,
                _line(repaired, start),
                "readers disagree about the end of this value: a backslash precedes its closing quote",
                hint="write the value without quotes, or without the backslash at its end",
            )
        return start, new.end(), value
    line = text[start : text.find("\n", start)]
    cut = _CUT.sub("", line).rstrip()
    # `KEY= # note`: 1.2.2, which Hermes 0.19.0 pins, reads `# note`; newer versions read nothing.
    return start, start + len(cut), cut if cut.startswith("#") else value


def _line(repaired: RepairedText, offset: int) -> int:
    start = repaired.pieces[repaired.index_at(offset)].line_start
    return len({piece.line_start for piece in repaired.pieces if piece.line_start <= start})


def _unparsed(path: str, repaired: RepairedText, begin: int, source: str) -> DocumentError:
    line = _line(repaired, begin)
    if _QUOTED_HEAD.match(source):
        return DocumentError(path, line, NEVER_CLOSED, hint="close the quote, or write the value without quotes")
    hint = hint_for(repaired.text, "put # before it, or give it the form NAME=value")
    return DocumentError(path, line, "this line is not NAME=value", hint=hint)


def read_lines(repaired: RepairedText) -> Iterator[RawEntry]:
    """Yield the entries of the menus: one entry a line, quotes stripped, comments kept in the value."""
    for piece in repaired.pieces:
        line = piece.text.strip()
        if not line or line[0] == "#" or "=" not in line:
            continue
        equals = piece.start + piece.text.index("=")
        if line.startswith("export "):
            line = line[7:]
        name, _, value = line.partition("=")
        yield RawEntry(name.strip(), equals, unquote(value.strip()))


def unquote(value: str) -> str:
    """Return a value as the menus read it: `\\"` and `\\\\` are unescaped in double quotes, single quotes keep all."""
    if len(value) >= 2 and value[0] == value[-1]:
        if value[0] == '"':
            return _ESCAPED.sub(r"\1", value[1:-1])
        if value[0] == "'":
            return value[1:-1]
    return value


def read_splitlines(text: str) -> Iterator[tuple[RawEntry, int, int]]:
    """Yield the entries of the multiplexed scope, each with the start and end of its line (line end included)."""
    at = 0
    for whole in text.splitlines(keepends=True):
        begin, at = at, at + len(whole)
        line = whole.strip()
        if not line or line[0] == "#":
            continue
        if line.startswith("export "):
            line = line[7:].lstrip()
        if "=" not in line:
            continue
        name, _, value = line.partition("=")
        value = value.strip()
        if len(value) >= 2 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        yield RawEntry(name.strip(), begin + whole.index("="), value), begin, at


def interpolate(literal: str, seen: Mapping[str, str | None]) -> str:
    """Return the value with `${NAME}` and `${NAME:-default}` resolved, as python-dotenv does (in any quotes)."""
    if "${" not in literal:
        return literal
    from dotenv.variables import parse_variables

    return "".join(atom.resolve(seen) for atom in parse_variables(literal))


def references(literal: str) -> tuple[str, ...]:
    """Return the names that a value interpolates."""
    if "${" not in literal:
        return ()
    from dotenv.variables import Variable, parse_variables

    return tuple(dict.fromkeys(atom.name for atom in parse_variables(literal) if isinstance(atom, Variable)))
