"""Every command line of the READMEs and the docs exists in the command tree, with its options."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import pytest
import typer
from pages import COMMANDS, NAMES, command_lines, text_of

from hermes_profiles.cli.framework import app

LINES = {name: command_lines(text_of(name)) for name in NAMES}


@cache
def _tree(program: str) -> Any:
    return typer.main.get_command(app.typer_app(COMMANDS[program]))


def parse(line: str) -> None:
    """Parse a command line as the program does, without running it; raises what the program would print."""
    given = re.split(r"\s+(?:[<>|#;]|&&|\d?>)", re.sub(r"(?:[…;)]+|\)\")$", "", line.partition(");")[0].rstrip()))[0]
    program, *arguments = shlex.split(given)
    command = _tree(program)
    context = None
    while arguments:
        context = command.make_context(command.name, arguments, parent=context)
        if not hasattr(command, "resolve_command"):
            return
        arguments = [*context._protected_args, *context.args]
        _, command, arguments = command.resolve_command(context, arguments)


def problem_of(line: str) -> str | None:
    """Return what is wrong with a command line, None when nothing is."""
    try:
        parse(line)
    except typer.Exit:  # --help, --version
        return None
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return str(error.format_message())
    return None


def is_only_named(line: str) -> bool:
    """Return whether a line is the name of a command and nothing else, as sentences mention it."""
    program, *words = line.split()
    command = _tree(program)
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            return False
    return bool(words)


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
