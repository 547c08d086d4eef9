"""Which channels a profile holds: the answer every command gives. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .catalog import Catalog
from .flags import is_truthy

# The sections of config.yaml that `channels_of` reads, besides those named like a channel.
CONFIG_SECTIONS = ("platforms", "gateway")


def channels_of(environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog) -> tuple[str, ...]:
    """Return the channels that a profile's own files switch on, in alphabetical order.

    `environment`: what its `.env` sets; `config`: the effective mapping of config.yaml, of which `platforms`, `gateway`
    and sections named like a channel are read. An explicit `enabled: false` wins only where Hermes 0.19.0 lets it.
    """
    flags = dict(_flags(config, catalog))
    by_keys = catalog.enabled_by({**_scalars(config), **environment})
    on = {channel for channel, flag in flags.items() if flag}
    for channel in by_keys:
        fact = catalog.channels[channel]
        if flags.get(channel) is not False or not fact.explicit_disable_wins:
            on.add(channel)
    return tuple(sorted(on))


def _flags(config: Mapping[str, Any], catalog: Catalog) -> Iterator[tuple[str, bool]]:
    """Yield (channel, enabled), weakest place first: `gateway.platforms`, `platforms`, a section of its own."""
    gateway = config.get("gateway")
    blocks = [
        gateway.get("platforms") if isinstance(gateway, Mapping) else None,
        config.get("platforms"),
        config,
    ]
    for block in blocks:
        for name, settings in block.items() if isinstance(block, Mapping) else ():
            channel = catalog.channel_of_config_key(str(name))
            if channel is not None and isinstance(settings, Mapping) and "enabled" in settings:
                yield channel, is_truthy(settings["enabled"])


def _scalars(config: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in config.items() if isinstance(value, str | int | float)}
