"""What the escapes in a text mean: percent signs, backslashes, HTML entities, quotes of a shell, base64. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hermes_profiles.model.patterns import lazy_pattern

_PERCENT = lazy_pattern(r"%[0-9A-Fa-f]{2}")
# With any number of backslashes: JSON in JSON doubles them.
_BACKSLASH = lazy_pattern(r"(?<!\\)\\++(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|([0-7]{3})|([bfnrtv]))")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ENTITY = lazy_pattern(r"&#?[A-Za-z0-9]{2,8};")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/_-"
_NO_BASE64 = bytes(range(256)).translate(None, _BASE64)
_TO_CHUNKS = bytes.maketrans(_NO_BASE64, b" " * len(_NO_BASE64))
_SHORTEST = 12
_TO_STANDARD = str.maketrans("-_", "+/")
# `%2525` is a percent sign that was encoded twice.
_LEVELS = 3


def unescaped(text: str) -> Iterator[str]:
    """Yield a text with its escapes decoded, once for each kind that it has."""
    if "%" in text and _PERCENT.search(text):
        from urllib.parse import unquote

        for _ in range(_LEVELS):
            text, before = unquote(text, errors="surrogateescape"), text
            if text == before:
                break
            yield text
    if "\\" in text and _BACKSLASH.search(text):
        text = _BACKSLASH.sub(_character, text)
        yield text
    if "&" in text and _ENTITY.search(text):
        from html import unescape

        yield unescape(text)


def without_quotes(text: str) -> str:
    """Return a text without quotes and backslashes, which a shell, Markdown or `repr` adds to it."""
    return text.replace("\\", "").replace("'", "").replace('"', "")


def base64_decoded(text: str) -> Iterator[str]:
    """Yield what each run of base64 in a text means, at every offset that it may begin at."""
    for chunk in _base64_chunks(text):
        if chunk == chunk.lower() or chunk == chunk.upper():  # base64 of 9 bytes or more has both kinds of letters
            continue
        from binascii import Error, a2b_base64

        for offset in range(4):
            part = chunk[offset:].translate(_TO_STANDARD)
            try:
                whole = part[: len(part) // 4 * 4] if len(part) % 4 == 1 else part + "=" * (-len(part) % 4)
                yield a2b_base64(whole).decode("latin-1")
            except Error:
                continue


def _base64_chunks(text: str) -> set[str]:
    chunks = text.encode("ascii", "replace").translate(_TO_CHUNKS).decode("ascii").split()
    return {chunk for chunk in chunks if chunk[_SHORTEST - 1 :]}


def _character(match: re.Match[str]) -> str:
    four, two, octal, letter = match.groups()
    if letter:
        return _LETTERS[letter]
    return chr(int(octal, 8) if octal else int(four or two, 16))
