"""Rulings on `secrets` of config.yaml: programs and vaults that pass variables to a gateway at its start.

Sources: Hermes 0.22.2, agent/secret_sources/. 1Password names each variable and is judged by name (rules/config.py).
Bitwarden, `secrets.command` and sources of plugins pass all that they hold. A value in `.env` wins over them, an empty
one does not, so only `enabled: false` keeps a channel off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.mentions.variable_mentions import names_in
from hermes_profiles.credentials.policy import Channels, ClonePolicy, Ruling, Verdict
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

from .environment import API_SERVER, SourceFacts, judge_name

if TYPE_CHECKING:
    from hermes_profiles.documents.entries import TreeEntry

SECRETS = "secrets"
# Judged elsewhere: by variable, and by a warning that 0.19.0 already needs.
_FILTERED = frozenset({"onepassword", "bitwarden"})


class SecretSource(NamedTuple):
    """A source of `secrets` that is on and passes variables that nothing here names.

    `names`: what its settings name in the form of a variable.
    """

    path: tuple[str, ...]
    names: tuple[str, ...]


def secret_sources(entries: Iterable[TreeEntry]) -> tuple[SecretSource, ...]:
    """Return the sources that are on, without 1Password and Bitwarden."""
    names: dict[str, list[str]] = {}
    on: set[str] = set()
    for entry in entries:
        if len(entry.path) < 3 or entry.path[0] != SECRETS or entry.path[1] in _FILTERED:
            continue
        if entry.path[2:] == ("enabled",) and is_truthy(entry.value):
            on.add(entry.path[1])
        elif entry.kind == "scalar" and entry.value:
            names.setdefault(entry.path[1], []).extend(names_in(entry.value))
    return tuple(SecretSource((SECRETS, name), tuple(dict.fromkeys(names.get(name, ())))) for name in sorted(on))


def judge_sources(
    sources: Iterable[SecretSource], *, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts
) -> Mapping[tuple[str, ...], Ruling]:
    """Return the rulings on sources that name a removed variable: they stay behind whole."""
    return {
        source.path: ruling
        for source in sources
        if (ruling := _judge_source(source, catalog, policy, facts)) is not None
    }


def _judge_source(source: SecretSource, catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Ruling | None:
    for name in source.names:
        ruling = judge_name(name, catalog=catalog, policy=policy, facts=facts)
        if ruling.verdict in (Verdict.REMOVE, Verdict.ASSIGN) and ruling.channel is not None:
            reason = f"it passes {name} to the gateway, over its own files"
            return Ruling(Verdict.REMOVE, reason, ruling.channel, None)
    return None


def channels_to_mask(catalog: Catalog, policy: ClonePolicy, facts: SourceFacts) -> Iterator[str]:
    """Yield the channels that a source which stays could switch on by variables alone."""
    if policy.channels is Channels.CLONE:
        return
    for name, channel in sorted(catalog.channels.items()):
        if name == API_SERVER and facts.api_server_on and policy.api_server:
            continue
        if channel.enable_sets and policy.concerns(name):
            yield name


def is_source_setting(path: Sequence[str]) -> bool:
    """Return whether a path is a setting of such a source: its words are no secrets, the values in them are."""
    return len(path) > 1 and path[0] == SECRETS and path[1] not in _FILTERED
