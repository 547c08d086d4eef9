"""Finds what a text holds in base64 that is no plain text: packed data, and text with base64 in it. Pure."""

from __future__ import annotations

import binascii
import itertools
from collections.abc import Iterator

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from .letter_runs import AS_RUNS
from .spellings import BASE64, BASE64_BREAKS, BASE64_ESCAPED, BASE64_LINE, as_text, unescaped

# The first bytes of gzip, zip, bzip2, xz, PDF, PNG, SQLite, 7z, rar and Zstandard in base64.
_PACKED_MARKS = (
    b"H4sI", b"UEsDB", b"QlpoO", b"Td6WFo", b"JVBERi0", b"iVBORw0KGgo", b"U1FMaXRlIGZv", b"N3q8ryc", b"UmFyIRoH",
    b"KLUv",
)  # fmt: skip
# The four beginnings of zlib, which are short: only in front of a run of base64.
_ZLIB_MARKS = (b"eJ", b"eN", b"eA", b"eF")
_ZLIB = r"e(?:J[w-z]|N[o-r]|A[E-H]|F[4-7])"
_ZLIB_RUN = lazy_pattern(rf"(?<![A-Za-z0-9+/_-]){_ZLIB}[A-Za-z0-9+/_-]{{21}}".encode())
_PACKED = lazy_pattern(
    rf"(?<![A-Za-z0-9+_-])(?:H4sI|UEsDB|QlpoO|[/_]Td6WFo|JVBERi0|iVBORw0KGgo|U1FMaXRlIGZv|N3q8ryc|UmFyIRoH|KLUv"
    rf"|{_ZLIB}(?=[A-Za-z0-9+/_-]{{21}}))"
)
# Base64 in base64: of a Secret with a login of Docker, of a release of Helm.
_SHORTEST_OUTER, _HEAD = 32, 24
_LONG_RUN = b"a" * _SHORTEST_OUTER
_TEXT_HEAD = lazy_pattern(rb"[ -~\t\r\n]+")
_INNER = lazy_pattern(rb"[A-Za-z0-9+/_-]{16}")


class Base64Run(NamedTuple):
    """Data that a text holds in base64: the part of the text, and what it means."""

    text: str
    content: bytes

    def __repr__(self) -> str:
        return "Base64Run(***)"


def base64_runs(data: bytes) -> Iterator[Base64Run]:
    """Yield the packed data that a text holds in base64, and the texts that have base64 in them again.

    Packed data is the body of a recorded answer, or a picture of a notebook.
    """
    may_be_packed, has_long_run = _may_be_packed(data), _LONG_RUN in data.translate(AS_RUNS)
    if not may_be_packed and not has_long_run:
        return
    text = as_text(data)
    if BASE64_ESCAPED.search(text):  # `\\n` between the lines, `\\/`, `%2F`
        text = unescaped(text)
    if may_be_packed:
        yield from _packed_in(text)
    if has_long_run:
        yield from _texts_in(text)


def beginnings_of(run: Base64Run) -> Iterator[Base64Run]:
    """Yield the first line of a run, the run without its last line, and the whole run.

    The line behind it may begin with a word that is no part of it.
    """
    lines = [*BASE64_LINE.finditer(run.text)]
    for count in sorted({1, len(lines) - 1, len(lines)} - {0}):
        yield _run(run.text[: lines[count - 1].end()])


def _packed_in(text: str) -> Iterator[Base64Run]:
    starts = [match.start() for match in _PACKED.finditer(text)]
    covered = 0
    for start, following in itertools.pairwise([*starts, len(text)]):
        # Lines that each begin so are one run: behind its first one, each goes up to the next.
        match = BASE64.match(text, start, following if start < covered else len(text))
        if match is not None:
            covered = max(covered, match.end())
            yield _run(match.group())


def _texts_in(text: str) -> Iterator[Base64Run]:
    letters = text.encode("latin-1", "replace").translate(AS_RUNS)
    start = letters.find(_LONG_RUN)
    while start >= 0:
        match = BASE64.match(text, start)
        if match is None:
            return
        if _TEXT_HEAD.fullmatch(_run(match.group()[:_SHORTEST_OUTER]).content[:_HEAD]):
            runs = [run for run in beginnings_of(_run(match.group())) if run.content.isascii()]
            if runs and _INNER.search(runs[-1].content):
                yield runs[-1]
        start = letters.find(_LONG_RUN, match.end())


def _run(text: str) -> Base64Run:
    run = BASE64_BREAKS.sub("", text).rstrip("=").replace("-", "+").replace("_", "/")
    whole = run[:-1] if len(run) % 4 == 1 else run + "=" * (-len(run) % 4)
    return Base64Run(text, binascii.a2b_base64(whole))


def _may_be_packed(data: bytes) -> bool:
    for mark in _PACKED_MARKS:  # a bare loop: this runs once a file
        if mark in data:
            return True
    return any(mark in data for mark in _ZLIB_MARKS) and _ZLIB_RUN.search(data) is not None
