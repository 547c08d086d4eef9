"""Compares two profiles: settings, names of variables, skills, the persona. Nothing is written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.detection.secret_detection import Role, is_secret, role_of_name, role_of_path
from hermes_profiles.credentials.holders import shared_channels
from hermes_profiles.documents.yaml.paths import path_text
from hermes_profiles.documents.yaml.value import Value, canonical, scalar
from hermes_profiles.hermes.files import CONFIG_FILE, ENV_FILE, PROFILE_FILE, SKILLS_FOLDER, SOUL_FILE
from hermes_profiles.model.errors import Problem
from hermes_profiles.model.layout import Layout
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.profiles.channels import claimed_resources
from hermes_profiles.profiles.listing import require
from hermes_profiles.profiles.profile import read_meta, read_sections
from hermes_profiles.profiles.tree_walk import read_document

from .files import FileReaders, SettingsFile, settings_file, variables
from .sharing_warnings import ONLY_ONE


class Difference(NamedTuple):
    """One difference. `a`, `b`: the value in each profile, None where it is missing or secret.

    `in_a`, `in_b`: whether it is present; `hidden`: a secret; `role`: its role in an identity.
    """

    place: str
    key: str
    a: Value | None
    b: Value | None
    in_a: bool
    in_b: bool
    hidden: bool = False
    role: Role = Role()


class ProfileDiff(NamedTuple):
    """All differences of two profiles in a stable order, and warnings about equal values that should differ."""

    differences: tuple[Difference, ...]
    warnings: tuple[Problem, ...]


class ComparedItem(NamedTuple):
    """One compared item of a profile; `content` is compared where `value` is only a summary of it."""

    value: Value
    secret: bool = False
    role: Role = Role()
    content: bytes | None = None

    def __repr__(self) -> str:
        return "ComparedItem(***)"

    @property
    def compared(self) -> object:
        """Return the object that two equal items have in common."""
        return canonical(self.value) if self.content is None else self.content


# Key → item.
ComparedItems = dict[str, ComparedItem]


def compare(layout: Layout, a: str, b: str, catalog: Catalog) -> ProfileDiff:
    """Return how two profiles differ.

    Raises NotFound for a missing profile, DocumentError or Failed for a file that cannot be read with certainty.
    """
    mine, theirs = (claimed_resources(require(layout, name), catalog=catalog) for name in (a, b))
    warnings: dict[str | None, Problem] = {
        channel: Problem(
            "shared-identity",
            f"{a} and {b} hold the same {channel} {noun}: {ONLY_ONE}",
            b,
            f"leave it to one of them: `hermes-profiles repair --channel {channel} --dry-run`",
        )
        for channel, noun in shared_channels(mine.identities, theirs.identities).items()
    }
    for claim in mine.ports:
        if any(claim.conflicts_with(other) for other in theirs.ports):
            warnings[f"port {claim.port}"] = Problem(
                "shared-port",
                f"{a} and {b} both listen on port {claim.port} ({claim.channel})",
                b,
                f"see `hermes-profiles show {b}`, and choose another",
            )
    differing: list[Difference] = []
    mine_by_place, theirs_by_place = (compared_items(layout, name, catalog) for name in (a, b))
    for place, in_a in mine_by_place.items():
        in_b = theirs_by_place[place]
        differing += _differences(place, in_a, in_b)
        for key, item in in_a.items():
            if key in in_b and item.role.channel not in warnings and _should_differ(item, in_b[key], catalog):
                message = f"{key} is the same in {a} and {b}: {ONLY_ONE}"
                hint = f"see who has it with `hermes-profiles doctor {a} {b} --only conflicts.shared-identity`"
                warnings.setdefault(key, Problem("shared-identity", message, key, hint))
    return ProfileDiff(tuple(differing), tuple(warnings.values()))


def compared_items(
    layout: Layout, name: str, catalog: Catalog, readers: FileReaders | None = None
) -> dict[str, ComparedItems]:
    """Return what is compared of a profile: place (`config`, `env`, `file`) → key → item.

    `readers`: given where many profiles are read. Raises NotFound, DocumentError or Failed.
    """
    home = require(layout, name)
    config = settings_file(layout, name, CONFIG_FILE, readers)
    env = settings_file(layout, name, ENV_FILE, readers)
    return {
        "config": dict(_settings(config, catalog)),
        "env": dict(_variables(env, catalog)),
        "file": dict(_files(home)),
    }


def _should_differ(item: ComparedItem, other: ComparedItem, catalog: Catalog) -> bool:
    text = item.value.text
    is_credential = item.role.key_class is KeyClass.IDENTITY_CREDENTIAL and item.value.kind == "scalar"
    is_real = not catalog.is_placeholder(text) and "${" not in text
    return is_credential and is_real and item.compared == other.compared


def _differences(
    place: str, in_a: Mapping[str, ComparedItem], in_b: Mapping[str, ComparedItem]
) -> Iterator[Difference]:
    for key in [*in_a, *(key for key in in_b if key not in in_a)]:
        a, b = in_a.get(key), in_b.get(key)
        if a is not None and b is not None and a.compared == b.compared:
            continue
        secret = any(item.secret for item in (a, b) if item is not None)
        role = next(item.role for item in (a, b) if item is not None)
        values = (None, None) if secret else (a and a.value, b and b.value)
        yield Difference(place, key, *values, a is not None, b is not None, secret, role)


def _settings(file: SettingsFile, catalog: Catalog) -> Iterator[tuple[str, ComparedItem]]:
    root = file.config().value()
    for path, value in _leaves(root, ()):
        if path:
            secret = any(is_secret(below, leaf.text, leaf.tag, catalog) for below, leaf in value.leaves(path))
            yield path_text(path), ComparedItem(value, secret, role_of_path(path, catalog))


def _leaves(value: Value, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Yield single values, and lists as wholes: one inserted item would make all items behind it differ."""
    is_plain_list = value.kind == "sequence" and all(item.kind == "scalar" for _, item in value.items)
    if not value.items or is_plain_list:
        yield path, value
        return
    for name, child in value.named():
        yield from _leaves(child, (*path, name))


def _variables(file: SettingsFile, catalog: Catalog) -> Iterator[tuple[str, ComparedItem]]:
    for entry in variables(file.env(catalog)):
        yield entry.name, ComparedItem(scalar("str", entry.value), secret=True, role=role_of_name(entry.name, catalog))


def _files(home: Path) -> Iterator[tuple[str, ComparedItem]]:
    persona = read_document(home / SOUL_FILE)
    if persona is not None:
        yield SOUL_FILE, ComparedItem(scalar("str", f"{len(persona)} bytes"), content=persona)
    for name in _folders(home / SKILLS_FOLDER):
        yield f"{SKILLS_FOLDER}/{name}", ComparedItem(scalar("str", "there"))
    disabled, groups = read_meta(home)
    meta = read_sections(home / PROFILE_FILE, ("description",))
    texts = {"description": str(meta.get("description") or "").strip(), "groups": ", ".join(sorted(groups))}
    for key, text in texts.items():
        if text:
            yield f"{PROFILE_FILE}: {key}", ComparedItem(scalar("str", text))
    if disabled:
        yield f"{PROFILE_FILE}: disabled", ComparedItem(scalar("bool", "true"))


def _folders(folder: Path) -> list[str]:
    try:
        with os.scandir(folder) as scan:
            return sorted(entry.name for entry in scan if entry.is_dir() and not entry.name.startswith("."))
    except OSError:
        return []
