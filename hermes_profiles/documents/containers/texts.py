"""Texts as a reader sees them: XML of office documents without tags, strings of a PDF without the gaps between them."""

from __future__ import annotations

import re
from typing import Protocol

from hermes_profiles.model.patterns import lazy_pattern

_TAG = lazy_pattern(rb"<[^<>]*>")
_LONGEST_TAG = 64 * 1024
_PDF_STRING = lazy_pattern(rb"\(((?:[^()\\]|\\.)*)\)|<([0-9A-Fa-f\s]+)>", re.DOTALL)
_PDF_ESCAPE = lazy_pattern(rb"\\([()\\])")
_PDF_TAIL = 4096


class TextView(Protocol):
    """A text that arrives in parts."""

    def feed(self, data: bytes) -> bytes:
        """Return the text of the next part."""


class TagStripper:
    """XML without tags: a word processor splits a word over several of them."""

    def __init__(self) -> None:
        self._open = b""

    def feed(self, data: bytes) -> bytes:
        """Return the text of the next part; a tag that it cuts off is kept for the next one."""
        data = self._open + data
        start = data.rfind(b"<")
        self._open = b""
        if start > data.rfind(b">") and len(data) - start < _LONGEST_TAG:
            data, self._open = data[:start], data[start:]
        return _TAG.sub(b"", data)


class PdfStrings:
    """The strings of a PDF, one behind the other: the numbers between them only move the letters."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """Return the strings of the next part and of the end of the one before."""
        data = self._tail + data
        self._tail = data[-_PDF_TAIL:]
        parts: list[bytes] = []
        for plain, digits in _PDF_STRING.findall(data):
            if digits:
                digits = b"".join(digits.split())
                parts.append(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii")))
            else:
                parts.append(_PDF_ESCAPE.sub(rb"\1", plain))
        return b"".join(parts)
