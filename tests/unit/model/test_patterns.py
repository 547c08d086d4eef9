"""Patterns that are compiled when they are used."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hermes_profiles.model.patterns import lazy_pattern


def test_nothing_is_compiled_before_the_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[object] = []
    compile_now = re.compile

    def compile_and_count(source: Any, flags: int = 0) -> re.Pattern[Any]:
        compiled.append(source)
        return compile_now(source, flags)

    monkeypatch.setattr(re, "compile", compile_and_count)
    pattern = lazy_pattern("a+", re.IGNORECASE)
    assert compiled == []
    assert pattern.findall("AAb a") == ["AA", "a"]
    assert pattern.sub("-", "xAx") == "x-x"
    assert compiled == ["a+"]


@pytest.mark.parametrize("method", ["match", "fullmatch", "search", "finditer", "findall", "sub", "subn", "split"])
def test_every_method_is_that_of_the_pattern(method: str) -> None:
    arguments = ("x", "axb") if method in ("sub", "subn") else ("axb",)
    expected, given = getattr(re.compile("x|a"), method)(*arguments), getattr(lazy_pattern("x|a"), method)(*arguments)
    if method in ("match", "fullmatch", "search"):
        expected, given = expected and expected[0], given and given[0]
    elif method == "finditer":
        expected, given = [found[0] for found in expected], [found[0] for found in given]
    assert given == expected


def test_attributes_are_those_of_the_pattern() -> None:
    assert lazy_pattern(b"(?P<n>x)", re.DOTALL).pattern == b"(?P<n>x)"
    assert lazy_pattern("x", re.DOTALL).flags & re.DOTALL
