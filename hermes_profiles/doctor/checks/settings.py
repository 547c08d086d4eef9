"""What the files of a profile say of one channel, and which of their values are secrets: shared by checks. Pure."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.identities import is_example
from hermes_profiles.doctor.facts.profile import ProfileFacts
from hermes_profiles.doctor.facts.snapshot import Facts
from hermes_profiles.doctor.findings import Severity
from hermes_profiles.profiles.channels import legacy_blocks, merged

# The last word of a key that holds a secret: `api_key`, `bot_token`, but neither `max_tokens` nor `key_path`.
_SECRET_KEY = re.compile(r"(?i)(?:^|[_-])(?:token|secret|password|passwd|key|apikey)$|(?:token|secret|apikey)$")
_NO_SECRET = re.compile(r"(?i)(?:public|cache|session|sort|partition|primary|foreign|idempotency|hot)[_-]?key$")
_LONGEST_LIST = 3
# Shorter values stand in too many honest places (DESIGN.md, clone policy).
_SHORTEST = 8


def block_of(profile: ProfileFacts, channel: str, catalog: Catalog) -> Mapping[str, Any]:
    """Return what gateway.json and config.yaml say of a channel: later places over earlier ones, as in Hermes 0.19.0
    (gateway/config.py, `_merge_platform_map`)."""
    found: dict[str, Any] = {}
    for _, block in blocks_of(profile, channel, catalog):
        found = merged(found, block)
    return found


def blocks_of(
    profile: ProfileFacts, channel: str, catalog: Catalog
) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield (path, block) for each place that speaks of a channel, the weakest first; gateway.json has no path."""
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


def text_of(value: object) -> str:
    """Return a single value as text, "" for anything else."""
    return str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def environment_of(facts: Facts, profile: ProfileFacts) -> Mapping[str, str]:
    """Return the variables of a profile's gateway, the managed ones over its own."""
    managed = facts.managed.environment
    return {**profile.variables, **managed} if managed else profile.variables


def is_secret_name(name: str, catalog: Catalog) -> bool:
    """Return whether the catalogue knows that the value of a variable gives access."""
    fact = catalog.lookup(name)
    return fact is not None and fact.known and (fact.secret or fact.key_class is KeyClass.IDENTITY_CREDENTIAL)


def secrets_of(environment: Mapping[str, str], catalog: Catalog) -> dict[str, str]:
    """Return name → value of those variables that give access; placeholders and short values are none."""
    return {
        name: value
        for name, value in environment.items()
        if len(value) >= _SHORTEST and is_secret_name(name, catalog) and is_real_secret(value, catalog)
    }


def is_real_secret(value: str, catalog: Catalog) -> bool:
    """Return whether a value can be a secret: no placeholder, no public word, no reference, no path."""
    text = value.strip()
    if len(text) < _SHORTEST or any(char.isspace() for char in text) or catalog.is_placeholder(text):
        return False
    if text in catalog.common_values or text.startswith(("${", "$", "op://", "bws://", "/", "~", "file:", "env:")):
        return False
    return "${" not in text and not is_example(text)


def secret_paths(data: object, catalog: Catalog, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the paths of a document whose keys say that a secret stands there, and where one does."""
    if isinstance(data, Mapping):
        for key, value in data.items():
            name = str(key)
            if isinstance(value, str):
                telling = _SECRET_KEY.search(name) and not _NO_SECRET.search(name)
                if (telling or is_secret_name(name, catalog)) and is_real_secret(value, catalog):
                    yield (*path, name)
            elif isinstance(value, Mapping | list):
                yield from secret_paths(value, catalog, (*path, name))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            if isinstance(value, Mapping | list):
                yield from secret_paths(value, catalog, (*path, f"[{number}]"))


def listed(names: Iterable[str], most: int = _LONGEST_LIST) -> str:
    """Return names as a sentence lists them; of many the first ones and how many more there are."""
    every = list(dict.fromkeys(names))
    if len(every) > most + 1:
        return f"{', '.join(every[:most])} and {len(every) - most} more"
    return " and ".join(filter(None, [", ".join(every[:-1]), every[-1]])) if every else ""


def them(things: Collection[object]) -> str:
    """Return the word for one thing or several."""
    return "it" if len(things) == 1 else "them"


def shell_command(command: str, paths: Collection[Path | str]) -> str:
    """Return a command line with paths in it, quoted for a shell."""
    return " ".join([command, *(shlex.quote(str(path)) for path in paths)])


def lesser(profile: ProfileFacts, severity: Severity) -> Severity:
    """Return the severity for a profile: a disabled one counts less, for no gateway of it is started."""
    order = {Severity.ERROR: Severity.WARNING, Severity.WARNING: Severity.INFO, Severity.INFO: Severity.INFO}
    return order[severity] if profile.disabled else severity


def noted(profile: ProfileFacts) -> str:
    """Return a profile's name as messages have it."""
    return f"{profile.name} (disabled)" if profile.disabled else profile.name
