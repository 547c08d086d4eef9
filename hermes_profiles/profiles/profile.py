"""Reads one profile for `list` and `show`; fast enough for a thousand profiles."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from hermes_profiles.credentials.catalog.catalog import Catalog
from hermes_profiles.credentials.identities import OffChannel
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE
from hermes_profiles.model.errors import Failed, Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.truthy import is_truthy

from .channels import NOTHING_MANAGED, Managed, channels_in, redirect_problems, wanted_sections, without_config
from .home_files import HomeFiles

_ABOUT = ("description", "disabled", "groups")
# Written by later releases of Hermes (0.20.5 and 0.21.4, hermes_cli/profiles.py).
_NAMES = ("display_name", "previous_names")
# A membership and the teams that the profile leads; teams/model.py reads what is in them.
TEAM_SECTIONS = ("team", "teams")


class Profile(NamedTuple):
    """One profile of `list` and `show`.

    `problems`: files that could not be read; `teams`: the sections of profile.yaml about teams, unparsed;
    `display_name`: the name that Hermes shows, "" for its own.
    """

    name: str
    home: Path
    is_default: bool
    is_active: bool
    model: str | None
    provider: str | None
    alias: str | None
    description: str
    disabled: bool
    channels: tuple[str, ...]
    channels_off: tuple[OffChannel, ...]
    problems: tuple[Problem, ...] = ()
    groups: tuple[str, ...] = ()
    teams: Mapping[str, Any] = MappingProxyType({})
    display_name: str = ""
    previous_names: tuple[str, ...] = ()


def read_profile(
    layout: Layout,
    name: str,
    *,
    catalog: Catalog,
    active: str,
    alias: str | None,
    managed: Managed = NOTHING_MANAGED,
) -> Profile:
    """Return a profile from its files and the managed values; unreadable files become problems, not exceptions."""
    home = layout.home(name)
    files = HomeFiles(home, catalog.known_names)
    # Top-level scalars named like a variable switch channels on too, so those names are wanted as well.
    config = files.sections(CONFIG_FILE, ("model", *wanted_sections(catalog)))
    if files.problems or files.raw(CONFIG_FILE) is None:
        managed = without_config(managed)
    channels, channels_off = channels_in(files, config, catalog, managed)
    files.problems += redirect_problems(files, config, name)
    meta = files.sections(PROFILE_FILE, (*_ABOUT, *_NAMES, *TEAM_SECTIONS))
    before = meta.get("previous_names")
    model, provider = _model(config)
    return Profile(
        name=name,
        home=home,
        is_default=name == DEFAULT,
        is_active=name == active,
        model=model,
        provider=provider,
        alias=alias,
        description=str(meta.get("description") or "").strip(),
        disabled=meta.get("disabled") is True,
        channels=channels,
        channels_off=channels_off,
        problems=tuple(files.problems),
        groups=_groups(meta.get("groups")),
        teams={key: meta[key] for key in TEAM_SECTIONS if key in meta},
        display_name=str(meta.get("display_name") or "").strip(),
        previous_names=tuple(str(each) for each in before) if isinstance(before, list) else (),
    )


def environment_of(home: Path) -> Mapping[str, str]:
    """Return the variables of a profile's `.env`; {} when it cannot be read with certainty (doctor reports it)."""
    return HomeFiles(home).environment((ENV_FILE,))


def read_sections(path: Path, wanted: tuple[str, ...], *, certain: bool = False) -> Mapping[str, Any]:
    """Return these top-level sections of a YAML file; {} when it is missing or cannot be read (doctor reports it).

    With `certain`, raises Failed when it exists and cannot be read: the caller writes what depends on it.
    """
    files = HomeFiles(path.parent)
    sections = files.sections(path.name, wanted)
    if certain and files.problems:
        code, message, target, hint = files.problems[0]
        raise Failed(message, target=target, code=code, hint=hint)
    return sections


def read_meta(home: Path, files: HomeFiles | None = None) -> tuple[bool, tuple[str, ...]]:
    """Return (disabled, groups) of a profile, from its profile.yaml alone."""
    meta = (files or HomeFiles(home)).sections(PROFILE_FILE, _ABOUT)
    return meta.get("disabled") is True, _groups(meta.get("groups"))


def _groups(value: object) -> tuple[str, ...]:
    """Return the groups of a profile: `groups: {family: true}` as `hermes-gateways group` writes it, or a list."""
    if isinstance(value, Mapping):
        return tuple(str(name) for name, member in value.items() if is_truthy(member))
    if isinstance(value, str):
        return (value,)
    return tuple(str(name) for name in value) if isinstance(value, list) else ()


def _model(config: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return (model, provider) as Hermes 0.19.0 reads them: a bare string, or `default`/`model` and `provider`."""
    model = config.get("model")
    if isinstance(model, str):
        return model, None
    if isinstance(model, Mapping):
        name, provider = model.get("default") or model.get("model"), model.get("provider")
        return (str(name) if name else None), (str(provider) if provider else None)
    return None, None
