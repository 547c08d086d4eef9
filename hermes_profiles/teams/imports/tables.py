"""Reads accounts from a table: CSV, as spreadsheets write it, or JSON."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Channel
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.model.errors import DocumentError, Problem
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.teams.accounts import WEIXIN

from .model import Candidate, InvalidAccount, SourceAccounts, is_account_id
from .read import json_in, mode_warnings, read_quietly, read_text
from .rows import COLUMNS, InvalidRow, Row, candidate_of, column_of

_DELIMITERS = (",", ";", "\t")
_HELP = "use a first line `member,account_id,token`, then one line for each account"


class _Header(NamedTuple):
    """Columns of a table, None for unknown ones."""

    delimiter: str
    columns: tuple[str | None, ...]


def read_csv(path: Path, channel: Channel) -> SourceAccounts:
    """Return the accounts of a CSV file: a first line with headings in any order, then one line for each account.

    The delimiter is a comma, semicolon or tab; UTF-8 and the UTF-16 of spreadsheets are accepted. Raises DocumentError
    for a file that is not such a table.
    """
    text = read_text(read_quietly(path), str(path))
    if text.has_nuls:
        raise DocumentError(str(path), _line_of_nul(path), "a NUL byte", hint=_HELP)
    return _reading(path, channel, _csv_rows(text.text, str(path), channel))


def _line_of_nul(path: Path) -> int:
    raw = read_quietly(path)
    return raw[: raw.find(b"\0")].count(b"\n") + 1


def _csv_rows(text: str, path: str, channel: Channel) -> Iterator[Row | Problem]:
    start = 1
    match = re.match(r"sep=(.)(?:\r\n|\n|\r)", text)  # Excel's own first line
    delimiters: Sequence[str] = _DELIMITERS
    if match is not None:
        start, text, delimiters = 2, text[match.end() :], (match[1],)
    header = _header(text, path, start, delimiters, channel)
    unknown = [str(number) for number, column in enumerate(header.columns, start=1) if column is None]
    if unknown:
        what = f"column {unknown[0]} is" if len(unknown) == 1 else f"columns {', '.join(unknown)} are"
        yield Problem("unknown-column", f"{path}:{start}: {what} unknown and ignored", path, _known(channel))
    for line, cells in list(_records(text, path, start, header.delimiter))[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        fields = {
            name: cell.strip() for name, cell in zip(header.columns, cells, strict=False) if name and cell.strip()
        }
        extra = any(cell.strip() for cell in cells[len(header.columns) :])
        place = f"{path}:{line}"
        yield Row(place, fields, {}, "it has more cells than the first line" if extra else "")


def _records(text: str, path: str, start: int, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, cells) of each record; a quoted cell can have several lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = start + reader.line_num
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            message = "unbalanced quotes, or a cell that is too long"
            raise DocumentError(path, line, message, hint=_HELP) from None
        yield line, cells


def _header(text: str, path: str, start: int, delimiters: Sequence[str], channel: Channel) -> _Header:
    """Return the header for the delimiter that gives the most known columns.

    Messages show no text of a cell: in a file without a header it could be a token.
    """
    best = _Header(",", ())
    for delimiter in delimiters:
        try:
            _, cells = next(_records(text, path, start, delimiter), (start, []))
        except DocumentError:
            continue
        columns = tuple(column_of(cell, channel) for cell in cells)
        if sum(map(bool, columns)) > sum(map(bool, best.columns)):
            best = _Header(delimiter, columns)
    named = [column for column in best.columns if column]
    if len(set(named)) < len(named):
        twice = next(column for column in named if named.count(column) > 1)
        raise DocumentError(path, start, f"duplicate column {twice}", hint=_HELP)
    missing = [name for name in ("account_id", "token") if channel.name == WEIXIN and name not in named]
    if missing or not named:
        what = f"the line has no column {' and no column '.join(missing or ['of an account'])}"
        raise DocumentError(path, start, what, hint=_HELP)
    return best


def _known(channel: Channel) -> str:
    return f"use {', '.join(COLUMNS)}, or variables such as {channel.keys[0].name}"


def read_json_table(path: Path, channel: Channel) -> SourceAccounts:
    """Return the accounts of a JSON file: a list of objects, or such a list at `accounts`.

    Raises DocumentError for a file that is not such a list.
    """
    document = json_in(read_quietly(path), str(path))
    return _reading(path, channel, _json_rows(document, channel))


def _json_rows(document: JsonDocument, channel: Channel) -> Iterator[Row | Problem]:
    data: object = document.data()
    above: tuple[str, ...] = ()
    if isinstance(data, Mapping) and "accounts" in data:
        above, data = ("accounts",), data["accounts"]
    if not isinstance(data, list):
        raise DocumentError(
            document.path,
            1,
            "not a list of accounts",
            hint='use the form `[{"account_id": …, "token": …}]`',
        )
    for number, each in enumerate(data):
        base = (*above, f"[{number}]")
        entry = document.get(base)
        place = f"{document.path}:{entry.line}" if entry is not None else document.path
        if not isinstance(each, Mapping):
            yield Row(place, {}, {}, "not an object")
            continue
        fields: dict[str, object] = {}
        places: dict[str, str] = {}
        unknown, twice = 0, ""
        for key, value in each.items():
            column = column_of(key, channel)
            if column is None:
                unknown += 1
                continue
            twice = column if column in fields else twice
            fields[column] = value
            at = document.get((*base, key))
            places[column] = f"{document.path}:{at.line}" if at is not None else place
        if unknown:
            what = "a key" if unknown == 1 else f"{unknown} keys"
            yield Problem("unknown-column", f"{place}: {what} unknown and ignored", document.path, _known(channel))
        yield Row(place, fields, places, f"duplicate key for {twice}" if twice else "")


def _reading(path: Path, channel: Channel, rows: Iterator[Row | Problem]) -> SourceAccounts:
    found: list[Candidate] = []
    bad: list[InvalidAccount] = []
    notes: list[Problem] = []
    for row in rows:
        if isinstance(row, Problem):
            notes.append(row)
            continue
        try:
            candidate, warnings = candidate_of(row, channel)
        except InvalidRow as wrong:
            given = row.fields.get("account_id")  # shown only if it is a valid id: columns can be mixed up
            account_id = given if isinstance(given, str) and is_account_id(given) and "@" in given else row.place
            hint = "fix it, then try again; `--skip-bad` imports the others"
            bad.append(
                InvalidAccount(account_id, Problem("bad-account", f"{wrong.place}: {wrong.reason}", str(path), hint))
            )
            continue
        found.append(candidate)
        notes += warnings
    if not found and not bad:
        raise DocumentError(str(path), None, "it has no accounts", hint=_HELP)
    return SourceAccounts(tuple(found), tuple(bad), (), (*notes, *mode_warnings(iter([path]))))
