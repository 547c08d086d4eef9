"""Names of objects in a cluster."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hermes_profiles.kubernetes.names import LONGEST, check_object_name, check_subdomain, is_object_name, object_name
from hermes_profiles.model.errors import UsageProblem

_TEXTS = st.text(alphabet="ab0_-", min_size=0, max_size=64) | st.text(max_size=64)


@settings(max_examples=50, deadline=None)
@given(st.sets(_TEXTS, max_size=12))
def test_object_names_are_valid_and_differ(texts: set[str]) -> None:
    names = {object_name(text, "hermes-") for text in texts} | {object_name(text) for text in texts}
    assert all(is_object_name(name) for name in names)
    assert len({object_name(text, "hermes-") for text in texts}) == len(texts)


def test_object_name_keeps_a_name_and_shortens_a_long_one() -> None:
    assert object_name("family", "hermes-") == "hermes-family"
    first, second = object_name("a" * 63 + "1", "hermes-"), object_name("a" * 63 + "2", "hermes-")
    assert first != second and len(first) == len(second) == LONGEST
    assert first.startswith("hermes-aaaa")


def test_object_name_of_a_shortened_name_is_another() -> None:
    short = object_name("a_b", "hermes-")
    assert object_name(short.removeprefix("hermes-"), "hermes-") != short


@pytest.mark.parametrize("text", ["", "A", "1a", "a_b", "a-", "a" * (LONGEST + 1), "a.b"])
def test_check_object_name_refuses(text: str) -> None:
    with pytest.raises(UsageProblem) as caught:
        check_object_name(text, "--name")
    assert is_object_name((caught.value.problem.hint or "").strip("`").split()[-1])


def test_check_subdomain_takes_dots() -> None:
    assert check_subdomain("a.b-c", "--storage-class") == "a.b-c"
    with pytest.raises(UsageProblem):
        check_subdomain("a b", "--storage-class")
