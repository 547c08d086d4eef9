"""Lines of an answer: prose that is wrapped at words, lines that are printed as they are, tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeAlias

from hermes_profiles.model.named_tuple import NamedTuple

from .screen import Screen
from .text_width import wrapped

if TYPE_CHECKING:
    from .table import Table

# A line of an answer, or a part of it that is laid out for the screen; a str is prose without a style.
Block: TypeAlias = "str | Prose | Verbatim | Table"


class Prose(NamedTuple):
    """A line of text with a styled head, wrapped at words on a terminal. `style` is that of the text."""

    text: str
    style: str = ""
    head: str = ""
    head_style: str = ""

    def texts(self) -> list[str]:
        """Return the head and the text."""
        return [self.head, self.text]

    def with_texts(self, texts: Iterable[str]) -> Prose:
        """Return the same line with another head and text."""
        head, text = texts
        return self._replace(head=head, text=text)

    def lines(self, screen: Screen) -> list[str]:
        """Return the lines for a screen."""
        whole = self.head + self.text
        first, *others = [whole] if screen.width is None else wrapped(whole, screen.width)
        head = self.head if first.startswith(self.head) else self.head.rstrip()
        painted = screen.painted(self.head_style, head) + screen.painted(self.style, first[len(head) :])
        return [painted, *(screen.painted(self.style, other) for other in others)]


class Verbatim(NamedTuple):
    """A line of a file or a script, printed as it is."""

    text: str

    def texts(self) -> list[str]:
        """Return the line."""
        return [self.text]

    def with_texts(self, texts: Iterable[str]) -> Verbatim:
        """Return another line."""
        (text,) = texts
        return Verbatim(text)

    def lines(self, _screen: Screen) -> list[str]:
        """Return the line."""
        return [self.text]


def drawn(lines: Iterable[Block], screen: Screen) -> Iterator[str]:
    """Yield lines as they are printed on a screen."""
    for line in lines:
        if not isinstance(line, str):
            yield from line.lines(screen)
        elif screen.width is None:
            yield line
        else:
            yield from wrapped(line, screen.width)


def changed(lines: Sequence[Block], change: Callable[[Sequence[str]], Sequence[str]]) -> list[Block]:
    """Return lines whose texts are changed, all at once."""
    texts = [text for line in lines for text in ([line] if isinstance(line, str) else line.texts())]
    found = iter(change(texts))
    return [
        next(found) if isinstance(line, str) else line.with_texts([next(found) for _ in line.texts()]) for line in lines
    ]
