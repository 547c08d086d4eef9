"""Identities that several profiles of one process hold: Hermes starts the channel for the first profile alone. Pure.

Facts (Hermes 0.21.4 and later, gateway/run_adapters.py, `_start_one_profile_adapters`): the profile that the gateway
was started for comes first, then default, then the others by name. A mask holds for the whole process.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hermes_profiles.gateways.masks import Mask
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.profiles.channels import ClaimedResources

from .running import without


class LeftOut(NamedTuple):
    """A channel that Hermes leaves out for `profile`, because `kept_by` has the same identity; `what`: its noun."""

    profile: str
    channel: str
    what: str
    kept_by: str

    def sentence(self) -> str:
        """Return it as text."""
        return f"Hermes leaves {self.channel} of {self.profile} out: {self.kept_by} has the same {self.what}"


def serving_order(server: str, served: Sequence[str]) -> tuple[str, ...]:
    """Return the profiles of one process in the order in which Hermes starts their channels."""
    rest = sorted(name for name in served if name not in (server, DEFAULT))
    return tuple(dict.fromkeys((server, *(name for name in (DEFAULT,) if name in served), *rest)))


def left_out(order: Sequence[str], holdings: Mapping[str, ClaimedResources]) -> tuple[LeftOut, ...]:
    """Return the channels that Hermes leaves out, one for each profile and channel."""
    holders: dict[tuple[str, str], str] = {}
    found: dict[tuple[str, str], LeftOut] = {}
    for name in order:
        for identity in holdings.get(name, ClaimedResources()).identities:
            keeper = holders.setdefault(identity.place, name)
            if keeper != name:
                found.setdefault((name, identity.channel), LeftOut(name, identity.channel, identity.noun, keeper))
    return tuple(found.values())


def of_one_process(order: Sequence[str], holdings: Mapping[str, ClaimedResources]) -> ClaimedResources:
    """Return what one process holds for its profiles; the ports of the first one alone, which serves the others."""
    out = left_out(order, holdings)
    kept = [
        without(holdings.get(name, ClaimedResources()), [each.channel for each in out if each.profile == name])
        for name in order
    ]
    first = kept[0] if kept else ClaimedResources()
    return first._replace(
        identities=tuple(identity for each in kept for identity in each.identities),
        channels=tuple(dict.fromkeys(channel for each in kept for channel in each.channels)),
        problems=(),
    )


class SharedMask(NamedTuple):
    """A mask that would take a channel from more profiles than `loser`; `others`: their names as text."""

    mask: Mask
    loser: str
    others: str


def masks_of_process(
    masks: Sequence[Mask], order: Sequence[str], holdings: Mapping[str, ClaimedResources]
) -> tuple[tuple[Mask, ...], tuple[SharedMask, ...]]:
    """Return the masks that a process may have, and the others: a mask may hold where one profile has the channel."""
    kept, refused = [], []
    for mask in masks:
        holders = [name for name in order if mask.channel in holdings.get(name, ClaimedResources()).channels]
        if len(holders) < 2:
            kept.append(mask)
            continue
        theirs = holdings.get(mask.owner.profile or "", ClaimedResources()).identities
        wanted = {each.place for each in theirs if each.channel == mask.channel}
        losers = [name for name in holders if any(each.place in wanted for each in holdings[name].identities)]
        loser = losers[0] if losers else holders[0]
        refused.append(SharedMask(mask, loser, ", ".join(name for name in holders if name != loser)))
    return tuple(kept), tuple(refused)
