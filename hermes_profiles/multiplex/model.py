"""Value types: issues of a switch to the multiplexer, and the settings that it writes."""

from __future__ import annotations

from enum import StrEnum

from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple


class IssueSeverity(StrEnum):
    """Severity of an issue: `refuse` must be fixed first, `decide` can be accepted by the user, `note` is reported."""

    REFUSE = "refuse"
    DECIDE = "decide"
    NOTE = "note"


class Issue(NamedTuple):
    """A difference between the multiplexer and a profile's own gateway; `place`: its file, `hint`: the fix."""

    profile: str
    code: str
    message: str
    severity: IssueSeverity
    place: str | None = None
    hint: str | None = None

    @property
    def problem(self) -> Problem:
        """Return the issue as a warning or an error."""
        return Problem(self.code, self.message, self.place or self.profile, self.hint)


class PinnedSetting(NamedTuple):
    """A setting written into a profile's own file, so that the multiplexer does not use default's value.

    `key`: a variable of `.env`, or a path of config.yaml; `why`: the reason, without the value.
    """

    profile: str
    file: str
    key: tuple[str, ...]
    value: str
    why: str

    def __repr__(self) -> str:
        return f"PinnedSetting({self.profile}, {self.file}, {'.'.join(self.key)})"
