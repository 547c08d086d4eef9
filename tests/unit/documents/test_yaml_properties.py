"""Edits of generated YAML documents change the requested paths alone."""

from __future__ import annotations

import copy
import re
from typing import Any

from document_properties import examples
from hypothesis import assume, event, given
from hypothesis import strategies as st
from yaml_samples import documents

from hermes_profiles.documents.entries import TreeEntry
from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.model.errors import DocumentError

MISSING = object()


def parsed(raw: bytes) -> YamlDocument:
    try:
        return YamlDocument.parse(raw)
    except DocumentError as error:
        event(f"refused: {error.reason[:40]}")
        assume(False)
        raise


def without(data: Any, path: tuple[str, ...]) -> Any:
    """Return a copy of the data without one path; keys are compared as text."""
    data = copy.deepcopy(data)
    at = data
    for part in path[:-1]:
        at = step(at, part)
    if isinstance(at, list):
        del at[int(path[-1][1:-1])]
    else:
        del at[next(key for key in at if str(key) == path[-1])]
    return data


def step(at: Any, part: str) -> Any:
    if isinstance(at, list):
        return at[int(part[1:-1])]
    return at[next(key for key in at if str(key) == part)]


def bare(raw: bytes) -> list[str]:
    """Return the lines without the marks of an emptied collection, which a removal may have to add."""
    return [line.replace(" {}", "").replace(" []", "").rstrip() for line in raw.decode().splitlines()]


def is_alone(document: YamlDocument, entry: TreeEntry) -> bool:
    """Return whether the data determines the entry: it is reached once, by its own path, and its keys are plain."""
    below = {e.origin for e in document.entries if e.path[: len(entry.path)] == entry.path}
    shared = [e for e in document.entries if e.origin in below and e.path[: len(entry.path)] != entry.path]
    return not shared and entry.effective and "<<" not in entry.path and "yes" not in entry.path


@examples
@given(documents())
def test_a_document_without_edits_is_the_same_bytes(raw: bytes) -> None:
    document = parsed(raw)
    assert document.edit() is raw or document.edit() == raw
    assert document.apply([]) == raw


@examples
@given(documents(), st.data())
def test_a_removal_equals_the_removal_in_the_data_and_keeps_other_lines(raw: bytes, data: st.DataObject) -> None:
    document = parsed(raw)
    own = [entry for entry in document.entries if is_alone(document, entry)]
    assume(own)
    entry = data.draw(st.sampled_from(own))
    try:
        result = document.edit(remove=[entry])
    except DocumentError as error:
        event(f"not edited: {error.reason[:30]}")
        assert "alias" in error.reason or "certainty" in error.reason
        return
    event("edited")
    after = YamlDocument.parse(result)
    assert after.data() == without(document.data(), entry.path) or after.data() == {}
    assert after.get(entry.path) is None or entry.path[-1].startswith("[")
    spans = [e.line for e in document.entries if e.path[: len(entry.path)] == entry.path] + [entry.key_line]
    before = bare(raw)[: max(0, min(spans) - 2)]
    if entry.path[-1].startswith("["):
        # The dash may be alone on a line above its value, with comments between them.
        before = [line for line in before if re.fullmatch(r"\s*(-\s*)?(#.*)?", line) is None]
    left = iter(bare(result))
    assert all(line in left for line in before)


@examples
@given(documents(), st.data())
def test_removing_an_origin_removes_all_its_entries(raw: bytes, data: st.DataObject) -> None:
    document = parsed(raw)
    entry = data.draw(st.sampled_from(document.entries))
    gone = [e for e in document.entries if e.origin == entry.origin]
    aliases = [e for e in document.entries if e.via == "alias" or e.path[-1] == "<<"]
    try:
        result = document.edit(remove=[*gone, *aliases])
    except DocumentError as error:
        event(f"not edited: {error.reason[:30]}")
        assert "certainty" in error.reason
        return
    event("edited")
    after = YamlDocument.parse(result)
    assert len(after.entries) < len(document.entries)


@examples
@given(documents(), st.data(), st.sampled_from(["false", "x: y", "12", "", "<removed: T>", "a\nb\n", "é", " x", "#"]))
def test_a_replaced_scalar_reads_as_requested(raw: bytes, data: st.DataObject, text: str) -> None:
    document = parsed(raw)
    scalars = [e for e in document.entries if e.kind == "scalar" and e.effective]
    assume(scalars)
    entry = data.draw(st.sampled_from(scalars))
    result = document.edit(replace={entry: text})
    after = YamlDocument.parse(result)
    found = after.get(entry.path)
    assert found is not None and found.value == text
    assert found.tag == "str" or entry.tag != "str"
    assert [e.path for e in after.entries] == [e.path for e in document.entries]


@examples
@given(documents(), st.data())
def test_an_insertion_adds_its_path_alone(raw: bytes, data: st.DataObject) -> None:
    document = parsed(raw)
    holders = [(), *(e.path for e in document.entries if e.effective and (e.kind == "mapping" or e.tag == "null"))]
    holder = data.draw(st.sampled_from(holders))
    assume("<<" not in holder and not (holder and document.get(holder).anchored and document.get(holder).tag == "null"))  # type: ignore[union-attr]
    path = (*holder, "fresh", "enabled")
    try:
        result = document.edit(insert=[(path, "false"), ((*holder, "also"), "yes")])
    except DocumentError as error:
        event(f"not edited: {error.reason[:30]}")
        assert "certainty" in error.reason or "in the way" in error.reason
        return
    event("edited")
    after = YamlDocument.parse(result)
    assert after.get(path).tag == "bool"  # type: ignore[union-attr]
    assert {e.path for e in after.entries} >= {e.path for e in document.entries}


@examples
@given(documents())
def test_comments_are_found(raw: bytes) -> None:
    document = parsed(raw)
    for span in document.comments:
        assert document.text[span.start : span.end] == span.text and span.text.startswith("#")
    wanted = document.text.count("# about") + document.text.count("# top") + document.text.count("# end")
    assert sum(span.text in ("# about", "# top", "# end") for span in document.comments) == wanted
    assert not any(span.text in ("# one", "# no'") for span in document.comments)
