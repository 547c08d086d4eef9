"""The line about a multiplexer that was restarted for a command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.names import DEFAULT


def summary_lines(data: Mapping[str, Any], errors: Sequence[Problem]) -> Iterator[str]:
    """Yield the line about the multiplexer for the answer of a command that has it let go of a profile."""
    gateway = data.get("multiplexer")
    if not gateway:
        return
    if not gateway.get("restarted", True):
        if "plan" in data:
            yield f"  the gateway of {gateway['profile']} lets go of the profile and goes on running"
        elif not errors:
            yield f"the gateway of {gateway['profile']}, which serves the other profiles, went on running"
    elif "plan" in data:
        yield f"  the gateway of {DEFAULT} serves the other profiles as well; it is stopped and started again"
    elif not errors:
        yield f"the gateway of {DEFAULT}, which serves the other profiles, was restarted"
