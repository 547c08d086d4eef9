"""The claims of profiles, what each got at its last start, and the file that keeps them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.changes.state_files import write_state_file
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.identities import Identity
from hermes_profiles.gateways.masks import Mask, masks_from
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import ClaimedResources
from hermes_profiles.profiles.regular_file import read_regular

# Seconds that a decision of `hermes-gateways start` stays valid for its start (staggered starts take time).
FRESH = 300.0
# Hermes reads the files of a profile at most so many seconds after its pre-start step, also on a busy machine.
_LOADING = 60.0
_LARGEST = 16 * 1024 * 1024
_VERSION = 1


class Claim(NamedTuple):
    """What a profile got at its last start.

    `source`: `start` for a decision whose start is pending, else `service`; `recorded_at`: epoch seconds.
    """

    identities: tuple[Identity, ...]
    ports: tuple[PortClaim, ...]
    masks: tuple[Mask, ...]
    recorded_at: float
    source: str

    def is_waiting(self, now: float) -> bool:
        """Return whether this is a valid decision of `hermes-gateways start` whose start is pending."""
        return self.source == "start" and 0 <= now - self.recorded_at < FRESH

    @property
    def held(self) -> ClaimedResources:
        """Return the claimed identities and ports; masked channels are not among them."""
        return ClaimedResources(self.identities, self.ports)

    def with_files(self, held: ClaimedResources) -> Claim:
        """Return this claim with what the files of the profile claim as well, without masked channels."""
        masked = {mask.channel for mask in self.masks}
        identities = (one for one in held.identities if one.channel not in masked)
        ports = (one for one in held.ports if one.channel not in masked)
        return self._replace(
            identities=tuple(dict.fromkeys((*self.identities, *identities))),
            ports=tuple(dict.fromkeys((*self.ports, *ports))),
        )


def was_edited_at_start(home: Path, claim: Claim) -> bool:
    """Return whether a file was edited after the pre-start step, and perhaps before the gateway read it.

    Such a gateway may hold what its files contained before, or what they contain now.
    """
    if claim.source != "service":
        return False
    for name in (ENV_FILE, CONFIG_FILE):
        try:
            edited = os.stat(home / name).st_mtime
        except OSError:
            continue
        if 0 <= edited - claim.recorded_at <= _LOADING:
            return True
    return False


def held_by_process(held: ClaimedResources, claim: Claim | None, home: Path) -> ClaimedResources:
    """Return what a running gateway holds: what it started with, although its files have changed since.

    `held`: what the files of its home claim now. They count as well where they were edited during the start.
    `claim`: that of its pre-start step, None for a gateway that was started without it: then its files count.
    """
    if claim is None or claim.source != "service":
        return held
    if was_edited_at_start(home, claim):
        claim = claim.with_files(held)
    return held._replace(identities=claim.identities, ports=claim.ports)


def _path(layout: Layout) -> Path:
    return layout.state / "claims.json"


def read_ledger(layout: Layout) -> dict[str, Claim]:
    """Return the ledger; {} where it cannot be read: then files and locks of running gateways decide."""
    try:
        data = json.loads(read_regular(_path(layout), _LARGEST))
        return {str(name): _parsed(row) for name, row in data["profiles"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _parsed(row: Mapping[str, Any]) -> Claim:
    return Claim(
        tuple(Identity(channel, key, noun) for channel, key, noun in row["identities"]),
        tuple(PortClaim(channel, int(port), bind) for channel, port, bind in row["ports"]),
        tuple(masks_from(row["masks"])),
        float(row["at"]),
        str(row["by"]),
    )


def write_ledger(layout: Layout, claims: Mapping[str, Claim]) -> None:
    """Write the ledger. Raises Failed."""
    rows = {
        name: {
            "identities": [list(one) for one in claim.identities],
            "ports": [list(one) for one in claim.ports],
            "masks": [mask.as_data() for mask in claim.masks],
            "at": claim.recorded_at,
            "by": claim.source,
        }
        for name, claim in claims.items()
    }
    text = json.dumps({"version": _VERSION, "profiles": rows}, separators=(",", ":")) + "\n"
    write_state_file(_path(layout), text.encode(), 0o600)
