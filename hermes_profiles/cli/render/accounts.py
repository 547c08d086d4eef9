"""The table of the accounts of a fleet."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hermes_profiles.cli.framework import output


def account_lines(data: dict[str, Any]) -> Iterator[str]:
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
    yield from output.table(("account of", "team", "channel", "id", "state", "detail"), cells)
