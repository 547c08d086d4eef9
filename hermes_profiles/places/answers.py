"""The answer of a place: its envelope, or why no program answered; rows of many places as one list."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hermes_profiles.model.errors import SCHEMA, ExitCode, Problem
from hermes_profiles.model.named_tuple import NamedTuple

from .engine import EngineFacts
from .model import Place

# From the worst to the best: the exit code of a command on many places.
_WORST_FIRST = (
    ExitCode.MANAGER, ExitCode.FAILED, ExitCode.REFUSED, ExitCode.USAGE, ExitCode.MISSING, ExitCode.NEGATIVE,
    ExitCode.OK,
)  # fmt: skip


class PlaceAnswer(NamedTuple):
    """The answer of one place. `envelope`: None for a silent one; then `problem` says why."""

    place: Place
    envelope: Mapping[str, Any] | None
    problem: Problem | None = None
    engine: EngineFacts | None = None

    @property
    def is_silent(self) -> bool:
        """Return whether no program answered."""
        return self.envelope is None

    @property
    def data(self) -> Mapping[str, Any]:
        """Return the data of the envelope, {} without one."""
        found = self.envelope.get("data") if self.envelope is not None else None
        return found if isinstance(found, Mapping) else {}

    @property
    def exit_code(self) -> ExitCode:
        """Return the exit code; 4 of a silent place."""
        if self.envelope is None:
            return ExitCode.MANAGER
        try:
            return ExitCode(self.envelope["exit_code"])
        except (KeyError, ValueError, TypeError):
            return ExitCode.FAILED

    def problems(self, key: str) -> list[Problem]:
        """Return the `errors` or `warnings` of the envelope, each with the place in front."""
        if self.envelope is None:
            return [self.problem] if key == "errors" and self.problem is not None else []
        rows = self.envelope.get(key)
        return [self._problem(row) for row in rows if isinstance(row, Mapping)] if isinstance(rows, Sequence) else []

    def _problem(self, row: Mapping[str, Any]) -> Problem:
        code, message, target, hint = (row.get(name) for name in Problem._fields)
        return Problem(
            str(code or "failed"),
            f"{self.place.name}: {message}",
            target if isinstance(target, str) else None,
            hint if isinstance(hint, str) else None,
        )

    def rows(self, key: str) -> list[dict[str, Any]]:
        """Return the rows below a key of the data, each with `place` first."""
        found = self.data.get(key)
        if not isinstance(found, Sequence) or isinstance(found, str):
            return []
        return [{"place": self.place.name, **row} for row in found if isinstance(row, Mapping)]


def parsed_envelope(out: bytes) -> dict[str, Any] | None:
    """Return the envelope in an output, None without one; lines before it come from start files of a shell."""
    text = out.decode("utf-8", "replace")
    begin = 0 if text.startswith("{") else text.find("\n{") + 1
    if text[begin : begin + 1] != "{":
        return None
    try:
        found, _ = json.JSONDecoder().raw_decode(text, begin)
    except ValueError:
        return None
    return found if isinstance(found, dict) and found.get("schema") == SCHEMA else None


def worst_code(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the exit code of many: that of the worst."""
    found = set(codes)
    return next((code for code in _WORST_FIRST if code in found), ExitCode.FAILED if found else ExitCode.OK)
