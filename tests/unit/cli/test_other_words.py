"""Names that other tools have for a command: short aliases run it, other names lead to it."""

from __future__ import annotations

import pytest
from command_root import CommandRoot

from hermes_profiles import __version__
from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES, CliProgram

PROGRAMS = pytest.mark.parametrize("program", [HERMES_PROFILES, HERMES_GATEWAYS], ids=lambda program: program.name)


@PROGRAMS
def test_aliases_and_synonyms_lead_to_commands_and_hide_none(program: CliProgram) -> None:
    for words in (program.aliases, program.synonyms):
        assert set(words.values()) <= set(program.commands)
        assert not set(words) & set(program.commands)
    assert not set(program.aliases) & set(program.synonyms)


def test_aliases_run_their_command(world: CommandRoot) -> None:
    assert world.ok("ls", "--json").json["command"] == ["list"]
    assert world.runner.gateways("ps", "--json").json["command"] == ["status"]
    assert world.call("rm", "nobody", "--yes").code == 5


def test_other_names_are_not_run_and_name_the_command(world: CommandRoot) -> None:
    done = world.unchanged_by("remove", "default", "--json", code=2)
    assert done.problem["message"] == "no command 'remove': it is called `delete`"
    assert done.problem["hint"] == "see `hermes-profiles delete --help`"
    assert "it is called `logs`" in world.runner.gateways("tail").stderr


def test_command_of_the_other_program_is_named(world: CommandRoot) -> None:
    done = world.unchanged_by("start", "default", "--json", code=2)
    assert done.problem["message"] == "'start' is a command of hermes-gateways"
    assert done.problem["hint"] == "see `hermes-gateways start --help`"
    assert "is a command of hermes-gateways" in world.call("restart").stderr, "and no word of similar letters"
    for words in (("clone", "default", "work"), ("doctor",), ("create", "work"), ("undo",)):
        done = world.runner.gateways(*words, "--json")
        assert done.code == 2 and done.problem["hint"] == f"see `hermes-profiles {words[0]} --help`"
    assert "see `hermes-profiles rename --help`, or `hermes-gateways move --help`" in world.call("move", "a").stderr


def test_help_and_version_are_words_too(world: CommandRoot) -> None:
    assert world.ok("version").stdout == f"hermes-profiles {__version__}\n"
    assert world.ok("help").stdout == world.ok("--help").stdout
    assert world.ok("help", "clone").stdout == world.ok("clone", "--help").stdout
    assert world.ok("help", "env", "set").stdout == world.ok("env", "set", "--help").stdout


def test_usage_error_shows_the_usage_line(world: CommandRoot) -> None:
    done = world.call("rename", "default", "--json")
    assert done.code == 2 and done.problem["hint"].startswith(
        "usage: hermes-profiles rename [OPTIONS] OLD NEW, such as "
    )
