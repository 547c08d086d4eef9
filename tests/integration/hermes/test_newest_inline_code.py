"""Command lines with code for the interpreter, as the newest Hermes writes them, and what is read from them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from real_hermes import newest_python

from hermes_profiles.gateways.installation.inline_code import home_in_code, unwrapped
from hermes_profiles.gateways.processes import Process

pytestmark = pytest.mark.newest

RUN = ("-p", "work", "gateway", "run")
_WRITE = """
import json, sys
from hermes_cli._launchers import runtime_command
print(json.dumps(runtime_command(sys.argv[1], json.loads(sys.argv[2]), **json.loads(sys.argv[3]))))
"""


@pytest.fixture
def written(isolated: Path) -> Any:
    """Return a function that has the newest Hermes write a command line for its own code."""

    def write(*words: str, **more: Any) -> list[str]:
        script = [newest_python(), "-c", _WRITE, str(isolated / "it's code"), json.dumps(words), json.dumps(more)]
        environment = {"HOME": str(isolated), "PATH": "/usr/bin:/bin", "HERMES_DISABLE_LAZY_INSTALLS": "1"}
        done = subprocess.run(script, env=environment, capture_output=True, text=True, check=True, timeout=60)
        argv: list[str] = json.loads(done.stdout)
        return argv

    return write


def test_command_of_a_unit_runs_hermes_with_its_arguments(written: Any) -> None:
    argv = written(*RUN)
    assert argv[1:3] == ["-I", "-c"]
    assert unwrapped(argv) == (argv[0], "-m", "hermes_cli.main", *RUN)
    assert home_in_code(argv) is None
    assert Process(42, 1.0, "S", 1, tuple(argv), {}).is_gateway


def test_home_in_the_code_is_read_as_python_writes_it(written: Any) -> None:
    argv = written("gateway", "run", home='/srv/it\'s; a "home"')
    assert home_in_code(argv) == '/srv/it\'s; a "home"'
    assert unwrapped(argv)[1:] == ("-m", "hermes_cli.main", "gateway", "run")


def test_code_that_runs_another_module_is_no_gateway(written: Any) -> None:
    for argv in (written(*RUN, module="gateway.cgroup_cleanup"), written(*RUN, code="print('hermes_cli.main')")):
        assert unwrapped(argv) == tuple(argv)
        assert not Process(42, 1.0, "S", 1, tuple(argv), {}).is_gateway


def test_other_interpreter_takes_the_same_options(written: Any) -> None:
    argv = written(*RUN, python=sys.executable)
    for options in (["-Ic"], ["-X", "utf8", "-I", "-c"], ["-Xutf8", "-Wignore", "-I", "-c"]):
        assert unwrapped([sys.executable, *options, *argv[3:]]) == (sys.executable, "-m", "hermes_cli.main", *RUN)
