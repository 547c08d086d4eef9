"""What the files of a profile would have its gateway hold: quick enough for a thousand profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import CONFIG_SECTIONS, Identity, PortClaim, channels_on, claimed_identities
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.truthy import is_truthy

from .home_files import HomeFiles, sections_in


class ClaimedResources(NamedTuple):
    """What a gateway with these files would hold.

    `channels`: those that are on; `spellings`: keys of blocks that name a channel in other letters than the catalogue
    (Hermes reads `Telegram` too); `unmaskable`: channels that gateway.json switches on where Hermes reads no
    config.yaml, so that no overlay reaches them (0.19.0 lays it over config.yaml alone); `accounts`: channel → how its
    account calls itself, where something but a secret names it.
    """

    identities: tuple[Identity, ...] = ()
    ports: tuple[PortClaim, ...] = ()
    problems: tuple[Problem, ...] = ()
    channels: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    unmaskable: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = {}


class Managed(NamedTuple):
    """The values of the machine-wide managed directory: they lie over the files of every profile."""

    environment: Mapping[str, str]
    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Managed({sorted(self.environment)})"


NOTHING_MANAGED = Managed({}, {})


def claimed_resources(
    home: Path, *, catalog: Catalog, managed: Managed = NOTHING_MANAGED, files: HomeFiles | None = None
) -> ClaimedResources:
    """Return what a profile's own files, and the managed ones over them, would have a gateway hold.

    A file that cannot be read becomes a problem, never an exception. `files`: a reader of this home that was used
    already; what it met before stays out of the problems.
    """
    files = files or HomeFiles(home, catalog.known_names)
    before = len(files.problems)
    environment, config, legacy, has_config = _given(files, catalog, managed)
    held = claimed_identities(
        environment, with_legacy(config, legacy), catalog, stored=stored_in(files), home=str(home)
    )
    unmaskable: frozenset[str] = frozenset()
    if legacy and not has_config:
        without = claimed_identities(environment, config, catalog, home=str(home)).channels
        unmaskable = frozenset(held.channels) - frozenset(without)
    spellings = tuple(sorted({*_spellings(config, catalog), *_spellings({"platforms": legacy}, catalog)}))
    problems = tuple(files.problems[before:])
    return ClaimedResources(held.identities, held.ports, problems, held.channels, spellings, unmaskable, held.accounts)


def _given(
    files: HomeFiles, catalog: Catalog, managed: Managed
) -> tuple[dict[str, str], Mapping[str, Any], Mapping[str, Any], bool]:
    """Return the variables that a gateway's start sets, config.yaml, the blocks of gateway.json, and whether Hermes
    reads a config.yaml here."""
    config, has_config = _config(files, catalog)
    if managed.config and has_config:
        config = merged(config, managed.config)
    environment = {**files.environment(), **onepassword_variables(config), **managed.environment}
    return environment, config, legacy_blocks(files), has_config


def effective_settings(
    files: HomeFiles, catalog: Catalog, managed: Managed = NOTHING_MANAGED
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """Return what `claimed_resources` reads: the variables that a gateway's start sets, and its configuration."""
    environment, config, legacy, _ = _given(files, catalog, managed)
    return environment, with_legacy(config, legacy)


def channels_in(files: HomeFiles, config: Mapping[str, Any], catalog: Catalog) -> tuple[str, ...]:
    """Return the channels that a profile switches on: the one answer of `list`, `show` and `status`.

    `config`: what its config.yaml sets.
    """
    environment = {**files.environment(), **onepassword_variables(config)}
    return channels_on(environment, with_legacy(config, legacy_blocks(files)), catalog, stored=stored_in(files))


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return one configuration over another, leaf by leaf, as Hermes does (hermes_cli/config.py, `_deep_merge`)."""
    result = dict(base)
    for key, value in over.items():
        below = result.get(key)
        if isinstance(below, Mapping) and isinstance(value, Mapping):
            result[key] = merged(below, value)
        elif not (isinstance(below, Mapping) and value is None):
            result[key] = value
    return result


def with_legacy(config: Mapping[str, Any], legacy: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the configuration with the blocks of gateway.json below those of `gateway.platforms`.

    An `enabled: false` of gateway.json is none: Hermes 0.19.0 starts the channel where its variables are set
    (gateway/config.py keeps note of flags in config.yaml alone).
    """
    legacy = {name: _unless_off(block) for name, block in legacy.items()}
    if not legacy:
        return config
    gateway = config.get("gateway")
    gateway = gateway if isinstance(gateway, Mapping) else {}
    nested = gateway.get("platforms")
    nested = nested if isinstance(nested, Mapping) else {}
    return {**config, "gateway": {**gateway, "platforms": merged(legacy, nested)}}


def _unless_off(block: Any) -> Any:
    if isinstance(block, Mapping) and "enabled" in block and not is_truthy(block["enabled"]):
        return {key: value for key, value in block.items() if key != "enabled"}
    return block


def _spellings(config: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    gateway = config.get("gateway")
    for place in (config.get("platforms"), gateway.get("platforms") if isinstance(gateway, Mapping) else None):
        for name in place if isinstance(place, Mapping) else ():
            if isinstance(name, str) and name not in catalog.channels and catalog.channel_of_config_key(name):
                yield name


def stored_in(files: HomeFiles) -> Callable[[str], object]:
    """Return what reads the JSON files of a home that name a remote party; each is read when a channel asks."""

    def read(path: str) -> object:
        if path == AUTH_FILE and b"photon" not in (files.raw(path) or b""):
            return None
        return files.json(path)

    return read


def _config(files: HomeFiles, catalog: Catalog) -> tuple[Mapping[str, Any], bool]:
    """Return config.yaml and whether Hermes reads one here (an empty file counts)."""
    before = len(files.problems)
    raw = files.raw(CONFIG_FILE)
    if not raw:
        return {}, raw is not None
    config = files.sections(CONFIG_FILE, wanted_sections(catalog))
    return config, len(files.problems) == before


def config_in(raw: bytes, path: str, catalog: Catalog, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the sections of a config.yaml that switch channels on or name them, {} when it is broken."""
    return sections_in(raw, path, wanted_sections(catalog), problems)


@lru_cache(maxsize=4)
def wanted_sections(catalog: Catalog) -> frozenset[str]:
    """Return the top-level keys of config.yaml that matter: sections, and scalars named like a variable."""
    channels = catalog.channels.values()
    names = {name for channel in channels for names in channel.enable_sets for name in names}
    names |= {name for channel in channels for names in channel.lock_identity for name in names}
    names |= {name for channel in channels for port in channel.ports for name in port.env}
    return frozenset({*CONFIG_SECTIONS, *catalog.channels, *names, "secrets", "TELEGRAM_WEBHOOK_URL"})


def onepassword_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that 1Password sets at the start, over `.env`: what they are is not known here, but two
    profiles with one reference get one value."""
    secrets = config.get("secrets")
    vault = secrets.get("onepassword") if isinstance(secrets, Mapping) else None
    names = vault.get("env") if isinstance(vault, Mapping) and is_truthy(vault.get("enabled")) else None
    if not isinstance(names, Mapping):
        return {}
    return {str(name): text for name, text in names.items() if isinstance(text, str) and text.startswith("op://")}


def legacy_blocks(files: HomeFiles) -> Mapping[str, Any]:
    """Return the blocks of gateway.json, the base layer of older releases that 0.19.0 still reads."""
    data = files.json(LEGACY_CONFIG_FILE)
    platforms = data.get("platforms") if isinstance(data, Mapping) else None
    return platforms if isinstance(platforms, Mapping) else {}
