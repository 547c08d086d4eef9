"""Finds which of thousands of texts are in another text. Pure.

`in` reads some GB/s per needle, so few needles are looked for one by one. Of many, only those are that have 7
characters in common with the text: such a search takes time in proportion to the text alone. Most needles have a long
run of letters and digits, and most texts have none: one test then spares the search for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import AnyStr, Generic

from .letter_runs import AS_RUNS

_GRAM = 7
# In nanoseconds, about: a call for each needle, and for each character what the two ways take.
_A_CALL, _START, _OF_A_NEEDLE, _OF_A_GRAM = 50, 1000, 0.2, 100
_SLICE = 64 * 1024
# Words of a language are shorter.
_RUN = b"a" * 18


class Needles(Generic[AnyStr]):
    """Texts, or bytes, to look for."""

    def __init__(self, needles: Iterable[AnyStr]) -> None:
        self._needles: tuple[AnyStr, ...] = tuple(needles)

    def in_text(self, text: AnyStr) -> Iterator[AnyStr]:
        """Yield the needles that are in a text."""
        for needle in self.candidates(text):
            if needle in text:
                yield needle

    def candidates(self, text: AnyStr) -> Iterable[AnyStr]:
        """Return the needles that can be in a text: all of them, or, of many, only those that are near."""
        needles = self._needles
        if len(self._without_run) < len(needles) and not _has_run(text):
            needles = self._without_run
        one_by_one = len(needles) * (_A_CALL + _OF_A_NEEDLE * len(text))
        return needles if one_by_one < _START + _OF_A_GRAM * len(text) else self._near(text)

    def _near(self, text: AnyStr) -> Iterator[AnyStr]:
        """Yield the needles that can be in a text, each once."""
        yield from self._short
        grams = self._by_gram.keys()
        seen: set[AnyStr] = set()
        for start in range(0, len(text), _SLICE):
            part = text[start : start + _SLICE + _GRAM - 1]
            near = {part[at : at + _GRAM] for at in range(len(part) - _GRAM + 1)} & grams
            for gram in near - seen:
                yield from self._by_gram[gram]
            seen |= near

    @cached_property
    def _without_run(self) -> tuple[AnyStr, ...]:
        return tuple(needle for needle in self._needles if not _has_run(needle))

    @cached_property
    def _short(self) -> list[AnyStr]:
        return [needle for needle in self._needles if len(needle) < _GRAM]

    @cached_property
    def _by_gram(self) -> dict[AnyStr, list[AnyStr]]:
        """Return 7 characters → the needles with them: those at the begin, the middle or the end that are rarest."""
        long = [needle for needle in self._needles if len(needle) >= _GRAM]
        counts: Counter[AnyStr] = Counter(gram for needle in long for gram in _grams(needle))
        found: dict[AnyStr, list[AnyStr]] = {}
        for needle in long:
            found.setdefault(min(_grams(needle), key=counts.__getitem__), []).append(needle)
        return found


def _has_run(text: AnyStr) -> bool:
    """Return whether bytes have a long run of letters and digits; True for a text, where the test takes too long."""
    return not isinstance(text, bytes) or _RUN in text.translate(AS_RUNS)


def _grams(needle: AnyStr) -> tuple[AnyStr, AnyStr, AnyStr]:
    middle = (len(needle) - _GRAM) // 2
    return needle[:_GRAM], needle[middle : middle + _GRAM], needle[-_GRAM:]
