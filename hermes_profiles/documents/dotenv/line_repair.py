"""The lines of a `.env` as Hermes 0.19.0 rewrites them before its gateway reads them. Pure.

Hermes strips every line, drops NULs and the byte order mark, and splits `A_KEY=xB_TOKEN=y` when the line begins
with a name it knows. The gateway reads this repaired text; every piece of it records its offset in the original.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Collection

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

_LINES = lazy_pattern(r"([^\r\n]*)(\r\n|\n|\r|\Z)")
# A value with one of these is a URL or a query: a `KNOWN_KEY=` inside it is a part of the value.
_STRUCTURED = ("://", "?", "&")


class Piece(NamedTuple):
    """One line of the repaired text.

    `at` is its offset in the repaired text, `start` its offset in the original. `line_start`, `content_end` and
    `line_end` are offsets of the original line; `first` and `last` are True when the piece begins or ends that line
    (a joined line has several pieces).
    """

    at: int
    start: int
    text: str
    line_start: int
    content_end: int
    line_end: int
    first: bool
    last: bool

    @property
    def is_comment(self) -> bool:
        """Return whether the line readers skip this piece."""
        return self.text.lstrip().startswith("#")


class RepairedText:
    """The repaired text and its pieces."""

    __slots__ = ("_starts", "pieces", "text")

    def __init__(self, original: str, known_keys: Collection[str]) -> None:
        pieces: list[Piece] = []
        at = 0
        known = known_keys if isinstance(known_keys, set | frozenset) else frozenset(known_keys)
        longest = max(map(len, known), default=0)
        for match in _LINES.finditer(original):
            start, content_end = match.span(1)
            if start == len(original):
                break
            raw = match[1]
            stripped = raw.strip()
            if not stripped or stripped[0] == "#":
                segments = [(0, raw)]
            else:
                lead = raw.index(stripped[0])
                cuts = _joints(stripped, known, longest) if longest and stripped.count("=") > 1 else [0]
                segments = [
                    (lead + cut, stripped[cut:stop].strip())
                    for cut, stop in zip(cuts, [*cuts[1:], len(stripped)], strict=True)
                ]
            for number, (shift, text) in enumerate(segments):
                last = number == len(segments) - 1
                pieces.append(Piece(at, start + shift, text, start, content_end, match.end(), number == 0, last))
                at += len(text) + 1
        self.pieces = tuple(pieces)
        self.text = "".join(f"{piece.text}\n" for piece in pieces)
        self._starts = [piece.at for piece in pieces]

    def index_at(self, offset: int) -> int:
        """Return the index of the piece at an offset of the repaired text."""
        return bisect.bisect_right(self._starts, offset) - 1

    def original(self, offset: int) -> int:
        """Return the original offset for an offset of the repaired text."""
        piece = self.pieces[self.index_at(offset)]
        return piece.start + min(offset - piece.at, len(piece.text))


def _joints(line: str, known: Collection[str], longest: int) -> list[int]:
    """Return the offsets at which the entries of one stripped line begin; [0] when the line is one entry.

    Only the longest known name before each `=` begins an entry: `LM_API_KEY=` inside `GLM_API_KEY=` does not.
    """
    starts = []
    equals = line.find("=")
    while equals >= 0:
        for begin in range(max(0, equals - longest), equals):
            if line[begin:equals] in known:
                starts.append(begin)
                break
        equals = line.find("=", equals + 1)
    if len(starts) < 2 or starts[0] != 0:
        return [0]
    for begin, stop in itertools.pairwise(starts):
        value = line[begin:stop].split("=", 1)[1]
        if any(mark in value for mark in _STRUCTURED) or any(char.isspace() for char in value):
            return [0]
    return starts
