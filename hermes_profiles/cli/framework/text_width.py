"""Widths of text in terminal cells: measuring, wrapping at words, shortening. Pure; no library."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from hermes_profiles.model.patterns import lazy_pattern

# A command that a user copies is one word: what is between backticks, and `hermes-…` after a colon up to the end.
_WORD = lazy_pattern(r"(\s*)((?:[^\s`]*`[^`]*`[^\s`]*)+|(?<!usage: )(?<=: )hermes(?:-profiles|-gateways)? .*$|\S+)")
_GAP = lazy_pattern(r"(?<=\S) {2,}(?=\S)")
_NO_WIDTH = frozenset(("Mn", "Me", "Cf"))
# Wide since Unicode 16, which `unicodedata` of Python 3.13 does not know yet.
_NEWLY_WIDE = ((0x2630, 0x2637), (0x268A, 0x268F), (0x4DC0, 0x4DFF), (0x1D300, 0x1D376))
_RIGHT_TO_LEFT = frozenset(("R", "AL"))
_LEFT_TO_RIGHT_MARK = "\u200e"
ELLIPSIS = "…"


def cells(text: str) -> int:
    """Return how many cells of a terminal a text takes: two for a wide character, none for a combining one."""
    return len(text) if text.isascii() else sum(map(_cells_of, text))


@lru_cache(maxsize=4096)
def _cells_of(character: str) -> int:
    import unicodedata  # most texts are ASCII

    if unicodedata.east_asian_width(character) in ("W", "F"):
        return 2
    if any(first <= ord(character) <= last for first, last in _NEWLY_WIDE):
        return 2
    return 0 if unicodedata.category(character) in _NO_WIDTH else 1


def padded(text: str, width: int) -> str:
    """Return a text with spaces up to a width in cells."""
    return text + " " * (width - cells(text))


def longest_word(text: str) -> int:
    """Return the cells of the longest word of a text."""
    return max((cells(word) for _, word in _words(text)), default=0)


def _words(text: str) -> Iterator[tuple[str, str]]:
    """Yield each word with the blanks before it; between two wide characters (Chinese, Japanese) a line can end."""
    for match in _WORD.finditer(text):
        gap, word = match[1], match[2]
        if not word.isascii():
            start = 0
            for place in range(1, len(word)):
                if _cells_of(word[place - 1]) == 2 and _cells_of(word[place]) == 2:
                    yield gap, word[start:place]
                    gap, start = "", place
            word = word[start:]
        yield gap, word


def wrapped(text: str, width: int, hanging: int | None = None) -> list[str]:
    """Return a text in lines of at most `width` cells, broken between words; a longer word has a line of its own.

    The lines below the first have the indent `hanging`; by default that of the last of several aligned columns, else
    two cells more than the first line.
    """
    if cells(text) <= width:
        return [text]
    if hanging is None:
        hanging = _hanging(text, width)
    lines: list[str] = []
    line = ""
    for gap, word in _words(text):
        if line.strip() and cells(line) + cells(gap) + cells(word) > width:
            lines.append(line)
            line, gap = " " * hanging, ""
        line += gap + word
    return [*lines, line] if line.strip() else lines or [""]


def _hanging(text: str, width: int) -> int:
    columns = [cells(text[: match.end()]) for match in _GAP.finditer(text)]
    fitting = [column for column in columns if column <= width // 2]
    return fitting[-1] if fitting else len(text) - len(text.lstrip(" ")) + 2


def shortened(text: str, width: int) -> str:
    """Return a text of at most `width` cells, cut after a word where there is one, and with `…` at the end."""
    if cells(text) <= width:
        return text
    if width < 1:
        return ""
    kept, used = "", 0
    for character in text:
        used += _cells_of(character)
        if used > width - 1:
            break
        kept += character
    if not text[len(kept)].isspace():
        head, _, _ = kept.rpartition(" ")
        kept = head if cells(head) >= width // 2 else kept
    return kept.rstrip() + ELLIPSIS


def isolated(text: str) -> str:
    """Return a text after which a terminal goes on from left to right, also when the text is Arabic or Hebrew."""
    if text.isascii():
        return text
    import unicodedata

    if not any(unicodedata.bidirectional(each) in _RIGHT_TO_LEFT for each in text):
        return text
    return text + _LEFT_TO_RIGHT_MARK
