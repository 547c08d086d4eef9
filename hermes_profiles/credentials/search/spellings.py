"""Decodes the escapes that texts are full of, and maps each part of the result to its part of the source. Pure.

Handled: percent signs (also twice), HTML entities, backslash escapes, quotes within a word and joined strings,
characters without width, quoted-printable, folded lines, RTF, base64 over several lines.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .needles import Needles

_PERCENT = r"(?:%[0-9A-Fa-f]{2})+"
# A browser needs no semicolon behind a number.
_ENTITY = r"&(?:#[0-9]{1,7};?|#[xX][0-9A-Fa-f]{1,6};?|[A-Za-z]{2,31};)"
_BREAK = r"(?:\r\n?|\n)"
_BACKSLASH = (
    r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[ux]\{[0-9A-Fa-f]{1,6}\}|U[0-9A-Fa-f]{8}|[0-7]{2,3}|[bfnrtv]"
    rf"|{_BREAK}[ \t]*|[!-/:-@\[-`{{-~])"
)
# A line continued by PowerShell and by cmd.
_CONTINUED = rf"[`^]{_BREAK}[ \t]*"
_NO_WIDTH = "[\u00ad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
# The colour or the link of a terminal.
_COLOUR = r"\x1b(?:\[[0-9;:?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\))"
_ESCAPES = lazy_pattern(f"{_PERCENT}|{_ENTITY}|{_BACKSLASH}|{_CONTINUED}|{_NO_WIDTH}|{_COLOUR}")
_COLOURS = lazy_pattern(_COLOUR)
_ESCAPE_MARKS = ("\\", "%", "&", "`\n", "`\r", "^\n", "^\r", "\x1b")
# `'abc'"def"`, `ab"cd"ef`, `"abc" + "def"`, `$'abc'`, `"abc" .. "def"` of Lua, `||` of SQL, `b"abc" b"def"` of Python.
_JOINT = r"(?:(?:\+\+?|\.\.?|&|\|\||~)[ \t]*)?"
# A comment between two strings.
_REMARK = r"(?:(?:/\*[^*\n]{0,80}\*/|(?:#|//)[^\n\"'`]{0,80}(?=\r?\n))[ \t]*)?"
_QUOTED = lazy_pattern(
    rf"[\"'`][ \t]*{_REMARK}{_JOINT}{_REMARK}(?:[\\`^_]?{_BREAK}[ \t]*{_JOINT})?(?:\$|[bfruBFRU]{{1,2}})?[\"'`]"
    r"|(?<=[\w:.-]{2})[\"'`](?=[\w:.-])"
)
# The end of a line within a value: alone, with the mark of a continuation, with what frames or quotes both lines.
_WRAP = r"(?:\r?\n|(?:\\r)?\\n)"
_WRAPS = (
    lazy_pattern(rf"\\{{0,3}}{_WRAP}[ \t]*"),
    lazy_pattern(
        rf"(?:[ \t]*[\"'])?[ \t]*[+.&|\u2502]?[ \t]*(?:[`=^]|[ \t]_|\\{{1,3}})?[ \t]*{_WRAP}"
        r"[ \t]*(?:[>#*|\u2502+.&][ \t]*)*(?:[\"'][ \t]*)?"
    ),
)
_ANY_TAG = r"</?[A-Za-z][^<>]*>|<!--[^<>]*-->|<!\[CDATA\[|\]\]>"
_TAG_MARKS = ("</", "<wbr", "<br", "<!")
_TAG = lazy_pattern(_ANY_TAG)
_TAG_BYTES = lazy_pattern(_ANY_TAG.encode())
_PRINTABLE = lazy_pattern(r"(?:=[0-9A-Fa-f]{2})+|=[ \t]*(?:\r\n?|\n)")
_SOFT_BREAKS = lazy_pattern(r"=\r?\n")
# Between two encoded words in the head of a mail.
_ENCODED_WORDS = lazy_pattern(r"\?=\s+=\?[\w-]+\?[qQ]\?")
# A line of iCalendar, vCard, LDIF or the head of a mail that goes on behind one blank.
_FOLD = lazy_pattern(r"(?<=[!-~])\r?\n[ \t](?=[!-~])")
_MAY_FOLD = lazy_pattern(r"\n[ \t][!-~]")  # its first character makes it fast
_RTF_START = "{\\rtf"
_RTF = lazy_pattern(r"\\'[0-9A-Fa-f]{2}|\\u-?[0-9]{1,6} ?\??|\\[\\{}_~-]|\\[a-z]{1,32}-?[0-9]{0,10} ?|[{}]|\r?\n")
_RTF_SIGNS = {"_": "-", "~": " ", "-": ""}
_READABLE = lazy_pattern(rb"[ -~\t\r\n]{8}|(?:[ -~]\x00){8}|(?:\x00[ -~]){8}")
# Over several lines: of a mail, of a comment, of a string that is put together.
_BASE64_BREAK = (
    rf"(?:{_BREAK}[ \t]*(?:(?:[>#*;|]|//|--)[ \t]*)*|[\"'`][ \t]*[+.,]?[ \t]*\\?{_BREAK}[ \t]*(?:[+.][ \t]*)?[\"'`])"
)
BASE64 = lazy_pattern(rf"[A-Za-z0-9+/_-]{{16,}}(?:{_BASE64_BREAK}[A-Za-z0-9+/_-]+)*={{0,2}}")
BASE64_BREAKS = lazy_pattern(_BASE64_BREAK)
# A run of base64 with an escape in it.
BASE64_ESCAPED = lazy_pattern(r"[A-Za-z0-9+/_-]{16}(?:\\\\?[nru/]|%2|&#)")
BASE64_LINE = lazy_pattern(r"[A-Za-z0-9+/_-]+={0,2}")
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_ROUNDS = 3
# Left out of a text and of a value before a first comparison: quotes, joints of strings and lines, soft line breaks.
_LEFT_OUT = b"\\'\"` \t\r\n+=.&>$|^~"
_SHORTEST_BARE = 8
# Characters of base64 that are decoded.
_SHORTEST_LINE = 16
_WIDE_MARKS = (
    (b"\xff\xfe\x00\x00", "utf-32"),
    (b"\x00\x00\xfe\xff", "utf-32"),
    (b"\xff\xfe", "utf-16"),
    (b"\xfe\xff", "utf-16"),
)
# In a binary file, the length of a text or the text before it can be a letter in front of a token.
_TOKEN_MARKS = (b"xox", b"xapp-", b"syt_", b"syr_", b"mat_", b"mct_", b"mcr_", b"mar_", b"mfa.")
_DISCORD = lazy_pattern(rb"\.[\w-]{6}\.[\w-]{27}")
_GLUED = lazy_pattern(
    rb"(?<=[\w-])(?=xox[a-z]-|xapp-|sy[tr]_|m(?:at|ct|cr|ar)_|mfa\.|[MNO][\w-]{22,28}\.[\w-]{6}\.[\w-]{27})"
)
_WIDE_RUN = lazy_pattern(rb"(?:[ -~]\x00(?:\x00\x00)?){8}")
# NULs between words, and those that are a half of a character.
_MANY_NULS = lazy_pattern(rb"\x00{4,}")
_WIDE_NULS = lazy_pattern(
    rb"\x00{3}(?:(?<=\x00{3}[^\x00]\x00{3})|(?=[^\x00]\x00{3}))"
    rb"|\x00(?:(?<=\x00[^\x00]\x00)|(?=[^\x00]\x00(?!\x00)))"
)
_MARKS = ("\\", "%", "&", "=", "'", '"', "`", "\n", "\r", "\x1b", "<")
_LINE_MARKS = (
    (b"\\", lazy_pattern(rb"\\[xuU0-7]")),
    (b"&", lazy_pattern(rb"&(?:#[0-9xX]|[0-9A-Za-z]{2,31};)")),
    (b"%", lazy_pattern(rb"%[0-9A-Fa-f]{2}")),
    (b"=", lazy_pattern(rb"=(?:3[aAdD]|2[dDeE]|5[fF]|[0-9A-Fa-f]{2}=)")),
)
_SOFT_BREAK = lazy_pattern(rb"=[ \t]*\r?\n")
# Beginnings of the characters without width, and those characters.
_NO_WIDTH_MARKS = (
    b"\xe2\x80",
    b"\xe2\x81",
    b"\xef\xb8",
    b"\xef\xbb",
    b"\xc2\xad",
    b"\xcd\x8f",
    b"\xe1\xa0",
    b"\xd8\x9c",
)
_NO_WIDTH_BYTES = lazy_pattern(
    rb"\xe2(?:\x80[\x8b-\x8f\xaa-\xae]|\x81[\xa0-\xaf])|\xe1\xa0[\x8b-\x8e]"
    rb"|\xef(?:\xb8[\x80-\x8f]|\xbb\xbf)|\xc2\xad|\xcd\x8f|\xd8\x9c"
)


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
    may_have_escapes = not text.isascii() or any(mark in text for mark in _ESCAPE_MARKS)
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
    words = _substituted(text, _ENCODED_WORDS, lambda match: "", None) if "?Q?" in text or "?q?" in text else None
    printable = _substituted(words.text if words is not None else text, _PRINTABLE, _from_printable, words) or words
    if printable is not None:
        yield printable
    if "=\n" in text or "=\r\n" in text:  # what looks like `=CA` can also be an assignment
        joined_lines = _substituted(text, _SOFT_BREAKS, lambda match: "", None)
        if joined_lines is not None:
            yield joined_lines
    if _MAY_FOLD.search(text):
        unfolded = _substituted(last.text if last is not None else text, _FOLD, lambda match: "", last)
        if unfolded is not None:
            yield unfolded
    rich = _substituted(text, _RTF, _from_rtf, None) if text.startswith(_RTF_START) else None
    if rich is not None:
        yield rich
    if "\x1b" in text:  # a colour can also be between words
        coloured = _substituted(text, _COLOURS, lambda match: "\n", None)
        if coloured is not None:
            yield coloured
    if any(mark in text for mark in _TAG_MARKS):
        base = last.text if last is not None else text
        untagged = _substituted(base, _TAG, lambda match: "", last)
        if untagged is not None:
            yield untagged
    yield from _from_base64(text, None)
    if last is not None and BASE64_ESCAPED.search(text):
        yield from _from_base64(last.text, last)


def unescaped(text: str) -> str:
    """Return a text with its escapes decoded once."""
    return _ESCAPES.sub(_unescape, text)


def unwrapped(text: str) -> Iterator[Reading]:
    """Yield a text without its line ends, in the ways that a value goes on in the next line."""
    readings = (
        [_substituted(text, wrap, lambda match: "", None) for wrap in _WRAPS] if "\n" in text or "\\n" in text else []
    )
    yield from (reading for reading in readings if reading is not None)


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
    if kind in _LETTERS:
        return _LETTERS[kind]
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


def _from_rtf(match: re.Match[str]) -> str:
    text = match.group()
    kind = text[1:2]
    if kind == "'":
        return chr(int(text[2:], 16))
    if kind == "u" and (digits := text[2:].rstrip("? ").lstrip("-")).isdecimal():
        number = int(digits)
        return chr((-number if text[2] == "-" else number) & 0xFFFF)
    return _RTF_SIGNS.get(kind, kind) if len(text) == 2 and not kind.isalpha() else ""


def _from_base64(text: str, inner: Reading | None) -> Iterator[Reading]:
    """Yield the decoded text of every run of base64.

    The line after a run may begin with a word that is no part of it. So a run of several lines is also read without
    its last line, and each long line alone.
    """
    for match in BASE64.finditer(text):
        run, start = match.group(), match.start()
        yield from _base64_readings(run, start, inner)
        lines = list(BASE64_LINE.finditer(run))
        if len(lines) < 2:
            continue
        if len(lines) > 2:
            yield from _base64_readings(run[: lines[-2].end()], start, inner)
        for line in lines:
            if len(line.group()) >= _SHORTEST_LINE:
                yield from _base64_readings(line.group(), start + line.start(), inner)


def _base64_readings(source: str, start: int, inner: Reading | None) -> Iterator[Reading]:
    """Yield the readable text of a run of base64, read from each of its first four characters."""
    joined = _substituted(source, BASE64_BREAKS, lambda found: "", None)
    run = (joined.text if joined is not None else source).rstrip("=")
    if run.islower() or run.isupper() or run.isdecimal():
        return
    run = run.replace("-", "+").replace("_", "/")
    for shift in range(4):
        size = (len(run) - shift) // 4 * 4
        rest = (len(run) - shift) % 4
        part = run[shift:] + "=" * (-(len(run) - shift) % 4) if rest != 1 else run[shift : shift + size]
        try:
            content = binascii.a2b_base64(part)
        except binascii.Error:
            continue
        if _READABLE.search(content) is None:
            continue
        place = _Base64Place(start, shift, len(source), joined, inner)
        plain = content.decode("latin-1")
        yield _Base64(plain, place, 1)
        if "\x00" in plain:  # of PowerShell: UTF-16
            yield from (_Base64(plain[first::2], place, 2, first) for first in (0, 1))


class _Base64Place(NamedTuple):
    """Where a run of base64 is: `shift` characters are left out, `joined` is the run without its breaks."""

    offset: int
    shift: int
    size: int
    joined: Reading | None
    inner: Reading | None


class _Base64(Reading):
    """Reading base64: three bytes come from four characters, and a character of the text is `width` bytes."""

    def __init__(self, text: str, place: _Base64Place, width: int, first: int = 0) -> None:
        super().__init__(text, [], place.inner)
        self._place, self._width, self._first_byte = place, width, first

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the part of the source, in whole characters of base64."""
        place = self._place
        start, end = self._first_byte + start * self._width, self._first_byte + end * self._width
        first, last = place.shift + start * 8 // 6, min(place.shift + -(-end * 8 // 6), place.size)
        if place.joined is not None:
            first, last = place.joined.span(first, last)
        first, last = place.offset + first, place.offset + last
        return self._inner.span(first, last) if self._inner is not None else (first, last)


class SpelledValues:
    """Searches for values in texts that are escaped, quoted or encoded; `owners`: value → name of its key."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self._owners = dict(owners)
        self._values = Needles(self._owners)
        # A value that is taken apart at one place has one half that is whole.
        self._halves = Needles(
            half
            for value in owners
            if len(bare := value.encode("utf-8", "surrogatepass").translate(None, _LEFT_OUT)) >= _SHORTEST_BARE
            for half in (_halves(bare))
        )

    def names_in(self, data: bytes) -> set[str]:
        """Return the names of the keys whose value is in these bytes in another spelling than its own."""
        if not self._owners:
            return set()
        data = in_utf8(data)
        if b"\x00" in data and _WIDE_RUN.search(data):
            text = as_text(data)
            plain = {self._owners[value] for value in self._values.in_text(text)}
            if plain:
                return plain
            data = text.encode("utf-8", "surrogateescape")
        bare = data.translate(None, _LEFT_OUT)
        if b"<" in data and (b"</" in data or b"<wbr" in data or b"<!" in data):
            bare += b"\n" + _TAG_BYTES.sub(b"", data).translate(None, _LEFT_OUT)
        for half in self._halves.candidates(bare):
            if half in bare:
                return {name for *_, name in self.spans(as_text(data))}
        names: set[str] = set()
        for lines in _escaped_lines(data):
            text = as_text(lines)
            names.update(self._owners[value] for view in decoded(text) for value in self._values.in_text(view.text))
        return names

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """Return (start, end, name) of every value that is in the text in another spelling than its own."""
        found: list[tuple[int, int, str]] = []
        for view in decoded(text) if not text.isascii() or any(mark in text for mark in _MARKS) else ():
            for value in self._values.in_text(view.text):
                start = view.text.find(value)
                while start >= 0:
                    found.append((*view.span(start, start + len(value)), self._owners[value]))
                    start = view.text.find(value, start + len(value))
        return [span for span in found if text[span[0] : span[1]] not in self._owners]


def as_text(data: bytes) -> str:
    """Return bytes as text: UTF-8, UTF-16 or UTF-32; a binary file without the NULs of wide characters."""
    codec = next((codec for mark, codec in _WIDE_MARKS if data.startswith(mark)), None)
    if codec is not None:
        return data.decode(codec, "replace")
    if b"\x00" in data:
        data = _WIDE_NULS.sub(b"", _MANY_NULS.sub(b"\n", data)).replace(b"\x00", b"\n")
        if any(mark in data for mark in _TOKEN_MARKS) or _DISCORD.search(data):
            data = _GLUED.sub(b"\n", data)
    return data.decode("utf-8", "surrogateescape")


def in_utf8(data: bytes) -> bytes:
    """Return the bytes of a text in UTF-8 where it is UTF-16 or UTF-32; other bytes as they are."""
    if not data.startswith((b"\xff\xfe", b"\xfe\xff", b"\x00\x00\xfe\xff")):
        return data
    return as_text(data).encode("utf-8", "surrogatepass")


def _escaped_lines(data: bytes) -> Iterator[bytes]:
    """Yield the lines with escapes of one kind."""
    for mark, pattern in _LINE_MARKS:
        if mark in data and pattern.search(data):
            if mark == b"=" and _SOFT_BREAK.search(data):  # it joins lines
                yield data
            else:
                yield b"\n".join(line for line in data.split(b"\n") if mark in line and pattern.search(line))
    if has_no_width(data):
        yield b"\n".join(line for line in data.split(b"\n") if _NO_WIDTH_BYTES.search(line))


def has_no_width(data: bytes) -> bool:
    """Return whether these bytes of UTF-8 have a character without width."""
    if data.isascii():
        return False
    for mark in _NO_WIDTH_MARKS:  # a bare loop: this runs once a file
        if mark in data:
            return _NO_WIDTH_BYTES.search(data) is not None
    return False


def _halves(bare: bytes) -> tuple[bytes, ...]:
    middle = len(bare) // 2
    return (bare[:middle], bare[middle:]) if middle >= _SHORTEST_BARE else (bare,)
