"""The report of a strip as rows. It contains no value of a setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hermes_profiles.clone.report import RedactedPlace
from hermes_profiles.credentials.edits import Removed
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.named_tuple import NamedTuple


class Trashed(NamedTuple):
    """A file or folder that is moved to the trash; `channel` is None for a stored login."""

    path: str
    channel: str | None
    reason: str


class LeftPlace(NamedTuple):
    """A place that still holds a removed value: why it is not rewritten, and a command that shows it."""

    path: str
    reason: str
    command: str


class KeptVariable(NamedTuple):
    """A variable of a removed channel that stays, because these channels of the profile also read it."""

    name: str
    channels: tuple[str, ...]


@dataclass(slots=True, eq=False, repr=False)
class StripReport:
    """Collected while the plan is built."""

    profile: str
    channels: tuple[str, ...] = ()
    removed: list[Removed] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    assigned: dict[str, str | None] = field(default_factory=dict)
    masked: list[str] = field(default_factory=list)
    redacted: list[RedactedPlace] = field(default_factory=list)
    trashed: list[Trashed] = field(default_factory=list)
    left: list[LeftPlace] = field(default_factory=list)
    kept: list[KeptVariable] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def hide(self, values: ValueIndex) -> None:
        """Replace removed values in names and paths: a token can be the name of a file or of a key."""
        if not values:
            return
        hide = values.hide
        self.removed = [row._replace(name=hide(row.name)) for row in self.removed]
        self.redacted = [row._replace(path=hide(row.path)) for row in self.redacted]
        self.trashed = [row._replace(path=hide(row.path)) for row in self.trashed]
        self.left = [LeftPlace(hide(row.path), row.reason, hide(row.command)) for row in self.left]

    def as_data(self) -> dict[str, Any]:
        """Return the rows for JSON."""
        return {
            "profile": self.profile,
            "channels": list(self.channels),
            "removed": [
                {
                    "file": row.file,
                    "line": row.line,
                    "name": row.name,
                    "channel": row.ruling.channel,
                    "reason": row.ruling.reason,
                }
                for row in self.removed
            ],
            "disabled": self.disabled,
            "assigned": [{"name": name, "value": value} for name, value in self.assigned.items()],
            "masked": self.masked,
            "redacted": [row._asdict() for row in self.redacted],
            "trashed": [row._asdict() for row in self.trashed],
            "left": [row._asdict() for row in self.left],
            "kept": [{"name": row.name, "channels": list(row.channels)} for row in self.kept],
            "logins": self.logins,
        }
