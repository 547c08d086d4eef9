"""Finds credentials by their form in what a copy contains: those that must go, and those that are only named. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator

from hermes_profiles.model.named_tuple import NamedTuple
from hermes_profiles.model.patterns import lazy_pattern

from ..search.spellings import as_text, decoded, has_no_width, in_utf8
from .shapes import Sighting, may_hold_identity, sightings

# Escapes and joints that take a run of letters apart, with the bytes that they begin with.
_ESCAPED = (
    (b"\\x", lazy_pattern(rb"\\x(?:\{0*)?[2-7][0-9A-Fa-f]")),
    (b"\\u", lazy_pattern(rb"\\u(?:00|\{0*)[2-7][0-9A-Fa-f]")),
    (b"\\U", lazy_pattern(rb"\\U000000[2-7][0-9A-Fa-f]")),
    (b"\\", lazy_pattern(rb"\\[01]?[0-7]{2}(?:\\[01]?[0-7]{2}){5}|\\0?(?:55|56|72|137)")),
    (b"&#", lazy_pattern(rb"&#(?:0*[0-9]{2,3}|[xX]0*[2-7][0-9A-Fa-f])")),
    (b"&", lazy_pattern(rb"&(?:colon|lowbar|period|sol|commat|plus|equals|shy|zwn?j|ZeroWidthSpace|NoBreak);")),
    (b"%25", lazy_pattern(rb"%25[2-7][0-9A-Fa-f]")),
    (b"%", lazy_pattern(rb"%[2-7][0-9A-Fa-f](?:%[2-7][0-9A-Fa-f]){3}|%20\w{4}%20|%40|%2[BbDdEeFf]|%5[Ff]")),
    (b"=", lazy_pattern(rb"=[2-7][0-9A-Fa-f](?:=[2-7][0-9A-Fa-f]){3}|=(?:2[DE]|3A|5F)|=\r?\n")),
    (b"+", lazy_pattern(rb"\+[ \t]*[\"'\\`]")),
    (b"</", lazy_pattern(rb"</")),
    (b"<wbr", lazy_pattern(rb"<wbr")),
    (b"<br", lazy_pattern(rb"\w-?<br")),
    (b"BEGIN:V", lazy_pattern(rb"BEGIN:V(?:CALENDAR|CARD)")),  # its lines are folded
    (b"\x1b", lazy_pattern(rb"\x1b[\[\]]")),
)
# A search for one byte takes a tenth of that for two.
_FIRST_BYTES = {
    first: tuple(row for row in _ESCAPED if row[0][:1] == first) for first in {mark[:1] for mark, _ in _ESCAPED}
}


class FormPlace(NamedTuple):
    """A line with the form of a credential, and the kind; without a line where the file has none."""

    line: int | None
    kind: str
    certain: bool


class KnownValues(NamedTuple):
    """Values with the form of a credential that a copy keeps.

    `needed`: those of models, providers and tools, never redacted; `silent`: those of them that are not named either,
    because the name of their key says what they are; `channels`: those whose credential the user keeps.
    """

    needed: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        return "KnownValues(***)"


def may_have_form(data: bytes) -> bool:
    """Return False when no part of these bytes, escaped or not, has the form of a credential; errs towards True."""
    data = in_utf8(data)
    if may_hold_identity(data):
        return True
    for first, escapes in _FIRST_BYTES.items():  # bare loops: this runs once a file
        if first in data:
            for mark, pattern in escapes:
                if mark in data and pattern.search(data):
                    return True
    return has_no_width(data)


def values_by_form(text: str, known: KnownValues) -> dict[str, list[str]]:
    """Return kind → values that are credentials by their form, in any spelling; the needed ones excepted."""
    found: dict[str, list[str]] = {}
    for reading in readings_of(text):
        add_values_by_form(found, reading, known)
    return found


def readings_of(text: str) -> Iterator[str]:
    """Yield a text, then what it means in each spelling that it has."""
    yield text
    yield from (view.text for view in decoded(text))


def add_values_by_form(found: dict[str, list[str]], reading: str, known: KnownValues) -> None:
    """Add the values of one reading that are credentials by their form, as `values_by_form` returns them."""
    for sighting in sightings(reading):
        value = reading[sighting.start : sighting.end]
        if not sighting.shape.certain or sighting.shape.channel in known.channels:
            continue
        if not _is_in(value, known.needed):
            found.setdefault(sighting.shape.kind, []).append(value)


def places_in(data: bytes, known: KnownValues) -> tuple[FormPlace, ...]:
    """Return the places in a file that have the form of a credential, in order of their lines."""
    if not may_have_form(data):
        return ()
    text = as_text(data)
    is_text = b"\x00" not in data or data.startswith((b"\xff\xfe", b"\xfe\xff"))
    ends = [match.end() for match in re.finditer(r"\r\n?|\n", text)] if is_text else []
    found = {
        FormPlace(bisect_right(ends, start) + 1 if is_text else None, sighting.shape.kind, sighting.shape.certain)
        for start, value, sighting in _readings(text)
        if not _is_in(value, known.silent)
    }
    return tuple(sorted(found, key=lambda place: (place.line or 0, place.kind)))


def _readings(text: str) -> Iterator[tuple[int, str, Sighting]]:
    for sighting in sightings(text):
        yield sighting.start, text[sighting.start : sighting.end], sighting
    for view in decoded(text):
        for sighting in sightings(view.text):
            yield view.span(sighting.start, sighting.end)[0], view.text[sighting.start : sighting.end], sighting


def _is_in(value: str, values: frozenset[str]) -> bool:
    return bool(values) and (value in values or any(value in one for one in values))
