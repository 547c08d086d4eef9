"""Where the settings of a channel are in config.yaml. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.model.named_tuple import NamedTuple

# Names below `platforms` that are no channel: the terminal itself.
_NOT_A_CHANNEL = frozenset({"local", "cli"})


class ChannelPlace(NamedTuple):
    """A block of settings of one channel: its name as the catalogue spells it, and the block's path."""

    channel: str
    block: tuple[str, ...]
    known: bool
    switchable: bool  # `enabled` counts here


def channel_place(path: Sequence[str], catalog: Catalog) -> ChannelPlace | None:
    """Return the channel block that a path is in (or is), None outside of any."""
    if not path:
        return None
    first, length = path[0], len(path)
    size = 1 if first == "platforms" else 2 if first == "gateway" and length > 1 and path[1] == "platforms" else 0
    if size and length > size:
        name = path[size]
        known = catalog.channel_of_config_key(name)
        if known is None and name.lower() in _NOT_A_CHANNEL:
            return None
        return ChannelPlace(known or name.lower(), tuple(path[: size + 1]), known=known is not None, switchable=True)
    if first == "gateway" and length > 1:
        known = catalog.channel_of_config_key(path[1])
        # `gateway.api_server` is also a section of Hermes' defaults: no flag is inserted where there was none.
        return ChannelPlace(known, tuple(path[:2]), known=True, switchable=False) if known else None
    known = catalog.channel_of_config_key(first)
    return ChannelPlace(known, tuple(path[:1]), known=True, switchable=False) if known else None
