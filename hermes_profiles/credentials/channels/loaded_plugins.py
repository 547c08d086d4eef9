"""Which channels a gateway lacks because it does not load their plugin. Pure.

Hermes loads a plugin of a home only when `plugins.enabled` names it, and one of its own unless `plugins.disabled` does
(0.19.0, hermes_cli/plugins.py).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.hermes.environment import HERMES_ENABLE_PROJECT_PLUGINS, HERMES_SAFE_MODE
from hermes_profiles.hermes.files import PLUGIN_NAME_ENDING, PLUGINS_FOLDER, PROJECT_PLUGINS
from hermes_profiles.model.truthy import is_truthy

PLUGINS_DISABLED = ("plugins", "disabled")
# The channels of plugins that come with Hermes (plugins/platforms of 0.19.0 and 0.22.2; `wecom` has two of them).
_OF_HERMES = frozenset((
    "a2a", "buzz", "dingtalk", "discord", "email", "feishu", "google_chat", "homeassistant", "irc", "line", "matrix",
    "mattermost", "ntfy", "photon", "raft", "simplex", "slack", "sms", "teams", "telegram", "wecom", "wecom_callback",
    "whatsapp",
))  # fmt: skip
_SECOND_IN_PLUGIN = {"wecom_callback": "wecom"}


def without_plugin(
    environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog, home: str = ""
) -> frozenset[str]:
    """Return the channels that do not start with these settings, because their plugin is not loaded.

    `home`: a plugin in the folder of another home does not count, "" to count each.
    """
    if is_truthy(environment.get(HERMES_SAFE_MODE, "")):
        return _OF_HERMES | {channel.name for channel in catalog.of_plugins}
    off = disabled_plugins(config)
    if not catalog.of_plugins:
        return off
    enabled, disabled = _names(config, "enabled"), _names(config, "disabled")
    folders = {"", os.path.join(home, PLUGINS_FOLDER)}
    if is_truthy(environment.get(HERMES_ENABLE_PROJECT_PLUGINS, "")):
        folders.add(os.path.join(home, PROJECT_PLUGINS))
    loaded = {
        channel.name
        for channel in catalog.of_plugins
        for place in channel.loaded_by
        if (not home or place.folder in folders) and enabled & {*place.names} and not disabled & {*place.names}
    }
    return off | {channel.name for channel in catalog.of_plugins if channel.name not in loaded}


def disabled_plugins(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the channels of those plugins of Hermes that config.yaml switches off."""
    disabled = _names(config, "disabled")
    return frozenset(channel for channel in _OF_HERMES if plugin_of(channel) in disabled) if disabled else disabled


def plugin_of(channel: str) -> str:
    """Return the name of the plugin of Hermes that brings a channel."""
    return _SECOND_IN_PLUGIN.get(channel, channel) + PLUGIN_NAME_ENDING


def _names(config: Mapping[str, Any], key: str) -> frozenset[str]:
    plugins = config.get("plugins")
    names = plugins.get(key) if isinstance(plugins, Mapping) else None
    return frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
