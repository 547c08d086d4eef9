"""Masks: channels that are switched off for one run of a gateway, with cause, owner, sentence and JSON form. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Any

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

# The only text that versions without a `cause` wrote.
_OLD_REASON = lazy_pattern(r".* disabled: (?:port (?P<port>\d+)|(?P<cause>\w+)) already in use by .*", re.DOTALL)


class MaskCause(StrEnum):
    """What the channel needs and its owner has; the first three are the nouns of `Identity`."""

    TOKEN = "token"  # noqa: S105
    IDENTITY = "identity"
    SESSION = "session"
    PORT = "port"


class ChannelOwner(NamedTuple):
    """What has an identity or a port: a profile of this root, or a process (`pid` None: it cannot be seen)."""

    profile: str | None = None
    pid: int | None = None

    def __str__(self) -> str:
        if self.profile is not None:
            return f"profile '{self.profile}'"
        return f"process {self.pid}, which is not a profile of this root" if self.pid is not None else "another process"


class Mask(NamedTuple):
    """A channel that is switched off for one run.

    `port`: the number where the cause is a port; `is_free`: the conflict is over, and a restart would end the mask.
    """

    channel: str
    cause: MaskCause = MaskCause.IDENTITY
    owner: ChannelOwner = ChannelOwner()
    port: int | None = None
    is_free: bool = False

    @property
    def reason(self) -> str:
        """Return why: `token already in use by profile 'work'`."""
        what = f"port {self.port}" if self.cause is MaskCause.PORT else self.cause
        return f"{what} already in use by {self.owner}"

    def sentence(self, effect: str = "disabled") -> str:
        """Return the message about this mask: platform, effect, reason."""
        return f"platform '{self.channel}' {effect}: {self.reason}"

    def as_data(self) -> dict[str, Any]:
        """Return the JSON row; it holds the sentence too, for readers and for versions before `cause`."""
        return {
            "channel": self.channel,
            "cause": str(self.cause),
            "port": self.port,
            "owner": self.owner.profile,
            "owner_pid": self.owner.pid,
            "reason": self.sentence(),
        }


def masks_from(rows: Sequence[Mapping[str, Any]]) -> Iterator[Mask]:
    """Yield masks from their JSON rows, of this version or an earlier one. Raises KeyError or TypeError for others."""
    for row in rows:
        cause, port = row.get("cause"), row.get("port")
        if cause is None:  # written before `cause`: the sentence is the only record
            match = _OLD_REASON.fullmatch(str(row["reason"]))
            port = match["port"] if match is not None else None
            cause = MaskCause.PORT if port is not None else match["cause"] if match is not None else None
        known = MaskCause(cause) if cause in set(MaskCause) else MaskCause.IDENTITY
        yield Mask(
            str(row["channel"]),
            known,
            ChannelOwner(row.get("owner"), row.get("owner_pid")),
            int(port) if port is not None else None,
        )
