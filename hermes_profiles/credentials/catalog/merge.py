"""Merges declarations of plugins and of the user into the rows of the catalogue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from .model import Channel, KeyFact, Sharing, UserChannel

Item = TypeVar("Item")


def with_plugin(known: Channel, plugin: Channel) -> Channel:
    """Return a known channel with the variables, prefixes and files that only the plugin names.

    Two homes can have plugins for one channel: what starts either of them starts it.
    """
    if known.origin == "plugin":
        known = known._replace(
            enable_sets=_union(known.enable_sets, plugin.enable_sets),
            lock_identity=_union(known.lock_identity, plugin.lock_identity),
        )
    return known._replace(
        keys=_with_missing(known.keys, plugin.keys),
        prefixes=_union(known.prefixes, plugin.prefixes),
        plugins=_union(known.plugins, plugin.plugins),
        loaded_by=_union(known.loaded_by, plugin.loaded_by),
        state=_union(known.state, plugin.state),
    )


def with_user(known: Channel | None, user: UserChannel) -> Channel:
    """Return a channel with the user's additions: classes and sharing are replaced, the rest is added."""
    if known is None:
        return Channel(
            name=user.name,
            sharing=user.sharing or Sharing.exclusive,
            why="Declared by the user.",
            prefixes=user.prefixes or (user.name.upper().replace("-", "_") + "_",),
            keys=user.keys,
            enable_sets=user.enable_sets,
            enable_note="declared in catalog.toml",
            state=user.state,
            lock_identity=tuple(tuple(sorted(names)) for names in user.enable_sets),
            origin="user",
        )
    return known._replace(
        keys=_with_missing(reclassed(known, user.keys).keys, user.keys),
        prefixes=_union(known.prefixes, user.prefixes),
        sharing=user.sharing or known.sharing,
        enable_sets=_union(known.enable_sets, user.enable_sets),
        state=_union(known.state, user.state),
    )


def reclassed(channel: Channel, keys: Iterable[KeyFact]) -> Channel:
    """Return the channel with the classes that `keys` give to variables it already has."""
    given = {fact.name: fact for fact in keys}
    if not any(fact.name in given for fact in channel.keys):
        return channel
    return channel._replace(
        keys=tuple(
            fact._replace(key_class=given[fact.name].key_class, origin=given[fact.name].origin)
            if fact.name in given
            else fact
            for fact in channel.keys
        ),
    )


def _with_missing(known: tuple[KeyFact, ...], more: tuple[KeyFact, ...]) -> tuple[KeyFact, ...]:
    names = {fact.name for fact in known}
    return (*known, *(fact for fact in more if fact.name not in names))


def _union(first: tuple[Item, ...], second: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys((*first, *second)))
