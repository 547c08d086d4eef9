"""The words of a command are made again from its parsed options: each command parses them to the same values."""

from __future__ import annotations

import importlib
import inspect
from typing import Any

import pytest
import typer

from hermes_profiles.cli.framework.given_words import given_words

COMMANDS = {
    "gateway.status:status": ["-w", "--interval", "3", "work", "--except", "a", "--except=-b", "--group", "g"],
    "gateway.logs:logs": ["-n", "3", "--since", "1h", "-i", "--grep", "--place", "--", "-x", "y"],
    "gateway.start_stop:restart": ["--owner", "telegram=a", "--stagger", "0.5", "--rolling", "--yes", "w"],
    "gateway.alert:add": ["phone", "--exec", "page 'me'", "--limit", "3", "--only", "work"],
    "profile.doctor:doctor": ["--fix", "--only", "conflicts", "--skip", "a.b", "-y", "-v", "work"],
}


def _parsed(function: Any, words: list[str]) -> dict[str, Any]:
    app = typer.Typer()
    found: dict[str, Any] = {}

    def body(**values: Any) -> None:
        found.update(values)

    body.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    body.__annotations__ = dict(function.__annotations__)
    app.command()(body)
    app(args=words, standalone_mode=False)
    return found


@pytest.mark.parametrize("place", COMMANDS)
def test_given_words_parse_to_the_same_values(place: str) -> None:
    module, _, name = place.partition(":")
    function = getattr(importlib.import_module(f"hermes_profiles.cli.commands.{module}"), name)
    values = _parsed(function, COMMANDS[place])
    again = given_words(inspect.signature(function).parameters.values(), values)
    assert _parsed(function, again) == values and len(again) > 3
    assert "--place=NAME" not in again and not any(word.endswith(("=None", "=False")) for word in again)
