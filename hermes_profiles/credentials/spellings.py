"""Decodes the escapes that texts are full of, and maps each part of the result to its part of the source. Pure.

Handled: percent signs (also twice), HTML entities, backslash escapes, quotes within a word and joined strings,
characters without width, quoted-printable, base64 over several lines.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

from hermes_profiles.model.patterns import lazy_pattern

_PERCENT = r"(?:%[0-9A-Fa-f]{2})+"
_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"
_BACKSLASH = r"\\(?:x[0-9A-Fa-f]{2}|u\{?[0-9A-Fa-f]{4}\}?|U[0-9A-Fa-f]{8}|[0-7]{3}|(?:\r\n?|\n)[ \t]*|[!-/:-@\[-`{-~])"
_NO_WIDTH = "[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]+"
_ESCAPES = lazy_pattern(f"{_PERCENT}|{_ENTITY}|{_BACKSLASH}|{_NO_WIDTH}")
# `'abc'"def"`, `ab"cd"ef`, `"abc" + "def"`, `$'abc'`.
_QUOTED = lazy_pattern(
    r"[\"'`][ \t]*(?:[+.&][ \t]*|\\?(?:\r\n?|\n)[ \t]*(?:[+.&][ \t]*)?|[+.&][ \t]*\\?(?:\r\n?|\n)[ \t]*)?[$]?[\"'`]"
    r"|(?<=[\w:.-])[\"'`](?=[\w:.-])"
)
_PRINTABLE = lazy_pattern(r"(?:=[0-9A-Fa-f]{2})+|=[ \t]*(?:\r\n?|\n)")
_BASE64 = lazy_pattern(r"[A-Za-z0-9+/_-]{16,}(?:(?:\r\n?|\n)[ \t>]*[A-Za-z0-9+/_-]+)*={0,2}")
_BASE64_LINE = lazy_pattern(r"[A-Za-z0-9+/_-]+={0,2}")
_BREAK = lazy_pattern(r"[\s>]+")
_ROUNDS = 3
# Left out of a text and of a value before a first comparison: quotes, joints of strings and lines, soft line breaks.
_LEFT_OUT = b"\\'\"` \t\r\n+=.&>$"
_SHORTEST_BARE = 8
# Characters of base64 that are decoded.
_SHORTEST_LINE = 16
_MARKS = ("\\", "%", "&", "=", "'", '"', "`", "\n", "\r", "\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad")
_LINE_MARKS = (
    (b"\\", lazy_pattern(rb"\\[xuU0-7]")),
    (b"&", lazy_pattern(rb"&#?[0-9A-Za-z]{2,8};")),
    (b"%", lazy_pattern(rb"%[0-9A-Fa-f]{2}")),
    (b"=", lazy_pattern(rb"=(?:3[aAdD]|2[dDeE]|5[fF]|[0-9A-Fa-f]{2}=)")),
)
_MAY_NO_WIDTH = (b"\xe2\x80\x8b", b"\xe2\x80\x8c", b"\xe2\x80\x8d", b"\xe2\x81\xa0", b"\xef\xbb\xbf", b"\xc2\xad")


class Reading:
    """A decoded text. `span` maps a part of it to the part of the source that it comes from."""

    def __init__(self, text: str, breaks: list[tuple[int, int, int]], inner: Reading | None = None) -> None:
        """`breaks`: (position here, position in the source, 1 where the source advances with the text, else 0)."""
        self.text = text
        self._breaks, self._inner = breaks, inner

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the source of `text[start:end]`."""
        first, last = self._source(start, end=False), self._source(end - 1, end=True)
        return self._inner.span(first, last) if self._inner is not None else (first, last)

    def _source(self, position: int, *, end: bool) -> int:
        index = bisect_right(self._breaks, (position, 1 << 62, 1)) - 1
        here, there, step = self._breaks[index]
        if step:
            return there + position - here + end
        return self._breaks[index + 1][1] if end else there


def decoded(text: str) -> Iterator[Reading]:
    """Yield the readings of a text that differ from the text itself."""
    may_have_escapes = not text.isascii() or "\\" in text or "%" in text or "&" in text
    plain = _substituted(text, _ESCAPES, _unescape, None) if may_have_escapes else None
    last = plain
    for _ in range(_ROUNDS - 1):
        if last is None:
            break
        following = _substituted(last.text, _ESCAPES, _unescape, last)
        if following is None:
            break
        yield last
        last = following
    if last is not None:
        yield last
    joined = _substituted(last.text if last is not None else text, _QUOTED, lambda match: "", last)
    if joined is not None:
        yield joined
    printable = _substituted(text, _PRINTABLE, _from_printable, None)
    if printable is not None:
        yield printable
    yield from _from_base64(text)


def _substituted(
    text: str, pattern: re.Pattern[str], decode: Callable[[re.Match[str]], str], inner: Reading | None
) -> Reading | None:
    """Return the text with every match decoded, None when nothing changes."""
    pieces: list[str] = []
    breaks: list[tuple[int, int, int]] = []
    here = there = 0
    changed = False
    for match in pattern.finditer(text):
        new = decode(match)
        if new == match.group():
            continue
        changed = True
        kept = text[there : match.start()]
        if kept:
            breaks.append((here, there, 1))
            here += len(kept)
        if new:
            breaks.append((here, match.start(), 0))
            here += len(new)
        pieces += (kept, new)
        there = match.end()
    if not changed:
        return None
    breaks.append((here, there, 1))
    pieces.append(text[there:])
    return Reading("".join(pieces), breaks, inner)


def _unescape(match: re.Match[str]) -> str:
    text = match.group()
    if text[0] == "%":
        return unquote_to_bytes(text).decode("utf-8", "replace")
    if text[0] == "&":
        from html import unescape

        return unescape(text)
    if text[0] != "\\":
        return ""
    kind, rest = text[1], text[2:].strip("{}")
    try:
        if kind in "xuU":
            return chr(int(rest, 16))
        return chr(int(text[1:], 8) & 0xFF) if kind.isdigit() else "" if kind.isspace() else kind
    except (ValueError, OverflowError):
        return text


def _from_printable(match: re.Match[str]) -> str:
    text = match.group()
    if text[-1] == "\n":
        return ""
    return bytes.fromhex(text.replace("=", "")).decode("utf-8", "replace")


def _from_base64(text: str) -> Iterator[Reading]:
    """Yield the decoded text of every run of base64.

    The line after a run may begin with a word that is no part of it. So a run of several lines is also read without
    its last line, and each long line alone.
    """
    for match in _BASE64.finditer(text):
        run, start = match.group(), match.start()
        yield from _base64_readings(run, start)
        lines = list(_BASE64_LINE.finditer(run))
        if len(lines) < 2:
            continue
        if len(lines) > 2:
            yield from _base64_readings(run[: lines[-2].end()], start)
        for line in lines:
            if len(line.group()) >= _SHORTEST_LINE:
                yield from _base64_readings(line.group(), start + line.start())


def _base64_readings(source: str, start: int) -> Iterator[Reading]:
    """Yield the decoded text of a run of base64, read from each of its first four characters."""
    joined = _substituted(source, _BREAK, lambda found: "", None)
    run = (joined.text if joined is not None else source).rstrip("=")
    run = run.replace("-", "+").replace("_", "/")
    for shift in range(4):
        size = (len(run) - shift) // 4 * 4
        rest = (len(run) - shift) % 4
        part = run[shift:] + "=" * (-(len(run) - shift) % 4) if rest != 1 else run[shift : shift + size]
        try:
            plain = base64.b64decode(part, validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            continue
        yield _Base64(plain, start, shift, joined, len(source))


class _Base64(Reading):
    """Reading base64: three characters come from four."""

    def __init__(self, text: str, offset: int, shift: int, joined: Reading | None, size: int) -> None:
        super().__init__(text, [])
        self._offset, self._shift, self._joined, self._size = offset, shift, joined, size

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the source, in whole characters of base64."""
        first, last = self._shift + start * 8 // 6, min(self._shift + -(-end * 8 // 6), self._size)
        if self._joined is not None:
            first, last = self._joined.span(first, last)
        return self._offset + first, self._offset + last


class SpelledValues:
    """Searches for values in texts that are escaped, quoted or encoded; `owners`: value → name of its key."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = dict(owners)
        self._bare = tuple(
            (bare, value)
            for value in owners
            if len(bare := value.encode("utf-8", "surrogatepass").translate(None, _LEFT_OUT)) >= _SHORTEST_BARE
        )

    def names_in(self, data: bytes) -> set[str]:
        """Return the names of the keys whose value is in these bytes in another spelling than its own."""
        if not self._owners:
            return set()
        data = in_utf8(data)
        bare = data.translate(None, _LEFT_OUT)
        for needle, _ in self._bare:
            if needle in bare:
                return {name for *_, name in self.spans(as_text(data))}
        names: set[str] = set()
        for lines in _escaped_lines(data):
            text = as_text(lines)
            names.update(
                name for value, name in self._owners.items() if any(value in view.text for view in decoded(text))
            )
        return names

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, end, name) of every value that is in the text in another spelling than its own."""
        found: list[tuple[int, int, str]] = []
        for view in decoded(text) if any(mark in text for mark in _MARKS) else ():
            for value, name in self._owners.items():
                start = view.text.find(value)
                while start >= 0:
                    found.append((*view.span(start, start + len(value)), name))
                    start = view.text.find(value, start + len(value))
        return [span for span in found if text[span[0] : span[1]] not in self._owners]


def as_text(data: bytes) -> str:
    """Return bytes as text: UTF-8 or UTF-16; a binary file without its NULs."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    return (data.replace(b"\x00", b"") if b"\x00" in data else data).decode("utf-8", "surrogateescape")


def in_utf8(data: bytes) -> bytes:
    """Return the bytes of a text in UTF-8 where it is UTF-16; other bytes as they are."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data
    return data.decode("utf-16", "replace").encode("utf-8", "surrogatepass")


def _escaped_lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines with escapes of one kind."""
    for mark, pattern in _LINE_MARKS:
        if mark in data and pattern.search(data):
            yield b"\n".join(line for line in data.split(b"\n") if mark in line and pattern.search(line))
    if not data.isascii() and any(mark in data for mark in _MAY_NO_WIDTH):
        yield b"\n".join(line for line in data.split(b"\n") if any(mark in line for mark in _MAY_NO_WIDTH))
