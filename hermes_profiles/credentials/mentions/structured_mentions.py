"""Finds credentials of channels in carried files that have a structure: YAML, JSON, TOML, INI, properties. Pure.

A copy of config.yaml in a skill, or the settings of a plugin, say by the path of a value what it is:
`platforms.mattermost.token`. The same block can be in a comment, in Markdown and in any other text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from ..channels.channel_place import channel_place
from .outline import has_outline, outline_of
from .variable_mentions import is_strong, is_written_secret, secret_fact

# A larger file is data, not settings.
_LARGEST = 1024 * 1024
# Also of a copy: `config.yaml.bak`.
_YAML = lazy_pattern(r"\.ya?ml(?:[._~-].*)?$", re.IGNORECASE)
_JSON = lazy_pattern(r"\.json(?:[._~-].*)?$", re.IGNORECASE)
_SECTIONS = lazy_pattern(r"\.(?:toml|ini|cfg|conf|properties)(?:[._~-].*)?$", re.IGNORECASE)
_SECRET_WORDS = (b"token", b"secret", b"passw", b"key", b"credential", b"auth")
_SECRET_NAME = lazy_pattern(r"token|secret|passw|key|credential|auth", re.IGNORECASE)
_SECTION = lazy_pattern(r"\s*\[+\s*([^\[\]]+?)\s*\]+\s*(?:[#;].*)?")
_HAS_SECTION = lazy_pattern(r"(?m)^[ \t]*\[[A-Za-z][\w.-]*\][ \t]*\r?$")
_LINE = lazy_pattern(r"\s*([\w.\"'-]+)\s*[=:]\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s#;]+))")


# The setting beside a credential that says which channel it belongs to.
_SAYS_CHANNEL = frozenset(("type", "platform", "channel", "kind", "service", "provider", "name", "adapter"))

_SAYS_VALUE = frozenset(("value", "default", "literal"))
# Names like `mattermost_bot`, `mattermostApi`, `mattermost-client`: of the channel with one of these words.
_WORD = lazy_pattern(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_RELATED = frozenset((
    "api", "bot", "bots", "client", "driver", "account", "accounts", "credential", "credentials", "auth", "o",
    "oauth", "notifier", "notify", "notification", "notifications", "adapter", "connector", "integration", "chat",
    "channel", "gateway", "messenger",
))  # fmt: skip
# Channels whose name is also a common word, or a service of many kinds.
COMMON_NAMES = frozenset((
    "email", "webhook", "sms", "api_server", "line", "relay", "signal", "teams", "raft", "photon", "buzz", "a2a",
    "homeassistant", "msgraph_webhook",
))  # fmt: skip


class StructuredMention(NamedTuple):
    """A credential of a channel: the dotted path, or the name of its variable, and the value."""

    name: str
    channel: str | None
    value: str

    def __repr__(self) -> str:
        return f"StructuredMention({self.name})"


def structured_mentions(path: str, content: bytes, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials of channels in a file; nothing for one without a structure, or that cannot be parsed."""
    if len(content) > _LARGEST or not may_hold_credential(content, catalog):
        return
    for names, value in _scalars(PurePosixPath(path).name, content):
        value = value.strip()
        found = credential_at(names, catalog) if is_written_secret(value) else None
        if found is None and is_strong(value):
            found = _related_credential(names, catalog)
        if found is not None:
            yield StructuredMention(*found, value)
    yield from mentions_in_outline(content.decode("utf-8", "replace"), catalog)


def mentions_in_outline(text: str, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials of channels in a text with blocks of settings, such as a comment.

    A text is less certain than a file with a structure: only a value that looks generated counts.
    """
    if not has_outline(text):
        return
    sections = _of_sections(text) if _HAS_SECTION.search(text) else ()
    for names, value in chain(outline_of(text), sections):
        found = (credential_at(names, catalog) or _related_credential(names, catalog)) if is_strong(value) else None
        if found is not None:
            yield StructuredMention(*found, value)


def commented_blocks(config: YamlDocument | None, catalog: Catalog) -> Iterator[StructuredMention]:
    """Yield the credentials in settings of config.yaml that are switched off by `#`."""
    if config is not None and config.comments:
        yield from mentions_in_outline(
            "\n".join([config.text[span.start : span.end] for span in config.comments]), catalog
        )


def may_hold_credential(content: bytes, catalog: Catalog) -> bool:
    """Return False for a file without the name of a channel and that of a secret."""
    small = content.lower()
    return any(word in small for word in _SECRET_WORDS) and any(name in small for name in catalog.names_in_bytes)


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
    channels = {
        entry.path[:-1]: entry.value
        for entry in document.entries
        if entry.kind == "scalar" and entry.value and entry.path[-1].lower() in _SAYS_CHANNEL
    }
    for entry in document.entries:
        if entry.kind == "scalar" and entry.value:
            yield _names(entry.path), entry.value
            for above in (entry.path[:-1], entry.path[:-2]):  # `{type: mattermost, token: …}`, `{…, data: {token: …}}`
                if above in channels:
                    yield (channels[above], entry.path[-1]), entry.value


def _names(path: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of a path, without the numbers of lists; `mattermost.token` are two names."""
    return tuple(name for part in path if not part.startswith("[") for name in part.split("."))


def _of_sections(text: str) -> Iterator[tuple[tuple[str, ...], str]]:
    section: tuple[str, ...] = ()
    channel = ""
    for line in text.splitlines():
        head = _SECTION.fullmatch(line)
        if head is not None:
            section, channel = _words(head[1]), ""
        elif (match := _LINE.match(line)) is not None:
            names, value = _words(match[1]), match[2] or match[3] or match[4] or ""
            yield (*section, *names), value
            if names[-1].lower() in _SAYS_CHANNEL:
                channel = value
            elif channel:
                yield (channel, *names), value


def _words(name: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in name.split("."))


def credential_at(path: tuple[str, ...], catalog: Catalog) -> tuple[str, str | None] | None:
    """Return the name and the channel of the credential that a path leads to."""
    if not path:
        return None
    if len(path) > 1 and path[-1].lower() in _SAYS_VALUE:  # `MATTERMOST_TOKEN: {value: …}`
        path = path[:-1]
    fact = secret_fact(path[-1], catalog)
    if fact is not None:
        return fact.name, fact.channel
    for start in range(len(path) - 1):
        place = channel_place(path[start:], catalog)
        inner = path[start + len(place.block) :] if place is not None and place.known else ()
        if place is not None and inner:
            # Also below the block of one account: `mattermost.accounts.work.token`.
            classes = {catalog.config_class(place.channel, one) for one in (inner, inner[-1:])}
            is_credential = KeyClass.IDENTITY_CREDENTIAL in classes and _SECRET_NAME.search(inner[-1]) is not None
            return (".".join(path[start:]), place.channel) if is_credential else None
    return None


def _related_credential(path: tuple[str, ...], catalog: Catalog) -> tuple[str, str | None] | None:
    """Return the name and the channel of a secret below a name that is made from that of a channel."""
    if len(path) < 2 or _SECRET_NAME.search(path[-1]) is None:
        return None
    for start, name in enumerate(path[:-1]):
        words = [word.lower() for word in _WORD.findall(name)]
        for size in (2, 1):
            rest = [word for word in words[size:] if not word.isdecimal()]
            channel = catalog.channel_of_config_key("_".join(words[:size])) or (
                catalog.channel_of_config_key("".join(words[:size]))
            )
            if channel is not None and channel not in COMMON_NAMES and rest and _RELATED.issuperset(rest):
                return ".".join(path[start:]), channel
    return None
