"""The completion scripts: up to date, and understood by the real shells where those are installed."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "completions"
SPEC = importlib.util.spec_from_file_location("generate_completions", FOLDER / "generate.py")
assert SPEC is not None
assert SPEC.loader is not None
GENERATE = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(GENERATE)


@pytest.mark.parametrize("name", sorted(GENERATE.SCRIPTS))
def test_script_is_up_to_date(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == GENERATE.SCRIPTS[name](), "run python completions/generate.py"


@pytest.mark.parametrize("program", ["hermes-profiles", "hermes-gateways"])
@pytest.mark.parametrize(("shell", "name"), [("bash", "{}.bash"), ("zsh", "_{}"), ("fish", "{}.fish")])
def test_shell_accepts_the_script(shell, name, program):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    path = FOLDER / name.format(program)
    done = subprocess.run([shell, "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_command_and_option_that_is_completed_is_there(runner):
    for program in (GENERATE.PROFILES, GENERATE.GATEWAYS):
        call = runner.call if program is GENERATE.PROFILES else runner.gateways
        text = "".join(call(command, "--help").stdout for command in program.commands)
        assert set(program.with_profile) <= set(program.commands)
        for option in (*program.profile_options, *(word for word in program.choices if word.startswith("-"))):
            assert f"{option} " in text or option in ("--profile", "-p"), option  # those two belong to Hermes


@pytest.mark.parametrize(("words", "expected"), [
    (("hermes-profiles", "cl"), "clone"), (("hermes-profiles", "show", "w"), "wander work"),
    (("hermes-profiles", "trash", ""), "list empty"), (("hermes-gateways", "sta"), "start status stage"),
    (("hermes-gateways", "restart", "w"), "wander work"), (("hermes-gateways", "restart", "work", "n"), "night"),
    (("hermes-gateways", "status", "--except", "ni"), "night"),
    (("hermes-gateways", "start", "--owner", "w"), "wander work"),
    (("hermes-gateways", "install", "--manager", "s"), "systemd supervisor"),
    (("hermes-gateways", "start", "--on-conflict", ""), "mask refuse ignore"),
    (("hermes-gateways", "group", "family", "n"), "night"),
], ids=lambda value: " ".join(value) if isinstance(value, tuple) else "")  # fmt: skip
def test_bash_completes_commands_and_profiles(tmp_path, words, expected):
    if shutil.which("bash") is None:
        pytest.skip("bash is not installed")
    for name in ("work", "wander", "night"):
        (tmp_path / ".hermes" / "profiles" / name).mkdir(parents=True)
    program = tmp_path / "bin" / "hermes-profiles"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\nexec {sys.executable} -c "from hermes_profiles.cli.profiles import main; main()" "$@"\n'
    )
    program.chmod(0o755)
    script = (
        f"source {FOLDER}/{words[0]}.bash\nCOMP_WORDS=({' '.join(map(repr, words))}); COMP_CWORD={len(words) - 1}\n"
        f"_{words[0].replace('-', '_')}; echo ${{COMPREPLY[@]}}\n"
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(FOLDER.parent),
    }
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [expected]
