"""Text that messages of several packages share."""

from __future__ import annotations

import errno

import pytest

from hermes_profiles.model.text import first_names, nearest_first, system_reason


@pytest.mark.parametrize(("names", "most", "text"), [
    ([], 2, ""),
    (["a"], 2, "a"),
    (["a", "b"], 2, "a, b"),
    (["a", "b", "c"], 2, "a, b and 1 more"),
    (("a", "b", "c", "d"), 1, "a and 3 more"),
])  # fmt: skip
def test_first_names_count_the_others(names: list[str], most: int, text: str) -> None:
    assert first_names(names, most) == text


def test_nearest_first_names_a_misspelled_one_among_many() -> None:
    names = [*(f"agent-{number}" for number in range(40)), "default", "work"]
    assert nearest_first("wrok", names, 3) == "work, agent-0, agent-1 and 39 more"
    assert nearest_first("agnet-31", names, 2).startswith("agent-31, ")
    assert nearest_first("x", ["a", "b"]) == "a, b" and nearest_first("x", []) == ""


def test_system_reason_has_neither_number_nor_path() -> None:
    assert system_reason(OSError(errno.EACCES, "Permission denied", "/x")) == "permission denied"
    assert system_reason(OSError("No Reason")) == "no reason"
