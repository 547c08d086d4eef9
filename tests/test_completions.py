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


@pytest.mark.parametrize(
    ("shell", "name"), [("bash", "hermes-profiles.bash"), ("zsh", "_hermes-profiles"), ("fish", "hermes-profiles.fish")]
)
def test_shell_accepts_the_script(shell, name):
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_bash_completes_commands_and_profiles(tmp_path):
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
        f"source {FOLDER}/hermes-profiles.bash\n"
        "COMP_WORDS=(hermes-profiles cl); COMP_CWORD=1; _hermes_profiles; echo ${COMPREPLY[@]}\n"
        "COMP_WORDS=(hermes-profiles show w); COMP_CWORD=2; _hermes_profiles; echo ${COMPREPLY[@]}\n"
    )
    environment = {
        "HOME": str(tmp_path),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(FOLDER.parent),
    }
    done = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["clone", "wander work"]
