"""Arguments that do not fit: an example with the user's own profiles, and a list where one profile is missing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from command_root import CommandRoot
from command_runner import COMMAND, GATEWAYS
from pty_terminal import Terminal

from hermes_profiles.cli.completion import program_trees
from hermes_profiles.cli.completion.command_tree import Command
from hermes_profiles.cli.framework.usage import example_with


def _commands() -> Iterator[Command]:
    for tree in program_trees.programs():
        yield from (command for command in tree.walk() if not command.commands)


def test_example_of_every_command_names_only_profiles_that_are_there() -> None:
    known = ("default", "ann", "bob", "eve", "mia")
    for command in _commands():
        words = example_with(command, known).split()
        assert words[: 1 + len(command.path)] == command.name.split()
        assert not {"kid", "mum", "dad", "night"} & set(words), words


@pytest.mark.parametrize(
    ("given", "usage", "line"),
    [
        (("rename",), "OLD NEW", "OLD  Its name now.  [required]"),
        (("undo",), "[CHANGE]", "[CHANGE]  Id of the change (default: the newest)."),
        (("trash", "empty"), "[ENTRY]...", "[ENTRY]...  Ids of entries to delete (default: all)."),
        (("config", "set"), "PROFILE PATH [VALUE]", "PROFILE  Name of the profile.  [required]"),
    ],
)
def test_help_writes_arguments_alike_under_each_typer(
    world: CommandRoot, given: tuple[str, ...], usage: str, line: str
) -> None:
    lines = [each.strip() for each in world.ok(*given, "--help").stdout.splitlines()]
    assert f"Usage: hermes-profiles {' '.join(given)} [OPTIONS] {usage}" in lines
    assert line in lines


@pytest.mark.parametrize(
    ("given", "example"),
    [
        (("rename",), "hermes-profiles rename ann office; see"),
        (("clone",), "hermes-profiles clone default work; see"),
        (("env", "set"), "hermes-profiles env set ann OPENAI_API_KEY; see"),
        (("sync",), "hermes-profiles sync --from default --to"),
    ],
    ids=" ".join,
)
def test_usage_error_shows_an_example_with_own_profiles(
    world: CommandRoot, given: tuple[str, ...], example: str
) -> None:
    world.make("ann", {"config.yaml": ""})
    done = world.unchanged_by(*given, "--json", code=2)
    assert f", such as {example}" in done.problem["hint"]


def test_unknown_option_names_similar_ones(world: CommandRoot) -> None:
    # Typer 0.26 prints the list as a tuple of Python.
    assert (
        world.unchanged_by("list", "--hom", "x", "--json", code=2).problem["message"]
        == "no such option: --hom (similar: --home)"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("start", "--jobs", "many"), "invalid value for '--jobs': 'many' is not a whole number"),
        (("start", "--jobs", "0"), "invalid value for '--jobs': 0 is less than 1"),
        (("stop", "--timeout", "x"), "invalid value for '--timeout': 'x' is not a number"),
        (("logs", "work", "-n", "-5"), "invalid value for '--lines' / '-n': -5 is less than 0"),
    ],
)
def test_value_that_does_not_fit_is_told_in_plain_words(
    world: CommandRoot, given: tuple[str, ...], message: str
) -> None:
    done = world.runner.gateways(*given, "--json")
    assert done.code == 2 and done.problem["message"] == message


@pytest.mark.parametrize(
    ("given", "command"), [(("start", "work", "--jobs"), "start"), (("alert", "add", "--exec"), "alert add")]
)
def test_option_without_its_value_leads_to_the_help_of_its_command(
    world: CommandRoot, given: tuple[str, ...], command: str
) -> None:
    done = world.runner.gateways(*given)
    assert done.code == 2 and f"option '{given[-1]}' needs a value" in done.stderr
    assert f"see `hermes-gateways {command} --help`" in done.stderr


def test_example_for_a_new_name_is_not_one_that_is_taken(world: CommandRoot) -> None:
    world.make("work", {"config.yaml": ""})
    assert "clone default work-2;" in world.call("clone", "--json").problem["hint"]


def test_usage_error_in_an_empty_home_still_has_an_example(bare: CommandRoot) -> None:
    assert "such as hermes-profiles rename work office;" in bare.call("rename", "--json").problem["hint"]


def test_missing_profile_is_chosen_from_a_list(world: CommandRoot) -> None:
    world.make("ann", {"config.yaml": ""})
    with Terminal([*COMMAND, "show"], world.runner.environment, world.user) as terminal:
        terminal.expect("1  default")
        terminal.expect("2  ann")
        terminal.expect("which profile (number or name): ")
        terminal.type("7\n")
        terminal.expect("there is no '7'")
        terminal.type("2\n")
        assert terminal.end() == 0
        assert str(world.home("ann")) in terminal.text
    with Terminal([*COMMAND, "delete", "--dry-run"], world.runner.environment, world.user) as terminal:
        terminal.expect("which profile")
        assert "default" not in terminal.text  # it cannot be deleted
        terminal.type("\n")
        assert terminal.end() == 2
        assert "missing argument 'PROFILE'" in terminal.text
    with Terminal([*GATEWAYS, "enable", "--dry-run"], world.runner.environment, world.user) as terminal:
        terminal.expect("which profile")
        terminal.type("ann\n")
        assert terminal.end() == 0


@pytest.mark.parametrize(("words", "typed", "done"), [
    (("rename", "--dry-run"), ("which profile", "ann\n", "its new name: ", "anna\n"), "anna"),
    (("rename", "ann", "--dry-run"), ("its new name: ", "anna\n"), "anna"),
    (("clone", "--dry-run"), ("which profile", "1\n", "name of the new profile: ", "kid\n"), "kid"),
    (("team", "add", "--no-account", "--dry-run"), ("which profile, or a new one", "kid\n"), "kid"),
    (("connect", "--dry-run"), ("which profile", "ann\n", "which channel", "whatsapp\n"), "hermes -p ann whatsapp"),
    (("connect", "ann", "--dry-run"), ("which channel", "5\n"), "hermes -p ann whatsapp"),
])  # fmt: skip
def test_each_missing_argument_is_asked_for(
    world: CommandRoot, words: tuple[str, ...], typed: tuple[str, ...], done: str
) -> None:
    world.make("ann", {"config.yaml": ""})
    world.ok("team", "create", "crew", "--lead", "default", "--channel", "telegram")
    with Terminal([*COMMAND, *words], world.runner.environment, world.user) as terminal:
        for question, answer in zip(typed[::2], typed[1::2], strict=True):
            terminal.expect(question)
            terminal.type(answer)
        code = terminal.end()
        assert code in (0, 6) and done in terminal.text, terminal.text


def test_nothing_is_asked_for_a_program_or_for_more_than_the_profile(world: CommandRoot) -> None:
    for words in (("show", "--json"), ("config", "set"), ("team", "add", "--json")):
        with Terminal([*COMMAND, *words], world.runner.environment, world.user) as terminal:
            assert terminal.end() == 2
            assert "which profile" not in terminal.text
    world.unchanged_by("show", code=2)


def test_ctrl_c_at_the_list_ends_the_command(world: CommandRoot) -> None:
    with Terminal([*COMMAND, "show"], world.runner.environment, world.user) as terminal:
        terminal.expect("which profile")
        assert terminal.end_by("\x03") == 130
