"""The settings that reach a gateway from outside of its profile."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from hermes_profiles.model.named_tuple import NamedTuple

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
