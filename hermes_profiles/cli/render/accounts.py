"""The table of the accounts of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hermes_profiles.cli.framework.prose import Block
from hermes_profiles.cli.framework.table import Column, Table


def account_lines(data: dict[str, Any]) -> Iterator[Block]:
    """Yield the table of accounts for a root with teams or a multiplexer.

    Elsewhere the channels of each gateway show the same.
    """
    rows = data.get("accounts", ())
    if not rows or not (data["topology"] == "multiplex" or any(row["team"] for row in rows)):
        return
    cells = [
        (row["profile"], row["team"] or "-", row["channel"], row["account"] or "-", row["state"], row["detail"] or "-")
        for row in rows
    ]
    yield ""
    columns = (
        Column("account of"),
        Column("team", rank=4),
        Column("channel"),
        Column("id", rank=3),
        Column("state", rank=1),
        Column("detail", rank=2, fewest=20),
    )
    yield Table(columns, cells)
