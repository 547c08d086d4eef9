"""Progress lines: redrawn per gateway on a terminal, only final results elsewhere."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from command_runner import REPOSITORY

SCRIPT = """
from hermes_profiles.cli.framework.output import LiveLines
live = LiveLines()
live.show({"work": "starting", "family": "starting (connecting telegram)"})
live.drop("work", "work: started")
live.show({"family": "running"})
live.drop("family", "family: started")
live.end()
"""


def _on_a_terminal(script: str) -> str:
    ours, theirs = pty.openpty()
    environment = {"PYTHONPATH": str(REPOSITORY), "TERM": "xterm", "LINES": "24", "COLUMNS": "80"}
    done = subprocess.Popen([sys.executable, "-c", script], stderr=theirs, stdout=subprocess.DEVNULL, env=environment)
    os.close(theirs)
    output = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        output += part
    os.close(ours)
    assert done.wait(10) == 0
    return output.decode()


def _screen(output: str) -> list[str]:
    """Return the final content of the terminal."""
    lines: list[str] = []
    for part in output.replace("\r\n", "\n").split("\n"):
        while part.startswith("\x1b["):
            up, _, part = part[2:].partition("A\x1b[J")
            del lines[-int(up) :]
        lines.append(part)
    return [line for line in lines if line]


def test_live_lines_on_terminal_are_redrawn() -> None:
    output = _on_a_terminal(SCRIPT)
    assert "  family: starting (connecting telegram)" in output
    assert _screen(output) == ["work: started", "family: started"]


@pytest.mark.parametrize("name", ["work", "a\x1b[2Jb"])
def test_live_lines_without_terminal_print_only_results(tmp_path: Path, name: str) -> None:
    script = SCRIPT.replace('"work"', repr(name))
    done = subprocess.run(
        [sys.executable, "-c", script], env={"PYTHONPATH": str(REPOSITORY)}, capture_output=True, text=True, check=True
    )
    assert done.stderr == "work: started\nfamily: started\n"
