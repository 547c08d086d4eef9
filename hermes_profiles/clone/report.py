"""The report of a clone as rows of the command contract. It contains no value of a setting."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hermes_profiles.credentials.edits import Kept, Removed
from hermes_profiles.credentials.search.value_index import ValueIndex
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple

from .source import LeftBehind


class RedactedPlace(NamedTuple):
    """A place in a copied file where a removed value was replaced."""

    path: str
    line: int
    name: str


class NamedPlace(NamedTuple):
    """A place in a copied file that may hold an identity and was not changed: the user should look at it.

    `line`: None where the file has no lines; `kind`: what it looks like, or why it was not searched. No value is in it.
    """

    path: str
    line: int | None
    kind: str


@dataclass(slots=True, eq=False, repr=False)
class CloneReport:
    """Collected while the plan is built; `as_data` returns the rows of the command contract.

    `source_paths`: (file, line) of paths into the source's home, in files that are copied.
    """

    profile: str
    source: str | None
    path: Path
    kept: list[Kept] = field(default_factory=list)
    env_removed: list[Removed] = field(default_factory=list)
    assigned: dict[str, str | None] = field(default_factory=dict)
    masked: list[str] = field(default_factory=list)
    config_removed: list[Removed] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)
    copied: int = 0
    left_behind: list[LeftBehind] = field(default_factory=list)
    redacted: list[RedactedPlace] = field(default_factory=list)
    named: list[NamedPlace] = field(default_factory=list)
    source_paths: list[tuple[str, int]] = field(default_factory=list)
    login_again: list[str] = field(default_factory=list)
    next_steps: list[str] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    alias: str | None = None

    @property
    def kept_names(self) -> tuple[str, ...]:
        """Return the names of the variables that stay."""
        return tuple(row.name for row in self.kept)

    @property
    def channels(self) -> tuple[str, ...]:
        """Return the channels that lost something, in alphabetical order."""
        channels = {row.ruling.channel for row in (*self.env_removed, *self.config_removed)}
        channels |= {row.channel for row in self.left_behind} | set(self.disabled)
        return tuple(sorted(channel for channel in channels if channel))

    def hide(self, values: ValueIndex) -> None:
        """Replace removed values in names, paths and messages: a token can be the name of a file or of a key."""
        if not values:
            return
        texts = [row.name for row in (*self.env_removed, *self.config_removed)]
        texts += [text for row in self.left_behind for text in (row.path, row.reason)]
        texts += [place.path for place in self.redacted] + [place.path for place in self.named]
        texts += [text or "" for row in self.warnings for text in (row.message, row.target, row.hint)]
        # All texts at once: a thousand values are not searched for in each of a thousand names.
        hidden = {text: values.hide(text) for text in values.held_by(texts)}

        def hide(text: str) -> str:
            return hidden.get(text, text)

        self.env_removed = [row._replace(name=hide(row.name)) for row in self.env_removed]
        self.config_removed = [row._replace(name=hide(row.name)) for row in self.config_removed]
        self.left_behind = [row._replace(path=hide(row.path), reason=hide(row.reason)) for row in self.left_behind]
        self.redacted = [row._replace(path=hide(row.path)) for row in self.redacted]
        self.named = [row._replace(path=hide(row.path)) for row in self.named]
        self.warnings = [
            Problem(row.code, hide(row.message), row.target and hide(row.target), row.hint and hide(row.hint))
            for row in self.warnings
        ]

    def as_data(self, *, dry_run: bool) -> dict[str, Any]:
        """Return `data` of the envelope."""
        return {
            "profile": self.profile,
            "source": self.source,
            "path": str(self.path),
            "dry_run": dry_run,
            "env": {
                "kept": list(self.kept_names),
                "removed": [_env_row(row) for row in self.env_removed],
                "assigned": [{"name": name, "value": value} for name, value in self.assigned.items()],
                "masked": self.masked,
            },
            "config": {
                "removed": [_config_row(row) for row in self.config_removed],
                "disabled": self.disabled,
            },
            "files": {
                "copied": self.copied,
                "left_behind": [{"path": row.path, "reason": row.reason} for row in self.left_behind],
                "redacted": [{"path": row.path, "line": row.line, "name": row.name} for row in self.redacted],
                "named": [{"path": row.path, "line": row.line, "kind": row.kind} for row in self.named],
            },
            "login_again": self.login_again,
            "next_steps": self.next_steps,
            "alias": self.alias,
        }


# So many places are named by an error.
_FEW = 5


def refuse_named(report: CloneReport) -> None:
    """Raise Refused when a place in a copied file may hold an identity."""
    if not report.named:
        return
    places = [f"{row.path}:{row.line} ({row.kind})" if row.line else f"{row.path} ({row.kind})" for row in report.named]
    more = f" and {len(places) - _FEW} more" if len(places) > _FEW else ""
    raise Refused(
        f"cannot clone {report.source}: it may hold an identity at {', '.join(places[:_FEW])}{more}",
        target=report.source,
        code="named-shapes",
        hint="remove these values from the source, or run it again without `--strict-shapes`",
    )


def _env_row(row: Removed) -> dict[str, Any]:
    key_class = row.ruling.key_class
    return {
        "name": row.name,
        "file": row.file,
        "line": row.line,
        "channel": row.ruling.channel,
        "class": str(key_class) if key_class is not None else None,
        "reason": row.ruling.reason,
    }


def _config_row(row: Removed) -> dict[str, Any]:
    return {
        "file": row.file,
        "path": row.name,
        "line": row.line,
        "channel": row.ruling.channel,
        "reason": row.ruling.reason,
    }
