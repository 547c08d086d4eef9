"""The spellings of a value, and the readings of a text that can hold them: percent signs, base64, UTF-16. Pure."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from unicodedata import normalize
from urllib.parse import quote, quote_plus, unquote_to_bytes

from hermes_profiles.model.patterns import lazy_pattern

from .spellings import in_utf8

# Shorter values (a port, `true`, a chat's nickname) also occur in texts that have nothing to do with them.
SHORTEST = 8
# Written twice: in Compose and make, in systemd and cmd, in SQL and YAML, in CSV, in a template of Python.
_DOUBLED = tuple(str.maketrans({sign: sign * 2 for sign in signs}) for signs in ("$", "%", "'", '"', "{}"))
# As a word processor corrects it: hyphens that do not break, dashes, quotation marks.
_PRINTED = tuple(str.maketrans(signs) for signs in (
    {"-": "\u2011"}, {"-": "\u2010"}, {"-": "\u2013"}, {"-": "\u2212"}, {"'": "\u2019", '"': "\u201d"},
))  # fmt: skip
# Letters of one case can be written in the other one, and mean the same token.
_SHORTEST_IN_OTHER_CASE = 16
_DIGIT = lazy_pattern(r"[0-9]")
_CODEPAGES = ("cp1252", "cp1251", "gbk", "shift_jis", "cp437")
_PERCENT = lazy_pattern(rb"%[0-9A-Fa-f]{2}")
# A line that ends in 20 or more base64 characters and continues on the next line: MIME writes 76 a line, PEM 64.
_BASE64_BREAK = lazy_pattern(rb"\n(?<=[A-Za-z0-9+/_-]{20}\n)[ \t]*(?:(?:[>#*;|]|//|--)[ \t]*)*(?=[A-Za-z0-9+/_=-])")
# The same in strings that are put together, and a fast test for them.
_MAY_BE_STRINGS = lazy_pattern(rb"\n[ \t]*(?:[+.][ \t]*)?[\"'`][A-Za-z0-9+/_-]{16}")
_BASE64_STRINGS = lazy_pattern(
    rb"[\"'`](?<=[A-Za-z0-9+/_-]{16}[\"'`])[ \t]*[+.,]?[ \t]*\\?\n[ \t]*(?:[+.][ \t]*)?[\"'`](?=[A-Za-z0-9+/_=-])"
)


def views(data: bytes) -> Iterator[bytes]:
    """Yield the bytes, those of UTF-16 in UTF-8, then with percent signs decoded, then without the breaks of base64."""
    yield data
    text = in_utf8(data)
    if text is not data:
        yield text
        data = text
    if _PERCENT.search(data):
        # Any mixture of encoded and plain characters is a valid URL, so decode instead of guessing.
        yield unquote_to_bytes(b"\n".join(line for line in data.split(b"\n") if b"%" in line))
    unix = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in data else data
    if b"\\n" in unix:
        unix = unix.replace(b"\\r\\n", b"\n").replace(b"\\n", b"\n").replace(b"\\/", b"/")
    if _BASE64_BREAK.search(unix):
        yield _BASE64_BREAK.sub(b"", unix)
    if _MAY_BE_STRINGS.search(unix):
        yield _BASE64_STRINGS.sub(b"", unix)


def text_spellings(part: str) -> list[str]:
    """Return the spellings that are text themselves, the plain one first."""
    encoded = part.encode("utf-8", "surrogatepass")
    spellings = [part]
    for safe in ("", "/", "/:@"):
        percent = quote(encoded, safe=safe)
        spellings += [percent, re.sub(r"%[0-9A-F]{2}", lambda match: match.group().lower(), percent)]
    ascii_json = json.dumps(part)[1:-1]
    spellings += [ascii_json, json.dumps(part, ensure_ascii=False)[1:-1], ascii_json.replace("/", "\\/")]
    spellings += [part.translate(signs) for signs in (*_DOUBLED, *_PRINTED)]
    if len(part) >= _SHORTEST_IN_OTHER_CASE and _DIGIT.search(part) is not None:  # words in capitals are other words
        spellings += [part.upper()] if part.islower() else [part.lower()] if part.isupper() else []
    if not part.isascii():
        spellings += [normalize(form, part) for form in ("NFC", "NFD")]
        spellings.append(encoded.decode("latin-1"))  # UTF-8 that was read as Latin-1
    if " " in part:
        spellings += [quote_plus(encoded), part.replace(" ", "+"), part.replace(" ", "\u00a0")]
    for shift in range(3):
        core = base64_core(encoded, shift)
        spellings += [core, core.replace("+", "-").replace("/", "_")]
        spellings.append(base64_core(part.encode("utf-16-le", "surrogatepass"), shift))
    return [spelling for spelling in dict.fromkeys(spellings) if len(spelling) >= SHORTEST - 1]


def base64_core(encoded: bytes, shift: int) -> str:
    """Return the base64 characters that depend on this value alone when `shift` bytes precede it."""
    text = base64.b64encode(b"\x00" * shift + encoded).decode("ascii").rstrip("=")
    complete = (shift + len(encoded)) * 8 // 6
    return text[-(-shift * 8 // 6) : complete]


def byte_spellings(part: str) -> list[bytes]:
    """Return the value in encodings other than UTF-8."""
    spellings = [part.encode("utf-16-le", "surrogatepass"), part.encode("utf-16-be", "surrogatepass")]
    for codec in ("latin-1",) if part.isascii() else ("latin-1", *_CODEPAGES):
        try:
            spellings.append(part.encode(codec))
        except UnicodeEncodeError:
            pass
    return spellings
