"""The fast reader of config.yaml returns the result of the full reader, or None."""

from __future__ import annotations

import pytest
from document_properties import examples
from hypothesis import currently_in_test_context, event, given
from hypothesis import strategies as st
from yaml_samples import documents

from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.fast_reader import read_simple_sections
from hermes_profiles.model.errors import DocumentError

NAMES = {"a", "b", "token", "x-y", "platforms"}


def same_or_declined(raw: bytes) -> None:
    fast = read_simple_sections(raw, NAMES)
    if currently_in_test_context():
        event("declined" if fast is None else "read")
    if fast is None:
        return
    try:
        whole = YamlDocument.parse(raw).data()
    except DocumentError:
        return  # broken in a section that was not requested
    assert isinstance(whole, dict)
    wanted = {key: value for key, value in whole.items() if key in NAMES}
    assert repr(fast) == repr(wanted)


def test_plain_sections_are_read() -> None:
    raw = (
        "# top\nmodel: x\nplatforms:\n  telegram:\n    enabled: true # on\n    port: 8642\n    extra: {}\n"
        "    'allow':\n    - 1\n    - \"a b\"\n    off-hours: ~\n  slack:\n\nother: |\n  platforms: no\na: yes\nb:\n"
    )
    assert read_simple_sections(raw.encode(), NAMES) == {
        "platforms": {
            "telegram": {"enabled": True, "port": 8642, "extra": {}, "allow": [1, "a b"], "off-hours": None},
            "slack": None,
        },
        "a": True,
        "b": None,
    }
    same_or_declined(raw.encode())


@pytest.mark.parametrize(
    "text",
    [
        "a: &x 1",
        "a: *x",
        "a: !!str 1",
        "a: {b: 1}",
        "a: [1]",
        "a: |\n  x",
        "a: x\n  y",
        "a:\n\tb: 1",
        "a: 1\na: 2",
        "---\na: 1",
        "a: 1\n---\nb: 2",
        "<<: {a: 1}",
        "a: 012",
        "a: 1:30",
        "a: 2001-01-01",
        "a: 0x1F",
        "a: 1_000",
        "a: .5",
        "a: 1.",
        "a: b: c",
        "a: 'it''s'",
        'a: "\\n"',
        "? a\n: 1",
        "- a",
        "a:\n- 1",
        "a:\n  - b: 1",
        "a:\n    b: 1\n  c: 2",
        'c: "x\na: 1\n  y"',
        "c: {x: [1,\na: 1\n]}",
        "c: 'x\na: 1'",
        'c:\n  - "x\na: 1"',
        'c: &k "x\na: 1"',
        "a: =",
        "yes: 1",
        "a:1",
        "a: x\r\n",
        "  a: 1",
        "a: 1\n" + "\n".join(f"{' ' * level}z:" for level in range(201)),
    ],
)
def test_a_document_that_is_not_plain_is_left_to_the_full_reader(text: str) -> None:
    assert read_simple_sections((text + "\n").encode(), NAMES) is None


@examples
@given(documents())
def test_a_generated_document_equals_the_full_reader_or_is_none(raw: bytes) -> None:
    same_or_declined(raw)


VALUE = st.text(st.sampled_from("ab1 .-:#'\"[]{}&*!|>~_yes,\\"), max_size=8)
LINE = st.builds(
    "{}{}{}{}".format,
    st.sampled_from(["", "", "  ", "  ", "    "]),
    st.sampled_from(["", "", "- "]),
    st.sampled_from(["a:", "b:", "c:", "x-y:", "'q':", "yes:", "# a:", ""]),
    VALUE.map(lambda text: f" {text}")
    | st.sampled_from(["", "", " yes", " 12", " 1.5", " null", " x # y", " 'a b'", ' "c"']),
)


@examples
@given(st.lists(LINE, max_size=7).map("\n".join).map(str.encode))
def test_arbitrary_lines_equal_the_full_reader_or_are_none(raw: bytes) -> None:
    same_or_declined(raw)
