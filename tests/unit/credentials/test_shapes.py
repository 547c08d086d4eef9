"""Published forms of credentials: each is found whole, in any text, and ordinary texts have none."""

from __future__ import annotations

import pytest
from shape_samples import NEGATIVE, POSITIVE

from hermes_profiles.credentials.catalog.catalog import load_catalog
from hermes_profiles.credentials.detection.secret_shapes import (
    SHAPES,
    looks_secret,
    may_have_shape,
    without_certain_shapes,
    without_shapes,
)
from hermes_profiles.credentials.detection.shape_marks import MARKS, may_have_mark
from hermes_profiles.credentials.detection.shapes import IDENTITY_SHAPES, may_hold_identity, sightings

_SAMPLES = [(kind, value) for kind, values in POSITIVE.items() for value in values]
_AROUND = (
    "{}",
    "x = '{}'",
    "- the bot is {}.",
    "token={}&next=1",
    "({})",
    "看{}看",
)
_KEY_BODY = "\nMIIBCANARYabcdefghijklmnopqrstuvwxyz0123456789\n"


def _full(kind: str, value: str) -> str:
    return value + _KEY_BODY if kind == "private key" else value


def test_every_kind_has_samples() -> None:
    assert {row.kind for row in IDENTITY_SHAPES} == set(POSITIVE)


def test_every_channel_of_a_shape_is_in_the_catalogue() -> None:
    assert {row.channel for row in IDENTITY_SHAPES} - set(load_catalog().channels) == {None}


@pytest.mark.parametrize(("kind", "value"), _SAMPLES)
@pytest.mark.parametrize("around", _AROUND)
def test_credential_is_found_whole(kind: str, value: str, around: str) -> None:
    text = around.format(_full(kind, value))
    found = [(row.shape.kind, text[row.start : row.end]) for row in sightings(text)]
    assert [name for name, _ in found] == [kind]
    assert found[0][1].rstrip(".") == value
    assert may_hold_identity(text.encode())


@pytest.mark.parametrize(("kind", "value"), _SAMPLES)
def test_cheap_test_sees_utf_16_and_quotes(kind: str, value: str) -> None:
    if kind in ("private key", "Matrix recovery key", "Microsoft client secret", "WeChat iLink account"):
        pytest.skip("its mark is searched in UTF-8")
    assert may_hold_identity(value.encode("utf-16-le"))
    assert may_hold_identity((value[:12] + '""' + value[12:]).encode())


@pytest.mark.parametrize("text", NEGATIVE)
def test_ordinary_text_has_no_credential(text: str) -> None:
    assert sightings(text) == ()


@pytest.mark.parametrize(("kind", "value"), _SAMPLES)
def test_credential_is_never_shown(kind: str, value: str) -> None:
    if not next(row for row in IDENTITY_SHAPES if row.kind == kind).hidden:
        assert not looks_secret(value)
        return
    text = f"says {_full(kind, value)} here"
    assert may_have_mark(text) and may_have_shape(text) and looks_secret(text)
    assert value not in without_shapes(text)


def test_marks_are_those_of_the_shapes() -> None:
    """A shape that `may_have_mark` does not know would be shown."""
    runs = {
        r":[A-Za-z0-9_-]{20}",
        r":AA[\w-]{27}",
        r":[\w-]{35}",
        r":[\w-]{30}",
        r"\.[\w-]{6}\.[\w-]{27}",
        r"\.[A-Za-z0-9]{32}",
    }
    for shape in SHAPES:
        assert all(any(known in mark for known in MARKS) for mark in shape.marks) or shape.anchor in runs, shape


@pytest.mark.parametrize("text", ["a: b", "https:", "12:30:15.123", "p0001", "a.b.c", "x" * 40, ":" + "x" * 19])
def test_ordinary_text_has_no_mark(text: str) -> None:
    assert not may_have_mark(text)


@pytest.mark.parametrize("words", ["<b>token</b>: ", "token (replace it soon) ", "webhook></p>\r<p>mattermost token: "])
def test_words_beside_a_credential_make_no_sample_of_it(words: str) -> None:
    text = f"Mattermost {words}canary0abcdefghijklmnopqrs, "
    assert [row.shape.kind for row in sightings(text)] == ["text like a Mattermost token"]
    assert "canary0" not in without_certain_shapes(text)
