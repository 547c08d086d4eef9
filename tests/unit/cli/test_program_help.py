"""The help of the programs: short lines, groups, and no import of a command or of Typer."""

from __future__ import annotations

import subprocess
import sys

import pytest
from command_runner import Runner

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES, CliProgram
from hermes_profiles.cli.framework.program import help_lines

PROGRAMS = (HERMES_PROFILES, HERMES_GATEWAYS)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_summaries_fit_into_45_characters_and_into_80_columns(program: CliProgram) -> None:
    for name, entry in program.commands.items():
        assert 0 < len(entry.summary) <= 45, name
        assert not entry.summary.endswith((".", "...")), name
    lines = list(help_lines(program))
    assert all(len(line) <= 80 for line in lines)
    for entry in program.commands.values():
        assert any(line.endswith(entry.summary) for line in lines)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_commands_of_a_group_are_together(program: CliProgram) -> None:
    groups = [entry.group for entry in program.commands.values()]
    assert list(dict.fromkeys(groups)) == [group for i, group in enumerate(groups) if i == 0 or groups[i - 1] != group]


def test_help_of_each_program_links_the_other() -> None:
    for program, other in (PROGRAMS, PROGRAMS[::-1]):
        assert f"`{other.name} --help`" in "\n".join(help_lines(program))


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["--version"]], ids=" ".join)
@pytest.mark.parametrize("module", ["profiles", "gateways"])
def test_help_and_version_import_neither_typer_nor_a_command(runner: Runner, module: str, arguments: list[str]) -> None:
    script = (
        f"import sys\nfrom hermes_profiles.cli.{module} import run\n"
        f"try: run({arguments})\nexcept SystemExit as end: print('code', end.code)\n"
        "print(*sys.modules, file=sys.stderr)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=runner.environment, capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert not loaded & {"typer", "click", "rich", "subprocess"}
    assert not [
        name for name in loaded if name.startswith(("hermes_profiles.operations", "hermes_profiles.cli.commands"))
    ]
    assert "code 0" in done.stdout


def test_unknown_command_imports_no_command(runner: Runner) -> None:
    script = (
        "import sys\nfrom hermes_profiles.cli.profiles import run\n"
        "try: run(['clon', 'a', 'b'])\nexcept SystemExit as end: print('code', end.code)\n"
        "print(*(name for name in sys.modules if '.commands.' in name))\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=runner.environment, capture_output=True, text=True, check=True)
    assert done.stdout == "code 2\n\n" and "clone" in done.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_to_a_closed_pipe_ends_without_a_message(runner: Runner, option: str) -> None:
    command = f"{sys.executable} -m hermes_profiles.cli {option} | true"
    for _ in range(3):
        done = subprocess.run(["sh", "-c", command], env=runner.environment, capture_output=True, check=False)
        assert done.stderr == b""


def test_help_to_a_full_disk_fails(runner: Runner) -> None:
    command = f"{sys.executable} -m hermes_profiles.cli --help > /dev/full"
    done = subprocess.run(["sh", "-c", command], env=runner.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: cannot write the answer")
