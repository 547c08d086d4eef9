"""Secrets that are recognised in any text by their form. Pure.

Most texts have none, which `shape_marks` finds out first, without this module.
"""

from __future__ import annotations

import re
from functools import cache, partial

from hermes_profiles.credentials.detection.shapes import IDENTITY_SHAPES, credential_in, is_sample
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

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
    is_spared = match[0] in spared or _LOWER_WORDS.fullmatch(match[0]) is not None or is_sample(credential_in(match))
    return match[0] if is_spared else shown


def _may_match(shape: Shape, text: str) -> bool:
    for mark in shape.marks:
        if mark in text:
            return not shape.anchor or _compiled(shape.anchor).search(text) is not None
    return False


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
