"""A channel as the JSON of `hermes-profiles catalog CHANNEL --json`."""

from __future__ import annotations

from typing import Any

from .model import Channel, KeyClass, KeyFact, Port


def channel_document(channel: Channel) -> dict[str, Any]:
    """Return a JSON-ready description of a channel: names, places and reasons, never values."""
    return {
        "name": channel.name,
        "sharing": channel.sharing.value,
        "why": channel.why,
        "since": channel.since or None,
        "origin": channel.origin,
        "prefixes": list(channel.prefixes),
        "keys": [_key_document(fact) for fact in channel.keys],
        "enabled_by": [sorted(names) for names in channel.enable_sets],
        "enable_note": channel.enable_note,
        "explicit_disable_wins": channel.explicit_disable_wins,
        "config": {
            word.value: [path for path, key_class in channel.config if key_class is word]
            for word in KeyClass
            if any(key_class is word for _, key_class in channel.config)
        },
        "ports": [_port_document(channel.name, port) for port in channel.ports],
        "state": list(channel.state),
        "lock": {"scope": channel.lock_scope, "effective": channel.lock_effective, "note": channel.lock_note},
        "identity": [list(names) for names in channel.lock_identity],
        "set_up": channel.set_up,
    }


def _key_document(fact: KeyFact) -> dict[str, Any]:
    return {
        "name": fact.name,
        "class": fact.key_class.value,
        "auto_enables": fact.auto_enables,
        "secret": fact.secret,
        "alias_of": fact.alias_of,
        "config": fact.config,
        "note": fact.note,
        "origin": fact.origin,
    }


def _port_document(channel: str, port: Port) -> dict[str, Any]:
    change = [*port.env, *(".".join(("platforms", channel, *path)) for path in port.config)]
    return {"port": port.default, "bind": port.bind, "when": port.when, "change": change}
