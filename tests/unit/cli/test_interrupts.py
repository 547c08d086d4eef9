"""Interrupts: a Ctrl-C is kept wherever it reaches Python."""

from __future__ import annotations

import subprocess
import sys

import pytest

_SCRIPT = """
import time
from hermes_profiles.cli.framework.process_exit import exit_after

class Closing:
    def __del__(self):
        raise KeyboardInterrupt

def program():
    closing = Closing()
    del closing
    for _ in range(500):
        time.sleep(0.01)
    print("went on")

exit_after(program)
"""


def test_interrupt_during_file_close_is_kept() -> None:
    done = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


_DURING_AN_IMPORT = """
from hermes_profiles.cli.framework import run
from hermes_profiles.cli.framework.process_exit import exit_after
from hermes_profiles.operations.context import Session

class Attribute:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt

def program():
    class Imported:
        attribute = Attribute()

{start}
"""


@pytest.mark.parametrize("start", [
    "exit_after(program)",
    "result, _, _ = run._carry_out(('list',), Session(), program)\nexit_after(lambda: exit(int(result.exit_code)))",
], ids=["before a command", "in a command"])  # fmt: skip
def test_interrupt_while_a_class_is_made_prints_no_traceback(start: str) -> None:
    script = _DURING_AN_IMPORT.format(start=start)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")
