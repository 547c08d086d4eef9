"""Differences between a profile's own gateway and the one gateway of Hermes 0.21.3 and later. Pure.

That gateway reads accounts, allow-lists, approvals and jobs of a profile from the profile alone, and serves what
listens on a port below `/p/NAME/` of default's port (agent/secret_scope.py, gateway/pairing.py,
gateway/platforms/shared_ingress.py). What is left: variables of the service, channels of the whole process, addresses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.hermes import multiplexing
from hermes_profiles.hermes.environment import PROCESS_PREFIXES
from hermes_profiles.hermes.files import CONFIG_FILE
from hermes_profiles.model.names import DEFAULT

from .facts import MultiplexFacts
from .limits import duplicate_accounts, ignored_settings, unreadable_files
from .model import Issue, IssueSeverity

_KEPT_CLASSES = (KeyClass.IDENTITY_CREDENTIAL, KeyClass.IDENTITY_COMPANION, KeyClass.TOOL_OR_PROVIDER_KEY)
_LISTENERS = multiplexing.LISTENERS | multiplexing.LISTENERS_IN_A_MODE | {"teams"}


def ingress_limit_issues(
    facts: Mapping[str, MultiplexFacts], catalog: Catalog, *, parked: frozenset[str] = frozenset()
) -> tuple[Issue, ...]:
    """Return what one gateway would do differently from the gateways of these profiles.

    `parked`: profiles that it does not serve; they count for shared accounts, as in Hermes' own check.
    """
    found: list[Issue] = []
    for name, profile in facts.items():
        found += unreadable_files(profile)
        if name == DEFAULT or name in parked:
            continue
        found += _unread_variables(profile, catalog)
        found += _unserved_channels(profile)
        found += _moved_listeners(profile, facts.get(DEFAULT))
        found += ignored_settings(profile, "the one gateway")
    return (*found, *duplicate_accounts(facts, with_ports=False))


def _unread_variables(profile: MultiplexFacts, catalog: Catalog) -> Iterator[Issue]:
    """Yield credentials and keys of the profile's process that its part of the one gateway does not have."""
    for name, value in sorted(profile.environment.items()):
        fact = catalog.lookup(name)
        if not value.strip() or name.startswith(PROCESS_PREFIXES) or profile.scope.get(name, "").strip():
            continue
        if fact is None or fact.key_class not in _KEPT_CLASSES or not fact.known:
            continue
        is_scalar = isinstance(profile.config.get(name), str | int | float)
        if not is_scalar and profile.place(name) != f"the service of {profile.name}":
            continue  # a secret source or another file of the profile, which Hermes reads for it
        yield Issue(
            profile.name,
            "unread-variable",
            f"{profile.name}: {name} ({profile.place(name)}) would be lost: the one gateway reads the profile's own "
            "`.env`",
            IssueSeverity.REFUSE,
            profile.place(name),
            f"set it in the `.env`: `hermes-profiles env set {profile.name} {name}`",
        )


def _unserved_channels(profile: MultiplexFacts) -> Iterator[Issue]:
    for channel in profile.held.channels:
        if channel in multiplexing.SHARED_INGRESS:
            yield Issue(
                profile.name,
                "shared-ingress",
                f"{profile.name}: its {channel} would not start: one for all profiles belongs to default",
                IssueSeverity.DECIDE,
                str(profile.home / CONFIG_FILE),
                f"set it up in default, or disable it: `hermes-profiles config set {profile.name} "
                f"platforms.{channel}.enabled false`",
            )


def _moved_listeners(profile: MultiplexFacts, default: MultiplexFacts | None) -> Iterator[Issue]:
    """Yield listeners that get an address below default's, and those that default has no listener for."""
    listening = {claim.channel for claim in profile.held.ports}
    for channel in profile.held.channels:
        if channel not in _LISTENERS or (channel in multiplexing.LISTENERS_IN_A_MODE and channel not in listening):
            continue
        path = f"/p/{profile.name}{multiplexing.MIRRORED.get(channel, '/')}"
        if channel in multiplexing.MIRRORED and (default is None or channel not in default.held.channels):
            yield Issue(
                profile.name,
                "no-listener",
                f"{profile.name}: its {channel} would not be served: default's listener serves it at {path}, and "
                f"default has no {channel}",
                IssueSeverity.DECIDE,
                str(profile.home / CONFIG_FILE),
                f"enable it in default: `hermes-profiles config set default platforms.{channel}.enabled true`",
            )
        else:
            yield Issue(
                profile.name,
                "moved-address",
                f"{profile.name}: its {channel} is served on default's port at {path}; its own port is closed, its "
                "key stays",
                IssueSeverity.NOTE,
                str(profile.home / CONFIG_FILE),
                "change the address in programs that call it",
            )
