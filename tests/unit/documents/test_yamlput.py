"""Setting and removing one path of a YAML file changes no other path and no other byte."""

from __future__ import annotations

import re
from typing import Any

import pytest
from document_properties import examples
from hypothesis import assume, event, given
from hypothesis import strategies as st
from yaml_samples import documents

from hermes_profiles.documents.yaml.document import YamlDocument
from hermes_profiles.documents.yaml.set_path import delete_path, set_path
from hermes_profiles.documents.yaml.value import Value, canonical, parse_scalar, scalar, with_value
from hermes_profiles.model.errors import DocumentError


def listed(*texts: str) -> Value:
    return Value("sequence", "seq", items=tuple((None, parse_scalar(text)) for text in texts))


def mapped(**pairs: Value) -> Value:
    return Value("mapping", "map", items=tuple((scalar("str", key), value) for key, value in pairs.items()))


def after(text: str, path: str, value: Value) -> str:
    return set_path(YamlDocument.parse(text.encode()), tuple(path.split("/")), value).raw.decode()


@pytest.mark.parametrize(("before", "path", "value", "wanted"), [
    ("a: 1  # one\nb: 2\n", "a", parse_scalar("3"), "a: 3  # one\nb: 2\n"),
    ("a: 'x'\n", "a", parse_scalar("it's"), "a: 'it''s'\n"),
    ("a: 'x'\n", "a", parse_scalar("8"), "a: 8\n"),
    ("a: 8\n", "a", scalar("str", "8"), 'a: "8"\n'),
    ("a: x\n", "a", scalar("str", "true"), 'a: "true"\n'),
    ("a:\nb: 1\n", "a", parse_scalar("x"), "a: x\nb: 1\n"),
    ("a: &v x\nb: 1\n", "a", parse_scalar("y"), "a: &v y\nb: 1\n"),
    ("b: 1\r\n", "a", parse_scalar("x"), "b: 1\r\na: x\r\n"),
    ("b: 1", "a", parse_scalar("x"), "b: 1\na: x"),
    ("", "a/b", parse_scalar("x"), "a:\n  b: x\n"),
    ("# only a comment\n", "a", parse_scalar("x"), "# only a comment\na: x\n"),
    ("m:\n    b: 1\n# end\n", "m/c", parse_scalar("x"), "m:\n    b: 1\n    c: x\n# end\n"),
    ("m:\n    b: 1\n", "n/c", parse_scalar("x"), "m:\n    b: 1\nn:\n    c: x\n"),
    ("m: {b: 1}  # flow\n", "m/c", listed("1", "x"), "m: {b: 1, c: [1, x]}  # flow\n"),
    ("m: {}\n", "m/c", parse_scalar("x"), "m: {c: x}\n"),
    ("m:\n  # nothing yet\nz: 1\n", "m/c", parse_scalar("x"), "m:\n  c: x\n  # nothing yet\nz: 1\n"),
    ("l: [a, b]  # both\n", "l", listed("c"), "l:  # both\n  - c\n"),
    ("l: x  # one\nz: 1\n", "l", listed("c", "d"), "l:  # one\n  - c\n  - d\nz: 1\n"),
    ("l:\n- a\n# between\n- b\nz: 1\n", "l", listed("c"), "l:\n- c\n# between\nz: 1\n"),
    ("l:\n  - a\n  - b\nz: 1\n", "l", parse_scalar("x"), "l: x\nz: 1\n"),
    ("l:  # list\n  - a\nz: 1\n", "l", listed(), "l: []  # list\nz: 1\n"),
    ("l:\n- a\nz: 1\n", "l", mapped(k=parse_scalar("v")), "l:\n  k: v\nz: 1\n"),
    ("l:\n  - a\n  - b\n", "l/[1]", parse_scalar("c"), "l:\n  - a\n  - c\n"),
    ("l:\n  - a\n  - b\n", "l/[2]", parse_scalar("c"), "l:\n  - a\n  - b\n  - c\n"),
    ("l: [a]\n", "l/[1]", parse_scalar("c"), "l: [a, c]\n"),
    ("l: []\n", "l/[0]", parse_scalar("c"), "l: [c]\n"),
    ("l:\n  - k: 1\n    j: 2\n", "l/[0]/j", parse_scalar("3"), "l:\n  - k: 1\n    j: 3\n"),
    ("l:\n  - k: 1\n", "l/[0]/j", parse_scalar("3"), "l:\n  - k: 1\n    j: 3\n"),
    ("a: |\n  old\n  text\nb: 1\n", "a", scalar("str", "new\ntext\n"), "a: |\n  new\n  text\nb: 1\n"),
    ("b: 1\n", "a", mapped(p=scalar("str", "two\nlines\n")), "b: 1\na:\n  p: |\n    two\n    lines\n"),
    ("b: 1\n", "a", scalar("str", "# no comment"), 'b: 1\na: "# no comment"\n'),
    ("b: 1\n", "key.with.dot", parse_scalar("x"), "b: 1\nkey.with.dot: x\n"),
    ("x: &x {k: 1}\nb: *x\n", "b", parse_scalar("y"), "x: &x {k: 1}\nb: y\n"),
    ("x: &x {k: 1}\nb: *x\n", "b/k", parse_scalar("2"), "x: &x {k: 1}\nb: {<<: *x, k: 2}\n"),
    ("x: &x {k: 1}\nb:\n  <<: *x\n", "b/k", parse_scalar("2"), "x: &x {k: 1}\nb:\n  <<: *x\n  k: 2\n"),
    ("a: 1\na: 2\n", "a", parse_scalar("3"), "a: 1\na: 3\n"),
])  # fmt: skip
def test_a_value_is_set_in_the_style_of_its_place(before: str, path: str, value: Value, wanted: str) -> None:
    assert after(before, path, value) == wanted
    assert after(wanted, path, value) == wanted


@pytest.mark.parametrize(("text", "path", "reason"), [
    ("a: &v 1\nb: *v\n", "a", "shares its text with b"),
    ("a: &v {k: 1}\nb: *v\n", "a/k", "shares its text with b"),
    ("x: &x {s: {k: 1, l: 2}}\nb:\n  <<: *x\n", "b/s/k", "shares its text with x"),
    ("a: 1\n", "a/b", "another value is in the way"),
    ("l: [a]\n", "l/[3]", "shorter"),
    ("l: [a]\n", "l/name", "no names"),
    ("b: 1\n", "l/[1]", r"begins with \[0\]"),
])  # fmt: skip
def test_a_path_that_cannot_be_set_alone_is_refused_with_its_line(text: str, path: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as caught:
        after(text, path, parse_scalar("9"))
    assert caught.value.line is not None or path == "l/[1]"


@pytest.mark.parametrize(("before", "path", "wanted"), [
    ("a: 1\n# about b\nb: 2\n", "a", "# about b\nb: 2\n"),
    ("a: 1\nb: 2\na: 3\n", "a", "b: 2\n"),
    ("m:\n  k: 1\n", "m/k", "m: {}\n"),
    ("l:\n  - a\n  - b\n", "l/[0]", "l:\n  - b\n"),
])  # fmt: skip
def test_a_path_is_removed(before: str, path: str, wanted: str) -> None:
    assert delete_path(YamlDocument.parse(before.encode()), tuple(path.split("/"))).raw.decode() == wanted


@pytest.mark.parametrize(("text", "path", "reason"), [
    ("x: &x {k: 1}\nb:\n  <<: *x\n", "b/k", "comes from a merge"),
    ("x: &x {k: 1}\nb: *x\n", "b/k", "shares its text with x"),
    ("a: &v 1\nb: *v\n", "a", "refers to a value that would be removed"),
])  # fmt: skip
def test_a_value_that_other_paths_use_is_not_removed(text: str, path: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason):
        delete_path(YamlDocument.parse(text.encode()), tuple(path.split("/")))


@pytest.mark.parametrize(("text", "tag"), [
    ("true", "bool"), ("on", "bool"), ("8", "int"), ("-1", "int"), ("0.5", "float"), ("null", "null"), ("~", "null"),
    ("2026-03-01", "timestamp"), ("gpt-5", "str"), ("", "str"), ("+4917012345", "str"), ("0123", "str"),
    ("22:30", "str"), ("1_000", "str"), ("0x1F", "str"), ("*/5 * * * *", "str"), ("<<", "str"), ("=", "str"),
])  # fmt: skip
def test_an_unquoted_argument_is_read(text: str, tag: str) -> None:
    assert parse_scalar(text).tag == tag
    read = YamlDocument.parse(after("z: 1\n", "a", parse_scalar(text)).encode()).get(("a",))
    assert read is not None and read.tag == tag and read.value == text


TEXTS = st.one_of(
    st.sampled_from(["true", "8", "", "x: y", "# no", "a\nb\n", "a\n\n b", "'", '"', "{", "- a", "22:30", "é😀", "*x"]),
    st.text(st.characters(exclude_categories=("Cs",)), max_size=12),
)
VALUES = st.recursive(
    st.builds(scalar, st.just("str"), TEXTS) | TEXTS.map(parse_scalar),
    lambda below: st.one_of(
        st.lists(below, max_size=3).map(lambda v: Value("sequence", "seq", items=tuple((None, one) for one in v))),
        st.dictionaries(TEXTS, below, max_size=3).map(
            lambda v: Value("mapping", "map", items=tuple((scalar("str", k), one) for k, one in v.items()))
        ),
    ),
    max_leaves=6,
)


def parsed(raw: bytes) -> YamlDocument:
    try:
        return YamlDocument.parse(raw)
    except DocumentError:
        assume(False)
        raise


def comments(document: YamlDocument) -> list[str]:
    return [one.text for one in document.comments]


@examples
@given(raw=documents(), data=st.data())
def test_setting_any_path_changes_that_path_alone(raw: bytes, data: Any) -> None:
    document = parsed(raw)
    paths = [one.path for one in document.entries if "<<" not in one.path]
    new = st.lists(st.sampled_from(["a", "new", "k.d", "[0]", "[1]"]), min_size=1, max_size=2).map(tuple)
    path = data.draw(
        (st.sampled_from(paths) if paths else st.just(())).flatmap(lambda p: new.map(lambda n: p + n)) | new
    )
    if paths and data.draw(st.booleans()):
        path = data.draw(st.sampled_from(paths))
    value = data.draw(VALUES)
    try:
        wanted = with_value(document.value(), path, value)
        result = set_path(document, path, value)
    except (LookupError, DocumentError) as error:
        event(f"refused: {re.sub('.*:.*?: ', '', str(error))[:40]}")
        return
    event("set")
    again = YamlDocument.parse(result.raw)
    assert canonical(again.value()) == canonical(wanted)
    at = again.value().at(path)
    assert at is not None and canonical(at) == canonical(value)
    old = document.get(path)
    if old is None or (old.kind == "scalar" and value.kind == "scalar"):
        assert comments(again) == comments(document)
    assert set_path(again, path, value).raw == result.raw


@examples
@given(raw=documents(), data=st.data())
def test_an_added_path_can_be_removed(raw: bytes, data: Any) -> None:
    document = parsed(raw)
    value = data.draw(VALUES)
    try:
        result = set_path(document, ("brand new",), value)
        back = delete_path(result, ("brand new",))
    except DocumentError as error:
        event(f"refused: {error.reason[:40]}")
        return
    event("set")
    assert canonical(back.value()) == canonical(document.value()) and comments(back) == comments(document)
