"""The manual pages: current, complete, and displayed without a warning."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from command_runner import REPOSITORY, Runner

import hermes_profiles
from hermes_profiles.cli.completion import program_trees
from hermes_profiles.cli.completion.command_tree import Command
from hermes_profiles.model.errors import ExitCode

FOLDER = REPOSITORY / "man"
SPEC = importlib.util.spec_from_file_location("generate_manual", FOLDER / "generate.py")
assert SPEC is not None and SPEC.loader is not None
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)
TREES = program_trees.programs()
PROGRAMS = [tree.program for tree in TREES]
LEAVES = [command for tree in TREES for command in tree.walk() if not command.commands]
SECTIONS = ("NAME", "SYNOPSIS", "DESCRIPTION", "COMMON OPTIONS", "COMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES",
            "SEE ALSO")  # fmt: skip
# Examples that need more than a folder and a fake manager: the test file that runs them, and its text.
RUN_ELSEWHERE = {
    "hermes-gateways awake on": ("support/live_awake_script.py", 'awake("on"'),
    "hermes-gateways watch on": ("unit/cli/test_events_command.py", '"watch", "on"'),
    "hermes-gateways events -f": ("unit/cli/test_events_command.py", '"events", "-f"'),
    "hermes-gateways alert add phone --apprise -": ("unit/cli/test_alert_command.py", '" < " in line'),
    "hermes-gateways alert add --heartbeat -": ("unit/cli/test_alert_command.py", '" < " in line'),
    "hermes-gateways status --watch": ("unit/cli/test_status_watch.py", '"status", "--watch"'),
    "hermes-gateways run": ("unit/operations/test_foreground_fleet.py", 'gateways_process("run"'),
    "hermes-gateways metrics --listen": ("unit/operations/test_metrics.py", '"metrics", "--listen"'),
    "hermes-gateways logs -f": ("unit/cli/test_logs_command.py", '"logs", "-f"'),
    "hermes-gateways move": ("unit/cli/test_move_command.py", '"move", "family", "--to", "vps"'),
    "hermes-gateways place": ("unit/cli/test_place_command.py", '"place", "add"'),
    "hermes-gateways status --place": ("unit/cli/test_in_places.py", '"status", "--place"'),
    "hermes-gateways list --place": ("unit/cli/test_in_places.py", '"list", "--place"'),
    "hermes-gateways status --check": ("unit/cli/test_status_check.py", '"status", "--check"'),
}
# Subscripts of these names read the environment of the program.
_READ = {"env", "environment", "environ"}


def page(program: str) -> str:
    return (FOLDER / f"{program}.1").read_text(encoding="ascii")


def plain_text(text: str) -> str:
    """Return the text of roff on one line."""
    text = re.sub(r"\\f[BIR]|\\&", "", text).replace("\\-", "-").replace("\\(aq", "'").replace("\\(dq", '"')
    text = text.replace("\\(ti", "~").replace("\\(ga", "`").replace("\\(ha", "^").replace("\\e", "\\")
    return " ".join(re.sub(r"\\\[u([0-9A-F]+)\]", lambda match: chr(int(match[1], 16)), text).split())


@pytest.mark.parametrize("program", PROGRAMS)
def test_page_matches_generator(program: str) -> None:
    assert page(program) == GENERATE.pages()[f"{program}.1"], "run python man/generate.py"


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize(
    "command", [["man", "--warnings", "-l"], ["groff", "-man", "-Tutf8", "-ww"], ["mandoc", "-Wwarning"]],
    ids=lambda command: command[0],
)  # fmt: skip
def test_page_is_shown_without_a_warning(program: str, command: list[str]) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed here")
    done = subprocess.run(
        [*command, str(FOLDER / f"{program}.1")], capture_output=True, text=True, check=False,
        env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MANWIDTH": "80", "MANPAGER": "cat", "TERM": "dumb"},
    )  # fmt: skip
    if "minimized" in done.stdout:
        pytest.skip("man is a stand-in here: this system was minimized")
    assert (done.returncode, done.stderr) == (0, "")
    shown = re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)
    assert all(f"\n{section}\n" in f"\n{shown}" for section in SECTIONS)
    assert program in shown and "\\" not in shown.replace("\\n", "")


def test_inline_escapes_text_for_roff() -> None:
    text = """.start, 'x' "y" \\fB a\\e ~ ^ and `--do-it` with well-known -n … é"""
    roff = GENERATE._inline(text)
    assert plain_text(roff) == text.replace("`--do-it`", "--do-it") and roff.isascii() and roff.startswith("\\&.")
    assert "\\fB\\-\\-do\\-it\\fR" in roff and "well-known" in roff and "\\-n" in roff


@pytest.mark.parametrize("program", PROGRAMS)
def test_page_has_its_sections_in_order(program: str) -> None:
    assert tuple(re.findall(r"^\.SH (.*)$", page(program), re.M)) == SECTIONS
    assert re.search(rf"^\.TH {program.upper()} 1 ", page(program), re.M)


@pytest.mark.parametrize("command", LEAVES, ids=lambda command: command.name)
def test_page_has_every_command_with_options_and_examples(command: Command) -> None:
    text = page(command.program)
    heading = " ".join(f"\\fB{word}\\fR" for word in command.path).replace("-", "\\-")
    start = re.search(rf'^\.SS "{re.escape(heading)}[ "].*$', text, re.M)
    assert start is not None
    own = plain_text(text[start.start() :].split("\n.SS ")[0].split("\n.SH ")[0])
    shared = plain_text(text.partition(".SH COMMON OPTIONS")[2].partition(".SH COMMANDS")[0])
    for option in command.options:
        assert all(name in own for name in option.names), option
        help_text = plain_text(GENERATE._inline(option.help))
        assert help_text in own or help_text in shared, option
        assert all(each in own + shared for each in option.choices), option
    assert command.examples, f"add examples to {command.name}: @examples(...) in its module"
    assert all(" ".join(line.split()) in own for line in command.examples)
    assert all(shlex.split(line)[0] == command.program for line in command.examples)
    first = shlex.split(command.examples[0])
    assert tuple(first[1 : len(command.path) + 1]) == command.path


@pytest.mark.parametrize("command", [each for tree in TREES for each in tree.walk()], ids=lambda each: each.name)
def test_help_is_complete_and_fits_80_columns(runner: Runner, command: Command) -> None:
    call = runner.call if command.program == "hermes-profiles" else runner.gateways
    done = call(*command.path, "--help")
    assert done.code == 0 and done.stderr == "" and done.stdout.startswith("Usage: ")
    assert command.help.strip() and command.help.split("\n\n")[0].rstrip().endswith("."), (
        "the help begins with a sentence"
    )
    longest = max(done.stdout.splitlines(), key=len)
    assert len(longest) <= 80 or any(line in longest for line in command.examples), longest
    shown = " ".join(done.stdout.split())
    for word in (*command.options, *command.arguments):
        assert word.help, f"{word} of {command.name} has no help"
        assert word.help.rstrip(")").endswith("."), word.help
        assert " ".join(word.help.split()) in shown, f"garbled: {word.help}"
    for line in command.examples:
        assert line in [each.strip() for each in done.stdout.splitlines()]


def test_examples_are_run_by_the_contract_tests() -> None:
    import test_cli_contract
    import test_gateways_contract

    run = {line for tests in (test_cli_contract, test_gateways_contract) for _, line in tests.EXAMPLES}
    wanted = {line for command in LEAVES for line in command.examples}
    left = {line for line in wanted - run if not line.startswith(tuple(RUN_ELSEWHERE))}
    assert left == set(), "no test runs these"
    for file, line in RUN_ELSEWHERE.values():
        assert line in (REPOSITORY / "tests" / file).read_text(encoding="utf-8"), f"{file} does not run it"


def test_page_has_every_exit_code_and_file() -> None:
    assert set(GENERATE.EXIT) == set(ExitCode)
    for program in PROGRAMS:
        status = page(program).partition(".SH EXIT STATUS")[2].partition(".SH")[0]
        assert re.findall(r"^\.B (\d+)$", status, re.M) == [str(int(code)) for code in ExitCode]
        assert "~/.hermes/profiles/NAME" in plain_text(page(program))


def test_page_has_every_variable_that_the_package_reads() -> None:
    package = Path(hermes_profiles.__file__).parent
    text = "\n".join(path.read_text(encoding="utf-8") for path in package.rglob("*.py"))
    found = set(re.findall(r"\bHERMES_PROFILES_[A-Z_]*[A-Z]\b", text))
    assert {"HERMES_PROFILES_DEBUG", "HERMES_PROFILES_MANAGER"} <= found
    for program in PROGRAMS:
        described = set(re.findall(r"^\.B ([A-Z_]+)$", page(program).partition(".SH ENVIRONMENT")[2], re.M))
        assert found <= described, "add it to man/generate.py"
        assert _folders_and_homes(package) <= described, "add it to man/generate.py"


def _folders_and_homes(package: Path) -> set[str]:
    """Return the variables of folders that the package reads from its environment."""
    found = set()
    for room in sorted(package.iterdir()):
        for path in room.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call | ast.Subscript):
                    continue
                called = (
                    node.func.value if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else None
                )
                where = called if called is not None else getattr(node, "value", None)
                key = (node.args[0] if node.args else None) if isinstance(node, ast.Call) else node.slice
                name = getattr(where, "id", getattr(where, "attr", ""))
                if name in _READ and isinstance(key, ast.Constant) and isinstance(key.value, str):
                    found.add(key.value)
    return {name for name in found if name.startswith(("HERMES_", "XDG_"))}
