"""The line about a multiplexer that was restarted for a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT


def summary_lines(data: Mapping[str, Any], errors: Sequence[Problem]) -> Iterator[str]:
    """Yield the line about the multiplexer for the answer of a command that has it let go of a profile."""
    if not data.get("multiplexer"):
        return
    if "plan" in data:
        yield f"  the gateway of {DEFAULT} serves the other profiles as well; it is stopped and started again"
    elif not errors:
        yield f"the gateway of {DEFAULT}, which serves the other profiles, was restarted"
