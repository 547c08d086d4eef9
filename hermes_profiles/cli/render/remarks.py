"""Remarks on gateways that people cannot reach, as lines below a table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hermes_profiles.cli.framework.prose import Block, Prose


def remark_lines(profile: str, remarks: Iterable[Mapping[str, Any]], style: str = "") -> Iterator[Prose]:
    """Yield a line for each remark on a gateway that has a hint; one without a hint begins the line of the next."""
    begun = ""
    for remark in remarks:
        text, hint = f"{begun}{remark['message']}", remark["hint"]
        begun = "" if hint else f"{text}; "
        if hint:
            yield Prose(f"{text}; {hint}", head=f"{profile}: ", head_style=style)


def remarks_below(rows: Iterable[tuple[str, Iterable[Mapping[str, Any]]]]) -> Iterator[Block]:
    """Yield the remarks of (profile, remarks) below a blank line, nothing where there are none."""
    lines = [line for profile, remarks in rows for line in remark_lines(profile, remarks)]
    if lines:
        yield ""
        yield from lines
