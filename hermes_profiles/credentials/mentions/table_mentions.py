"""Finds credentials of channels below the name of their column, and in statements of SQL. Pure.

A list of accounts as CSV, a table in Markdown, the dump of a database: the name is in the row above, or in another
cell of the row.
"""

from __future__ import annotations

import csv
from collections.abc import Generator, Iterable, Iterator, Sequence

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .structured_mentions import COMMON_NAMES, StructuredMention, credential_at
from .variable_mentions import is_strong, secret_fact

# A row of names, of which one ends as that of a secret does.
_IN_HEAD = r"[\w \"'`.|;,\t-]"
_HEAD = lazy_pattern(
    rf"(?m)^(?=[\w\"'`| ]){_IN_HEAD}*\w(?i:token|secret|password|passwd|key)[\"'` ]*(?:[,;|\t]{_IN_HEAD}*)?\r?$"
)
_CODE = (".py", ".js", ".mjs", ".ts", ".tsx", ".go", ".rs", ".java", ".json", ".yaml", ".yml", ".toml", ".css")
_NAME = lazy_pattern(r"[A-Za-z_][\w .-]{0,60}")
_RULE = lazy_pattern(r"[ |:+=-]+")
_SIGNS = ("\t", "|", ";", ",")
_LONGEST_HEAD, _LONGEST_ROW = 2000, 20_000
_LINE = lazy_pattern(r"([^\n]+)(?:\n|\Z)|\n")
_OBJECT = r"[\"'`\[]?[\w.]+[\"'`\]]?"
_STATEMENT = lazy_pattern(
    rf"(?i)\b(?:(?:insert|replace|upsert)\s+into\s+{_OBJECT}|update\s+{_OBJECT}\s+set\s|copy\s+{_OBJECT}\s*\()"
)
_WORDS_OF_STATEMENTS = (("into ", "values"), ("update ", " set "), ("copy ", "from stdin"))
_TO_END = lazy_pattern(r"(?:[^';]+|'[^']*')*+")
_LONGEST_STATEMENT = 20_000
_COLUMNS = lazy_pattern(r"(?is)[^(;']*\(([^()']+)\)\s*(?:values|from\s+stdin[^\n]*\n)")
_ROW = lazy_pattern(r"\(((?:[^()']|'(?:[^']|'')*')*)\)")
_CELL = lazy_pattern(r"\s*(?:[A-Za-z]?'((?:[^']|'')*)'|([^,']*))\s*(?:,|$)")
_SET = lazy_pattern(r"[\"'`\[]?(\w+)[\"'`\]]?\s*=\s*[A-Za-z]?'((?:[^']|'')*)'")


class _TableRow(NamedTuple):
    """The cells of a row as (name of the column, "" where no one says it; text)."""

    cells: tuple[tuple[str, str], ...]


def table_mentions(path: str, text: str, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials of channels in the tables and in the statements of SQL of a file; code has no tables."""
    covered = 0
    for head in () if path.endswith(_CODE) else _HEAD.finditer(text):
        if head.start() >= covered and head.end() - head.start() <= _LONGEST_HEAD:
            covered = yield from _below(head.group(), text, head.end() + 1, catalog)
    small = text.lower()
    if not any(first in small and second in small for first, second in _WORDS_OF_STATEMENTS):
        return
    for start in _STATEMENT.finditer(text):
        for row in _rows(text[start.start() : start.start() + _LONGEST_STATEMENT]):
            yield from _in_row(row, catalog)


def _below(head: str, text: str, start: int, catalog: Catalog) -> Generator[StructuredMention, None, int]:
    """Yield the credentials in the rows below a head, and return where they end."""
    sign = next((sign for sign in _SIGNS if sign in head), "")
    names = _cells(head, sign) if sign else []
    facts = [(at, fact) for at, name in enumerate(names) if (fact := secret_fact(name, catalog)) is not None]
    if len(names) < 2 or not facts or not all(_NAME.fullmatch(name) for name in names if name):
        return start
    for line in _LINE.finditer(text, start):
        row = (line[1] or "").strip("\r")
        cells = [] if row and _RULE.fullmatch(row) else _cells(row, sign)
        if (cells or not row) and len(cells) != len(names):
            return line.start()
        for at, fact in facts if cells else ():
            if is_strong(cells[at]):
                yield StructuredMention(fact.name, fact.channel, cells[at])
    return len(text)


def _cells(row: str, sign: str) -> list[str]:
    row = row.strip().strip("|") if sign == "|" else row.strip("\r")
    try:
        cells = next(csv.reader([row[:_LONGEST_ROW]], delimiter=sign, skipinitialspace=True), [])
    except csv.Error:
        cells = row.split(sign)
    return [cell.strip(" `*") for cell in cells]


def _rows(text: str) -> Iterator[_TableRow]:
    """Yield the rows of the statement at the begin of a text: of INSERT and COPY each one, of UPDATE one."""
    columns = _COLUMNS.match(text)
    names = [name.strip().strip('"`[]') for name in columns[1].split(",")] if columns is not None else []
    if columns is not None and columns.group().endswith("\n"):
        for line in text[columns.end() :].split("\n"):
            if line.startswith("\\."):
                return
            yield _row(names, line.split("\t"))
        return
    end = _TO_END.match(text)
    statement = end.group() if end is not None else text
    if text[:6].lower() == "update":
        yield _TableRow(tuple((name, value.replace("''", "'")) for name, value in _SET.findall(statement)))
        return
    for row in _ROW.findall(statement, columns.end() if columns is not None else 0):
        cells = [quoted.replace("''", "'") or plain.strip() for quoted, plain in _CELL.findall(row)]
        yield _row(names, cells)


def _row(names: Sequence[str], cells: Sequence[str]) -> _TableRow:
    known: Iterable[str] = (*names, *("" for _ in cells[len(names) :]))
    return _TableRow(tuple(zip(known, cells, strict=False)))


def _in_row(row: _TableRow, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials of one row: below their name, beside their name, beside the name of their channel."""
    strong = [(name, text) for name, text in row.cells if is_strong(text)]
    if not strong:
        return
    said = next((fact for _, text in row.cells if (fact := secret_fact(text, catalog)) is not None), None)
    named = (catalog.channel_of_config_key(text) for _, text in row.cells)
    channel = next((one for one in named if one is not None and one not in COMMON_NAMES), None)
    for name, text in strong:
        fact = said or secret_fact(name, catalog)
        found = (fact.name, fact.channel) if fact is not None else None
        found = found or (credential_at((channel, name), catalog) if channel is not None and name else None)
        if found is not None:
            yield StructuredMention(*found, text)
