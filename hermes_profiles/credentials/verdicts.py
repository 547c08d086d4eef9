"""The words of the classifier: what the user asked for, and what was decided with which reason."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from .catalog import KeyClass


class Verdict(StrEnum):
    """What happens to a key, a path or a file in a clone."""

    KEEP = "keep"
    REMOVE = "remove"
    ASSIGN = "assign"
    MASK = "mask"
    REDACT = "redact"


class Channels(StrEnum):
    """How much of the source's channels a clone may carry."""

    EXCLUDE = "exclude"
    STRICT_PREFIX = "strict-prefix"
    CLONE = "clone-channels"


class ClonePolicy(NamedTuple):
    """What the user asked of one clone; the default leaves every identity behind.

    `keep` and `drop` hold names of variables or dotted paths of config.yaml and overrule everything else.
    """

    channels: Channels = Channels.EXCLUDE
    keep: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()
    api_server: bool = True
    skip_unreadable: bool = False


class Ruling(NamedTuple):
    """One verdict with its reason, as a person would say it."""

    verdict: Verdict
    reason: str
    channel: str | None = None
    key_class: KeyClass | None = None

    @property
    def keeps(self) -> bool:
        """Return whether the thing goes into the clone as it is."""
        return self.verdict is Verdict.KEEP

    @property
    def removes(self) -> bool:
        """Return whether the thing stays behind."""
        return self.verdict is Verdict.REMOVE
