"""Every command line of the READMEs and the docs exists in the command tree, with its options."""

from __future__ import annotations

import pytest
from command_lines import is_only_named, problem_of
from pages import NAMES, command_lines, text_of

LINES = {name: command_lines(text_of(name)) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_page_names_only_commands_that_exist(name: str) -> None:
    wrong = {
        line: problem
        for line, where in LINES[name].items()
        if (problem := problem_of(line)) is not None and not (where == "text" and is_only_named(line))
    }
    assert wrong == {}


def test_pages_command_lines_are_found_in_blocks_tables_and_sentences() -> None:
    readme = LINES["README.md"]
    assert len(readme) > 25 and sum(map(len, LINES.values())) > 300
    assert readme["hermes-profiles demo"] == "block"
    assert readme["hermes-gateways status --watch"] == "text", "a cell of a table"
    assert "hermes-gateways stop" in LINES["docs/how-to/services.md"], "a short span"
    assert "hermes-profiles list --names); do …; done" in LINES["docs/how-to/scripts.md"]


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "docs/tutorial/tour.md", "docs/how-to/clone.md"])
def test_page_for_users_names_commands(name: str) -> None:
    assert len(LINES[name]) > 8


@pytest.mark.parametrize("line", [
    "hermes-profiles frob", "hermes-profiles list --frob", "hermes-profiles trash frob",
    "hermes-profiles clone default", "hermes-profiles trash empty --older-than soon", "hermes-gateways install --cpu",
])  # fmt: skip
def test_parse_unknown_command_is_reported(line: str) -> None:
    assert problem_of(line) is not None


def test_is_only_named_accepts_the_name_of_a_command_only() -> None:
    assert all(map(is_only_named, ("hermes-profiles team create", "hermes-profiles clone", "hermes-profiles shim")))
    assert not any(map(is_only_named, ("hermes-profiles frob", "hermes-profiles clone work", "hermes-profiles")))
