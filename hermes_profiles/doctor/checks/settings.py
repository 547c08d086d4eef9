"""Reads channel settings and secrets from the facts of a profile; shared by several checks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.identities import is_example
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.model.patterns import lazy_pattern
from hermes_profiles.profiles.channels import legacy_blocks, merged

# Keys of secrets by their last part: `api_key`, `bot_token`, but neither `max_tokens` nor `key_path`.
_SECRET_KEY = lazy_pattern(r"(?i)(?:^|[_-])(?:token|secret|password|passwd|key|apikey)$|(?:token|secret|apikey)$")
_NO_SECRET = lazy_pattern(r"(?i)(?:public|cache|session|sort|partition|primary|foreign|idempotency|hot)[_-]?key$")
# Shorter values occur in too many other places (DESIGN.md, clone policy).
_SHORTEST = 8


def channel_settings(profile: ProfileFacts, channel: str, catalog: Catalog) -> Mapping[str, Any]:
    """Return the merged settings of a channel from gateway.json and config.yaml.

    Precedence as in Hermes 0.19.0 (gateway/config.py, `_merge_platform_map`).
    """
    settings: dict[str, Any] = {}
    for _, block in channel_blocks(profile, channel, catalog):
        settings = merged(settings, block)
    return settings


def channel_blocks(
    profile: ProfileFacts, channel: str, catalog: Catalog
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield (path, block) of each place with settings of a channel, lowest precedence first.

    The path of gateway.json is the channel name only.
    """
    gateway = profile.config.get("gateway")
    nested = gateway.get("platforms") if isinstance(gateway, Mapping) else None
    places = (
        ((), legacy_blocks(profile.files)),
        (("gateway", "platforms"), nested),
        (("platforms",), profile.config.get("platforms")),
    )
    for path, place in places:
        for name, block in place.items() if isinstance(place, Mapping) else ():
            if isinstance(block, Mapping) and catalog.channel_of_config_key(str(name)) == channel:
                yield (*path, str(name)), block


def scalar_text(value: object) -> str:
    """Return a scalar as text, "" for any other value."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def gateway_environment(facts: Facts, profile: ProfileFacts) -> Mapping[str, str]:
    """Return the variables of a gateway; managed ones override those of the profile."""
    managed = facts.managed.environment
    return {**profile.variables, **managed} if managed else profile.variables


def is_secret_name(name: str, catalog: Catalog) -> bool:
    """Return whether the catalogue lists a variable as a secret."""
    fact = catalog.lookup(name)
    return fact is not None and fact.known and (fact.secret or fact.key_class is KeyClass.IDENTITY_CREDENTIAL)


def secret_variables(environment: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Return name → value of the variables that hold a secret, without placeholders and short values."""
    return {
        name: value
        for name, value in environment.items()
        if len(value) >= _SHORTEST and is_secret_name(name, catalog) and is_real_secret(value, catalog)
    }


def is_real_secret(value: str, catalog: Catalog) -> bool:
    """Return whether a value can be a secret: not a placeholder, common value, reference or path."""
    text = value.strip()
    if len(text) < _SHORTEST or any(char.isspace() for char in text) or catalog.is_placeholder(text):
        return False
    if text in catalog.common_values or text.startswith(("${", "$", "op://", "bws://", "/", "~", "file:", "env:")):
        return False
    return "${" not in text and not is_example(text)


def secret_paths(data: object, catalog: Catalog, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of a document whose key names a secret and whose value can be one."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            name = str(key)
            if isinstance(value, str):
                is_secret_key = _SECRET_KEY.search(name) and not _NO_SECRET.search(name)
                if (is_secret_key or is_secret_name(name, catalog)) and is_real_secret(value, catalog):
                    yield (*path, name)
            elif isinstance(value, Mapping | list):
                yield from secret_paths(value, catalog, (*path, name))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            if isinstance(value, Mapping | list):
                yield from secret_paths(value, catalog, (*path, f"[{number}]"))


def reduced_severity(profile: ProfileFacts, severity: Severity) -> Severity:
    """Return the severity, one level lower for a disabled profile: its gateway is not started."""
    if not profile.disabled:
        return severity
    return Severity.WARNING if severity is Severity.ERROR else Severity.INFO
