"""The outline of a YAML file in plain block style: whether every line is certain, and the keys that are set twice.

It reads no values; a file with anything else is declined.
"""

from __future__ import annotations

from functools import lru_cache

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

_KEY = lazy_pattern(r"([A-Za-z0-9_][A-Za-z0-9_./-]*|\"[A-Za-z0-9_ ./:@*+-]*\"|'[A-Za-z0-9_ ./:@*+-]*') *:(?: +(.*)| *)")
_BLOCK_TEXT = lazy_pattern(r"[|>][+-]?(?: +#.*)?")
_QUOTED = lazy_pattern(r"(?:\"(?:[^\"\\]++|\\[\"\\/nt])*+\"|'(?:[^']++|'')*+')(?: +#.*)? *")
_ITEM = r"(?:[A-Za-z0-9_./$+-][A-Za-z0-9_./$@+-]*|\"[A-Za-z0-9_ ./:@*$+-]*\"|'[A-Za-z0-9_ ./:@*$+-]*')"
_FLOW = lazy_pattern(
    rf"(?:\[(?:{_ITEM}(?:, *{_ITEM})*)?\]|\{{(?:[A-Za-z0-9_-]+: +{_ITEM}(?:, *[A-Za-z0-9_-]+: +{_ITEM})*)?\}})"
    r"(?: +#.*)? *"
)
# Not a date, which can be one that does not exist, and not the marks `<<` and `=`.
_PLAIN = lazy_pattern(r"(?!\d{4}-\d|<<)(?:[A-Za-z0-9_./~$<(^+]|-[^ ])[^\x00-\x1f\x7f-\x9f\ufeff]*")

# The commonest values in quotes or brackets: a file without others needs none of the long patterns.
EMPTY_VALUES = frozenset({"[]", "{}", "''", '""'})
_DEEPEST = 100  # levels; a parser says where there are too many


class Repeated(NamedTuple):
    """A key that a mapping has twice: its path, and the lines of the first and of the last one."""

    path: tuple[str, ...]
    first: int
    last: int


class _OutlineLevel(NamedTuple):
    indent: int
    is_list: bool
    path: tuple[str, ...]
    keys: dict[str, int]


class _Declined(Exception):
    """A line that only a parser can read with certainty."""


# Many profiles have equal files.
@lru_cache(maxsize=64)
def repeated_keys(text: str) -> tuple[Repeated, ...] | None:
    """Return the keys that are set twice in the same mapping, None where the text is not in plain block style."""
    reader = _OutlineReader()
    try:
        for number, line in enumerate(text.split("\n"), 1):
            bare = line.lstrip(" ")
            if not reader.is_text(len(line) - len(bare), bare) and bare and bare[0] != "#":
                reader.read(number, len(line) - len(bare), bare)
    except _Declined:
        return None
    return tuple(reader.repeated)


class _OutlineReader:
    """Follows the levels of indentation line by line."""

    def __init__(self) -> None:
        self.repeated: list[Repeated] = []
        self._text_indent: int | None = None  # of the key whose value is a text block
        self._text_body: int | None = None  # of the first line of that text
        self._levels: list[_OutlineLevel] = []
        self._opened: tuple[str, ...] | None = ()  # the path whose value can follow on deeper lines

    def is_text(self, indent: int, bare: str) -> bool:
        """Return whether a line belongs to a text block. Raises _Declined for one between two indentations."""
        if self._text_indent is None:
            return False
        if not bare:
            if indent and self._text_body is None:
                raise _Declined
            return True
        if indent <= self._text_indent:
            self._text_indent = None
            return False
        if indent < (self._text_body or indent):
            raise _Declined
        self._text_body = self._text_body or indent
        return True

    def read(self, number: int, indent: int, bare: str) -> None:
        """Read one line that is not blank. Raises _Declined."""
        while bare.startswith("- ") or bare == "-":
            level = self._enter(indent, is_list=True)
            rest = bare[1:].lstrip(" ")
            self._opened = (*level.path, "[]")
            if not rest or rest[0] == "#":
                return
            inner = indent + len(bare) - len(rest)
            if _KEY.fullmatch(rest) is None and not rest.startswith("- "):
                self._value(rest, indent)
                return
            indent, bare = inner, rest
        match = _KEY.fullmatch(bare)
        if match is None:
            raise _Declined
        level = self._enter(indent, is_list=False)
        name = match[1][1:-1] if match[1][0] in "\"'" else match[1]
        path = (*level.path, name)
        if name in level.keys:
            self.repeated.append(Repeated(path, level.keys[name], number))
        level.keys[name] = number
        self._opened = path
        self._value(match[2] or "", indent)

    def _enter(self, indent: int, *, is_list: bool) -> _OutlineLevel:
        """Return the level that a line belongs to."""
        levels = self._levels
        while levels and (
            levels[-1].indent > indent or (levels[-1].indent == indent and levels[-1].is_list and not is_list)
        ):
            levels.pop()
            self._opened = None
        top = levels[-1] if levels else None
        is_same = top is not None and top.indent == indent and top.is_list == is_list
        if top is not None and is_same:
            return top
        if self._opened is None or (top is None and indent):
            raise _Declined
        if top is not None and top.indent == indent and not is_list:
            raise _Declined
        if len(levels) == _DEEPEST:
            raise _Declined
        level = _OutlineLevel(indent, is_list, self._opened, {})
        levels.append(level)
        return level

    def _value(self, text: str, indent: int) -> None:
        if not text or text[0] == "#":
            return
        self._opened = None
        if _BLOCK_TEXT.fullmatch(text):
            self._text_indent, self._text_body = indent, None
        elif text in EMPTY_VALUES:
            return
        elif text[0] in "\"'":
            if _QUOTED.fullmatch(text) is None:
                raise _Declined
        elif text[0] in "[{":
            if _FLOW.fullmatch(text) is None:
                raise _Declined
        else:
            bare = text.partition(" #")[0].rstrip(" ")
            if ": " in bare or bare[-1:] == ":" or _PLAIN.fullmatch(bare) is None:
                raise _Declined
