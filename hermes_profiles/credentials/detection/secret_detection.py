"""Detects secrets and classifies settings: by the catalogue, by the name, and by the form of the value. Pure.

In doubt a setting is hidden: `--reveal` shows a hidden value, but a shown token is lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.channels.channel_place import channel_place
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

IDENTITY_CLASSES = frozenset(
    {
        KeyClass.IDENTITY_CREDENTIAL,
        KeyClass.IDENTITY_COMPANION,
        KeyClass.IDENTITY_SETTING,
        KeyClass.PORT_BIND,
    }
)
_INDEX = lazy_pattern(r"\[\d+\]")
_HUMP = lazy_pattern(r"(?<=[a-z0-9])(?=[A-Z])")
_WORDS_BETWEEN = lazy_pattern(r"[^a-z0-9]+")
_ENDINGS = ("token", "secret", "password", "passwd", "passphrase", "apikey")
_LAST_WORDS = frozenset({"pass", "pwd", "pat", "credential", "credentials", "authorization", "cookie"})
# `record_key: ctrl+b` is a key of the keyboard.
_KINDS_OF_KEYS = frozenset(
    {
        "access",
        "aes",
        "api",
        "app",
        "auth",
        "bot",
        "client",
        "consumer",
        "encrypt",
        "encryption",
        "license",
        "master",
        "private",
        "secret",
        "service",
        "signing",
        "subscription",
    }
)
_PLURALS = frozenset({"tokens", "passwords", "apikeys"})
# How every name of a secret ends, and some others.
_LAST_LETTERS = (*_ENDINGS, *_LAST_WORDS, *_PLURALS, "key", "keys")
# References to secrets.
_REFERENCE = lazy_pattern(r"\$\{(?:env:)?[A-Za-z_][A-Za-z0-9_]*\}|op://\S+|(?:file|env):\S+")


class Role(NamedTuple):
    """The class of a setting and its channel, None where the catalogue does not know them."""

    key_class: KeyClass | None = None
    channel: str | None = None

    @property
    def is_identity(self) -> bool:
        """Return whether two profiles are expected to differ here."""
        return self.key_class in IDENTITY_CLASSES


def role_of_name(name: str, catalog: Catalog) -> Role:
    """Return the role of a variable."""
    fact = catalog.lookup(name)
    return Role(fact.key_class, fact.channel) if fact is not None else Role()


def role_of_path(path: Sequence[str], catalog: Catalog) -> Role:
    """Return the role of a path of config.yaml."""
    place = channel_place(path, catalog)
    if place is not None:
        inner = tuple(path[len(place.block) :])
        if not inner or inner == ("enabled",):
            return Role(None, place.channel)
        known = catalog.config_class(place.channel, inner) if place.known else KeyClass.UNKNOWN
        return Role(known, place.channel)
    if tuple(path) in catalog.gateway_config_identity:
        return Role(KeyClass.IDENTITY_COMPANION, None)
    if (len(path) == 1 and _is_environment_name(path[0])) or (
        tuple(path[:3]) == ("secrets", "onepassword", "env") and len(path) == 4
    ):
        return role_of_name(path[-1], catalog)
    return Role()


def is_secret_path(path: Sequence[str], catalog: Catalog) -> bool:
    """Return whether a path of config.yaml holds a secret, by its class or by a name in the path."""
    names = [part for part in path if part[:1] != "[" or not _INDEX.fullmatch(part)]
    for name in names:
        if is_secret_name(name):
            return True
    if role_of_path(path, catalog).key_class is KeyClass.IDENTITY_CREDENTIAL:
        return True
    fact = catalog.lookup(names[-1]) if names and _is_environment_name(names[-1]) else None
    return fact is not None and (fact.secret or fact.key_class is KeyClass.IDENTITY_CREDENTIAL)


def is_secret(path: Sequence[str], text: str, tag: str, catalog: Catalog) -> bool:
    """Return whether a single value at a path must not be shown. `tag`: its YAML type (`str`, `bool`).

    A boolean, an empty value and a reference (`${NAME}`, `op://…`) are not secrets, even at such a path.
    """
    if tag in ("bool", "null") or not text.strip() or _REFERENCE.fullmatch(text.strip()):
        return False
    if is_secret_path(path, catalog):
        return True
    from hermes_profiles.credentials.detection.secret_shapes import looks_secret

    return looks_secret(text)


@cache
def is_secret_name(name: str) -> bool:
    """Return whether a name alone says that its value is a secret."""
    lowered = name.lower()
    last = lowered[-1:]
    if last.isascii() and last.isalnum() and not lowered.endswith(_LAST_LETTERS):
        return False
    return _names_secret(name) or _holds_many(name)


def _is_environment_name(name: str) -> bool:
    return name.isascii() and name.isidentifier() and name[0] != "_" and name == name.upper()


def _holds_many(name: str) -> bool:
    """Return whether a list or mapping of this name holds secrets; `max_tokens` does not."""
    words = _words(name)
    return (words[-1:] == ["keys"] and words[-2:-1] == ["api"]) or (len(words) == 1 and words[0] in _PLURALS)


def _words(name: str) -> list[str]:
    letters = name.replace("_", "")
    if letters.isascii() and ((letters.isalnum() and letters.islower()) or (letters.isalpha() and letters.isupper())):
        return [word for word in name.lower().split("_") if word]
    return [word for word in _WORDS_BETWEEN.split(_HUMP.sub("_", name).lower()) if word]


def _names_secret(name: str) -> bool:
    """Return whether a name ends like that of a secret: `api_key`, `accessToken`, `X-Auth-Token`, `OPENAI_API_KEY`."""
    words = _words(name)
    if not words:
        return False
    last = words[-1]
    if last == "onepassword":  # the section of that product
        return False
    if last.endswith(_ENDINGS) or last in _LAST_WORDS:
        return True
    if last != "key":
        return False
    return len(words) == 1 or words[-2] in _KINDS_OF_KEYS or _is_environment_name(name)
