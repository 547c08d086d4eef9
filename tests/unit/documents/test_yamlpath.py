"""Paths of settings as users write them."""

from __future__ import annotations

import pytest
from document_properties import examples
from hypothesis import given
from hypothesis import strategies as st

from hermes_profiles.documents.yaml.paths import parsed_path, path_text, split_paths
from hermes_profiles.model.errors import UsageProblem


@pytest.mark.parametrize(("text", "path"), [
    ("model.default", ("model", "default")),
    ("platforms.slack.extra.apps[0].name", ("platforms", "slack", "extra", "apps", "[0]", "name")),
    ("a[0][1]", ("a", "[0]", "[1]")),
    ('models."gpt-5.1".alias', ("models", "gpt-5.1", "alias")),
    ("models.'gpt-5.1'", ("models", "gpt-5.1")),
    ('"a\\"b"', ('a"b',)),
    ("a key.b", ("a key", "b")),
    ('"".x', ("", "x")),
])  # fmt: skip
def test_a_path_is_read(text: str, path: tuple[str, ...]) -> None:
    assert parsed_path(text) == path
    assert parsed_path(path_text(path)) == path


@pytest.mark.parametrize(
    "text", ["", ".", "a.", ".a", "a..b", "a[b]", "a[", "a]", '"a', "a.[0]", "[0]", 'a"b"', '"a"b']
)
def test_a_wrong_path_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        parsed_path(text)
    assert caught.value.problem.hint and "apps[0]" in caught.value.problem.hint


def test_commas_separate_paths_and_a_quoted_comma_does_not() -> None:
    assert split_paths(["a.b, c", "c", '"x,y".z,', ""]) == [("a", "b"), ("c",), ("x,y", "z")]


@examples
@given(
    st.lists(st.text(max_size=6) | st.sampled_from(["[0]", "a.b", '"', "\\", "'", "a b", "é"]), min_size=1, max_size=4)
)
def test_a_written_path_is_read_back(path: list[str]) -> None:
    assert parsed_path(path_text(path)) == tuple(path)
