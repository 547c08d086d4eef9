"""What a removal in place takes from one profile, as rows. No value is ever in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hermes_profiles.clone.report import RedactedPlace
from hermes_profiles.credentials.edits import Removed
from hermes_profiles.credentials.value_index import ValueIndex
from hermes_profiles.model.errors import Problem


class Trashed(NamedTuple):
    """A file or folder that goes to the trash; `channel` None for a stored login."""

    path: str
    channel: str | None
    reason: str


class LeftPlace(NamedTuple):
    """A place that still holds a removed value and is not rewritten: why, and a command to look at it."""

    path: str
    reason: str
    command: str


class KeptVariable(NamedTuple):
    """A variable of a removed channel that stays, because these channels of the profile read it too."""

    name: str
    channels: tuple[str, ...]


@dataclass(slots=True)
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
        """Take removed values out of names and paths: a token can be the name of a file or of a key."""
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
