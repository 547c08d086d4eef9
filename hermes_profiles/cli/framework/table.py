"""The one table writer: Rich draws; the columns that a terminal has no room for are dropped by rank."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

GAP = 2


class Column(NamedTuple):
    """A column: rank 0 is always shown, the highest rank is dropped first; `fewest` cells are of use, `most` are shown.

    `fewest` 0: the column is shown whole or not at all.
    """

    title: str
    rank: int = 0
    fewest: int = 0
    most: int | None = None


def text_lines(titles: Sequence[str], rows: Iterable[Sequence[str]], width: int | None) -> list[str]:
    """Return a table as plain text; cells are folded at `width` cells, and never without a width."""
    table = _table()
    for title in titles:
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(*row)
    console = _console(width or 10_000)
    with console.capture() as capture:
        console.print(table)
    return [line.rstrip() for line in capture.get().splitlines()]


def table_lines(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int,
    *,
    measured: Sequence[Sequence[str]],
    style: Callable[[int, str], str] = lambda _column, _cell: "",
) -> list[Text]:
    """Return the title line and a line a row, none wider than `width` cells; long cells end in `…`.

    `measured`: the rows that decide the widths of the columns; `style` gives the style of a cell.
    """
    from rich.text import Text

    widths = column_widths(columns, measured, width)
    table = _table()
    for column, cells in widths.items():
        table.add_column(columns[column].title, width=cells, no_wrap=True, overflow="ellipsis")
    for row in rows:
        table.add_row(*(cut(row[column], cells, style(column, row[column])) for column, cells in widths.items()))
    console = _console(sum(widths.values()) + GAP * len(widths))
    lines = [Text.assemble(*((part.text, part.style or "") for part in line)) for line in console.render_lines(table)]
    for line in lines:
        line.rstrip()
        line.truncate(width)
    return lines


def column_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> dict[int, int]:
    """Return column → cells for the columns that fit into `width`, in their order; those of rank 0 always fit."""
    from rich.cells import cell_len

    natural = [
        max([cell_len(column.title), *map(cell_len, {row[number] for row in rows})])
        for number, column in enumerate(columns)
    ]
    first, *others = [number for number, column in enumerate(columns) if column.rank == 0]
    kept = sum(min(natural[number], max(width - GAP - 4, 4)) for number in others)
    widths = {number: min(natural[number], max(width - GAP - 4, 4)) for number in others}
    widths[first] = min(natural[first], max(width - GAP * len(others) - kept, 1))
    left = width - sum(widths.values()) - GAP * len(others)
    flexible = []
    for number in sorted((n for n, column in enumerate(columns) if column.rank), key=lambda n: columns[n].rank):
        least = min(natural[number], columns[number].fewest or natural[number])
        if GAP + least <= left:
            widths[number] = least
            left -= GAP + least
            flexible.append(number)
    for number in flexible:
        grown = min(natural[number], columns[number].most or natural[number], widths[number] + left)
        left -= grown - widths[number]
        widths[number] = grown
    return dict(sorted(widths.items()))


def cut(text: str, width: int, style: str = "") -> Text:
    """Return text of at most `width` cells without control characters: a log line may hold anything."""
    from rich.text import Text

    shown = text if text.isprintable() else "".join(each if each.isprintable() else " " for each in text)
    found = Text(shown, style=style, no_wrap=True)
    found.truncate(width, overflow="ellipsis")
    return found


def _table() -> Table:
    from rich.table import Table

    return Table(box=None, pad_edge=False, show_edge=False, padding=(0, GAP, 0, 0), header_style="bold")


def _console(width: int) -> Console:
    from rich.console import Console

    return Console(file=io.StringIO(), width=width, markup=False, highlight=False, emoji=False)
