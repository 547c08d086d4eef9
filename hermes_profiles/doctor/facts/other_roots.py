"""Facts of the other Hermes roots of this account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hermes_profiles.credentials.identities import Identity
from hermes_profiles.model.named_tuple import NamedTuple


class OtherRootFacts(NamedTuple):
    """Another root: `starts`: what starts its gateways, as text ("": nothing); `held`: profile → its identities."""

    root: Path
    starts: str
    held: Mapping[str, tuple[Identity, ...]]
