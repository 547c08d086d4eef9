"""The one table writer: the columns that a terminal has no room for are dropped by rank, and no word is cut.

It has no library: `list` and `status` print a table, and the import of Rich takes longer than all they do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import zip_longest

from hermes_profiles.model.named_tuple import NamedTuple

from .screen import Screen
from .text_width import cells, isolated, longest_word, padded, shortened, wrapped

GAP = 2
EMPTY = "-"
# What a column says that says nothing.
_NOTHING = frozenset((EMPTY, "none", ""))
# Parts of a line, each with its style in `screen.STYLES`.
Spans = list[tuple[str, str]]
StyleOf = Callable[[int, str], str]


class Column(NamedTuple):
    """A column: rank 0 is always shown, the highest rank is dropped first; `fewest` cells are of use, `most` are shown.

    `fewest` 0: the column is shown without a line break or not at all.
    """

    title: str
    rank: int = 0
    fewest: int = 0
    most: int | None = None


def no_style(_column: int, _cell: str) -> str:
    """Return no style for any cell."""
    return ""


class Table:
    """Rows of cells below titles. `style` returns the style of a cell; `indent`: cells before each line."""

    def __init__(
        self,
        columns: Sequence[Column],
        rows: Iterable[Sequence[str]],
        *,
        style: StyleOf = no_style,
        indent: int = 0,
    ) -> None:
        self.columns = columns
        self.rows = [tuple(row) for row in rows]
        self._style = style
        self._indent = indent

    def texts(self) -> list[str]:
        """Return the cells."""
        return [cell for row in self.rows for cell in row]

    def with_texts(self, texts: Iterable[str]) -> Table:
        """Return the same table with other cells."""
        given = iter(texts)
        rows = [tuple(next(given) for _ in row) for row in self.rows]
        return Table(self.columns, rows, style=self._style, indent=self._indent)

    def lines(self, screen: Screen) -> list[str]:
        """Return the lines for a screen."""
        before = " " * self._indent
        # Before the next column: a terminal would move what follows a right-to-left name to its other side.
        as_shown = isolated if screen.width is not None else str
        return [
            (before + "".join(screen.painted(style, as_shown(text)) for text, style in line)).rstrip()
            for line in self._spans(screen)
        ]

    def _spans(self, screen: Screen) -> list[Spans]:
        titles = tuple(column.title for column in self.columns)
        whole = {number: _natural(self.columns, self.rows, number) for number in range(len(self.columns))}
        if screen.width is None or screen.shows_all_columns:
            return self._grid(titles, whole)
        room = screen.width - self._indent
        shown = [number for number in whole if not self.columns[number].rank or not self._is_empty(number)]
        widths = fitted(self.columns, self.rows, room, shown=shown)
        return self._grid(titles, widths) if widths else self._records(titles, room)

    def _is_empty(self, number: int) -> bool:
        return {row[number] for row in self.rows} <= _NOTHING

    def _grid(self, titles: Sequence[str], widths: Mapping[int, int]) -> list[Spans]:
        lines = [*_row_lines(titles, widths, lambda _column, _cell: "bold")]
        for row in self.rows:
            lines += _row_lines(row, widths, self._style)
        return lines

    def _records(self, titles: Sequence[str], room: int) -> list[Spans]:
        """Return each row as lines of its own, for a terminal too narrow for the columns."""
        wide = max(map(cells, titles[1:]), default=0) + GAP
        lines: list[Spans] = []
        for row in self.rows:
            lines.append([(row[0], "bold")])
            for number, (title, cell) in enumerate(zip(titles[1:], row[1:], strict=True), 1):
                if cell != EMPTY:
                    first, *others = wrapped(cell, max(room - wide - GAP, 1), 0)
                    lines.append([(" " * GAP + padded(title, wide), ""), (first, self._style(number, cell))])
                    lines += [[(" " * (wide + GAP) + other, self._style(number, cell))] for other in others]
        return lines


def _row_lines(row: Sequence[str], widths: Mapping[int, int], style: StyleOf) -> Iterable[Spans]:
    """Yield the lines of a row; a name too long for its column has a line of its own."""
    parts = {number: wrapped(row[number], width, 0) for number, width in widths.items()}
    first = next(iter(widths))
    if len(widths) > 1 and any(cells(part) > widths[first] for part in parts[first]):
        yield from ([(part, style(first, row[first]))] for part in wrapped(row[first], sum(widths.values()), 0))
        parts[first] = [""]
    for line in zip_longest(*parts.values(), fillvalue=""):
        spans: Spans = []
        for (number, width), part in zip(widths.items(), line, strict=True):
            spans += [(part, style(number, row[number])), (padded("", width - cells(part) + GAP), "")]
        while spans and not spans[-1][0].strip():
            spans.pop()
        yield spans


def one_line_spans(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    measured: Sequence[Sequence[str]],
    style: StyleOf = no_style,
) -> list[Spans]:
    """Return the title line and a line a row, none wider than `width` cells; long cells end in `…`.

    `measured`: the rows that decide the widths of the columns.
    """
    widths = fitted(columns, measured, width, one_line=True)
    lines: list[Spans] = []
    for row in (tuple(column.title for column in columns), *rows):
        spans: Spans = []
        used = 0
        for number, most in widths.items():
            text = shortened(row[number], min(most, max(width - used, 0)))
            gap = min(most - cells(text) + GAP, max(width - used - cells(text), 0))
            look = "bold" if not lines else style(number, row[number])
            spans += [(text, look), (" " * gap, "")]
            used += cells(text) + gap
        lines.append(spans)
    return lines


def fitted(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    one_line: bool = False,
    shown: Sequence[int] | None = None,
) -> dict[int, int]:
    """Return column → cells for the columns that fit into `width`, in their order; {} where those of rank 0 do not.

    `one_line`: cells are shortened, not wrapped; then those of rank 0 always fit. `shown`: the columns to choose from.
    """
    considered = range(len(columns)) if shown is None else shown
    natural = {number: _natural(columns, rows, number) for number in considered}
    widths = _one_line_least(columns, natural, width) if one_line else _least(columns, rows, natural, width)
    left = width - sum(widths.values()) - GAP * (len(widths) - 1)
    if left < 0 and not one_line:
        return {}
    ranked = sorted((number for number in considered if columns[number].rank), key=lambda n: columns[n].rank)
    for number in ranked:
        fewest = columns[number].fewest
        least = min(natural[number], max(fewest, _word(columns, rows, number)) if fewest and not one_line else
                    fewest or natural[number])  # fmt: skip
        if GAP + least <= left:
            widths[number] = least
            left -= GAP + least
    first = next(iter(natural))
    for number in sorted(widths, key=lambda n: (n == first, columns[n].rank, natural[n] - widths[n])):
        if number == first and not one_line and natural[number] - widths[number] > left:
            continue  # its long names have lines of their own
        grown = max(
            min(natural[number], columns[number].most or natural[number], widths[number] + left), widths[number]
        )
        left -= grown - widths[number]
        widths[number] = grown
    return dict(sorted(widths.items()))


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]], number: int) -> int:
    return max([cells(columns[number].title), *map(cells, {row[number] for row in rows})])


def _word(columns: Sequence[Column], rows: Sequence[Sequence[str]], number: int) -> int:
    return max([longest_word(columns[number].title), *map(longest_word, {row[number] for row in rows})])


def _least(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], natural: Mapping[int, int], width: int
) -> dict[int, int]:
    """Return the cells that the columns of rank 0 need; a long name in the first is to have a line of its own."""
    least = {
        number: min(natural[number], max(columns[number].fewest, _word(columns, rows, number)))
        for number in natural
        if not columns[number].rank
    }
    first = next(iter(least))
    fitting = [length for row in rows if (length := cells(row[first])) <= width // 3]
    least[first] = max([cells(columns[first].title), *fitting])
    return least


def _one_line_least(columns: Sequence[Column], natural: Mapping[int, int], width: int) -> dict[int, int]:
    first, *others = [number for number in natural if not columns[number].rank]
    kept = {number: min(natural[number], max(width - GAP - 4, 4)) for number in others}
    room = width - GAP * len(others) - sum(kept.values())
    return {first: min(natural[first], max(room, 1)), **kept}
