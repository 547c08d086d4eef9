"""Finds libraries of channels that no profile uses: each gateway loads them all the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Evidence, Finding, Fix
from hermes_profiles.doctor.wording import join_names
from hermes_profiles.gateways.installation.hermes_libraries import HermesLibraries
from hermes_profiles.hermes.channel_sdks import CHANNEL_SDKS, ChannelSdk
from hermes_profiles.model.names import DEFAULT

# Less than that for each gateway is not worth a change of an environment.
_LEAST = 50
_THOUSAND = 1000


def unused_sdk(facts: Facts) -> Iterator[Finding]:
    """Find installed libraries of channels that no profile has, where they cost each gateway 50 MB or more."""
    if facts.libraries is None or facts.others:  # the channels of profiles that are not examined are not known
        return
    used = _channels(facts)
    names = facts.libraries.names
    unused = [sdk for sdk in CHANNEL_SDKS if sdk.channel not in used and not names.isdisjoint(sdk.distributions)]
    each = sum(sdk.megabytes for sdk in unused)
    if each < _LEAST:
        return
    gateways = _gateways(facts)
    total = f", {_size(each * gateways)} for {gateways} gateways" if gateways > 1 else ""
    yield Finding(
        f"no profile uses {join_names([sdk.channel for sdk in unused])}, and what is installed for it takes "
        f"{_size(each)} of memory in each gateway{total}",
        Fix("remove them from the environment of Hermes and restart the gateways", _command(facts.libraries, unused)),
        evidence=(Evidence(None, str(facts.libraries.folder)),),
    )


def _channels(facts: Facts) -> set[str]:
    """Return the channels that a profile has, on or off, in this root or in another one of the account."""
    found: set[str] = set()
    for profile in facts.profiles.values():
        held = profile.held
        found.update(
            held.channels,
            (off.channel for off in held.off if off.is_set_up),
            (each.channel for each in held.identities),
        )
    for root in facts.other_roots:
        found.update(identity.channel for held in root.held.values() for identity in held)
    return found


def _gateways(facts: Facts) -> int:
    """Return how many gateways run; without any, how many would."""
    running = sum(profile.pid is not None for profile in facts.profiles.values())
    if running:
        return running
    if facts.services.multiplexing or facts.services.serves:
        return sum(name == DEFAULT for name in facts.profiles) or 1
    return sum(not profile.disabled for profile in facts.profiles.values())


def _command(libraries: HermesLibraries, unused: list[ChannelSdk]) -> str:
    names = [name for sdk in unused for name in sdk.distributions if name in libraries.names]
    python = str(libraries.python)
    if "pip" in libraries.names:
        return shlex.join((python, "-m", "pip", "uninstall", "--yes", *names))
    return shlex.join(("uv", "pip", "uninstall", "--python", python, *names))


def _size(megabytes: int) -> str:
    return f"{megabytes / _THOUSAND:.1f} GB" if megabytes >= _THOUSAND else f"{megabytes} MB"
