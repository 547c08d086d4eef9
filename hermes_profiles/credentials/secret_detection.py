"""Detects secrets and classifies settings: by the catalogue, by the name, and by the form of the value. Pure.

In doubt a setting is hidden: `--reveal` shows a hidden value, but a shown token is lost.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, partial
from typing import NamedTuple

from hermes_profiles.credentials.catalog.catalog import Catalog, KeyClass
from hermes_profiles.credentials.rules.config import channel_place
from hermes_profiles.credentials.shapes import IDENTITY_SHAPES, is_sample
from hermes_profiles.model.patterns import lazy_pattern

IDENTITY_CLASSES = frozenset(
    {
        KeyClass.IDENTITY_CREDENTIAL,
        KeyClass.IDENTITY_COMPANION,
        KeyClass.IDENTITY_SETTING,
        KeyClass.PORT_BIND,
    }
)
_ENVIRONMENT_NAME = lazy_pattern(r"[A-Z][A-Z0-9_]*")
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
# References to secrets.
_REFERENCE = lazy_pattern(r"\$\{(?:env:)?[A-Za-z_][A-Za-z0-9_]*\}|op://\S+|(?:file|env):\S+")


HIDDEN = "<secret>"


class Shape(NamedTuple):
    """One form of a secret: a text without any of the `marks` cannot match; a match is replaced by `shown`.

    `anchor`: the same for marks that most texts have, as a pattern that is searched fast.
    """

    marks: tuple[str, ...]
    pattern: str
    shown: str = HIDDEN
    anchor: str = ""


_BEARER = ("Bearer ", "bearer ", "BEARER ")
# Secrets that are recognised in any text: Telegram, Slack, keys of providers, tokens of GitHub, Google, AWS, JWT, PEM,
# headers, URLs with a password, and URLs that are a secret themselves (webhooks).
SHAPES = (
    Shape((":",), r"\b\d{6,}:[A-Za-z0-9_-]{20,}", anchor=r":[A-Za-z0-9_-]{20}"),
    Shape(("xox",), r"\bxox[a-z]-[A-Za-z0-9-]{8,}"),
    Shape(("xapp-",), r"\bxapp-[A-Za-z0-9-]{8,}"),
    Shape(("sk-",), r"\bsk-[A-Za-z0-9_-]{8,}"),
    Shape(("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"\bgh[pousr]_[A-Za-z0-9]{20,}"),
    Shape(("github_pat_",), r"\bgithub_pat_\w{20,}"),
    Shape(("AIza",), r"\bAIza[\w-]{30,}"),
    Shape(("AKIA",), r"\bAKIA[0-9A-Z]{16}\b"),
    Shape(("eyJ",), r"\beyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]+)?"),
    # With the body that follows it, complete or cut off.
    Shape(("PRIVATE KEY",), r"-----BEGIN [A-Z ]*PRIVATE KEY(?:-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?)?"),
    Shape(_BEARER, r"(?:(?<=Bearer )|(?<=bearer )|(?<=BEARER ))(?!\$\{)\S{8,}"),
    Shape(("://",), r"://[^/\s:@]*:[^/\s@$]+@", f"://{HIDDEN}@"),
    Shape(("/api/webhooks/", "hooks.slack.com/"), r"(?:/api/webhooks/|\bhooks\.slack\.com/)[\w-]+/[\w/-]{8,}"),
    # Credentials of channels, by their published forms.
    *(Shape(row.marks, f"(?a:{row.pattern})", HIDDEN, row.anchor) for row in IDENTITY_SHAPES if row.hidden),
)

_LOWER_WORDS = lazy_pattern(r"[a-z]+(?:-[a-z]+)*")


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
    if (len(path) == 1 and _ENVIRONMENT_NAME.fullmatch(path[0])) or (
        tuple(path[:3]) == ("secrets", "onepassword", "env") and len(path) == 4
    ):
        return role_of_name(path[-1], catalog)
    return Role()


def is_secret_path(path: Sequence[str], catalog: Catalog) -> bool:
    """Return whether a path of config.yaml holds a secret, by its class or by a name in the path."""
    if role_of_path(path, catalog).key_class is KeyClass.IDENTITY_CREDENTIAL:
        return True
    names = [part for part in path if not _INDEX.fullmatch(part)]
    if any(_names_secret(name) for name in names) or any(_holds_many(name) for name in names):
        return True
    fact = catalog.lookup(names[-1]) if names and _ENVIRONMENT_NAME.fullmatch(names[-1]) else None
    return fact is not None and (fact.secret or fact.key_class is KeyClass.IDENTITY_CREDENTIAL)


def is_secret(path: Sequence[str], text: str, tag: str, catalog: Catalog) -> bool:
    """Return whether a single value at a path must not be shown. `tag`: its YAML type (`str`, `bool`).

    A boolean, an empty value and a reference (`${NAME}`, `op://…`) are not secrets, even at such a path.
    """
    if tag in ("bool", "null") or not text.strip() or _REFERENCE.fullmatch(text.strip()):
        return False
    return is_secret_path(path, catalog) or looks_secret(text)


def looks_secret(text: str) -> bool:
    """Return whether a text contains something that looks like a secret."""
    return any(_may_match(shape, text) and _compiled(shape.pattern).search(text) is not None for shape in SHAPES)


def may_have_shape(text: str) -> bool:
    """Return False when no part of a text looks like a secret; a cheap test that errs towards True."""
    return any(_may_match(shape, text) for shape in SHAPES)


def without_shapes(text: str) -> str:
    """Return a text with `<secret>` in place of everything that looks like a secret."""
    for shape in SHAPES:
        if _may_match(shape, text):
            text = _compiled(shape.pattern).sub(shape.shown, text)
    return text


def without_certain_shapes(text: str, *, spared: str = "") -> str:
    """Return a text as `without_shapes` does; plain words, samples, and what is a part of `spared` stay.

    For answers, in which `sk-learning-bot` is the name of a profile.
    """
    for shape in SHAPES:
        if _may_match(shape, text):
            text = _compiled(shape.pattern).sub(partial(_shown, shape.shown, spared), text)
    return text


def _shown(shown: str, spared: str, match: re.Match[str]) -> str:
    is_spared = match[0] in spared or _LOWER_WORDS.fullmatch(match[0]) is not None or is_sample(match[0])
    return match[0] if is_spared else shown


def _may_match(shape: Shape, text: str) -> bool:
    for mark in shape.marks:
        if mark in text:
            return not shape.anchor or _compiled(shape.anchor).search(text) is not None
    return False


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _holds_many(name: str) -> bool:
    """Return whether a list or mapping of this name holds secrets; `max_tokens` does not."""
    words = _words(name)
    return (words[-1:] == ["keys"] and words[-2:-1] == ["api"]) or (len(words) == 1 and words[0] in _PLURALS)


def _words(name: str) -> list[str]:
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
    return len(words) == 1 or words[-2] in _KINDS_OF_KEYS or _ENVIRONMENT_NAME.fullmatch(name) is not None
