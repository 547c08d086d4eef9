"""What the profiles of a root hold: cheap enough to run over a thousand of them.

Files are read with the quick readers where those are certain, and with the full ones otherwise, so the answer is
the same; the full readers and their libraries are imported only then.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from hermes_profiles.credentials.catalog import Catalog
from hermes_profiles.credentials.flags import is_truthy
from hermes_profiles.documents.envglance import glance_env
from hermes_profiles.documents.yamlglance import glance_sections
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.names import DEFAULT
from hermes_profiles.model.result import DocumentError, Failed, Problem

from .holdings import channels_in, wanted_sections
from .roots import read_regular

_LARGEST_DOCUMENT = 16 * 1024 * 1024


class Profile(NamedTuple):
    """One profile as `list` and `show` tell it; `problems` names files that could not be read."""

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
    problems: tuple[Problem, ...] = ()
    groups: tuple[str, ...] = ()


def read_profile(layout: Layout, name: str, *, catalog: Catalog, active: str, alias: str | None) -> Profile:
    """Return what the profile's own files say; unreadable files become problems, never an exception."""
    home = layout.home(name)
    problems: list[Problem] = []
    config = _config(home, catalog, problems)
    environment = _environment(home, catalog, problems)
    meta = _meta(home, problems)
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
        channels=channels_in(home, environment, config, catalog, problems),
        problems=tuple(problems),
        groups=_groups(meta.get("groups")),
    )


def _read(path: Path, problems: list[Problem]) -> bytes | None:
    try:
        raw = read_regular(path, _LARGEST_DOCUMENT)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        problems.append(
            Problem("unreadable", f"cannot read {path}: {reason}", str(path), f"look at it: `ls -l {path}`")
        )
        return None
    if len(raw) < _LARGEST_DOCUMENT:
        return raw
    reason = f"larger than {_LARGEST_DOCUMENT // 2**20} MiB"
    problems.append(Problem("unreadable", f"{path} is {reason}", str(path), f"look at it: `ls -l {path}`"))
    return None


def _environment(home: Path, catalog: Catalog, problems: list[Problem]) -> Mapping[str, str]:
    """Return what both environment files set, `.env` over `.op.env`, in either reader's eyes."""
    merged: dict[str, str] = {}
    for name in (".op.env", ".env"):
        raw = _read(home / name, problems)
        if not raw:
            continue
        values = glance_env(raw)
        if values is None:
            from hermes_profiles.documents.envfile import EnvDocument

            try:
                document = EnvDocument.parse(raw, path=str(home / name), known_keys=catalog.known_names)
            except DocumentError as error:
                problems.append(error.problem)
                continue
            values = {**document.line_environment(), **document.environment()}
        merged.update(values)
    return merged


def _config(home: Path, catalog: Catalog, problems: list[Problem]) -> Mapping[str, Any]:
    raw = _read(home / "config.yaml", problems)
    if not raw:
        return {}
    # Top-level scalars named like a variable switch channels on too, so those names are wanted as well.
    return _yaml(
        raw,
        str(home / "config.yaml"),
        ("model", *wanted_sections(catalog)),
        problems,
    )


def _meta(home: Path, problems: list[Problem]) -> Mapping[str, Any]:
    raw = _read(home / "profile.yaml", problems)
    return _yaml(raw, str(home / "profile.yaml"), ("description", "disabled", "groups"), problems) if raw else {}


def environment_of(home: Path) -> Mapping[str, str]:
    """Return what a profile's `.env` sets; nothing when it cannot be read with certainty (doctor tells)."""
    try:
        raw = read_regular(home / ".env", _LARGEST_DOCUMENT)
    except OSError:
        return {}
    plain = glance_env(raw)
    if plain is not None:
        return plain
    from hermes_profiles.documents.envfile import EnvDocument

    try:
        return EnvDocument.parse(raw).environment()
    except DocumentError:
        return {}


def read_sections(path: Path, wanted: tuple[str, ...], *, certain: bool = False) -> Mapping[str, Any]:
    """Return these top-level sections of a YAML file; {} when it is absent or cannot be read (doctor tells).

    With `certain`, raises Failed when it is there and cannot be read: what is written next depends on it.
    """
    problems: list[Problem] = []
    raw = _read(path, problems)
    found = _yaml(raw, str(path), wanted, problems) if raw else {}
    if certain and problems:
        code, message, target, hint = problems[0]
        raise Failed(message, target=target, code=code, hint=hint)
    return found


def _yaml(raw: bytes, path: str, wanted: tuple[str, ...], problems: list[Problem]) -> Mapping[str, Any]:
    sections = glance_sections(raw, wanted)
    if sections is not None:
        return sections
    from hermes_profiles.documents.yamlfile import YamlDocument

    try:
        data = YamlDocument.parse(raw, path=path).data()
    except DocumentError as error:
        problems.append(error.problem)
        return {}
    return data if isinstance(data, Mapping) else {}


def read_meta(home: Path) -> tuple[bool, tuple[str, ...]]:
    """Return (disabled, groups) of a profile, from its profile.yaml alone."""
    meta = _meta(home, [])
    return meta.get("disabled") is True, _groups(meta.get("groups"))


def _groups(value: object) -> tuple[str, ...]:
    """Return the groups of a profile: `groups: {family: true}` as `hermes-gateways group` writes it, or a list."""
    if isinstance(value, Mapping):
        return tuple(str(name) for name, member in value.items() if is_truthy(member))
    if isinstance(value, str):
        return (value,)
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _model(config: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return (model, provider) as Hermes 0.19.0 reads them: a bare string, or `default`/`model` and `provider`."""
    model = config.get("model")
    if isinstance(model, str):
        return model, None
    if isinstance(model, Mapping):
        name, provider = model.get("default") or model.get("model"), model.get("provider")
        return (str(name) if name else None), (str(provider) if provider else None)
    return None, None
