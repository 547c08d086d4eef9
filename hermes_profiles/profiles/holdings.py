"""What the files of a profile would have its gateway hold: read quickly enough for a thousand profiles.

The quick readers serve where they are certain, the full ones otherwise, as in profiles/discovery.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from hermes_profiles.credentials.catalog import Catalog
from hermes_profiles.credentials.flags import is_truthy
from hermes_profiles.credentials.identities import CONFIG_SECTIONS, Identity, PortClaim, channels_on, held_by
from hermes_profiles.documents.envglance import glance_env
from hermes_profiles.documents.yamlglance import glance_sections
from hermes_profiles.model.result import DocumentError, Problem
from hermes_profiles.profiles.roots import read_regular

_LARGEST = 16 * 1024 * 1024


class Holdings(NamedTuple):
    """What a gateway with these files would hold.

    `channels`: those that are on; `spellings`: keys of blocks that name a channel in other letters than the catalogue
    (Hermes reads `Telegram` too); `unmaskable`: channels that gateway.json switches on where Hermes reads no
    config.yaml, so that no overlay reaches them (0.19.0 lays it over config.yaml alone).
    """

    identities: tuple[Identity, ...] = ()
    ports: tuple[PortClaim, ...] = ()
    problems: tuple[Problem, ...] = ()
    channels: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    unmaskable: frozenset[str] = frozenset()


class Managed(NamedTuple):
    """The values of the machine-wide managed directory: they lie over the files of every profile."""

    environment: Mapping[str, str]
    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Managed({sorted(self.environment)})"


NOTHING_MANAGED = Managed({}, {})


def holdings(home: Path, *, catalog: Catalog, managed: Managed = NOTHING_MANAGED) -> Holdings:
    """Return what a profile's own files, and the managed ones over them, would have a gateway hold.

    A file that cannot be read becomes a problem, never an exception.
    """
    problems: list[Problem] = []
    config, has_config = _config(home, catalog, problems)
    legacy = _legacy(home, problems)
    if managed.config and has_config:
        config = merged(config, managed.config)
    environment = {**_environment(home, catalog, problems), **_injected(config), **managed.environment}
    held = held_by(
        environment, with_legacy(config, legacy), catalog, stored=_Stored(home, problems).read, home=str(home)
    )
    unmaskable: frozenset[str] = frozenset()
    if legacy and not has_config:
        without = held_by(environment, config, catalog, home=str(home)).channels
        unmaskable = frozenset(held.channels) - frozenset(without)
    spellings = tuple(sorted({*_spellings(config, catalog), *_spellings({"platforms": legacy}, catalog)}))
    return Holdings(held.identities, held.ports, tuple(problems), held.channels, spellings, unmaskable)


def channels_in(
    home: Path, environment: Mapping[str, str], config: Mapping[str, Any], catalog: Catalog, problems: list[Problem]
) -> tuple[str, ...]:
    """Return the channels that a profile switches on: the one answer of `list`, `show` and `status`.

    `environment`, `config`: what its `.env` and config.yaml set; its gateway.json and stored logins are read here.
    """
    legacy = _legacy(home, problems)
    return channels_on(
        {**environment, **_injected(config)}, with_legacy(config, legacy), catalog, stored=_Stored(home, problems).read
    )


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
    """Return the configuration with the blocks of gateway.json below those of `gateway.platforms`."""
    if not legacy:
        return config
    gateway = config.get("gateway")
    gateway = gateway if isinstance(gateway, Mapping) else {}
    nested = gateway.get("platforms")
    nested = nested if isinstance(nested, Mapping) else {}
    return {**config, "gateway": {**gateway, "platforms": merged(legacy, nested)}}


def _spellings(config: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    gateway = config.get("gateway")
    for place in (config.get("platforms"), gateway.get("platforms") if isinstance(gateway, Mapping) else None):
        for name in place if isinstance(place, Mapping) else ():
            if isinstance(name, str) and name not in catalog.channels and catalog.channel_of_config_key(name):
                yield name


class _Stored:
    """The JSON files of a home that name a remote party; each is read when a channel asks."""

    def __init__(self, home: Path, problems: list[Problem]) -> None:
        self._home = home
        self._problems = problems

    def read(self, path: str) -> object:
        """Return the parsed file, None when there is none or it is broken (Hermes then ignores it, too)."""
        raw = _read(self._home / path, self._problems)
        if not raw or (path == "auth.json" and b"photon" not in raw):
            return None
        return _json(raw)


def _json(raw: bytes) -> object:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None


def _read(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        raw = read_regular(path, _LARGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        problems.append(_unreadable(path, f"cannot read {path}: {(error.strerror or str(error)).lower()}"))
        return None
    if len(raw) < _LARGEST:
        return raw
    problems.append(_unreadable(path, f"{path} is larger than {_LARGEST // 2**20} MiB"))
    return None


def _unreadable(path: Path, message: str) -> Problem:
    return Problem("unreadable", message, str(path), f"look at it: `ls -l {path}`")


def _environment(home: Path, catalog: Catalog, problems: list[Problem]) -> dict[str, str]:
    """Return what the gateway's start would set: `.env` over `.op.env`, which only counts without its own token."""
    found: dict[str, str] = {}
    for name in (".op.env", ".env"):
        raw = _read(home / name, problems)
        if raw:
            found.update(environment_in(raw, str(home / name), catalog, problems))
    return found


def environment_in(raw: bytes, path: str, catalog: Catalog, problems: list[Problem]) -> Mapping[str, str]:
    """Return what an environment file sets, in either reader's eyes."""
    values = glance_env(raw)
    if values is not None:
        return values
    from hermes_profiles.documents.envfile import EnvDocument

    try:
        document = EnvDocument.parse(raw, path=path, known_keys=catalog.known_names)
    except DocumentError as error:
        problems.append(error.problem)
        return {}
    return {**document.line_environment(), **document.environment()}


def _config(home: Path, catalog: Catalog, problems: list[Problem]) -> tuple[Mapping[str, Any], bool]:
    """Return config.yaml and whether Hermes reads one here (an empty file counts)."""
    path = home / "config.yaml"
    raw = _read(path, problems)
    if not raw:
        return {}, raw is not None
    before = len(problems)
    config = config_in(raw, str(path), catalog, problems)
    return config, len(problems) == before


def config_in(raw: bytes, path: str, catalog: Catalog, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the sections of a config.yaml that switch channels on or name them, {} when it is broken."""
    sections = glance_sections(raw, wanted_sections(catalog))
    if sections is not None:
        return sections
    from hermes_profiles.documents.yamlfile import YamlDocument

    try:
        data = YamlDocument.parse(raw, path=path).data()
    except DocumentError as error:
        problems.append(error.problem)
        return {}
    return data if isinstance(data, Mapping) else {}


@lru_cache(maxsize=4)
def wanted_sections(catalog: Catalog) -> frozenset[str]:
    """Return the top-level keys of config.yaml that matter: sections, and scalars named like a variable."""
    channels = catalog.channels.values()
    names = {name for channel in channels for names in channel.enable_sets for name in names}
    names |= {name for channel in channels for names in channel.lock_identity for name in names}
    names |= {name for channel in channels for port in channel.ports for name in port.env}
    return frozenset({*CONFIG_SECTIONS, *catalog.channels, *names, "secrets", "TELEGRAM_WEBHOOK_URL"})


def _injected(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that 1Password sets at the start, over `.env`: what they are is not known here, but two
    profiles with one reference get one value."""
    secrets = config.get("secrets")
    vault = secrets.get("onepassword") if isinstance(secrets, Mapping) else None
    names = vault.get("env") if isinstance(vault, Mapping) and is_truthy(vault.get("enabled")) else None
    if not isinstance(names, Mapping):
        return {}
    return {str(name): text for name, text in names.items() if isinstance(text, str) and text.startswith("op://")}


def _legacy(home: Path, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the blocks of gateway.json, the base layer of older releases that 0.19.0 still reads."""
    raw = _read(home / "gateway.json", problems)
    data = _json(raw) if raw else None
    platforms = data.get("platforms") if isinstance(data, Mapping) else None
    return platforms if isinstance(platforms, Mapping) else {}
