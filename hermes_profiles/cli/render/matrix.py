"""The settings of all profiles side by side, as data and as a table: what most have, and which profiles differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hermes_profiles.cli.framework.prose import Block, Prose
from hermes_profiles.cli.framework.run import Answer
from hermes_profiles.cli.framework.table import EMPTY, Column, Table
from hermes_profiles.documents.yaml.value import to_json
from hermes_profiles.model.errors import ExitCode, Result
from hermes_profiles.operations.profiles.settings import HIDDEN
from hermes_profiles.settings.matrix import Matrix, MatrixRow, SharedValue

from .changes import one_line

_UNSET = "(none)"


def matrix_answer(matrix: Matrix, *, chosen: bool, check: bool) -> Answer:
    """Return the answer of `diff --all`. `chosen`: the user named keys; `check`: exit 3 when profiles differ."""
    data = {"profiles": list(matrix.profiles), "settings": [_row_data(row) for row in matrix.rows]}
    is_adrift = any(row.differs and not row.role.is_identity for row in matrix.rows)
    code = ExitCode.NEGATIVE if check and is_adrift else ExitCode.OK
    result = Result(("diff",), data, list(matrix.warnings), exit_code=code)
    return Answer(result, lambda: matrix_lines(matrix, chosen=chosen))


def _row_data(row: MatrixRow) -> dict[str, Any]:
    return {
        "place": row.place,
        "key": row.key,
        "secret": row.hidden,
        "identity": row.role.is_identity,
        "class": str(row.role.key_class) if row.role.key_class else None,
        "channel": row.role.channel,
        "values": [
            {
                "profiles": list(each.profiles),
                "set": each.is_set,
                "value": to_json(each.value) if each.value is not None else None,
            }
            for each in row.groups
        ],
    }


def matrix_lines(matrix: Matrix, *, chosen: bool) -> Iterator[Block]:
    """Yield the matrix: a column for each profile that differs from most of the others in something.

    Identities are left out unless the user named keys: every profile is to have its own.
    """
    rows = [row for row in matrix.rows if chosen or not row.role.is_identity]
    differing = sum(row.differs for row in rows)
    what = f"{len(matrix.profiles)} profiles"
    words = "differ in nothing" if not differing else f"differ in {differing} setting{'' if differing == 1 else 's'}"
    yield Prose(f"{what} {words}", "bold" if differing else "bold green")
    if not rows:
        if chosen:
            yield "no profile has any of these keys"
        return
    apart = {name for row in rows for each in row.groups[1:] for name in each.profiles}
    shown = [name for name in matrix.profiles if name in apart]
    cells = [(row.key, _text(row, 0), *(_cell(row, name) for name in shown)) for row in rows]
    yield ""
    yield Table((Column("setting"), Column("most have"), *map(Column, shown)), cells, style=_style)
    if shown:
        yield f"`{EMPTY}`: what most have"
    left_out = len(matrix.rows) - len(rows)
    if left_out:
        yield f"identities are left out ({left_out}): each profile has its own; `--json` has them"


def _style(column: int, cell: str) -> str:
    return "yellow" if column > 1 and cell != EMPTY else ""


def _cell(row: MatrixRow, profile: str) -> str:
    place = next(number for number, each in enumerate(row.groups) if profile in each.profiles)
    return _text(row, place) if place else EMPTY


def _text(row: MatrixRow, place: int) -> str:
    """Return a value in a cell; secrets are numbered, so that equal ones are seen."""
    found: SharedValue = row.groups[place]
    if not found.is_set:
        return _UNSET
    if row.hidden:
        secrets: Sequence[SharedValue] = [each for each in row.groups if each.is_set]
        return HIDDEN if len(secrets) == 1 else f"{HIDDEN} {secrets.index(found) + 1}"
    return one_line(found.value) if found.value is not None else HIDDEN
