"""Text with its original bytes: decoding, line numbers, and edits that change no other byte. Pure.

Encodings follow what Hermes 0.19.0 accepts: `.env` may be UTF-8, UTF-16 with a byte order mark, text padded with
NUL bytes, or (as a last resort) latin-1; YAML and JSON are always opened as UTF-8.
"""

from __future__ import annotations

import bisect
import codecs
import re
from collections.abc import Iterable

from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

_LINE_END = lazy_pattern(r"\r\n|\n|\r")
# Two characters in a row, each with three NULs around it: UTF-32 without a mark.
_UTF32 = lazy_pattern(rb"[^\0]\0\0\0[^\0]\0\0\0|\0\0\0[^\0]\0\0\0[^\0]", re.DOTALL)
_MARKS = (("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("utf-16-be", codecs.BOM_UTF16_BE))
SAVE_AS_UTF8 = "save the file as UTF-8 in a text editor, then run the command again"


class TextSpan(NamedTuple):
    """A span of `.text`, offsets in code points."""

    start: int
    end: int
    text: str


class TextEdit(NamedTuple):
    """Replace `.text[start:end]` with `text`; equal offsets insert, an empty text removes."""

    start: int
    end: int
    text: str


class Decoded(NamedTuple):
    """The decoded bytes of a file. `mark` is the byte order mark, `full` the text before NULs are dropped."""

    codec: str
    mark: bytes
    full: str


def decode_loose(path: str, raw: bytes) -> Decoded:
    """Return the text of a `.env`-like file.

    Raises DocumentError for UTF-32, for broken UTF-16, and when the text would not encode back to the same bytes.
    """
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)) or (b"\0" in raw and _UTF32.search(raw)):
        raise DocumentError(path, None, "the file is UTF-32, which Hermes does not read", hint=SAVE_AS_UTF8)
    codec, mark = next(((c, m) for c, m in _MARKS if raw.startswith(m)), ("utf-8", b""))
    body = raw[len(mark) :]
    try:
        full = body.decode(codec)
    except UnicodeDecodeError as error:
        if codec != "utf-8":
            raise DocumentError(path, None, f"the file is not valid {codec.upper()}", hint=SAVE_AS_UTF8) from error
        codec, full = "latin-1", body.decode("latin-1")
    return _checked(path, raw, Decoded(codec, mark, full))


def decode_strict(path: str, raw: bytes) -> Decoded:
    """Return the text of a YAML or JSON file: UTF-8, with or without a mark.

    Raises DocumentError with the line of the first byte that is not UTF-8 or that is NUL (ruamel.yaml takes a NUL for
    the end of the file and ignores the text after it).
    """
    if b"\0" in raw:
        line = len(_LINE_END.findall(raw[: raw.index(b"\0")].decode("utf-8", "replace"))) + 1
        raise DocumentError(path, line, "there is a NUL byte here", hint=SAVE_AS_UTF8)
    mark = codecs.BOM_UTF8 if raw.startswith(codecs.BOM_UTF8) else b""
    try:
        full = raw[len(mark) :].decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[len(mark) : len(mark) + error.start].decode("utf-8", "replace")
        line = len(_LINE_END.findall(before)) + 1
        raise DocumentError(path, line, "a byte here is not UTF-8", hint=SAVE_AS_UTF8) from error
    return _checked(path, raw, Decoded("utf-8", mark, full))


def _checked(path: str, raw: bytes, decoded: Decoded) -> Decoded:
    if decoded.mark + decoded.full.encode(decoded.codec) != raw:
        raise DocumentError(path, None, "the file would change by decoding and encoding it", hint=SAVE_AS_UTF8)
    return decoded


class TextDocument:
    """A file as text with its original bytes. Treat it as read-only.

    `encoding` is `utf-8`, `utf-8-sig`, `utf-16-le`, `utf-16-be` or `latin-1`; `has_nuls` is True when NUL characters
    were dropped from `text` (they stay in the bytes).
    """

    __slots__ = (
        "_codec",
        "_full",
        "_kept",
        "_line_end",
        "_lines",
        "_mark",
        "encoding",
        "has_nuls",
        "path",
        "raw",
        "text",
    )

    def __init__(self, path: str, raw: bytes, decoded: Decoded) -> None:
        self.path = path
        self.raw = raw
        self._codec = decoded.codec
        self._mark = decoded.mark
        self._full = decoded.full
        self.encoding = "utf-8-sig" if decoded.mark == codecs.BOM_UTF8 else decoded.codec
        self.has_nuls = "\0" in decoded.full
        self.text = decoded.full.replace("\0", "") if self.has_nuls else decoded.full
        self._lines: list[int] | None = None
        self._line_end: str | None = None
        self._kept: list[int] | None = None

    def line_of(self, offset: int) -> int:
        """Return the 1-based line of an offset in `text`."""
        if self._lines is None:
            self._lines = [0, *(match.end() for match in _LINE_END.finditer(self.text))]
        return bisect.bisect_right(self._lines, offset)

    def line_end_style(self) -> str:
        """Return the line end for a new line: the most frequent one, `\\n` in a text of one line."""
        if self._line_end is None:  # it is asked for once for each edit
            found = _LINE_END.findall(self.text)
            self._line_end = max(("\n", "\r\n", "\r"), key=found.count) if found else "\n"
        return self._line_end

    def apply(self, edits: Iterable[TextEdit]) -> bytes:
        """Return the bytes with the edits made; bytes outside the edited spans are the original ones.

        Overlapping removals are merged. Raises DocumentError for other overlaps, for offsets outside the text and
        for new text that the encoding cannot hold.
        """
        pieces = [self._mark]
        at = 0
        for edit in self._in_order(edits):
            pieces.append(self._slice(at, edit.start))
            if edit.text:
                pieces.append(self._encode(edit))
            at = edit.end
        if len(pieces) == 1:
            return self.raw
        pieces.append(self._slice(at, None))
        return b"".join(pieces)

    def _in_order(self, edits: Iterable[TextEdit]) -> list[TextEdit]:
        """Return the edits sorted, removals merged. Inserts at one place keep the order they were given in."""
        merged: list[TextEdit] = []
        for edit in sorted(edits, key=lambda one: (one.start, one.end)):
            if not 0 <= edit.start <= edit.end <= len(self.text):
                raise DocumentError(self.path, None, f"an edit is outside the text ({edit.start}-{edit.end})")
            last = merged[-1] if merged else None
            if last is None or edit.start >= last.end:
                merged.append(edit)
            elif not last.text and not edit.text:
                merged[-1] = TextEdit(last.start, max(last.end, edit.end), "")
            else:
                raise DocumentError(self.path, self.line_of(edit.start), "two edits overlap here")
        return merged

    def _slice(self, start: int, end: int | None) -> bytes:
        """Return the bytes of a stretch of text; without an end, all bytes to the end of the file."""
        if not self.has_nuls:
            return self.text[start:end].encode(self._codec)
        stop = None if end is None else self._place(end)
        return self._full[self._place(start) : stop].encode(self._codec)

    def _place(self, offset: int) -> int:
        """Return the offset in the NUL-padded text for an offset of `text`.

        A NUL belongs to the character before it (UTF-16-LE order), or to the character after it when the file begins
        with a NUL (big-endian order), so that the bytes of every untouched line do not change.
        """
        if self._kept is None:
            self._kept = [index for index, char in enumerate(self._full) if char != "\0"]
        if self._full.startswith("\0"):
            return self._kept[offset - 1] + 1 if offset else 0
        if not offset:
            return 0
        return self._kept[offset] if offset < len(self._kept) else len(self._full)

    def _encode(self, edit: TextEdit) -> bytes:
        text = edit.text
        # A file where every second character is NUL gets new text padded alike: a reader that guesses UTF-16
        # then still finds characters at even places. A stray NUL is no such pattern.
        if self.has_nuls and self._full.count("\0") * 2 > len(self.text):
            text = "".join(f"\0{c}" if self._full.startswith("\0") else f"{c}\0" for c in text)
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError as error:
            line = self.line_of(edit.start)
            raise DocumentError(self.path, line, f"the new text cannot be written as {self._codec}") from error
