"""Every command line that the package prints exists in the command tree, with its options."""

from __future__ import annotations

import re
from functools import cache

import pytest
from command_lines import is_only_named, problem_of
from pages import COMMANDS
from printed_commands import VALUE, commands_of, hint_texts, printed_commands

printed = cache(printed_commands)  # called in a test: every process of pytest-xdist imports this file
# What a value can be: an argument, nothing, the name of a command, an option.
CANDIDATES = ("1", "", "start", "--yes")


def wrong(command: str) -> str | None:
    """Return what no program knows in a printed command line, None when all is known."""
    found = None
    for value in CANDIDATES if VALUE in command else ("",):
        line = " ".join(command.replace(VALUE, value).replace("…", "").split())
        found = problem_of(line)
        if found is None or is_only_named(line):
            return None
    return found


@pytest.mark.parametrize("program", COMMANDS)
def test_printed_commands_exist_with_their_options(program: str) -> None:
    lines = [line for line in printed() if line.startswith(program) and f"{program} {VALUE} {VALUE}" not in line]
    assert len(lines) > 80
    assert {line: (found, printed()[line][:2]) for line in lines if (found := wrong(line)) is not None} == {}


def test_hints_name_the_program_of_a_command() -> None:
    """A reader cannot run `team sync NAME`: a span that begins with the name of a command names its program first."""
    names = {name for each in COMMANDS.values() for name in each.commands}
    bare = {span for text in hint_texts() for span in re.findall(r"`([^`]+)`", text) if span.split()[0] in names}
    bare -= {span for span in bare if span.startswith("export PATH=")}  # of the shell
    assert {span for span in bare if " " in span} == set()


def test_commands_are_found_in_backquotes_and_alone() -> None:
    assert list(commands_of("see `ls` or `hermes-profiles list && hermes-gateways status`")) == [
        "hermes-profiles list", "hermes-gateways status",
    ]  # fmt: skip
    assert list(commands_of(f"hermes-gateways restart {VALUE}")) == [f"hermes-gateways restart {VALUE}"]
    assert list(commands_of("hermes-profiles list")) and not list(commands_of("the hermes-profiles list"))


@pytest.mark.parametrize(
    "line", ["hermes-profiles lst", f"hermes-profiles show {VALUE} --frob", "hermes-gateways stats"]
)
def test_unknown_words_are_wrong(line: str) -> None:
    assert wrong(line) is not None
