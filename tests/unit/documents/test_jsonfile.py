"""JSON files: entries, and edits that change no other byte."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from document_properties import examples
from hypothesis import assume, given
from hypothesis import strategies as st

from hermes_profiles.documents.json_document import JsonDocument
from hermes_profiles.model.errors import DocumentError

TEXT = '{\n  "a": 1,\n  "b": {"t": "CANARY", "u": [1, {"x": null}]},\n  "c": [\n    "q",\n    "r"\n  ],\n  "e": {}\n}\n'


def document(text: str = TEXT) -> JsonDocument:
    return JsonDocument.parse(text.encode(), path="auth.json")


def test_entries_have_path_line_and_value() -> None:
    found = {e.path: (e.line, e.kind, e.value, e.is_string) for e in document().entries}
    assert found[("b", "t")] == (3, "scalar", "CANARY", True)
    assert found[("b", "u", "[1]", "x")] == (3, "scalar", "null", False)
    assert found[("c",)] == (4, "sequence", None, False)
    assert found[("a",)] == (2, "scalar", "1", False)


@pytest.mark.parametrize(
    ("paths", "old", "new"),
    [
        ([("a",)], '  "a": 1,\n', ""),
        ([("e",)], ',\n  "e": {}\n', "\n"),
        ([("b", "t")], '{"t": "CANARY", "u"', '{"u"'),
        ([("b", "u")], ', "u": [1, {"x": null}]}', "}"),
        ([("c", "[0]"), ("c", "[1]")], '[\n    "q",\n    "r"\n  ]', "[]"),
        ([("c",), ("e",)], ',\n  "c": [\n    "q",\n    "r"\n  ],\n  "e": {}\n', "\n"),
        ([("b", "u", "[1]", "x")], '{"x": null}', "{}"),
    ],
)
def test_a_removal_deletes_one_comma(paths: list[tuple[str, ...]], old: str, new: str) -> None:
    one = document()
    entries = [entry for path in paths if (entry := one.get(path)) is not None]
    assert one.edit(remove=entries).decode() == TEXT.replace(old, new)


def test_a_replaced_text_stays_text_and_a_literal_a_literal() -> None:
    one = document('{"a": "x", "b": true, "c": 1}')
    values = {one.get(("a",)): "1", one.get(("b",)): "false", one.get(("c",)): "x"}
    assert one.edit(replace=values).decode() == '{"a": "1", "b": false, "c": "x"}'  # type: ignore[arg-type]


def test_an_insertion_follows_the_layout() -> None:
    result = document().edit(insert=[(("z",), "1"), (("e", "x", "y"), "true"), (("b", "n"), "hi")]).decode()
    wanted = TEXT.replace('"e": {}', '"e": {"x": {"y": true}},\n  "z": 1').replace("null}]}", 'null}], "n": "hi"}')
    assert result == wanted


def test_duplicate_keys_are_all_entries_and_the_last_is_effective() -> None:
    one = document('{"a": "CANARY", "a": "2"}')
    assert [(e.value, e.effective, e.duplicate) for e in one.entries] == [("CANARY", False, True), ("2", True, True)]
    assert one.edit(remove=one.entries).decode() == "{}"
    assert one.edit(remove=one.entries[:1]).decode() == '{"a": "2"}'


@pytest.mark.parametrize(("raw", "line"), [(b"", 1), (b'{\n"a": 1,\n"b"}', 3), (b"{\n\xff}", 2), (b"[" * 5000, None)])
def test_broken_json_is_refused_with_its_line(raw: bytes, line: int | None) -> None:
    with pytest.raises(DocumentError) as caught:
        JsonDocument.parse(raw, path="auth.json")
    if line is not None:
        assert caught.value.line == line


KEY = st.sampled_from(["a", "b", "é", "<<", 'q"', "yes"])
DATA = st.dictionaries(
    KEY,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEY, inner, max_size=3),
        max_leaves=8,
    ),
    min_size=1,
)


@examples
@given(DATA, st.sampled_from([None, 2, "\t"]), st.booleans(), st.data())
def test_a_removal_equals_the_removal_in_the_data(
    value: Any, indent: Any, ascii_only: bool, data: st.DataObject
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    one = document(text)
    assert one.edit().decode() == text and one.data() == value
    gone = data.draw(st.lists(st.sampled_from(one.entries), min_size=1, max_size=3, unique=True))
    wanted = copy.deepcopy(value)
    for entry in sorted(gone, key=lambda one: one.path, reverse=True):
        remove(wanted, entry.path)
    result = one.edit(remove=gone).decode()
    assume(not any(a.parent == b.parent and a != b and a.path[-1][:1] == "[" for a in gone for b in gone))
    assert json.loads(result) == wanted


def remove(at: Any, path: tuple[str, ...]) -> None:
    for part in path[:-1]:
        at = at[int(part[1:-1])] if isinstance(at, list) else at[part]
    del at[int(path[-1][1:-1]) if isinstance(at, list) else path[-1]]
