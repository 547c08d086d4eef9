"""A text of many words is recognised, or not, in no time: no word is split in every possible way."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hermes_profiles.credentials.search.value_index import searchable_parts


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    signal.alarm(seconds)  # the default action of SIGALRM ends the process, also in the middle of a match
    yield
    signal.alarm(0)


@pytest.mark.parametrize("text", [
    "familyfriend-gardenwindow-marketplaces-kitchentable-householdx-9",
    "correct horse battery staple mountain 9!", "a" * 80 + "9",
])  # fmt: skip
def test_words_that_end_in_a_digit_are_decided_at_once(text: str) -> None:
    with at_most(20):
        assert text in searchable_parts(text, setting=True)


@pytest.mark.parametrize("text", ["JavaScript", "Engineering", "HTML pages", "McDonald", "The Family Chat"])
def test_plain_words_of_a_setting_are_not_searched_for(text: str) -> None:
    assert searchable_parts(text, setting=True) == ()
