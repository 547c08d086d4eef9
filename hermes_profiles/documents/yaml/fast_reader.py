"""A fast reader of top-level sections of config.yaml, for commands that list a thousand profiles.

Only `re` is imported. It reads plain block style and returns None for every other document. It also declines a file
with a line anywhere that is not certain: Hermes reads none of a file that it cannot parse.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from hermes_profiles.model.patterns import lazy_pattern

from .outline import EMPTY_VALUES, repeated_keys
from .scalars import construct, resolve_plain

# A line at column 0 that is not a comment.
_TOP = lazy_pattern(r"^[^ #\n].*", re.MULTILINE)
_TOP_KEY = lazy_pattern(r"([A-Za-z_][A-Za-z0-9_.-]*):(?: +([^ ].*))? *")
_LINE = lazy_pattern(r"( *)(?:(- )(.*)|([A-Za-z_][A-Za-z0-9_.-]*|\"[A-Za-z0-9_ .-]*\"|'[A-Za-z0-9_ .-]*'):(?: +(.*))?)")
_QUOTED = lazy_pattern(r"(?:\"([ !#-\[\]-~]*)\"|'([ -&(-~]*)')(?: +#.*)? *")
_EMPTY = lazy_pattern(r"(\{\}|\[\])(?: +#.*)? *")
_PLAIN = lazy_pattern(r"[A-Za-z0-9_./~$<(^+-][^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]*")
_NUMBER = lazy_pattern(r"-?(?:0|[1-9][0-9]*)|-?(?:0|[1-9][0-9]*)\.[0-9]+")
# A quote or a bracket, which can continue a value on the next line, with the rest of its line.
_OPENER = lazy_pattern(r"[\"'\[{].*")
# Possessive: of a value of 10 MB the way back for each character took a gigabyte.
_CLOSED = lazy_pattern(
    r"(?:[^\"'\[\]{}]++|\"(?:[^\"\\]++|\\.)*+\"|'[^']*'"
    r"|[\[{](?:[^\"'\[\]{}#]++|\"(?:[^\"\\]++|\\.)*+\"|'[^']*'"
    r"|[\[{](?:[^\"'\[\]{}#]++|\"[^\"\\]*\"|'[^']*')*+[\]}])*+[\]}])*+"
)
_BEFORE_VALUE = lazy_pattern(r"(?: *|.*[:\-?] +)(?:[&!]\S* +)*")
_NOT_PLAIN = object()


class _Everything(frozenset[str]):
    """A collection that contains every name."""

    def __contains__(self, name: object) -> bool:
        return True


# The wanted keys of a caller that reads the whole document.
EVERYTHING: Collection[str] = _Everything()


def read_simple_sections(raw: bytes, names: Collection[str]) -> dict[str, object] | None:
    """Return the values of the wanted top-level keys as `YamlDocument.data()` would, or None when it is not plain.

    A missing key is missing in the result. For None the caller parses the file with YamlDocument.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if "\t" in text or "\r" in text or "\ufeff" in text or "\x85" in text or "\u2028" in text or "\u2029" in text:
        return None
    heads: list[tuple[str, str | None, int, int]] = []
    for match in _TOP.finditer(text):
        key = _TOP_KEY.fullmatch(match[0])
        if key is None or resolve_plain(key[1]) != "str":
            return None
        heads.append((key[1], key[2], match.start(), match.end()))
    before = text[: heads[0][2]] if heads else text
    if any(line.strip(" ") and line.lstrip(" ")[0] != "#" for line in before.split("\n")):
        return None  # the whole document is indented
    if not _stays_on_its_lines(text) or repeated_keys(text) != ():
        return None
    found: dict[str, object] = {}
    for number, (name, inline, _, end) in enumerate(heads):
        if name not in names:
            continue
        stop = heads[number + 1][2] if number + 1 < len(heads) else len(text)
        value = _section(inline, text[end:stop])
        if value is _NOT_PLAIN:
            return None
        found[name] = value
    return found


def _stays_on_its_lines(text: str) -> bool:
    """Return whether every quoted or bracketed value ends on its line.

    A value of several lines may have lines at column 0 that look like top-level keys.
    """
    for match in _OPENER.finditer(text):
        start = match.start()
        rest = match[0]
        before = text[text.rfind("\n", 0, start) + 1 : start]
        if "#" in before and before.lstrip()[:1] == "#":
            continue
        if _BEFORE_VALUE.fullmatch(before) is None:
            # In the middle of plain text it opens nothing, but a value may follow such a key.
            if ": " in rest:
                return False
        elif rest not in EMPTY_VALUES and _CLOSED.fullmatch(rest) is None:
            return False
    return True


def _section(inline: str | None, text: str) -> object:
    """Return the value of one section, or _NOT_PLAIN."""
    lines: list[tuple[int, bool, str, str | None]] = []
    for line in text.split("\n"):
        bare = line.lstrip(" ")
        if not bare or bare[0] == "#":
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            return _NOT_PLAIN
        if match[2]:
            lines.append((len(match[1]), True, "", match[3]))
        else:
            lines.append((len(match[1]), False, match[4], match[5]))
    if inline is not None and inline[0] != "#":
        return _NOT_PLAIN if lines else _scalar(inline)
    if not lines:
        return None
    value, at = _block(lines, 0)
    return value if at == len(lines) else _NOT_PLAIN


def _block(lines: list[tuple[int, bool, str, str | None]], at: int) -> tuple[object, int]:
    """Return the mapping or list that begins at a line and the line after it; (_NOT_PLAIN, …) when it is not plain."""
    indent, is_list = lines[at][0], lines[at][1]
    if is_list:
        items: list[object] = []
        while at < len(lines) and lines[at][0] == indent and lines[at][1]:
            value = _scalar(lines[at][3] or "")
            if value is _NOT_PLAIN:
                return _NOT_PLAIN, at
            items.append(value)
            at += 1
        return items, at
    found: dict[str, object] = {}
    size = len(lines)
    while at < size and lines[at][0] == indent and not lines[at][1]:
        _, _, name, inline = lines[at]
        at += 1
        below = at < size and (lines[at][0] > indent or (lines[at][0] == indent and lines[at][1]))
        if inline and inline[0] != "#":
            value = _NOT_PLAIN if below else _scalar(inline)
        elif below:
            value, at = _block(lines, at)
        else:
            value = None
        if value is _NOT_PLAIN:
            return _NOT_PLAIN, at
        if name[0] in "\"'":
            name = name[1:-1]
        elif resolve_plain(name) != "str":
            return _NOT_PLAIN, at
        found[name] = value
    # A line indented between two levels is in neither of them, so the caller returns _NOT_PLAIN.
    return found, at


def _scalar(text: str) -> object:
    """Return the value of a scalar on one line, or _NOT_PLAIN."""
    if text[:1] in ('"', "'"):
        quoted = _QUOTED.fullmatch(text)
        return _NOT_PLAIN if quoted is None else quoted[1] if quoted[1] is not None else quoted[2]
    if text[:1] in ("[", "{"):
        empty = _EMPTY.fullmatch(text)
        return _NOT_PLAIN if empty is None else {} if empty[1] == "{}" else []
    bare = text.partition(" #")[0].rstrip(" ")
    if ": " in bare or bare[-1:] == ":" or bare[:2] == "- " or bare == "-" or _PLAIN.fullmatch(bare) is None:
        return _NOT_PLAIN
    tag = resolve_plain(bare)
    if tag == "str" or tag in ("null", "bool"):
        return construct(tag, bare)
    if tag in ("int", "float") and _NUMBER.fullmatch(bare):
        return construct(tag, bare)
    return _NOT_PLAIN
