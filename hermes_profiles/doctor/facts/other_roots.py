"""Facts of the other Hermes roots of this account."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from hermes_profiles.credentials.identities import Identity


class OtherRootFacts(NamedTuple):
    """Another root: `starts`: what starts its gateways, as text ("": nothing); `held`: profile → its identities."""

    root: Path
    starts: str
    held: Mapping[str, tuple[Identity, ...]]
