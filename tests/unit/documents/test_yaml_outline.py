"""The outline of a YAML file: what it vouches for is what PyYAML reads, and repeated keys have both lines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nightly import NIGHTLY

from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.outline import Repeated, repeated_keys
from hermes_profiles.model.errors import DocumentError

yaml = pytest.importorskip("yaml")
LINES = st.sampled_from(
    [
        "a: b", "b:", "  c: d", "  e:", "    f: 1", "   g: h", "- x", "- i: j", "  - k: l", "  - m", "x: !secret y",
        "n: [a, b]", "o: {p: q}", "p: 'it''s'", 'q: "r"', "s: |", "  text: a: b", "t: 2024-99-99", "u: <<", "v: =",
        "w: it's", "y: [a", "z: @", "a: &x b", "c: *x", "# d: e", "", "  # f", "d: a: b", "e: b #c", "f: %x", "-",
        "- -", "- - y", "g: `", "h: -", "i: - j", "j: >-", "   folded", "'k': l", "~: m", "? n", "null: o", "on: p",
    ]
)  # fmt: skip


@settings(max_examples=20_000 if NIGHTLY else 600, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=8))
def test_what_the_outline_vouches_for_hermes_can_read(lines: list[str]):
    text = "\n".join(lines) + "\n"
    found = repeated_keys(text)
    if found is None:
        return
    yaml.safe_load(text)
    document = YamlDocument.parse(text.encode()) if isinstance(yaml.safe_load(text), dict) else None
    if document is not None and not found:
        assert not any(entry.duplicate for entry in document.entries)


@pytest.mark.parametrize(
    "text",
    ["a: 2024-99-99", "a: 2024-01-01T25:00:00Z", "a: =", "a: <<", "a: !!bool x", "a: !!timestamp x", "a: !!int x"],
)
def test_value_that_pyyaml_cannot_construct_breaks_the_file(text: str):
    with pytest.raises(DocumentError, match="Hermes cannot read this value"):
        YamlDocument.parse(f"b: 1\n{text}\n".encode())
    with pytest.raises((yaml.YAMLError, ValueError, KeyError, AttributeError)):
        yaml.safe_load(text)


@pytest.mark.parametrize(
    "text", ["a: 2024-02-29", "=: 1", "a: !!bool ON", "a: 2001-12-14 21:59:43.10 -05:00", "a: 0b1"]
)
def test_value_that_pyyaml_constructs_is_read(text: str):
    assert YamlDocument.parse(text.encode()).data() is not None and yaml.safe_load(text)


def test_repeated_keys_have_both_lines():
    text = "a: 1\nb:\n  c: 1\n  c: 2\na: 2\nd:\n- e: 1\n  e: 2\n- e: 3\n"
    assert repeated_keys(text) == (
        Repeated(("b", "c"), 3, 4),
        Repeated(("a",), 1, 5),
        Repeated(("d", "[]", "e"), 7, 8),
    )
