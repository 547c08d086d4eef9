"""Interrupts: a Ctrl-C is kept wherever it reaches Python."""

from __future__ import annotations

import subprocess
import sys

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
