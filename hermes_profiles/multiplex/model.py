"""What stands in the way of one gateway for all, and what is written so that nothing changes for anybody. Values."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from hermes_profiles.model.errors import Problem


class IssueSeverity(StrEnum):
    """How much a limit weighs: `refuse` is to be mended first, `decide` a person may overrule, `note` is told."""

    REFUSE = "refuse"
    DECIDE = "decide"
    NOTE = "note"


class Issue(NamedTuple):
    """What one gateway for all would do otherwise with a profile; `place`: the file, `hint`: what mends it."""

    profile: str
    code: str
    message: str
    severity: IssueSeverity
    place: str | None = None
    hint: str | None = None

    @property
    def problem(self) -> Problem:
        """Return the limit as a warning or an error."""
        return Problem(self.code, self.message, self.place or self.profile, self.hint)


class PinnedSetting(NamedTuple):
    """A setting written into a profile's own file, so that the default's is not taken for its own.

    `key`: a variable of `.env`, or a path of config.yaml; `why` says it without the value.
    """

    profile: str
    file: str
    key: tuple[str, ...]
    value: str
    why: str

    def __repr__(self) -> str:
        return f"Isolation({self.profile}, {self.file}, {'.'.join(self.key)})"
