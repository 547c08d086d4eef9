"""The settings that reach a gateway from outside of its profile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.model.named_tuple import NamedTuple

from ..policy import Channels, ClonePolicy

if TYPE_CHECKING:
    from hermes_profiles.documents.yaml.document import YamlDocument


class OuterSettings(NamedTuple):
    """The settings that reach a gateway from outside of its profile.

    `environment`: variables of the process and of the managed `.env`, not interpolated; `config`: its config.yaml.
    """

    environment: Mapping[str, str] = MappingProxyType({})
    config: YamlDocument | None = None

    def __repr__(self) -> str:
        return "OuterSettings(***)"


def inherited_identities(outer: OuterSettings, catalog: Catalog, policy: ClonePolicy) -> Iterator[tuple[str, str]]:
    """Yield the secrets of channels that come from outside of the profile: they can be pasted into its files."""
    for name, value in outer.environment.items() if policy.channels is not Channels.CLONE else ():
        fact = catalog.lookup(name)
        if fact is None or not fact.secret or fact.channel is None or name in policy.keep:
            continue
        if policy.concerns(*catalog.channels_of(name)) and fact.key_class is not KeyClass.TOOL_OR_PROVIDER_KEY:
            yield name, value
