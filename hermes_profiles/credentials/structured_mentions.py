"""Finds credentials of channels in carried files that have a structure: YAML, JSON, TOML, INI, properties. Pure.

A copy of config.yaml in a skill, or the settings of a plugin, say by the path of a value what it is:
`platforms.mattermost.token`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .channel_place import channel_place
from .mentions import is_written_secret, secret_fact

# A larger file is data, not settings.
_LARGEST = 1024 * 1024
# Also of a copy: `config.yaml.bak`.
_YAML = lazy_pattern(r"\.ya?ml(?:[._~-].*)?$", re.IGNORECASE)
_JSON = lazy_pattern(r"\.json(?:[._~-].*)?$", re.IGNORECASE)
_SECTIONS = lazy_pattern(r"\.(?:toml|ini|cfg|conf|properties)(?:[._~-].*)?$", re.IGNORECASE)
_SECRET_BYTES = lazy_pattern(rb"token|secret|passw|key|credential|auth")
_SECRET_NAME = lazy_pattern(r"token|secret|passw|key|credential|auth", re.IGNORECASE)
_SECTION = lazy_pattern(r"\s*\[+\s*([^\[\]]+?)\s*\]+\s*(?:[#;].*)?")
_LINE = lazy_pattern(r"\s*([\w.\"'-]+)\s*[=:]\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s#;]+))")


class StructuredMention(NamedTuple):
    """A credential of a channel: the dotted path, or the name of its variable, and the value."""

    name: str
    channel: str | None
    value: str

    def __repr__(self) -> str:
        return f"StructuredMention({self.name})"


def structured_mentions(path: str, content: bytes, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials of channels in a file; nothing for one without a structure, or that cannot be parsed."""
    if len(content) > _LARGEST or not _may_hold(path, content, catalog):
        return
    for names, value in _scalars(PurePosixPath(path).name, content):
        value = value.strip()
        found = _credential(names, catalog) if is_written_secret(value) else None
        if found is not None:
            yield StructuredMention(*found, value)


def _may_hold(path: str, content: bytes, catalog: Catalog) -> bool:
    """Return False for a file without a structure, or without the name of a channel and that of a secret."""
    if not any(ending.search(path) for ending in (_YAML, _JSON, _SECTIONS)):
        return False
    small = content.lower()
    return _SECRET_BYTES.search(small) is not None and any(name.encode() in small for name in catalog.channels)


def _scalars(name: str, content: bytes) -> Iterator[tuple[tuple[str, ...], str]]:
    if _SECTIONS.search(name):
        yield from _of_sections(content.decode("utf-8", "replace"))
        return
    kind = YamlDocument if _YAML.search(name) else JsonDocument if _JSON.search(name) else None
    if kind is None:
        return
    try:
        document = kind.parse(content, path=name)
    except DocumentError:
        return
    for entry in document.entries:
        if entry.kind == "scalar" and entry.value:
            yield tuple(part for part in entry.path if not part.startswith("[")), entry.value


def _of_sections(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    section: tuple[str, ...] = ()
    for line in text.splitlines():
        head = _SECTION.fullmatch(line)
        if head is not None:
            section = _words(head[1])
        elif (match := _LINE.match(line)) is not None:
            yield (*section, *_words(match[1])), match[2] or match[3] or match[4] or ""


def _words(name: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in name.split("."))


def _credential(path: tuple[str, ...], catalog: Catalog) -> tuple[str, str | None] | None:
    """Return the name and the channel of the credential that a path leads to."""
    if not path:
        return None
    fact = secret_fact(path[-1], catalog)
    if fact is not None:
        return fact.name, fact.channel
    for start in range(len(path) - 1):
        place = channel_place(path[start:], catalog)
        inner = path[start + len(place.block) :] if place is not None and place.known else ()
        if place is not None and inner:
            is_credential = catalog.config_class(place.channel, inner) is KeyClass.IDENTITY_CREDENTIAL
            is_credential = is_credential and _SECRET_NAME.search(inner[-1]) is not None
            return (".".join(path[start:]), place.channel) if is_credential else None
    return None
