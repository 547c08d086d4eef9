"""An API server that API_SERVER_* of the environment opens on one port in several profiles. Pure.

Sources: gateway/config.py (API_SERVER_KEY alone starts the server), hermes_cli/env_loader.py (a profile's own files win
over the environment, an empty value too); the same in 0.19.0 and 0.22.2.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hermes_profiles.hermes.environment import API_SERVER_ENABLED, API_SERVER_HOST, API_SERVER_KEY, API_SERVER_PORT
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

NAMES = (API_SERVER_KEY, API_SERVER_PORT, API_SERVER_HOST, API_SERVER_ENABLED)
_DEFAULT_PORT = "8642"


class InheritedApi(NamedTuple):
    """One port that variables of the environment open in the gateways of several profiles."""

    names: tuple[str, ...]
    port: str
    profiles: tuple[str, ...]


def given_by(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the API_SERVER_* of an environment that start the server, {} where they do not."""
    given = {name: value for name in NAMES if (value := environment.get(name, "").strip())}
    return given if given.get(API_SERVER_KEY) or is_truthy(given.get(API_SERVER_ENABLED)) else {}


def inherited_apis(given: Mapping[str, str], own: Mapping[str, Mapping[str, str]]) -> Iterator[InheritedApi]:
    """Yield the ports that several profiles get from the environment; `own`: profile → variables of its own files."""
    ports: dict[str, list[str]] = {}
    for name, environment in own.items():
        if given and _opens(environment, given):
            port = environment.get(API_SERVER_PORT, given.get(API_SERVER_PORT, "")).strip() or _DEFAULT_PORT
            ports.setdefault(port, []).append(name)
    for port, names in ports.items():
        if len(names) > 1:
            yield InheritedApi(tuple(given), port, tuple(names))


def _opens(environment: Mapping[str, str], given: Mapping[str, str]) -> bool:
    """Return whether inherited variables open the server of a gateway, which its own files do not."""
    key = environment.get(API_SERVER_KEY, given.get(API_SERVER_KEY, "")).strip()
    enabled = environment.get(API_SERVER_ENABLED, given.get(API_SERVER_ENABLED, ""))
    own = environment.get(API_SERVER_KEY, "").strip() or is_truthy(environment.get(API_SERVER_ENABLED))
    return not own and bool(key or is_truthy(enabled))
