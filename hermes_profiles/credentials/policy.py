"""The policy of a clone, and rulings: verdicts with their reasons."""

from __future__ import annotations

from enum import StrEnum

from hermes_profiles.credentials.catalog.catalog import KeyClass
from hermes_profiles.model.named_tuple import NamedTuple


class Verdict(StrEnum):
    """What a clone does with a key, a path or a file."""

    KEEP = "keep"
    REMOVE = "remove"
    ASSIGN = "assign"
    MASK = "mask"
    REDACT = "redact"


class Channels(StrEnum):
    """How much of the source's channels a clone takes."""

    EXCLUDE = "exclude"
    STRICT_PREFIX = "strict-prefix"
    CLONE = "clone-channels"


class ClonePolicy(NamedTuple):
    """The options of one clone; the default leaves every identity behind.

    `keep` and `drop` hold names of variables or dotted paths of config.yaml and overrule everything else.

    With `only`, identities are removed in place: those of these channels, and the single-use logins of the providers
    in `logins`. The variables and paths in `assign` get new values. The profile keeps everything else.

    `strict_shapes`: refuse a clone in which something may hold an identity, instead of naming it. `empties`: an empty
    setting of a channel is removed like any other one; for a clone it is a default of Hermes and stays.
    """

    channels: Channels = Channels.EXCLUDE
    keep: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()
    api_server: bool = True
    skip_unreadable: bool = False
    only: frozenset[str] | None = None
    logins: frozenset[str] = frozenset()
    assign: frozenset[str] = frozenset()
    strict_shapes: bool = False
    empties: bool = False

    def concerns(self, *channels: str) -> bool:
        """Return whether the policy applies to one of these channels."""
        return self.only is None or not self.only.isdisjoint(channels)

    def takes_login(self, provider: str) -> bool:
        """Return whether the stored single-use login of a provider is removed."""
        return self.only is None or provider in self.logins


class Ruling(NamedTuple):
    """One verdict with its reason. `by_user`: the user asked for it with `--keep` or `--drop`."""

    verdict: Verdict
    reason: str
    channel: str | None = None
    key_class: KeyClass | None = None
    by_user: bool = False

    @property
    def keeps(self) -> bool:
        """Return whether the item is copied unchanged."""
        return self.verdict is Verdict.KEEP

    @property
    def kept_by_user(self) -> bool:
        """Return whether the user asked to keep the item: then nothing in it is redacted either."""
        return self.keeps and self.by_user

    @property
    def removes(self) -> bool:
        """Return whether the item stays behind."""
        return self.verdict is Verdict.REMOVE
