"""Refuses environment files whose bytes Hermes' loaders read as different lines. Pure.

A file that is not UTF-8 has two readings: Hermes first looks for lines to repair in UTF-8 with replacement characters,
and writes that text when it finds one; else it loads the file as latin-1 (hermes_cli/env_loader.py, 0.19.0 to 0.22.2).
"""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Collection, Iterator

from hermes_profiles.documents.text import SAVE_AS_UTF8
from hermes_profiles.hermes.files import OP_ENV_FILE
from hermes_profiles.model.errors import DocumentError
from hermes_profiles.model.patterns import lazy_pattern

from .line_repair import RepairedText

# A byte order mark inside the file is a part of a name or of a value there, and a mark once it begins the file.
_MARK_IN_TEXT = lazy_pattern("(?:\\A|(?<=[\r\n]))(?![^\\S\r\n]*#)[^\r\n\ufeff]*\ufeff")
_NAME = lazy_pattern(r"\s*(?:export\s+)?([^=#]*?)\s*(?:=|$)")
_JOINED_FILES = (
    "a byte order mark is inside this line: two files were joined, and Hermes takes it for a part of the name or value"
)
_TWO_READINGS = (
    "the file is not UTF-8, and Hermes reads it in two ways: as UTF-8 when it repairs a line, else as latin-1"
)
# Hermes rewrites .env alone; a NUL in the environment of a process is an error of Python.
_UNREWRITTEN = "there is a NUL byte here, and no command of Hermes starts with that in .op.env"


def check_readings(path: str, raw: bytes, text: str, codec: str, known: Collection[str]) -> None:
    """Raise DocumentError where the loaders of Hermes can see other lines than `text`, with the line and a way out."""
    mark = _MARK_IN_TEXT.search(text) if "\ufeff" in text else None
    if mark is not None:
        line = len(re.findall(r"\r\n|\n|\r", text[: mark.end()])) + 1
        raise DocumentError(path, line, _JOINED_FILES, hint=SAVE_AS_UTF8)
    if b"\0" in raw and os.path.basename(path) == OP_ENV_FILE:
        line = 1 if codec.startswith("utf-16") else len(re.findall(rb"\r\n|\n|\r", raw[: raw.index(b"\0")])) + 1
        raise DocumentError(path, line, _UNREWRITTEN, hint=SAVE_AS_UTF8)
    if codec != "latin-1":
        return
    body = raw.removeprefix(codecs.BOM_UTF8).replace(b"\0", b"")
    other = RepairedText(body.decode("utf-8", "replace"), known)
    plain = body.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n")
    is_repaired = b"\0" in raw or raw.startswith(codecs.BOM_UTF8) or other.text != plain
    if is_repaired or list(_names(other)) != list(_names(RepairedText(text, known))):
        raise DocumentError(path, _first_bad_line(body), _TWO_READINGS, hint=SAVE_AS_UTF8)


def _names(repaired: RepairedText) -> Iterator[str]:
    for piece in repaired.pieces:
        match = _NAME.match(piece.text)
        yield match[1].encode("ascii", "ignore").decode() if match is not None else ""


def _first_bad_line(body: bytes) -> int:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(re.findall(rb"\r\n|\n|\r", body[: error.start])) + 1
    return 1
