"""The completion scripts: current, complete, valid in old shells, and printed by the command."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest
from command_runner import Runner
from shell_terminal import REPOSITORY, SCRIPTS, need

from hermes_profiles.cli.command_table import HERMES_GATEWAYS, HERMES_PROFILES
from hermes_profiles.cli.completion import command_tree, program_trees, scripts
from hermes_profiles.cli.completion.command_tree import Command

SPEC = importlib.util.spec_from_file_location("generate_completions", SCRIPTS / "generate.py")
assert SPEC is not None and SPEC.loader is not None
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)
NAMES = [file.format(program) for program in ("hermes-profiles", "hermes-gateways") for file in scripts.FILES.values()]
PROGRAMS = ("hermes-profiles", "hermes-gateways")
TREES = program_trees.programs()
COMMANDS = [command for tree in TREES for command in tree.walk()]


@pytest.mark.parametrize("name", NAMES)
def test_script_is_up_to_date(name: str) -> None:
    written = (SCRIPTS / name).read_text(encoding="utf-8")
    assert written == GENERATE.files()[name], "run python completions/generate.py"


@pytest.mark.parametrize("name", NAMES)
def test_shell_accepts_the_script(name: str) -> None:
    shell = "zsh" if name.startswith("_") else name.rpartition(".")[2]
    done = subprocess.run([need(shell), "-n", str(SCRIPTS / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_bash_scripts_run_in_bash_3_2() -> None:
    newer = r"mapfile|readarray|declare -[Ag]|local -[An]|\$\{\w+(,,?|\^\^?|@\w)\}|\|&|&>>|;;&|\[\[ -v|EPOCH|coproc"
    for program in ("hermes-profiles", "hermes-gateways"):
        text = (SCRIPTS / f"{program}.bash").read_text()
        assert re.findall(newer, text) == [] and "-1]" not in text
        assert all("2>/dev/null" in line for line in text.splitlines() if "compopt" in line), "3.2 has no compopt"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_argument_has_completion_kind(command: Command) -> None:
    """cli/completion/command_tree.py derives the kind of a value from its metavar, name or position."""
    for word in (*command.arguments, *command.options):
        assert word.kind is not None, f"say in cli/completion/command_tree.py what {word} is"
    kinds = {word.kind for word in (*command.arguments, *command.options)}
    assert kinds <= command_tree.LIVE | {
        "",
        command_tree.OWNER,
        command_tree.CHANNEL,
        command_tree.LOGIN,
        command_tree.CHECK,
        command_tree.FOLDER,
        command_tree.FILE,
        command_tree.TEXT,
    }


def test_unknown_argument_has_no_completion_kind() -> None:
    assert (
        command_tree._kind(("frob",), "--frob", "FROB") is None
        and command_tree._kind(("frob",), "frob", "FROB") is None
    )


def test_completion_tree_matches_command_tables() -> None:
    for tree, program in zip(TREES, (HERMES_PROFILES, HERMES_GATEWAYS), strict=True):
        assert sorted(each.path[0] for each in tree.commands) == sorted(program.commands)
        assert tree.options[0].names == ("--version",)
    trash = next(each for each in TREES[0].commands if each.path == ("trash",))
    assert [each.path[-1] for each in trash.commands] == ["list", "empty"] and trash.help
    stop = next(each for each in TREES[1].commands if each.path == ("stop",))
    assert stop.arguments[0].kind == command_tree.RUNNING and stop.arguments[0].shown == "[PROFILE...]"
    assert stop.summary == "Stop gateways; no manager restarts them, and none counts as failed."
    names = [name for option in stop.options for name in option.names]
    assert names[:3] == ["--except", "--group", "--jobs"] and "--home" in names and "--json" in names


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_scripts_have_every_command_and_option_with_help(command: Command) -> None:
    texts = {name: (SCRIPTS / name).read_text() for name in NAMES if command.program in name}
    for option in command.options:
        for name in (*option.names, *option.off):
            bare = name.lstrip("-")
            for file, text in texts.items():
                spelled = f" -l {bare} " if file.endswith(".fish") and name.startswith("--") else name
                assert name == "-n" or spelled in text or f" -s {bare} " in text, (file, name)
        first = re.split(r"['\[\]:`\\]", option.help)[0]
        assert option.help, f"{option.names} of {command.name} says nothing of itself"
        assert all(first in text for file, text in texts.items() if not file.endswith(".bash"))


@pytest.mark.parametrize("shell", list(scripts.FILES))
def test_completion_command_prints_scripts_of_both_programs(runner: Runner, shell: str) -> None:
    parts = [
        (SCRIPTS / scripts.FILES[shell].format(name)).read_text() for name in ("hermes-profiles", "hermes-gateways")
    ]
    done = runner.ok("completion", shell)
    first = "#compdef hermes-profiles"
    assert done.stdout == "\n".join(parts).replace(f"{first}\n", f"{first} hermes-gateways\n", 1) and done.stderr == ""
    assert runner.ok("completion", shell, "--json").data == {"shell": shell, "script": done.stdout}


def test_unknown_shell_is_refused(runner: Runner) -> None:
    done = runner.call("completion", "tcsh", "--json")
    assert done.code == 2 and done.problem["code"] == "no-such-shell"
    command = re.findall(r"`hermes-profiles (.*)`", done.problem["hint"])[0]
    assert runner.ok(*command.split()).stdout


def test_completion_command_prints_shipped_script(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hermes_profiles.cli.commands.profile import completion

    for name in ("hermes-profiles", "hermes-gateways"):
        (tmp_path / f"{name}.bash").write_text(f"# shipped for {name}\n")
    monkeypatch.setattr(completion, "_SHIPPED", str(tmp_path))
    assert runner.ok("completion", "bash").stdout == "# shipped for hermes-profiles\n\n# shipped for hermes-gateways\n"


def test_wheel_contains_scripts_and_manual() -> None:
    import tomllib

    wheel = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for name in NAMES:
        assert wheel["force-include"][f"completions/{name}"] == f"hermes_profiles/cli/scripts/{name}"
        place = wheel["shared-data"][f"completions/{name}"]
        assert place.startswith("share/") and place.rpartition("/")[2] in (name, name.removesuffix(".bash"))
    assert all(wheel["shared-data"][f"man/{name}.1"] == f"share/man/man1/{name}.1" for name in PROGRAMS)


def test_completion_imports_no_heavy_module(runner: Runner) -> None:
    import sys

    code = (
        "import sys; before = set(sys.modules); sys.argv[1:] = ['__complete', 'fish', 'running', '']\n"
        "from hermes_profiles.cli.framework import process_exit\n"
        "from hermes_profiles.cli.completion import candidates; candidates.answer(sys.argv[2:])\n"
        "print(*sorted({name.split('.')[0] for name in set(sys.modules) - before}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=runner.environment, capture_output=True, text=True, check=True
    )
    heavy = {"subprocess", "typer", "rich", "psutil", "ruamel", "dotenv", "platformdirs"}
    assert "hermes_profiles" in done.stdout.split() and not heavy & set(done.stdout.split())
