"""The channels, identities and ports that a profile's files switch on; fast enough for a thousand profiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.channels.port_claim import PortClaim
from hermes_profiles.credentials.identities import (
    CONFIG_SECTIONS,
    Identity,
    OffChannel,
    channels_off,
    channels_on,
    claimed_identities,
)
from hermes_profiles.hermes.environment import HERMES_GATEWAY_LOCK_DIR, HERMES_HOME, REDIRECTS
from hermes_profiles.hermes.files import AUTH_FILE, CONFIG_FILE, ENV_FILE, LEGACY_CONFIG_FILE
from hermes_profiles.model.errors import Problem, Refused
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.truthy import is_truthy

from .home_files import ENVIRONMENT_FILES, HomeFiles, sections_in


class ClaimedResources(NamedTuple):
    """The channels, identities and ports of a gateway with these files.

    `redirects`: variables of the profile's own files that send its gateway into another home or managed directory;
    `channels`: those that are on; `spellings`: keys of blocks that spell a channel unlike the catalogue (Hermes also
    reads `Telegram`); `unmaskable`: channels that gateway.json switches on where there is no config.yaml, so that no
    overlay masks them (0.19.0 applies it to config.yaml only); `accounts`: channel → public id of its account;
    `off`: channels that config.yaml switches off; `lock_folder`: the folder of locks that the profile's own files name.
    """

    identities: tuple[Identity, ...] = ()
    ports: tuple[PortClaim, ...] = ()
    problems: tuple[Problem, ...] = ()
    channels: tuple[str, ...] = ()
    spellings: tuple[str, ...] = ()
    unmaskable: frozenset[str] = frozenset()
    accounts: Mapping[str, str] = {}
    redirects: tuple[str, ...] = ()
    off: tuple[OffChannel, ...] = ()
    lock_folder: str = ""


class Managed(NamedTuple):
    """The values of the machine-wide managed directory, which override the files of every profile."""

    environment: Mapping[str, str]
    config: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Managed({sorted(self.environment)})"


NOTHING_MANAGED = Managed({}, {})


def claimed_resources(
    home: Path, *, catalog: Catalog, managed: Managed = NOTHING_MANAGED, files: HomeFiles | None = None
) -> ClaimedResources:
    """Return what a gateway of this profile would claim, by its files and the managed values.

    A file that cannot be read becomes a problem, not an exception. `files`: a reader of this home; its earlier problems
    are left out.
    """
    files = files or HomeFiles(home, catalog.known_names)
    before = len(files.problems)
    environment, config, legacy, has_config = _given(files, catalog, managed)
    whole, stored = with_legacy(config, legacy), stored_in(files)
    held = claimed_identities(environment, whole, catalog, stored=stored, home=str(home))
    unmaskable: frozenset[str] = frozenset()
    if legacy and not has_config:
        without = claimed_identities(environment, config, catalog, home=str(home)).channels
        unmaskable = frozenset(held.channels) - frozenset(without)
    spellings = tuple(sorted({*_spellings(config, catalog), *_spellings({"platforms": legacy}, catalog)}))
    problems = tuple(files.problems[before:])
    return ClaimedResources(
        held.identities,
        held.ports,
        problems,
        held.channels,
        spellings,
        unmaskable,
        held.accounts,
        redirects(files, environment, config, managed.environment),
        channels_off(environment, whole, catalog, held.channels, stored=stored, home=str(home)),
        str(environment.get(HERMES_GATEWAY_LOCK_DIR) or config.get(HERMES_GATEWAY_LOCK_DIR) or ""),
    )


def starting_resources(home: Path, name: str, *, catalog: Catalog, managed: Managed) -> ClaimedResources:
    """Return what a starting profile claims; raises Refused where its files make its gateway work in another home."""
    held = claimed_resources(home, catalog=catalog, managed=managed)
    if HERMES_HOME in held.redirects:
        problem = redirect_problem(name, HERMES_HOME)
        raise Refused(problem.message, target=name, code="redirected", hint=problem.hint)
    return held


def redirects(
    files: HomeFiles,
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    managed: Mapping[str, str] = NOTHING_MANAGED.environment,
) -> tuple[str, ...]:
    """Return the variables by which a profile's own files send its gateway elsewhere, () in nearly every profile.

    Those that win over what a service gives it: `.env`, a vault, the managed directory. `.op.env` and config.yaml only
    fill gaps. A HERMES_HOME that names the home itself does no harm.
    """
    named_there = [name for name in REDIRECTS if name in environment]
    if not named_there:
        return ()
    winning = {**files.environment((ENV_FILE,)), **onepassword_variables(config), **managed}
    found = []
    for name in named_there:
        if name not in winning:
            continue
        value = environment[name].strip()
        if name == HERMES_HOME:
            named = os.path.expandvars(value) if value else ""
            if named and os.path.realpath(named) == os.path.realpath(files.home):
                continue
        elif not value:
            continue
        found.append(name)
    return tuple(found)


def works_elsewhere(home: Path) -> bool:
    """Return whether the files of a profile make its gateway work in another home."""
    files = HomeFiles(home)
    config = files.sections(CONFIG_FILE, (HERMES_HOME, "secrets"))
    return HERMES_HOME in redirects(files, _own_variables(files, config), config)


def _given(
    files: HomeFiles, catalog: Catalog, managed: Managed
) -> tuple[dict[str, str], Mapping[str, Any], Mapping[str, Any], bool]:
    """Return the variables, config.yaml, the blocks of gateway.json, and whether there is a config.yaml."""
    config, has_config = _config(files, catalog)
    environment, config = _with_managed(files, config, managed if has_config else without_config(managed))
    return environment, config, legacy_blocks(files), has_config


def without_config(managed: Managed) -> Managed:
    """Return what holds for a home whose config.yaml is missing or broken: the managed one is merged into no other."""
    return managed._replace(config={})


def _with_managed(
    files: HomeFiles, config: Mapping[str, Any], managed: Managed
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """Return the variables and config.yaml of a home below the values of the managed directory."""
    if managed.config:
        config = merged(config, managed.config)
    return {**_own_variables(files, config, managed.environment), **managed.environment}, config


def effective_settings(
    files: HomeFiles, catalog: Catalog, managed: Managed = NOTHING_MANAGED
) -> tuple[dict[str, str], Mapping[str, Any]]:
    """Return what `claimed_resources` reads: the variables that a gateway's start sets, and its configuration."""
    environment, config, legacy, _ = _given(files, catalog, managed)
    return environment, with_legacy(config, legacy)


def channels_in(
    files: HomeFiles, config: Mapping[str, Any], catalog: Catalog, managed: Managed = NOTHING_MANAGED
) -> tuple[tuple[str, ...], tuple[OffChannel, ...]]:
    """Return the channels that a profile switches on, and those that it switches off, as `claimed_resources` does.

    `config`: the sections of its config.yaml.
    """
    environment, config = _with_managed(files, config, managed)
    whole, stored = with_legacy(config, legacy_blocks(files)), stored_in(files)
    on = channels_on(environment, whole, catalog, stored=stored, home=str(files.home))
    return on, channels_off(environment, whole, catalog, on, stored=stored, home=str(files.home))


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

    An `enabled: false` in gateway.json is ignored: Hermes 0.19.0 starts the channel when its variables are set
    (gateway/config.py records only the flags of config.yaml).
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


def redirect_problems(files: HomeFiles, config: Mapping[str, Any], name: str) -> tuple[Problem, ...]:
    """Return a warning for each variable by which a profile sends its gateway elsewhere."""
    raws = [files.raw(file) or b"" for file in (*ENVIRONMENT_FILES, CONFIG_FILE)]
    if not any(variable.encode() in raw for raw in raws for variable in REDIRECTS):
        return ()
    return tuple(
        redirect_problem(name, variable) for variable in redirects(files, _own_variables(files, config), config)
    )


def redirect_problem(name: str, variable: str) -> Problem:
    """Return the warning of one variable that sends a gateway elsewhere."""
    what = (
        "its gateway works in another home, with the channels of that home"
        if variable == HERMES_HOME
        else "its gateway reads that managed directory, and no mask of hermes-gateways"
    )
    return Problem(
        "redirected",
        f"{name} sets {variable} in its own files: {what}",
        name,
        f"see the line with `hermes-profiles doctor {name} --only files.redirected`",
    )


def _spellings(config: Mapping[str, Any], catalog: Catalog) -> Iterator[str]:
    gateway = config.get("gateway")
    for place in (config.get("platforms"), gateway.get("platforms") if isinstance(gateway, Mapping) else None):
        for name in place if isinstance(place, Mapping) else ():
            if isinstance(name, str) and name not in catalog.channels and catalog.channel_of_config_key(name):
                yield name


def stored_in(files: HomeFiles) -> Callable[[str], object]:
    """Return a reader of the JSON files that identify a remote party; each is read only when a channel needs it."""

    def read(path: str) -> object:
        if path == AUTH_FILE and b"photon" not in (files.raw(path) or b""):
            return None
        return files.json(path)

    return read


def _config(files: HomeFiles, catalog: Catalog) -> tuple[Mapping[str, Any], bool]:
    """Return config.yaml, and whether it exists and can be read (an empty file counts)."""
    before = len(files.problems)
    raw = files.raw(CONFIG_FILE)
    if not raw:
        return {}, raw is not None
    config = files.sections(CONFIG_FILE, wanted_sections(catalog))
    return config, len(files.problems) == before


def config_in(raw: bytes, path: str, catalog: Catalog, problems: list[Problem]) -> Mapping[str, Any]:
    """Return the sections of a config.yaml that concern channels, {} when it is broken."""
    return sections_in(raw, path, wanted_sections(catalog), problems)


@lru_cache(maxsize=4)
def wanted_sections(catalog: Catalog) -> frozenset[str]:
    """Return the top-level keys of config.yaml that concern channels: sections, and scalars named like a variable."""
    channels = catalog.channels.values()
    names = {name for channel in channels for names in channel.enable_sets for name in names}
    names |= {name for channel in channels for names in channel.lock_identity for name in names}
    names |= {name for channel in channels for port in channel.ports for name in port.env}
    names |= {*REDIRECTS, HERMES_GATEWAY_LOCK_DIR, "secrets", "TELEGRAM_WEBHOOK_URL"}
    return frozenset({*CONFIG_SECTIONS, *catalog.channels, *names})


def onepassword_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that 1Password sets at the start, over `.env`, with their references as values.

    Two profiles with the same reference get the same value.
    """
    secrets = config.get("secrets")
    vault = secrets.get("onepassword") if isinstance(secrets, Mapping) else None
    names = vault.get("env") if isinstance(vault, Mapping) and is_truthy(vault.get("enabled")) else None
    if not isinstance(names, Mapping):
        return {}
    return {str(name): text for name, text in names.items() if isinstance(text, str) and text.startswith("op://")}


def _own_variables(
    files: HomeFiles, config: Mapping[str, Any], managed: Mapping[str, str] = NOTHING_MANAGED.environment
) -> dict[str, str]:
    """Return the variables that a gateway's start sets from the profile's own files and its sources of secrets."""
    command, vault = command_variables(config), onepassword_variables(config)
    sources = {HERMES_HOME: str(files.home), **command, **vault, **managed}
    return {**command, **files.environment(sources=sources), **vault}


def command_variables(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the variables that the text of `secrets.command` assigns: a value in `.env` wins over them.

    What the program prints is not known. Source: Hermes 0.20.0, agent/secret_sources/command.py.
    """
    secrets = config.get("secrets")
    source = secrets.get("command") if isinstance(secrets, Mapping) else None
    if not isinstance(source, Mapping) or not is_truthy(source.get("enabled")):
        return {}
    text = source.get("command")
    if not isinstance(text, str):
        return {}
    from hermes_profiles.credentials.mentions.variable_mentions import (
        assignments_in,  # few profiles have such a command
    )

    return dict(assignments_in(text))


def legacy_blocks(files: HomeFiles) -> Mapping[str, Any]:
    """Return the blocks of gateway.json, the base layer of older releases, which 0.19.0 still reads."""
    data = files.json(LEGACY_CONFIG_FILE)
    platforms = data.get("platforms") if isinstance(data, Mapping) else None
    return platforms if isinstance(platforms, Mapping) else {}
